"""wsctl consume, with its settings in a file."""

from .process import BUILD, Process, write_options
from .web import API_KEY


class Consumer(Process):
    """send_port: of the web server. options: of [consume], without the section's name."""

    def __init__(self, directory, name, url, queue, send_port, options=None):
        super().__init__(directory, name)
        options = {
            "url": url,
            "queue": queue,
            "send_url": f"http://127.0.0.1:{send_port}/socketSend",
            "api_key": API_KEY,
            **(options or {}),
        }
        self.options = {"log.level": "debug", **{f"consume.{key}": value for key, value in options.items()}}

    def command(self):
        config = write_options(self.directory / "socketsend.conf", self.options)
        return [BUILD / "wsctl" / "wsctl", "consume", "-c", config]

    def is_ready(self):
        return " started " in self.log(lines=1000)
