"""The tables in the documents say what the tables in the code say."""

import itertools
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def table_after(document, marker):
    """The rows of the first Markdown table after a marker, without its head, as lists of cells."""
    lines = (ROOT / document).read_text().split(marker, 1)[1].splitlines()
    rows = list(itertools.takewhile(lambda line: line.startswith("| "), itertools.dropwhile(lambda line: not line.startswith("| "), lines)))
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def definitions(path, pattern):
    return re.findall(pattern, (ROOT / path).read_text(), re.M)


def test_every_error_stands_in_the_api_document():
    errors = definitions("shared/errors.def", r'^ERROR\((\w+), (\d+), (\d+), "(.*)"\)')
    expected = [[str(int(status) * 100 + int(n)), name, text] for name, status, n, text in errors if name != "OK"]
    assert table_after("docs/api.md", "<!-- errors:") == expected


def test_every_close_code_stands_in_the_protocol_document():
    reasons = definitions("wsnode/close_reasons.def", r'^CLOSE\(\w+, (\d+), "(.*?)", "(.*?)"\)')
    assert table_after("docs/protocol.md", "<!-- close codes:") == [list(reason) for reason in reasons]


@pytest.mark.parametrize("path,prefix", [("fcgi-send/stats.def", "socketsend_send_"), ("wsnode/stats.def", "socketsend_node_")])
def test_every_metric_stands_in_the_document_for_operators(path, prefix):
    stats = definitions(path, r'^STAT\(\w+, (\w+), "((?:[^"\\]|\\.)*)", "(.*)"\)')
    expected = [[f"`{prefix}{metric}`".replace("\\", ""), kind.lower(), text] for kind, metric, text in stats]
    assert expected and table_after("docs/operate.md", f"<!-- metrics: {path};") == expected


def test_error_numbers_are_unique():
    numbers = definitions("shared/errors.def", r"^ERROR\(\w+, (\d+), (\d+),")
    assert len(numbers) == len(set(numbers))


def test_tests_that_the_security_document_names_are_there():
    tests = {path.name: path.read_text() for path in (ROOT / "tests").glob("*/test_*") if path.is_file()}
    named = set(re.findall(r"`(test_[\w.…]+)`", (ROOT / "docs/security.md").read_text()))
    missing = [name for name in named if name not in tests and not any(f"def {name.rstrip('…')}" in text for text in tests.values())]
    assert named and not missing


def test_configuration_document_is_what_the_program_prints():
    program = Path(os.environ["BUILD"]) / "wsnode" / "wsnode"
    printed = subprocess.run([program, "--print-docs"], capture_output=True, text=True, check=True).stdout
    assert printed.strip() in (ROOT / "docs/configuration.md").read_text()
