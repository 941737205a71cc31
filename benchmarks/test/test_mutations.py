"""Each guard in turn is taken away, and its scenario, safe before, is not. See mutations.py."""

import pytest
from jaxtyping import config

from benchmarks.mutations.bridge import BRIDGE
from benchmarks.mutations.motion import MOTION
from benchmarks.mutations.receiver import RECEIVER

GUARDS = [*BRIDGE, *MOTION, *RECEIVER]


@pytest.fixture(autouse=True)
def fast():
    """Shapes are checked elsewhere; here they cost several times what the code does."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.mark.parametrize("case", GUARDS, ids=lambda case: case.name)
def test_only_its_guard_keeps_the_scenario_safe(case, panda, monkeypatch):
    assert case.scenario(panda) == []
    case.remove(monkeypatch)
    assert case.scenario(panda) != []


def test_every_guard_has_a_name_of_its_own():
    assert len({case.name for case in GUARDS}) == len(GUARDS) >= 70
