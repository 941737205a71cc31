"""Two PCs as two network namespaces: the whole loop from camera to command and back, and the cable between them."""

import time

import pytest

from benchmarks.two_pcs.cell import unavailable
from benchmarks.two_pcs.loop import PATIENT, TwoPcs
from benchmarks.two_pcs.relay import Network

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "two PCs can be had")
RESTING = (
    "fault",
    "disarmed",
)  # disarmed: a slow machine was in another fault, and recovered, when the cable went


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    with TwoPcs(tmp_path_factory.mktemp("two_pcs"), PATIENT) as both:
        yield both


def test_commands_made_from_images_reach_the_arm_on_the_other_pc(both):
    """Joint states and images come from the one PC, targets and commands from the other."""
    both.arm()
    assert both.at("policy_pc")["joints"] > 0
    both.until(lambda: both.at("real_time_pc")["speed"] > 0.01, "a motion of the arm", both.arm)


def test_what_is_delayed_and_lost_is_all_but_the_simulated_cameras(both):
    """On a real cell they do not cross; everything else is treated alike, however long its frames are."""
    both.arm()
    both.cell.spoil(Network(jitter_s=0.001, loss=0.01))
    frames = both.cell.count()
    both.until(lambda: _took(both.cell, frames) > 100, "commands that the network lost", both.arm)
    both.cell.spoil(Network())
    camera = ("image_raw", "camera_info")
    assert {
        topic for topic in frames["spared"] if not all(t.endswith(camera) for t in topic.split(", "))
    } == set()
    spoiled = {*frames["delayed"], *frames["lost"]}
    assert {"/franka/joint_states", "/joint_trajectory_controller/joint_trajectory"} <= spoiled
    assert not [topic for topic in spoiled if topic.endswith(camera) and ", " not in topic]


def _took(cell, frames):
    """Frames lost so far; ``frames`` gets those of this and every earlier count."""
    for fate, topics in cell.count().items():
        total = frames.setdefault(fate, {})
        for topic, count in topics.items():
            total[topic] = total.get(topic, 0) + count
    return sum(frames.get("lost", {}).values())


def test_a_pulled_cable_is_a_resting_arm_and_a_plugged_one_is_as_before(both):
    both.arm()
    both.cell.cable(plugged=False)
    joints = _last(both, "policy_pc", "joints")
    both.until(
        lambda: both.at("policy_pc")["mode"] in RESTING, "the end of commands for want of joint states"
    )
    both.until(lambda: both.at("real_time_pc")["speed"] < 0.01, "an arm at rest")
    commands = _last(both, "real_time_pc", "commands")
    both.cell.cable(plugged=True)
    both.until(lambda: both.at("policy_pc")["joints"] > joints, "joint states again")
    assert both.at("policy_pc")["mode"] in RESTING, "it does not move by itself"
    assert both.at("real_time_pc")["commands"] == commands
    both.arm()


def _last(both, pc, what):
    """How many came before they stopped: on a busy machine, the operator reads and says them later."""
    count = -1
    while count != (count := both.at(pc)[what]):
        time.sleep(1.0)
    return count
