"""What the fuzzers of running programs share: damage to bytes, ways to send them, and the rounds of attacks with a look at the service between."""

import argparse
import contextlib
import random
import socket
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
from harness import Stack, live_processes, write_sanitizer_reports_to  # noqa: E402

ATTACKS_PER_ROUND = 40


def mutate(dice, data, times=None):
    """Bytes with a few bits flipped, pieces cut out, doubled, swapped or made of nothing."""
    data = bytearray(data)
    for _ in range(times or dice.randint(1, 4)):
        at = dice.randrange(len(data) + 1)
        end = min(len(data), at + dice.choice([1, 1, 2, 4, 16, 100]))
        match dice.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 1 if at < len(data):
                data[at] = dice.choice([0, 0x0A, 0x0D, 0x20, 0x7F, 0x80, 0xFF, dice.randrange(256)])
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end] * dice.choice([1, 2, 50])
            case 4:
                data[at:at] = dice.randbytes(end - at)
            case 5:
                del data[at:]
    return bytes(data)


def send_somehow(dice, port, data, reads=True, timeout=0.05):
    """In one piece or many, read to the end or broken off; what comes back does not matter."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as peer, contextlib.suppress(OSError):
        if dice.random() < 0.1:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # ends with a reset
        peer.settimeout(timeout)
        size = dice.choice([len(data), len(data), len(data), 1, 7, 512]) or 1
        if len(data) // size > 300:
            size = len(data)
        for at in range(0, len(data), size):
            peer.sendall(data[at : at + size])
        if dice.random() < 0.3:
            peer.shutdown(socket.SHUT_WR)
        while reads and peer.recv(65536):
            pass


def run(attacks, check, seed, seconds):
    """Rounds of random attacks, check() after each; the same seed makes the same attacks. Returns how many there were."""
    print(f"seed {seed}", flush=True)
    dice = random.Random(seed)
    deadline = time.monotonic() + seconds
    count = 0
    while time.monotonic() < deadline:
        for _ in range(ATTACKS_PER_ROUND):
            dice.choice(attacks)(dice)
            count += 1
            if time.monotonic() > deadline:
                break
        check()
    print(f"{count} attacks", flush=True)
    return count


def new_seed():
    return random.SystemRandom().randrange(1 << 32)


def main(attack):
    """attack(stack, seed, seconds) on servers of our own: for a run by hand."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seed", type=int, default=None)
    arguments.add_argument("--seconds", type=float, default=60)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="socketsend-fuzz-") as directory:
        reports = Path(directory) / "reports"
        reports.mkdir()
        write_sanitizer_reports_to(reports)
        stack = Stack(Path(directory), nodes=("node-a",), options=STACK_OPTIONS)
        try:
            stack.start()
            attack(stack, new_seed() if options.seed is None else options.seed, options.seconds)
            stack.stop()
        finally:
            for process in list(live_processes):
                process.kill()
            print(*[report.read_text() for report in reports.iterdir()], sep="\n")
        sys.exit(any(reports.iterdir()))


STACK_OPTIONS = {
    "log.level": "error",
    "node.handshake_timeout": "1s",
    "node.connect_rate": 0,
    "send.body_timeout": "300ms",
}
