import json

import numpy as np
import pytest
from f2o_sim.collector import DemonstrationCollector, RigError, Scene
from f2o_sim.controller import Trajectory
from f2o_sim.tasks.base import Verdict

TICK_S, TICK_NS = 0.008, 8_000_000


class WorldRig:
    """A rig without ROS: simulated time, a bridge that lets everything through, a recorder that keeps a diary."""

    def __init__(self, world, deaf=False, blind_seeds=()):
        self.world, self.deaf, self.blind = world, deaf, blind_seeds
        self.diary, self.state, self.armed, self.last = [], "ready", False, None

    def wait_until_complete(self):
        self.diary.append("complete")

    def reset(self, seed):
        assert not self.armed
        self.world.reset(seed)
        self.last = self.world.joint_positions()

    def arm(self):
        self.armed = True

    def disarm(self):
        self.armed = False

    def tell_recorder(self, command):
        assert self.armed, "the recording covers an armed arm"
        self.diary.append(command)
        answers = {"start": "recording", "success": "saved", "discard": "discarded"}
        self.state = "ready" if self.deaf else answers[command.split()[0]]

    def recorder_is(self, state):
        return self.state == state

    def tick(self, target):
        world = self.world
        if target is not None:
            assert self.armed
            velocity = (target[:7] - self.last) / TICK_S
            world.command(Trajectory(0, np.array([TICK_NS]), target[None, :7], velocity[None]))
            world.grip(float(target[7]))
            self.last = target[:7]
        world.step_to(world.time_ns + TICK_NS)
        objects = {name: world.object_pose(name) for name in world.task.object_names}
        verdict = Verdict(over=True) if world.seed in self.blind else world.verdict
        return Scene(world.seed, world.joint_positions(), world.gripper_width(), objects, verdict)


def test_successes_are_kept_with_seed_and_side_and_failures_are_discarded(world):
    rig = WorldRig(world, blind_seeds=(31,))
    tallies = [str(tally) for tally in DemonstrationCollector(rig, TICK_S).run(30, 2)]
    assert len(tallies) == 3
    assert tallies[-1].endswith("discarded 1")
    starts = [json.loads(entry.removeprefix("start ")) for entry in rig.diary if entry.startswith("start")]
    assert [start["seed"] for start in starts] == [30, 31, 32]
    assert {start["strategy"] for start in starts} <= {"left", "right"}
    assert [entry.split()[0] for entry in rig.diary] == [
        "complete", "start", "success", "start", "discard", "start", "success",
    ]  # fmt: skip
    assert not rig.armed


def test_the_side_of_a_seed_does_not_depend_on_the_episodes_before(world):
    sides = []
    for first in (40, 41):
        rig = WorldRig(world, blind_seeds=range(40, 50))
        collector = DemonstrationCollector(rig, TICK_S)
        for seed in range(first, 43):
            collector.episode(seed)
        sides.append(
            [json.loads(e.removeprefix("start "))["strategy"] for e in rig.diary if e.startswith("start")]
        )
    assert sides[0][1:] == sides[1]


def test_a_recorder_that_does_not_answer_is_named(world):
    with pytest.raises(RigError, match="recorder: expected the state 'recording' within 10 s of 'start"):
        DemonstrationCollector(WorldRig(world, deaf=True), TICK_S).episode(0)


def test_a_start_that_the_recorder_refuses_is_sent_again(world):
    """As the real one does while a topic's rate is not what it ought to be, e.g. just after arming."""
    rig, refusals = WorldRig(world), 2
    answer = rig.tell_recorder

    def refuse_twice(command):
        nonlocal refusals
        answer(command)
        if command.startswith("start") and refusals:
            refusals, rig.state = refusals - 1, "ready"

    rig.tell_recorder = refuse_twice
    assert DemonstrationCollector(rig, TICK_S).episode(30).success
    assert [entry.split()[0] for entry in rig.diary] == ["start", "start", "start", "success"]


def test_being_ended_throws_the_episode_away(world):
    rig = WorldRig(world)
    ticks = iter(range(10_000))
    collector = DemonstrationCollector(rig, TICK_S, ended=lambda: next(ticks) > 100)
    assert [t.saved for t in collector.run(0, 5)] == [0]
    assert rig.diary[-1] == "discard"
