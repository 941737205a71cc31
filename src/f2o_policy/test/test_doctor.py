"""f2o doctor's line of the policy: the engine that would run, and whether it is in time."""

from types import SimpleNamespace

import numpy as np
import pytest
from f2o_policy.checkpoint import save_checkpoint
from f2o_policy.doctor import check, judged
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.load import load_engine
from test_engine import MANY, checkpoint_of


@pytest.mark.parametrize(("rate_hz", "level"), [(0.5, "ok"), (1000.0, "warn")])
def test_whether_plans_come_in_time(monkeypatch, rate_hz, level):
    engine = load_engine(checkpoint_of("student"), MANY, "torch")
    clock = iter(np.arange(1e4) * 0.002)  # every reading 2 ms after the one before
    monkeypatch.setattr("f2o_policy.doctor.time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    name, found, text, remedy = judged(engine, PolicyConfig("a.pt", rate_hz=rate_hz, hypotheses=MANY))
    assert (name, found, bool(remedy)) == ("policy", level, level != "ok")
    assert text == f"torch-f32: 2.0 ms a plan, one every {1e3 / rate_hz:.0f} ms; 2.0 ms an observation"


def test_the_policy_that_would_be_launched(tmp_path):
    save_checkpoint(tmp_path / "student.pt", checkpoint_of("student"))
    machine = SimpleNamespace(arguments={"checkpoint": str(tmp_path / "student.pt")})
    ((name, level, text, _),) = check(machine)
    assert name == "policy" and level in ("ok", "warn") and " ms a plan, one every 8 ms" in text


def test_one_that_is_not_there(tmp_path):
    machine = SimpleNamespace(arguments={"checkpoint": str(tmp_path / "nowhere.pt")})
    ((name, level, text, remedy),) = check(machine)
    assert (name, level) == ("policy", "fail") and "nowhere.pt" in text and remedy
