"""A private RabbitMQ: with an epmd of its own, and everything that it writes in its directory."""

import pika

from .process import Process, can_connect, free_port


class Epmd(Process):
    """What Erlang nodes find each other by. Without one of ours RabbitMQ would start one that outlives it."""

    name = "epmd"
    good_statuses = (0, -15)  # it knows no other end

    def __init__(self, directory):
        super().__init__(directory)
        self.port = free_port()

    def command(self):
        return ["epmd", "-address", "127.0.0.1", "-port", str(self.port)]

    def is_ready(self):
        return can_connect(self.port)


class RabbitMq(Process):
    name = "rabbitmq"

    def __init__(self, directory):
        super().__init__(directory)
        self.epmd = Epmd(directory)
        self.port = free_port()
        self.distribution_port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    def command(self):
        (self.directory / "plugins").write_text("[].\n")
        environment = {
            "HOME": self.directory,  # has the cookie
            "ERL_EPMD_PORT": self.epmd.port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"test-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": self.distribution_port,
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_MNESIA_BASE": self.directory / "mnesia",
            "RABBITMQ_LOG_BASE": self.directory,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONF_ENV_FILE": self.directory / "none",
            "RABBITMQ_CONFIG_FILE": self.directory / "none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": self.directory / "plugins",
            "RABBITMQ_ALLOW_INPUT": "1",  # no shell in between: signals go to the server itself
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-noinput +S 1:1 +sbwt none",
        }
        return ["env", *(f"{name}={value}" for name, value in environment.items()), "/usr/lib/rabbitmq/bin/rabbitmq-server"]

    def start(self, wait=True):
        self.epmd.start()
        return super().start(wait)

    def wait_ready(self, timeout=60):
        super().wait_ready(timeout)

    def is_ready(self):
        return can_connect(self.port)

    def stop(self, timeout=20):
        super().stop(timeout)
        self.epmd.stop()

    def kill(self):
        super().kill()
        self.epmd.kill()

    def connect(self):
        return pika.BlockingConnection(pika.URLParameters(self.url))
