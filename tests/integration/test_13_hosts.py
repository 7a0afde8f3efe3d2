"""Several hosts, each a network namespace: what befalls a host, a link or Redis loses, doubles and disorders
nothing. The ledger keeps the book."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench/ledger"))
from netns import why_not  # noqa: E402

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")

FAULTS = {
    "single": "host killed,cut off from Redis,cut off from fcgi-send,200 ms away,rolling restart",
    "sentinel": "host killed,cut off from the others,loses 5 %",
    "cluster": "host killed,cut off from Redis,planned failovers,slots moved,rolling restart",
}


def start_ledger(directory, redis, faults, *more):
    run = [sys.executable, ROOT / "bench/ledger/run.py", "--hosts", redis, "--faults", faults, "--scale", "0.4",
           "--users", "60", "--rate", "150", *more]  # fmt: skip
    environment = {**os.environ, "TMPDIR": str(directory)}
    return subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def namespaces_of(process):
    return [path.name for path in Path("/run/netns").glob(f"ledger-{process.pid}-*")]


@pytest.mark.parametrize("redis", FAULTS)
def test_nothing_is_lost_doubled_or_out_of_order_on_three_hosts(directory, redis):
    """Half of it by the inbox, half by topics with history."""
    with ended(start_ledger(directory, redis, FAULTS[redis], "--topics", "2")) as process:
        output, errors = process.communicate(timeout=200)
        print(output)
        assert process.returncode == 0, output + errors
        assert namespaces_of(process) == []


def test_ledger_notices_what_a_failover_loses_where_one_of_two_replicas_is_enough(directory):
    """The other one confirms to the old master when there is a new one already: docs/guarantee.md says that it loses. The
    ledger must see."""
    with ended(start_ledger(directory, "sentinel", "planned", "--wait-replicas", "1", "--settle", "5")) as process:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 1, output + errors
        total = next(line.split() for line in output.splitlines() if line.startswith("total"))
        assert int(total[4]) > 0, output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_host_is_left_when_the_ledger_is_interrupted(directory, number):
    with ended(start_ledger(directory, "single", "no fault")) as process:
        assert "no fault" in process.stdout.readline()
        names = namespaces_of(process)
        process.send_signal(number)
        process.wait(30)
        end = time.monotonic() + 10
        while namespaces_of(process) and time.monotonic() < end:
            time.sleep(0.05)
        assert len(names) == 4 and namespaces_of(process) == []
