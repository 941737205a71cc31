"""The configuration of the policy node (config/policy.yaml)."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from f2o_nodekit.config import STRICT, ConfigPath
from f2o_nodekit.fields import Count, FifoPriority, NotNegative, Positive, Seed, TopicName, WrittenPath
from f2o_nodekit.robot import RobotWord
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_policy.runtime.executor import ExecutorConfig

Backend = Literal["auto", "torch", "openvino", "cuda"]
Precision = Literal["f32", "bf16", "f16"]
Steps = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, config=STRICT)
class PolicyTopics:
    """The topics that the policy node subscribes to and publishes."""

    observation: TopicName = "f2o/observation"
    joint_states: TopicName = "franka/joint_states"
    gripper_states: TopicName = "franka_gripper/joint_states"
    mode: TopicName = "f2o/mode"
    joint_target: TopicName = "f2o/joint_target"
    action_chunk: TopicName = "f2o/action_chunk"
    policy_tick: TopicName = "f2o/policy_tick"


@dataclass(frozen=True, config=STRICT)
class PolicyConfig:
    """Which policy runs, at which rates, and how plans become targets.

    Attributes:
        checkpoint: path of a checkpoint, of its run folder, or of an export (``f2o export``).
        steps: Euler steps of a teacher; 0 for a one-step student.
        rate_hz: ticks per second.
        replan_ticks: ticks from one plan to the next; in between the current plan is read.
        plan_latency_s: simulated latency from the inputs to the tick that adopts their plan; the next plan begins after
            that [s].
        hypotheses: M chunks drawn in one batch for every plan.
        noise: ``fixed`` keeps the same M noises for an episode, ``fresh`` draws new ones for every plan.
        backend: ``auto``, ``torch``, ``openvino`` or ``cuda``.
        precision: ``f32``, ``bf16`` or, on a GPU, ``f16``.
        seed: of the noise.
        max_observation_age_s: an older observation stops the policy (it publishes no target) [s].
        max_joint_state_age_s: the same for the joint state [s].
        robot: whose joint states are read; the policy must have been trained on an arm of its kinematics.
        fifo_priority: SCHED_FIFO priority of the loop's thread where the system grants it; 0: none.
        trace: path of an .npz with a row per tick, written on exit; empty for none.
        executor: see ``ExecutorConfig``.
        topics: see ``PolicyTopics``.
    """

    checkpoint: ConfigPath
    steps: Steps = 0
    rate_hz: Positive = 125.0
    replan_ticks: Count = 1
    plan_latency_s: NotNegative = 0.0
    hypotheses: Count = 2
    noise: Literal["fixed", "fresh"] = "fresh"
    backend: Backend = "auto"
    precision: Precision = "f32"
    seed: Seed = 0
    max_observation_age_s: Positive = 0.3
    max_joint_state_age_s: Positive = 0.1
    robot: RobotWord = "panda"
    fifo_priority: FifoPriority = 50
    trace: WrittenPath = ""
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    topics: PolicyTopics = field(default_factory=PolicyTopics)
