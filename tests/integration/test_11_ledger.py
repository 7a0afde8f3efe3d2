"""The ledger, shortened: every part is broken in turn under load, and nothing is lost, doubled or out of order."""

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_is_lost_doubled_or_out_of_order_whatever_breaks():
    """Half of it by the inbox, half by topics with history."""
    run = [sys.executable, ROOT / "bench/ledger/run.py", "--topics", "2", "--scale", "0.4", "--users", "60", "--rate", "200"]
    done = subprocess.run(run, capture_output=True, text=True, timeout=400)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ledger_notices_what_a_lossy_design_loses():
    """The same load on a reference design: a ledger that cannot find losses proves nothing."""
    run = [sys.executable, ROOT / "bench/ledger/run.py", "--design", "pubsub", "--faults", "node killed", "--scale", "0.5",
           "--users", "20", "--rate", "100", "--settle", "10"]  # fmt: skip
    done = subprocess.run(run, capture_output=True, text=True, timeout=200)
    assert done.returncode == 1, done.stdout + done.stderr
    total = next(line.split() for line in done.stdout.splitlines() if line.startswith("total"))
    accepted, lost = int(total[1]), int(total[4])
    assert accepted > 0 and lost > 0


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_ledger_notices_a_worker_that_crashes():
    """Another one is there so soon that nothing is lost."""
    run = [sys.executable, ROOT / "bench/ledger/run.py", "--faults", "no fault", "--scale", "0.5", "--users", "20", "--rate", "100"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert "no fault" in process.stdout.readline()
        nodes = [pid for pid in children_of(process.pid) if Path(f"/proc/{pid}/comm").read_text() == "wsnode\n"]
        (worker,) = children_of(nodes[0])
        os.kill(worker, signal.SIGABRT)
        output, _ = process.communicate(timeout=200)
    assert process.returncode == 1, output
    assert next(line.split() for line in output.splitlines() if line.startswith("total"))[4] == "0", output
    assert f"BROKEN  node0: worker {worker} ended with signal=6, unasked" in output
