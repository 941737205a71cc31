"""Training windows: what the policy sees at an instant, and the H commands that followed.

The instant is ``observation stamp + lag``: at run time the cached visual embedding is up to some 120 ms older than the
newest joint state, so in training joints and commands are taken ``lag`` after the images. With ``visual_lag_s: [0, 0]``
A[k] is the command at stamp + k dt.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from f2o_nodekit.config import STRICT
from f2o_nodekit.fields import Count, Positive, must
from f2o_nodekit.robot import RobotWord, read_robot
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Bool, Float64, Int64
from pydantic import Field
from pydantic.dataclasses import dataclass

from f2o_policy.action_space import ROTATION, ActionSpace, TcpSpace
from f2o_policy.data.arm import SAME_TOOL_M, tool_positions, tools_apart_m
from f2o_policy.data.history import lookback_ns, nearest
from f2o_policy.data.normalise import MinMax, Normaliser
from f2o_policy.data.store import Dataset
from f2o_policy.errors import DatasetError

TRANSITION = 0.3  # of the gripper's range: a window in which its command changes more holds a transition
Lags = Annotated[tuple[float, float], must(lambda lags: 0 <= lags[0] <= lags[1], "0 <= low <= high")]


@dataclass(frozen=True, config=STRICT)
class WindowConfig:
    """How windows are cut."""

    action_space: ActionSpace = "joints"
    robot: RobotWord = "panda"
    """The arm in the data, whose kinematics make the actions of the space tcp; else not used."""
    horizon: Count = 16
    dt_s: Positive = 0.1
    visual_lag_s: Lags = (0.0, 0.12)
    history: Count = 1  # instants the policy sees
    history_dt_s: Positive = 0.1  # between them
    transition_weight: Positive = 1.0
    """How much more often windows are drawn in which the gripper opens or closes."""
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.1


def interpolate(
    stamps_ns: Int64[np.ndarray, " t"], values: Float64[np.ndarray, "t d"], at_ns: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, "n d"]:
    """Linear in time; before the first and after the last stamp the end value is held."""
    right = np.searchsorted(stamps_ns, at_ns).clip(1, max(1, len(stamps_ns) - 1))
    left = right - 1
    right = np.minimum(right, len(stamps_ns) - 1)
    span = np.maximum(stamps_ns[right] - stamps_ns[left], 1)
    weight = ((at_ns - stamps_ns[left]) / span).clip(0.0, 1.0)[:, None]
    return values[left] * (1.0 - weight) + values[right] * weight


def spaced(rows: Int64[np.ndarray, " n"], count: int) -> Int64[np.ndarray, " m"]:
    """At most ``count`` of ``rows``, evenly spaced."""
    return rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)] if len(rows) else rows


@dataclasses.dataclass(frozen=True)
class Window:
    """One training example without its images, in physical units.

    Attributes:
        observations: (n,) rows of the data set, the oldest instant of the history first.
        proprio: (n*8,) at the instants of the history.
        actions: (H,8), or (H,10) in the space tcp; see ``action_space``.
    """

    observations: np.ndarray
    proprio: np.ndarray
    actions: np.ndarray


class Windows:
    """Windows of the episodes of a data set; the small arrays are held in memory.

    Commands become poses once, at the rate at which they were recorded, so that a window costs the same in both action
    spaces.

    Attributes:
        tcp: makes the actions of the space tcp; None in the space joints.

    Raises:
        ConfigError, DatasetError, RobotModelError, ChainError: see ``tcp_space``.
    """

    def __init__(self, dataset: Dataset, config: WindowConfig) -> None:
        self.dataset, self.config = dataset, config
        self._small = {
            name: np.array(dataset[name]) for name in ("stamps", "joints", "command_stamps", "commands")
        }
        self.tcp = tcp_space(dataset, config.robot) if config.action_space == "tcp" else None
        if self.tcp is not None:
            self._small["commands"] = self.tcp.actions(self._small["commands"])
        self._episode_of = np.repeat(
            np.arange(len(dataset.episodes)), [b - a for a, b in (e.observations for e in dataset.episodes)]
        )
        self._lookback_ns = lookback_ns(config.history, config.history_dt_s)
        self._steps_ns = np.round(np.arange(config.horizon) * config.dt_s * NS_PER_S).astype(np.int64)

    def window(self, observation: int, lag_ns: int = 0) -> Window:
        """The window whose newest images are ``observation`` and whose instant is ``lag_ns`` later."""
        episode = self.dataset.episodes[self._episode_of[observation]]
        rows, sent = slice(*episode.observations), slice(*episode.commands)
        stamps, seen = self._small["stamps"][rows], self._small["stamps"][observation]
        instant = seen + lag_ns
        frames = rows.start + nearest(stamps, seen - self._lookback_ns)
        proprio = interpolate(stamps, self._small["joints"][rows], instant - self._lookback_ns)
        actions = interpolate(
            self._small["command_stamps"][sent], self._small["commands"][sent], instant + self._steps_ns
        )
        return Window(frames, proprio.flatten(), actions)

    def draw_lag_ns(self, rng: np.random.Generator) -> int:
        """A lag from the configured range."""
        return int(rng.uniform(*self.config.visual_lag_s) * NS_PER_S)

    def transitions(self, observations: Int64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Whether the commanded gripper width changes within the window of each observation."""
        width = self._small["commands"][:, -1]
        limit = TRANSITION * (width.max() - width.min())
        spans = np.stack([np.ptp(self.window(int(i)).actions[:, -1]) for i in observations])
        return spans > max(limit, 1e-4)

    def chances(self, observations: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"] | None:
        """Probability of drawing each observation; None where all are equal."""
        if self.config.transition_weight == 1.0:
            return None
        weights = np.where(self.transitions(observations), self.config.transition_weight, 1.0)
        return weights / weights.sum()

    def split(self, seed: int) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]]:
        """Observation indices of the training and of the validation episodes; whole episodes, at least one each."""
        episodes = np.random.default_rng([seed, 7]).permutation(len(self.dataset.episodes))
        held = round(self.config.validation_fraction * len(episodes))
        held = min(max(held, 1 if self.config.validation_fraction > 0 else 0), len(episodes) - 1)
        validation = np.isin(self._episode_of, episodes[:held])
        return np.flatnonzero(~validation), np.flatnonzero(validation)

    def normaliser(self, observations: Int64[np.ndarray, " n"]) -> Normaliser:
        """Fitted on the commands, joints and points of the episodes that ``observations`` belong to."""
        episodes = [self.dataset.episodes[i] for i in np.unique(self._episode_of[observations])]
        commands = np.concatenate([self._small["commands"][slice(*e.commands)] for e in episodes])
        sample = observations[:: max(1, len(observations) // 500)]
        points = np.asarray(self.dataset["points"][sample], np.float32)
        action = MinMax.fit(commands)
        if self.tcp is not None:
            action = action.with_unit(ROTATION)
        chunks = np.stack([self.window(int(i)).actions for i in sample])
        joints = MinMax.fit(self._small["joints"][observations])
        return Normaliser(action, joints, MinMax.fit(points), float(action.encode(chunks).std()))


def tcp_space(dataset: Dataset, robot: str) -> TcpSpace:
    """The space ``tcp`` of the arm in a data set.

    Raises:
        ConfigError: no such robot.
        DatasetError: its tool is not where the data set's is with the same joints.
        RobotModelError, ChainError: its description cannot be used.
    """
    arm = read_robot(robot)
    away = tools_apart_m(dataset.tool_m, None if dataset.tool_m is None else tool_positions(arm))
    if away > SAME_TOOL_M:
        raise DatasetError(
            dataset.path,
            f"is of an arm whose tool is {1e3 * away:.0f} mm away from where {arm.name}'s is with the same joints; "
            "set window.robot to the arm in the data",
        )
    return TcpSpace(arm)
