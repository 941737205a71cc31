"""What the policy says of itself: why no target comes although observations do, with sizes and limits."""

from types import SimpleNamespace

import pytest
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.health import Now, diagnose
from f2o_policy.runtime.policy import Inputs, TickStatus

S, MS = 1_000_000_000, 1_000_000
ROS, MONO = 1_000_000 * S, 500 * S
CONFIG = PolicyConfig(checkpoint="x")


def say(status, observation=None, joints=None, embedded=None, fault="", arm="", gripper="", **loop):
    """``observation`` and ``joints``: age of the stamp and time since the arrival [ms]; ``loop``: ages [ms]."""
    out_of_reach = loop.pop("poses", 0)
    at = {"ticked": 4, "target": 10_000, "chunk": 4, "out_of_reach": 10_000} | loop
    times = {f"{name}_mono_ns": MONO - ms * MS for name, ms in at.items()}
    stamp = lambda pair: None if pair is None else (ROS - pair[0] * MS, MONO - pair[1] * MS)  # noqa: E731
    inputs = Inputs(stamp(observation), stamp(joints), None if embedded is None else ROS - embedded * MS)
    made = SimpleNamespace(status=status, fault=fault, out_of_reach=out_of_reach, **times)
    return diagnose(made, inputs, CONFIG, Now(ROS, MONO), arm, gripper)


OK, NONE, STALE = TickStatus.OK, TickStatus.NO_OBSERVATION, TickStatus.STALE_OBSERVATION
NO_JOINTS, OLD_JOINTS = TickStatus.NO_JOINTS, TickStatus.STALE_JOINTS
SEEN = {"observation": (50, 20), "embedded": 60}
CASES = [
    (say(OK), 0, "ok"),
    (
        say(OK, poses=3, out_of_reach=300),
        1,
        "3 poses of its chunks were out of the arm's reach, the last 0.3 s ago: the joints before each are held",
    ),
    (say(OK, poses=3, out_of_reach=2000), 0, "ok"),
    (say(NONE), 1, "waiting for the first observation on /f2o/observation"),
    (
        say(NONE, (50, 20), fault="RuntimeError: no such kernel"),
        2,
        "observations come, none has been embedded (RuntimeError: no such kernel)",
    ),
    (
        say(STALE, (2000, 20), embedded=2010),
        2,
        "observations come 2.00 s old; 0.3 s is the most: a slow link, or two clocks that differ",
    ),
    (
        say(STALE, (-2000, 20), embedded=-1990),
        2,
        "observations come stamped 2.00 s ahead of this PC's clock; 0.3 s is the most: two clocks differ",
    ),
    (
        say(STALE, (3 * 86_400_000, 20), embedded=3 * 86_400_000),
        2,
        "observations come 3.0 days old; 0.3 s is the most: a bag needs /clock and use_sim_time",
    ),
    (say(STALE, (1250, 1200), embedded=1250), 2, "no observation for 1.2 s; 0.3 s is the most"),
    (
        say(STALE, (50, 20), embedded=900, fault="RuntimeError: out of memory"),
        2,
        "the newest embedding is of 0.90 s ago; 0.3 s is the most: embedding is too slow "
        "(RuntimeError: out of memory)",
    ),
    (
        say(NO_JOINTS, **SEEN),
        2,
        "waiting for the first joint and gripper state (on /franka/joint_states and /franka_gripper/joint_states)",
    ),
    (
        say(NO_JOINTS, **SEEN, arm="/franka/joint_states: no position for panda_joint1, only for fr3_joint1"),
        2,
        "no joint vector: /franka/joint_states: no position for panda_joint1, only for fr3_joint1",
    ),
    (say(NO_JOINTS, **SEEN, gripper="/g: got 0 and 0"), 2, "no joint vector: /g: got 0 and 0"),
    (
        say(OLD_JOINTS, **SEEN, joints=(240, 2)),
        2,
        "joint states come 0.24 s old; 0.1 s is the most: a slow link, or two clocks that differ",
    ),
    (say(OLD_JOINTS, **SEEN, joints=(900, 890)), 2, "no joint state for 0.9 s; 0.1 s is the most"),
    (say(OLD_JOINTS, **SEEN, joints=(150, 148), target=40), 1, "no joint state for 0.1 s; 0.1 s is the most"),
    (say(TickStatus.NOT_FINITE, **SEEN), 2, "the network's output is not finite"),
    (say(TickStatus.FAILED, **SEEN, fault="ValueError: x"), 2, "the policy failed: ValueError: x"),
    (say(OK, **SEEN, ticked=3200), 2, "the loop has not ticked for 3.2 s"),
    (say(OK, **SEEN, chunk=5000), 2, "no chunk for 5.0 s although observations come; 1.0 s is the most"),
]


@pytest.mark.parametrize(("said", "level", "sentence"), CASES)
def test_no_target_has_a_level_a_cause_and_a_size(said, level, sentence):
    assert said == (level, sentence)
