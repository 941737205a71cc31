"""What the rig of ``f2o demonstrate`` keeps of an episode, and what it leaves out."""

from types import SimpleNamespace

import numpy as np
import pytest
from f2o_sim.demonstrate.rig import HeadlessRig, source
from f2o_sim.tasks.base import Verdict

TICK_NS = 8_000_000


class FakeSession:
    """Commands follow the targets once armed; an observation every fourth tick, exposed 50 ms before it arrives."""

    def __init__(self):
        task = SimpleNamespace(name="reach_around", object_names=("cube",))
        self.world = SimpleNamespace(
            task=task, seed=0, time_ns=0, verdict=Verdict(), object_pose=lambda name: np.zeros(7)
        )

    def reset(self, seed):
        self.world.seed, self.world.time_ns, self.armed, self.ticks = seed, 10**9, False, 0

    def arm(self):
        self.armed = True

    def step(self, target):
        self.ticks += 1
        self.world.time_ns += TICK_NS
        observation = None
        if self.ticks % 4 == 0:
            observation = SimpleNamespace(
                stamp_ros_ns=self.world.time_ns - 50_000_000, joint_positions=target[:7]
            )
        return SimpleNamespace(
            time_ns=self.world.time_ns, joints=SimpleNamespace(positions=target[:7]), gripper_width=target[7],
            observation=observation, command=target, command_ns=self.world.time_ns if self.armed else 0,
        )  # fmt: skip

    def outcome(self):
        return SimpleNamespace(success=True, side="left")


@pytest.fixture
def rig():
    made = HeadlessRig(FakeSession())
    made.reset(5)
    return made


def play(rig, ticks, begin=0):
    """Every joint moves evenly."""
    for k in range(begin, begin + ticks):
        rig.tick(np.append(np.full(7, 0.01 * k), 0.08))


def test_a_saved_episode_holds_what_was_commanded_from_the_start_on(rig):
    rig.arm()
    play(rig, 10)
    began_ns = rig._session.world.time_ns
    rig.tell_recorder('start {"seed": 5}')
    assert rig.recorder_is("recording")
    play(rig, 100, begin=10)
    assert rig.demonstration is None
    rig.tell_recorder("success")
    assert rig.recorder_is("saved")
    kept = rig.demonstration
    assert kept.command_stamps_ros_ns[0] == began_ns + TICK_NS
    assert set(np.diff(kept.command_stamps_ros_ns)) == {TICK_NS}
    assert len(kept.commands) == 100
    assert min(o.stamp_ros_ns for o in kept.observations) >= began_ns
    labels = {"success": True, "seed": 5, "side": "left", "strategy": "left", "operator": "scripted"}
    assert labels.items() <= kept.meta.items()
    assert kept.meta["source"] == source("reach_around", 5) == "reach_around/5"


def test_a_discarded_episode_leaves_nothing(rig):
    rig.arm()
    rig.tell_recorder("start {}")
    play(rig, 20)
    rig.tell_recorder("discard")
    assert rig.recorder_is("discarded")
    assert rig.demonstration is None


def test_ticks_without_a_command_are_not_kept(rig):
    rig.tell_recorder("start {}")
    play(rig, 20)  # disarmed: the bridge sends nothing
    assert rig._stamps == []


def test_the_next_scene_starts_empty(rig):
    rig.arm()
    rig.tell_recorder("start {}")
    play(rig, 30)
    rig.tell_recorder("success")
    rig.reset(6)
    assert rig.demonstration is None
    assert rig.tick(np.zeros(8)).seed == 6
