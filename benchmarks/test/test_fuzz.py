"""A small run of the fuzz, and that it would see what it looks for."""

import sys

import pytest

from benchmarks.fuzz_bridge import __main__ as fuzz_bridge


@pytest.mark.parametrize("robot", ["panda", "fr3"])
def test_nothing_that_is_told_moves_the_arm_beyond_a_limit(robot, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["fuzz", "--targets", "6000", "--seed", "3", "--robot", robot])
    assert fuzz_bridge.main() == 0
    out = capsys.readouterr().out
    assert "0 violations" in out
    assert "policy" in out


def test_a_limiter_that_lets_through_is_found(monkeypatch, capsys):
    from f2o_control.braking import JointState
    from f2o_control.limiter import TargetLimiter, Verdict

    def obey(self, reference, measured):
        if reference is not None:
            self._stop = self._guard.stop(JointState.at_rest(reference.position))
        return self.command(0.008), Verdict.NONE

    monkeypatch.setattr(TargetLimiter, "step", obey)
    monkeypatch.setattr(sys, "argv", ["fuzz", "--targets", "3000", "--seed", "3"])
    assert fuzz_bridge.main() == 1
    assert not capsys.readouterr().out.endswith(" 0 violations\n")
