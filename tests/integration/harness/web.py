"""fcgi-send behind each web server that the project supports."""

import os
import pwd
import shutil

from .fastcgi import fastcgi_request
from .http import request
from .process import BUILD, Process, can_connect, free_port, is_alive, sanitizer_options, wait_until, write_options

API_KEY = "key-of-the-integration-tests"
CALLS = "socketSend|socketClose|subscribe|unsubscribe|online|presence|unread|history|status|revoke|nodes|healthz|metrics"
PATHS = f"^/(websocket/)?({CALLS})$"


def send_options(redis_url, secret, options=None):
    return {
        "redis.url": redis_url,
        "cluster.secret": secret,
        "send.api_keys": f"tests:{API_KEY}",
        "send.threads": 8,
        "send.max_waits": 4,
        "log.level": "debug",
        **(options or {}),
    }


class FcgiSend(Process):
    """fcgi-send as a service of its own, on a TCP port."""

    name = "fcgi-send"

    def __init__(self, directory, options, name=None):
        super().__init__(directory, name)
        self.port = free_port()
        self.options = {**options, "send.listen": f"127.0.0.1:{self.port}"}

    def command(self):
        config = write_options(self.directory / "socketsend.conf", self.options)
        return [BUILD / "fcgi-send" / "fcgi-send", "-c", config]

    def is_ready(self):
        return can_connect(self.port)

    def request(self, method, path, body=b"", key=API_KEY, **params):
        """params: of FastCGI, to add or to replace; None leaves one out."""
        defaults = {
            "REQUEST_METHOD": method,
            "REQUEST_URI": path,
            "SCRIPT_NAME": path.partition("?")[0],
            "QUERY_STRING": path.partition("?")[2],
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_API_KEY": key,
        }
        given = {name: value for name, value in (defaults | params).items() if value is not None}
        return fastcgi_request(self.port, given, body)


class Web(Process):
    """A web server with our calls behind it. send() is what a backend does."""

    def __init__(self, directory, redis_url, secret, options=None):
        super().__init__(directory)
        self.port = free_port()
        self.send_options = send_options(redis_url, secret, options)
        self.parts = []  # processes that live and die with this one

    def start(self, wait=True):
        for part in self.parts:
            part.start()
        return super().start(wait)

    def stop(self, timeout=10):
        children = self.child_pids() if self.is_running() else []
        super().stop(timeout)
        # A web server that starts its senders does not wait for their end.
        wait_until(lambda: not any(is_alive(pid) for pid in children), timeout, "the end of what it started")
        for part in self.parts:
            part.stop(timeout)

    def kill(self):
        super().kill()
        for part in self.parts:
            part.kill()

    def is_ready(self):
        try:
            return self.request("GET", "/healthz", key=None).status == 200
        except OSError:
            return False

    def request(self, method, path, body=None, headers=None, key=API_KEY, timeout=15):
        auth = {"X-Api-Key": key} if key is not None else {}
        return request(self.port, method, path, body, {**auth, **(headers or {})}, timeout)

    def post(self, message, **more):
        """POST /socketSend, whatever comes of it."""
        return self.request("POST", "/socketSend", message, **more)

    def send(self, **message):
        """POST /socketSend that must succeed; returns its data."""
        answer = self.post(message)
        assert answer.status == 200, answer.body
        return answer.data


class Lighttpd(Web):
    good_statuses = (0, 1)  # lighttpd 1.4.69 says either, without a word of why

    def config(self):
        raise NotImplementedError

    def command(self):
        config = self.directory / "lighttpd.conf"
        head = f"""
            server.bind = "127.0.0.1"
            server.port = {self.port}
            server.document-root = "{self.directory}"
            server.errorlog = "/dev/stderr"
        """
        config.write_text(head + self.config())
        return ["lighttpd", "-D", "-f", config]


class LighttpdWeb(Lighttpd):
    """lighttpd starts several fcgi-send processes by itself, and they take turns.

    Their sockets stand in the working directory: a path of one may have 107 bytes only.
    """

    name = "lighttpd"
    process_count = 3

    def config(self):
        config = write_options(self.directory / "socketsend.conf", self.send_options)
        program = BUILD / "fcgi-send" / "fcgi-send"
        senders = ", ".join(
            f"""( "bin-path" => "{program} -c {config}", "socket" => "send{n}.sock",
                "max-procs" => 1, "check-local" => "disable" )"""
            for n in range(self.process_count)
        )
        return f"""
            server.modules = ( "mod_fastcgi" )
            $HTTP["url"] =~ "{PATHS}" {{
                fastcgi.balance = "round-robin"
                fastcgi.server = ( "" => ( {senders} ) )
            }}
        """


class CgiWeb(Lighttpd):
    """One fcgi-send process per request, by lighttpd's mod_cgi."""

    name = "cgi"

    def config(self):
        config = write_options(self.directory / "socketsend.conf", self.send_options)
        script = self.directory / "send.cgi"
        program = BUILD / "fcgi-send" / "fcgi-send"
        # A CGI program gets no environment but the request's.
        environment = " ".join(f"{name}={value}" for name, value in sanitizer_options().items())
        script.write_text(f"#!/bin/sh\n{environment} SOCKETSEND_CONFIG={config} exec {program} 2>>{self.log_path}\n")
        script.chmod(0o755)
        return f"""
            server.modules = ( "mod_alias", "mod_cgi" )
            $HTTP["url"] =~ "{PATHS}" {{
                alias.url = ( "" => "{script}" )
                cgi.assign = ( "" => "" )
            }}
        """


class ApacheWeb(Web):
    """Apache's mod_proxy_fcgi in front of fcgi-send on a TCP port."""

    name = "apache"

    def __init__(self, directory, redis_url, secret, options=None):
        super().__init__(directory, redis_url, secret, options)
        self.fcgi = FcgiSend(directory, self.send_options, f"{self.name}-fcgi-send")
        self.parts = [self.fcgi]

    modules = ["mpm_event", "authz_core", "setenvif", "proxy", "proxy_fcgi"]

    def config(self):
        return f"""
            SetEnvIf Authorization "(.+)" HTTP_AUTHORIZATION=$1
            <LocationMatch "{PATHS}">
                SetHandler "proxy:fcgi://127.0.0.1:{self.fcgi.port}"
            </LocationMatch>
        """

    def command(self):
        load = "\n".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in self.modules)
        config = self.directory / "apache.conf"
        config.write_text(f"""
            {load}
            ServerRoot {self.directory}
            ServerName localhost
            Listen 127.0.0.1:{self.port}
            PidFile {self.directory}/pid
            ErrorLog {self.log_path}
            {self._user()}
            {self.config()}
        """)
        return [shutil.which("apache2", path="/usr/sbin:/usr/bin"), "-f", config, "-DFOREGROUND"]

    @staticmethod
    def _user():
        """Apache refuses to serve as root."""
        return "User www-data\nGroup www-data" if os.geteuid() == 0 and pwd.getpwnam("www-data") else ""
