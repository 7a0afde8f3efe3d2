"""JSON Web Tokens as a backend makes them, HS256, by nothing but the standard library."""

import base64
import hashlib
import hmac
import json
import time

TOKEN_SECRET = "token-secret-of-the-integration-tests"


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(user, lifetime=3600, secret=TOKEN_SECRET, header=None, **claims):
    """A token of the user that ends in so many seconds. Claims that are None are left out."""
    now = time.time()
    claims = {"sub": user, "iat": now, "exp": now + lifetime, **claims}
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": "HS256", "typ": "JWT", **(header or {})}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{_base64url(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))}"
