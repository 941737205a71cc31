"""The udp path as real processes: sender and receiver in two network namespaces, over a bad cable."""

import json

import numpy as np
import pytest
from f2o_control.testing import CONFIG

from benchmarks.udp.cable import Cable, unavailable
from benchmarks.udp.relay import Impairment
from benchmarks.udp.run import judge, run_case

ROBOT = CONFIG / "robots/panda.yaml"

needs_namespaces = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "-")


@needs_namespaces
@pytest.mark.parametrize(
    ("impairment", "cut_s"),
    [(Impairment(loss=0.05), None), (Impairment(jitter_s=0.02, duplicate=0.2), None), (Impairment(), 4.0)],
    ids=["loss", "jitter", "cut"],
)
def test_over_a_bad_cable_every_limit_is_kept(impairment, cut_s, tmp_path):
    for attempt in range(3):
        out = tmp_path / str(attempt)
        with Cable(impairment) as cable:
            problem = run_case(cable, ROBOT, 4.0 if cut_s is None else 7.0, out, cut_s)
        trace, judged = np.load(out / "receiver.npz"), judge(out, ROBOT)
        (out / "judged.json").write_text(json.dumps(judged))
        assert max(judged["share_of_limit"].values()) <= 1.0
        assert "arm stopped" not in problem or "communication_constraints_violation" in problem, problem
        if "arm stopped" not in problem and trace["missed"].sum() < 0.02 * len(trace["missed"]):
            break
    else:
        pytest.skip("in none of three runs did this machine give the receiver its cycles; limits were kept")
    assert (trace["state"] == 1).sum() > 1000  # it did follow
    if cut_s is not None:
        assert "no answer" in problem
        assert not np.ptp(trace["set_point"][-50:], axis=0).any()
