"""One rollout: the policy's runtime, the bridge and the world on the simulated clock."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from f2o_control.state import Mode
from f2o_policy.runtime.config import PolicyConfig
from f2o_policy.runtime.engine import Engine
from f2o_policy.runtime.policy import Joints, Policy, TickResult
from jaxtyping import Float64

from f2o_sim.rollout.motion import Motion
from f2o_sim.session import Session, Step


@dataclass(frozen=True)
class PolicyUnderTest:
    """One row of the table.

    Attributes:
        name: in the table; different for every policy.
        config: what the policy node would be started with; its seed is replaced by the episode's.
    """

    name: str
    config: PolicyConfig


@dataclass(frozen=True)
class Episode:
    """One episode of one policy."""

    seed: int
    success: bool
    collision: bool
    side: str  # "left", "right" or ""
    duration_s: float
    mode_switches: int
    stopped: str  # why the bridge no longer followed the policy at the end; empty where it did
    jerk: float | None  # of the arm, root mean square [rad/s^3]
    jump: float | None  # of the target at a new plan, mean [rad]; None without a plan


def run_episode(session: Session, engine: Engine, config: PolicyConfig, seed: int) -> Episode:
    """The episode of ``seed``, which also seeds the policy's noise, so that all policies get the same draws.

    Raises:
        NotArmedError: the bridge refuses to be armed. MismatchError: the session shows another robot or other cameras
            than the policy was trained with.
    """
    rollout = Rollout(session, engine, config)
    step = rollout.begin(seed)
    while not step.done:
        step = rollout.tick(step)
    outcome, bridge = session.outcome(), session.bridge
    return Episode(
        seed,
        outcome.success,
        outcome.collision,
        outcome.side,
        round(outcome.duration_s, 3),
        rollout.policy.mode_switches,
        "" if bridge.mode is Mode.POLICY else f"{bridge.mode.value}: {bridge.machine.reason}",
        rollout.motion.jerk,
        rollout.motion.jump,
    )


class Rollout:
    """Runs a policy on a session, tick by tick, as the nodes and their middleware do.

    Args:
        session: with a bridge whose source is the policy.
        engine: of the policy.
        config: of the policy node.
    """

    def __init__(self, session: Session, engine: Engine, config: PolicyConfig) -> None:
        self._session, self._engine, self._config = session, engine, config

    def begin(self, seed: int) -> Step:
        """Set up the episode of ``seed``, start a policy, and arm."""
        step = self._session.reset(seed)
        config = dataclasses.replace(self._config, seed=noise_seed(seed))
        self.policy = Policy(self._engine, config, lambda: self._session.world.time_ns)
        self.motion = Motion(self._session.tick_s)
        self._session.arm()
        return dataclasses.replace(step, mode=self._session.bridge.mode.value)

    def tick(self, step: Step) -> Step:
        """One tick of the policy, on the inputs of ``step``, and one of the bridge."""
        result = self.tick_policy(step)
        seen_ns = 0 if result.embedded is None else result.embedded.stamp_ros_ns
        step = self._session.step(result.target, result.velocity, seen_ns)
        self.motion.moved(step.joints.positions)
        if result.chunks is not None:
            self.motion.replanned(result.jump_rad)
        return step

    def tick_policy(self, step: Step) -> TickResult:
        """One tick of the policy node; an observation is embedded when it arrives."""
        self.policy.set_mode(step.mode)
        if step.observation is not None:
            self.policy.push_observation(step.observation)
            self.policy.embed_newest(0.0)
        self.policy.push_joint_state(Joints(step.time_ns, state(step)))
        return self.policy.tick(step.time_ns)


def noise_seed(seed: int) -> int:
    """The policy's seed in the episode of ``seed``, independent of the stream that placed the objects."""
    return int(np.random.SeedSequence([seed, 5]).generate_state(1)[0])


def state(step: Step) -> Float64[np.ndarray, " 8"]:
    """Seven joints [rad] and the gripper's width [m]."""
    return np.array([*step.joints.positions, step.gripper_width], np.float64)
