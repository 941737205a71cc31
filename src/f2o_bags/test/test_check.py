import dataclasses

import episodes as e
import pytest
from f2o_bags.check import check

S = e.S


@pytest.fixture
def verdict(tmp_path):
    def look(content=None, **more):
        return check(e.write(tmp_path, content=content, **more))

    return look


def without(topic, begin_s, end_s):
    inside = (e.T0 + begin_s * S, e.T0 + end_s * S)
    return [m for m in e.messages() if not (m[0] == topic and inside[0] <= m[2] <= inside[1])]


def test_a_good_episode_has_no_problem_and_says_its_numbers(verdict):
    found = verdict()
    assert found.good, found.problems
    assert (found.success, found.counts[e.ARM], found.counts[e.VIEWS[0]]) == ("true", 500, 120)
    assert found.duration_s == pytest.approx(4.0, abs=0.05)
    assert found.idle_s == pytest.approx(0.2, abs=0.05)
    assert found.skew.worst_s == pytest.approx(0.004, abs=1e-6)
    assert found.gap.periods < 3


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (without(e.VIEWS[1], 0, 9), "nothing on /side/color/image_raw"),
        (without(e.ARM, 1.0, 1.5), "gap of 0.5"),
        (without(e.VIEWS[0], 3.0, 9.0), "gap of 1.0"),  # a camera that dies leaves a gap too
        ([m for k, m in enumerate(e.messages()) if m[0] != e.ARM or k % 2], "Hz on /franka/joint_states, expected 125"),
        (e.messages(idle_s=2.0), "idle for 2.0 s before the first motion"),
        (e.messages(gripper=False), "the gripper never moved"),
        (e.messages(moves=False, gripper=False), "the arm never moved"),
        (e.messages(offsets=(0.0, 0.5)), "stamps of"),
    ],
)  # fmt: skip
def test_each_fault_is_named(verdict, content, problem):
    if problem == "stamps of":
        late = [(t, d, log + (S if t == e.VIEWS[1] else 0)) for t, d, log in e.messages()]
        content = sorted(late, key=lambda m: m[2])
    found = verdict(content)
    assert any(problem in text for text in found.problems), found.problems


def test_a_frozen_camera_is_one_that_shows_the_same_while_the_arm_moves(verdict, tmp_path):
    def frozen(begin, end):
        out, held = [], None
        for topic, data, log in e.messages(idle_s=1.2):
            if topic == e.VIEWS[0]:
                t = (log - e.T0) / S
                held = data[12:] if held is None or not begin <= t <= end else held
                data = data[:12] + held
            out.append((topic, data, log))
        return out

    found = verdict(frozen(2.0, 2.6))
    assert found.problems[0].startswith("/wrist/color/image_raw is frozen for 0.6")
    resting = check(e.write(tmp_path, "episode_0001", frozen(0.2, 1.0)))
    assert not any("frozen" in text for text in resting.problems)  # a still scene may look the same


def test_a_clock_that_jumps_is_named_with_the_moment(verdict):
    def shifted(topic, data, log):
        back = topic == e.VIEWS[0] and log > e.T0 + 2 * S
        stamp = log - 8_000_000
        return (topic, e.image(stamp - 3 * S, log) if back else data, log)

    found = verdict([shifted(*m) for m in e.messages()])
    assert found.problems == ("clock of /wrist/color/image_raw jumps by -3.00 s at 2.0 s",)


def test_views_that_drift_apart_are_named(verdict):
    content = [m for k, m in enumerate(e.messages()) if m[0] != e.VIEWS[1]]
    slow = [(e.VIEWS[1], e.image(e.T0 + k * S // 5, k), e.T0 + k * S // 5 + 8_000_000) for k in range(20)]
    found = verdict(sorted(content + slow, key=lambda m: m[2]))
    assert any("expected 30" in text for text in found.problems), found.problems
    assert found.skew.worst_s == pytest.approx(0.1, abs=0.01)


def test_faults_of_many_topics_are_told_once(verdict):
    content = [m for m in e.messages() if not e.T0 + S < m[2] < e.T0 + 1.5 * S]
    found = verdict(content)
    assert len(found.problems) == 1, found.problems
    assert found.problems[0].startswith("gap of 0.5") and found.problems[0].endswith("(and 4 more topics)")


def test_bad_is_what_is_never_learned_from_and_poor_what_could_be_better(tmp_path):
    words = {
        "ok": {},
        "poor": {"content": e.messages(idle_s=2.0)},
        "BAD": {"success": "false"},
        "BAD ": {"success": "unknown", "content": e.messages(idle_s=2.0)},
    }
    for number, (word, how) in enumerate(words.items()):
        found = check(e.write(tmp_path, f"episode_{number}", **how))
        assert (found.word, found.usable) == (word.strip(), not word.startswith("BAD"))
    assert found.problems[0].startswith("nobody judged it")  # why it is BAD comes first
    ruled = check(e.write(tmp_path, "ruled", e.messages(idle_s=2.0)), rules=[lambda bag: ["no good"]])
    assert (ruled.word, ruled.problems[0]) == ("BAD", "no good")
    assert check(tmp_path / "nowhere").word == "BAD"


def test_drops_and_truncation_are_problems(tmp_path):
    assert "12 messages dropped by the recorder" in check(e.write(tmp_path, drops="12")).problems
    cut = check(e.write(tmp_path, "episode_0001", finish=False))
    assert cut.problems == ("its recording is truncated (f2o bag recover)",)
    assert cut.messages > 1000


def test_a_bag_of_another_recorder_is_measured_by_its_usual_rates(tmp_path):
    good = check(e.write(tmp_path, expected_hz=""))
    assert good.good, good.problems
    bad = check(e.write(tmp_path, "episode_0001", without(e.ARM, 1.0, 1.5), expected_hz="no json"))
    assert any("gap of 0.5" in text for text in bad.problems)


def test_what_is_no_bag_is_bad_and_says_why(tmp_path):
    found = check(tmp_path / "nowhere")
    assert (found.good, found.problems) == (False, (f"{tmp_path}/nowhere: no such bag",))
    assert dataclasses.asdict(found)["messages"] == 0
