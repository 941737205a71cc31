import numpy as np
import pytest
from f2o_control.target import RawTarget, Refusal, TargetCheck

NAMES = tuple(f"panda_joint{i}" for i in range(1, 8))
NOW = 1_000_000_000_000
REACH = np.full(7, -3.0), np.full(7, 3.0), np.full(7, 2.0)
VALUES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def raw(names=NAMES, positions=VALUES, velocities=(), width=0.04, due=NOW, source="policy"):
    arrays = list(map(float, positions)), list(map(float, velocities))
    return RawTarget(tuple(names), *arrays, width, due, source, sequence=3, observation_ros_ns=NOW - 1)


@pytest.fixture
def check():
    return TargetCheck(NAMES, "policy", max_staleness_s=0.1, max_ahead_s=0.5, reach=REACH)


def test_a_target_in_order_passes(check):
    target = check.admit(raw(velocities=[1, 2, 3, 4, 5, 6, 7]), NOW, 5)
    assert target.positions.tolist() == VALUES
    assert target.velocities.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert target.observation_ros_ns == NOW - 1
    assert (target.gripper_width, target.received_mono_ns, target.source) == (0.04, 5, "policy")


@pytest.mark.parametrize("seed", range(5))
def test_permuted_names_are_put_in_order(check, seed):
    order = np.random.default_rng(seed).permutation(7)
    velocities = np.arange(7.0)
    target = check.admit(
        raw([NAMES[i] for i in order], [VALUES[i] for i in order], [float(velocities[i]) for i in order]),
        NOW,
        0,
    )
    assert target.positions.tolist() == VALUES
    assert target.velocities.tolist() == velocities.tolist()
    assert check.admit(raw(due=NOW + 1), NOW, 0).positions.tolist() == VALUES


LEGAL = ", ".join(NAMES)
CASES = [
    (raw(NAMES[:6], VALUES[:6]), Refusal.NAMES_MISSING, f"panda_joint7 missing, expected {LEGAL}"),
    (raw((), ()), Refusal.NAMES_MISSING, f"{LEGAL} missing, expected {LEGAL}"),
    (raw((*NAMES, "elbow")), Refusal.NAMES_UNKNOWN, f"unknown name elbow, expected {LEGAL}"),
    (
        raw((*NAMES, NAMES[0])),
        Refusal.NAMES_REPEATED,
        f"panda_joint1 named more than once, expected {LEGAL}",
    ),
    (raw(positions=VALUES[:5]), Refusal.LENGTH, "5 positions and 0 velocities, expected 7 and 7 or none"),
    (raw(velocities=[0.0]), Refusal.LENGTH, "7 positions and 1 velocities, expected 7 and 7 or none"),
    (raw(width=np.nan), Refusal.NOT_FINITE, "gripper_width is not finite"),
    (raw(positions=[np.inf, *VALUES[1:]]), Refusal.NOT_FINITE, "position of panda_joint1 is not finite"),
    (
        raw(velocities=[0, 0, -np.inf, 0, 0, 0, 0]),
        Refusal.NOT_FINITE,
        "velocity of panda_joint3 is not finite",
    ),
    (raw(source="expert"), Refusal.SOURCE, "source is 'expert', expected policy"),
    (raw(due=NOW - 200_000_000), Refusal.STALE, "due 0.200 s ago, expected at most 0.1 s"),
    (raw(due=0), Refusal.STALE, "due 1000.000 s ago, expected at most 0.1 s"),
    (raw(due=NOW + 600_000_000), Refusal.AHEAD, "due in 0.600 s, expected at most 0.5 s"),
]


@pytest.mark.parametrize(("message", "refusal", "text"), CASES)
def test_a_refusal_is_counted_and_says_what_was_expected(check, message, refusal, text):
    assert check.admit(message, NOW, 0) is None
    assert check.refused == {refusal: 1}
    assert check.last_text == f"target refused: {text}"


def test_time_must_not_run_backwards_until_the_next_arming(check):
    assert check.admit(raw(due=NOW), NOW, 0)
    for due in (NOW, NOW - 50_000_000):
        assert check.admit(raw(due=due), NOW, 0) is None
    assert check.refused[Refusal.REVERSED] == 2
    assert check.last_text == "target refused: due 0.050 s before the last one, expected later"
    check.restart()
    assert check.admit(raw(due=NOW), NOW, 0)


def test_teleop_takes_the_expert_too():
    check = TargetCheck(NAMES, "teleop", max_staleness_s=0.1, max_ahead_s=0.5, reach=REACH)
    assert check.admit(raw(source="teleop", due=NOW), NOW, 0)
    assert check.admit(raw(source="expert", due=NOW + 1), NOW, 0)
    assert check.admit(raw(source="policy", due=NOW + 2), NOW, 0) is None
    assert check.last_text == "target refused: source is 'policy', expected teleop or expert"


@pytest.mark.parametrize(("away", "text"), [
    (2 * np.pi, "panda_joint3 is 6.58 rad, it goes from -3.00 to 3.00 rad"),
    (2.0, "panda_joint3 jumps, 2.00 rad from the last target, due 8 ms before"),
])  # fmt: skip
def test_a_target_that_jumps_is_refused_at_any_time_and_counted(check, away, text):
    due = NOW
    for _ in range(50):
        due += 8_000_000
        assert check.admit(raw(due=due), due, due) is not None
    far = [*VALUES]
    far[2] += away
    refusal = Refusal.RANGE if away > 6 else Refusal.JUMP
    for count in range(1, 6):
        due += 8_000_000
        assert check.admit(raw(positions=far, due=due), due, due) is None
        assert check.refused[refusal] == check.refused_in_a_row == count
        assert count > 1 or check.last_text == f"target refused: {text}"
    due += 8_000_000
    assert check.admit(raw(due=due), due, due) is not None


def test_a_target_moves_as_fast_as_the_arm_can(check):
    due, q = NOW, np.array(VALUES)
    for _ in range(100):
        due += 8_000_000
        q[0] += 2.0 * 0.008  # its fastest
        assert check.admit(raw(positions=q, due=due), due, due) is not None


def test_a_target_a_little_beyond_the_range_is_taken_and_the_first_may_be_anywhere_in_it(check):
    assert check.admit(raw(positions=[3.04, -3.04, 0, 0, 0, 0, 0]), NOW, 5) is not None
    check.restart()
    assert check.admit(raw(due=NOW + 1), NOW, 5) is not None
