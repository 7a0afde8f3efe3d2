"""Chapter 21: a node and fcgi-send under random attacks on the wire answer all along. FUZZ_TIME: seconds each; FUZZ_SEED: the attacks of an earlier run."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fuzz"))
import wire  # noqa: E402
import wire_fcgi  # noqa: E402
import wire_node  # noqa: E402

SECONDS = float(os.environ.get("FUZZ_TIME", 6))
# A test of today passes tomorrow too: only a run that was asked for looks for something new.
SEED = int(os.environ.get("FUZZ_SEED", wire.new_seed() if "FUZZ_TIME" in os.environ else 1))


@pytest.fixture(scope="module")
def fuzzed_stack(directory, sanitizer_reports):
    stack = wire.Stack(directory / "fuzz", nodes=("node-a",), options=wire.STACK_OPTIONS)
    try:
        yield stack.start()
        stack.stop()
    finally:
        stack.kill()


@pytest.mark.parametrize("attacked", [wire_node, wire_fcgi], ids=lambda module: module.__name__)
def test_service_answers_under_random_attacks(fuzzed_stack, attacked):
    assert attacked.attack(fuzzed_stack, SEED, SECONDS) > 20
