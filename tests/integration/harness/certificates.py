"""Certificates for tests, made by the openssl command: authorities of their own, and what they sign."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

CONFIG = """
[ca]
default_ca = this
[this]
database = {directory}/index.txt
new_certs_dir = {directory}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = anything
[anything]
commonName = supplied
"""


@dataclass
class Pair:
    cert: Path
    key: Path


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def trusting_context():
    """For clients of a server whose certificate is not what is tested. An end of TCP before that of TLS is an error."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    return made


def public_tls(pair):
    """A node's options, for TLS on its public listener."""
    return {"node.tls_cert": pair.cert, "node.tls_key": pair.key}


class Authority:
    """Its certificate is .cert, in a directory of its own."""

    def __init__(self, directory, name="ca"):
        self.directory = Path(directory) / name
        self.directory.mkdir(mode=0o700, parents=True)
        self.cert, self._key = self.directory / "ca.pem", self.directory / "ca.key"
        self._config = self.directory / "openssl.conf"
        self._config.write_text(CONFIG.format(directory=self.directory))
        (self.directory / "index.txt").touch()
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-days", "30", "-keyout", self._key, "-out", self.cert)  # fmt: skip

    def issue(self, name, san="IP:127.0.0.1", key_type=("ec", "ec_paramgen_curve:P-256"), expired=False, usage=None):
        """key_type: algorithm and one parameter, as `openssl req` calls them. usage: clientAuth or serverAuth."""
        made = Pair(self.directory / f"{name}.pem", self.directory / f"{name}.key")
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName = {san}\n" + (f"extendedKeyUsage = {usage}\n" if usage else ""))
        openssl("req", "-new", "-newkey", key_type[0], "-pkeyopt", key_type[1], "-nodes", "-subj", f"/CN={name}",
                "-keyout", made.key, "-out", request)  # fmt: skip
        times = ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z") if expired else ("-days", "30")
        openssl("ca", "-batch", "-notext", "-config", self._config, "-cert", self.cert, "-keyfile", self._key,
                "-in", request, "-out", made.cert, "-extfile", extensions, *times)  # fmt: skip
        return made
