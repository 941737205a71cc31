"""The log of every episode's physics states: small, and enough to draw any of it again later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from f2o_sim.errors import StateLogError
from f2o_sim.tasks.base import Verdict
from f2o_sim.world import State, World

HZ = 30.0


@dataclass(frozen=True)
class LoggedEpisode:
    """One episode as it was logged."""

    task: str
    seed: int
    verdict: Verdict
    time_ns: Int64[np.ndarray, " n"]  # simulated, from world.START_NS
    qpos: Float64[np.ndarray, "n nq"]
    mocap: Float64[np.ndarray, "n m 7"]

    def state(self, index: int) -> State:
        """The state number ``index``."""
        return State(int(self.time_ns[index]), self.qpos[index], self.mocap[index])


class StateLog:
    """Collects states; an episode without any command to the robot is dropped."""

    def __init__(self, task: str) -> None:
        self._task = task
        self._episodes: list[tuple[int, Verdict, list[State]]] = []
        self._states: list[State] = []

    def add(self, state: State) -> None:
        """Append one state of the current episode."""
        self._states.append(state)

    def end_episode(self, world: World, commanded: bool) -> None:
        """Close the current episode; ``commanded``: whether the robot got a command."""
        if commanded and self._states:
            self._episodes.append((world.seed, world.verdict, self._states))
        self._states = []

    def save(self, path: str | Path) -> None:
        """Write all closed episodes to an .npz."""
        states = [state for _, _, episode in self._episodes for state in episode]
        lengths = [len(episode) for _, _, episode in self._episodes]
        verdicts = [verdict for _, verdict, _ in self._episodes]
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            task=np.array(self._task),
            episode=np.repeat(np.arange(len(lengths)), lengths),
            seed=np.array([seed for seed, _, _ in self._episodes], np.int64),
            success=np.array([v.success for v in verdicts], bool),
            collision=np.array([v.collision for v in verdicts], bool),
            side=np.array([v.side for v in verdicts], "U8"),
            duration_s=np.array([v.elapsed_s for v in verdicts], np.float64),
            time_ns=np.array([state.time_ns for state in states], np.int64),
            qpos=np.array([state.qpos for state in states], np.float64),
            mocap=np.array([state.mocap for state in states], np.float64),
        )


def load_episode(path: str | Path, index: int) -> LoggedEpisode:
    """The episode number ``index`` (from 0) of a log.

    Raises:
        StateLogError: no such file, not a log, or no such episode.
    """
    try:
        with np.load(path) as file:
            arrays = dict(file)
        count, which = len(arrays["seed"]), arrays["episode"] == index
    except (OSError, ValueError, KeyError) as error:
        raise StateLogError(
            f"state log: {path}: expected an .npz written by sim_node, got {error}"
        ) from error
    if not count:
        raise StateLogError(f"state log: {path}: no robot was told to move while it was written: no episode")
    if not 0 <= index < count:
        raise StateLogError(f"state log: {path}: expected an episode from 0 to {count - 1}, got {index}")
    verdict = Verdict(
        bool(arrays["success"][index]), bool(arrays["collision"][index]), str(arrays["side"][index]), True,
        float(arrays["duration_s"][index]),
    )  # fmt: skip
    chosen = {key: arrays[key][which] for key in ("time_ns", "qpos", "mocap")}
    return LoggedEpisode(str(arrays["task"]), int(arrays["seed"][index]), verdict, **chosen)
