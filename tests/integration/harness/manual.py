"""What the documents tell the reader to type, for tests that do it."""

import re
import shlex

from .process import ROOT


def command_of(document, start):
    """The arguments of a redis-cli command, which may go on in further lines."""
    text = (ROOT / "docs" / document).read_text()
    return shlex.split(re.search(rf"redis-cli ({start}(?:.*\\\n)*.*)", text)[1].replace("\\\n", ""))
