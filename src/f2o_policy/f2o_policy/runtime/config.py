"""The configuration of the policy node (config/policy.yaml)."""

from __future__ import annotations

from dataclasses import dataclass, field

from f2o_nodekit.rows import check_trace
from f2o_perception.config import PANDA_FINGERS

from f2o_policy.runtime.executor import ExecutorConfig

NOISES = ("held", "fresh")
BACKENDS = ("auto", "torch", "openvino", "cuda")
PRECISIONS = ("f32", "bf16", "f16")


@dataclass(frozen=True)
class PolicyTopics:
    """Names of everything the policy node reads and writes."""

    observation: str = "/f2o/observation"
    joint_states: str = "/franka/joint_states"
    gripper_states: str = "/franka_gripper/joint_states"
    mode: str = "/f2o/mode"
    joint_target: str = "/f2o/joint_target"
    action_chunk: str = "/f2o/action_chunk"
    policy_tick: str = "/f2o/policy_tick"


@dataclass(frozen=True)
class PolicyConfig:
    """What runs, how often, and how plans become targets.

    Attributes:
        checkpoint: path of a student's checkpoint, of its run folder, or of an export (``f2o export``).
        rate_hz: ticks a second.
        hypotheses: M chunks drawn in one batch every tick.
        noise: ``held`` keeps the same M noises for an episode, ``fresh`` draws new ones every tick.
        backend: ``auto``, ``torch``, ``openvino`` or ``cuda``.
        precision: ``f32``, ``bf16`` or, on a GPU, ``f16``.
        seed: of the noise.
        max_observation_age_s: an older observation stops the policy (it publishes no target) [s].
        max_joint_state_age_s: likewise for the joint state [s].
        finger_joint_names: on the gripper's topic; their positions add up to its width.
        fifo_priority: of the loop's thread where the system grants it; 0 asks for none.
        trace: path of an .npz with every tick's times, written on exit; empty for none.
        executor: see ``ExecutorConfig``.
        topics: see ``PolicyTopics``.
    """

    checkpoint: str
    rate_hz: float = 125.0
    hypotheses: int = 2
    noise: str = "fresh"
    backend: str = "auto"
    precision: str = "f32"
    seed: int = 0
    max_observation_age_s: float = 0.3
    max_joint_state_age_s: float = 0.1
    finger_joint_names: tuple[str, ...] = PANDA_FINGERS
    fifo_priority: int = 50
    trace: str = ""
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    topics: PolicyTopics = field(default_factory=PolicyTopics)

    def check(self) -> list[str]:
        """Ranges and choices."""
        wrong = []
        for key in ("rate_hz", "hypotheses", "max_observation_age_s", "max_joint_state_age_s"):
            if getattr(self, key) <= 0:
                wrong.append(f"{key}: expected > 0, got {getattr(self, key)}")
        if self.noise not in NOISES:
            wrong.append(f"noise: expected one of {', '.join(NOISES)}, got {self.noise!r}")
        if self.precision not in PRECISIONS:
            wrong.append(f"precision: expected f32, bf16 or f16, got {self.precision!r}")
        if self.backend not in BACKENDS:
            wrong.append(f"backend: expected one of {', '.join(BACKENDS)}, got {self.backend!r}")
        if not 0 <= self.fifo_priority <= 99:
            wrong.append(f"fifo_priority: expected 0 to 99, got {self.fifo_priority}")
        if self.seed < 0:
            wrong.append(f"seed: expected 0 or more, got {self.seed}")
        return wrong + check_trace(self.trace)
