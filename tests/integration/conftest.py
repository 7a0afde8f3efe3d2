"""Fixtures. `stack` serves all tests that only look; those that break something make one of their own with `make_stack`."""

import os
import re
import shutil
import tempfile
import uuid
from pathlib import Path

import pytest
from harness import (
    BUILD, ApacheWeb, Authority, CgiWeb, LighttpdWeb, Stack, crashes, live_processes, public_tls, write_sanitizer_reports_to
)  # fmt: skip


@pytest.fixture(scope="session")
def directory():
    """Readable for the user that Apache serves as, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="socketsend-tests-"))
    path.chmod(0o755)
    yield path
    if not os.environ.get("KEEP_LOGS"):
        shutil.rmtree(path)


@pytest.fixture
def test_directory(directory, request):
    path = directory / re.sub(r"\W+", "-", request.node.name)
    path.mkdir()
    return path


def read_reports(path):
    return {report.name: report.read_text(errors="replace") for report in path.iterdir()}


@pytest.fixture(scope="session")
def sanitizer_reports(directory):
    path = directory / "sanitizer-reports"
    path.mkdir()
    write_sanitizer_reports_to(path)
    return path


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left(sanitizer_reports):
    yield
    left = [process.name for process in live_processes if process.is_running()]
    for process in list(live_processes):
        process.kill()
    assert not left, f"still running: {left}"
    assert not crashes, "\n".join(crashes)
    reports = read_reports(sanitizer_reports)  # of what the last test's end stopped, too
    assert not reports, "\n".join(reports.values())


@pytest.fixture(autouse=True)
def no_sanitizer_complains(sanitizer_reports):
    known = set(read_reports(sanitizer_reports))
    yield
    new = [text for name, text in read_reports(sanitizer_reports).items() if name not in known]
    assert not new, "\n".join(new)


@pytest.fixture(autouse=True)
def nothing_crashes(no_sanitizer_complains):  # asked for, because it has more to say, and so comes last
    yield
    for process in live_processes:
        process.note_crashes()
    new = [*crashes]
    crashes.clear()
    assert not new, "\n".join(new)


@pytest.fixture(scope="session")
def stack(directory, no_process_is_left):  # asked for, so that the check comes after this one's end
    made = Stack(directory)
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()


@pytest.fixture(scope="session")
def public_pair(directory):
    """A certificate for the public listener, and the CA that it comes from."""
    ca = Authority(directory, "public-ca")
    pair = ca.issue("public", "IP:127.0.0.1, DNS:localhost")
    pair.ca = ca
    return pair


@pytest.fixture(scope="session")
def tls_stack(directory, public_pair, no_process_is_left):
    """One node, whose public listener speaks TLS; as `stack`, for tests that only look."""
    made = Stack(directory / "tls-stack", nodes=["node-tls"], options=public_tls(public_pair))
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()


@pytest.fixture(scope="session", params=[LighttpdWeb, ApacheWeb, CgiWeb], ids=lambda web_class: web_class.name)
def web(stack, request):
    """The stack's sender behind each web server in turn."""
    if isinstance(stack.web, request.param):
        yield stack.web
        return
    made = stack.make_web(request.param)
    try:
        yield made.start()
        made.stop()
    finally:
        made.kill()


@pytest.fixture
def make_stack(test_directory):
    """A function that starts a stack for this test alone. What the test has not killed must stop properly at its end."""
    made = []

    def make(**how):
        made.append(Stack(test_directory / str(len(made)), **how))
        return made[-1].start()

    try:
        yield make
        for stack in made:
            stack.stop()
    finally:
        for stack in made:
            stack.kill()


@pytest.fixture
def user():
    """A userId that no other test uses."""
    return f"user-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def connect(stack, user):
    """connect(node number, page): a client of this test's user, closed at the test's end."""
    made = []

    def connect(node=0, page="home", server_client="pc", user_id=user, **how):
        made.append(stack.connect(node, f"/screenWebsocket/{server_client}/{page}/{user_id}", **how))
        return made[-1]

    yield connect
    for client in made:
        client.drop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        report.sections += [(f"log of {process.name}", process.log(lines=15)) for process in live_processes]


def pytest_sessionstart():
    missing = [name for name in ("wsnode", "fcgi-send") if not (BUILD / name / name).exists()]
    if missing:
        pytest.exit(f"not in {BUILD}: {', '.join(missing)}; use `make test-integration`", 3)
