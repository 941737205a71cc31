"""``f2o data-view``: one episode in rerun, as it was seen, commanded, and as a policy would have planned it.

Cameras, depth and cloud; the tool's measured and commanded path; every joint and the gripper, measured against
commanded; and with a policy, at every shown observation, the tool's way in each of its hypotheses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.joints import GRIPPER_WIDTH
from f2o_nodekit.stamps import NS_PER_S
from tqdm import tqdm

from f2o_policy.checkpoint import load_checkpoint
from f2o_policy.data.batches import load_batch
from f2o_policy.data.store import Dataset, Episode
from f2o_policy.errors import DatasetError, PolicyError
from f2o_policy.evaluation.heldout import chunks
from f2o_policy.evaluation.modes import windows_of
from f2o_policy.page import Tool
from f2o_policy.training.checks import check_cameras

HYPOTHESES, BLOCK = 16, 32  # plans of an observation; observations planned at a time
PATH_POINTS = 400
MEASURED, COMMANDED, PLANNED = [70, 130, 180], [230, 120, 30], [120, 190, 90]


def view_episode(
    data: Path, number: int, out: Path | None, policy: Path | None = None, every: int = 1
) -> int:
    """Write episode ``number`` to the file ``out`` (.rrd), or show it in rerun's viewer; returns how much is shown.

    ``policy`` is a run or checkpoint whose plans are drawn, too; of the observations, each ``every``-th is shown.

    Raises:
        DatasetError: no such episode. CheckpointError: the policy sees other cameras. PolicyError: rerun is missing.
    """
    dataset = Dataset(data)
    if not 0 <= number < len(dataset.episodes):
        raise DatasetError(data, f"episode {number}: expected 0 to {len(dataset.episodes) - 1}")
    episode = dataset.episodes[number]
    rows = np.arange(*episode.observations)[::every]
    plans = _plans(dataset, policy, rows) if policy else None
    _Recording(dataset, episode, out).write(rows, plans)
    return len(rows)


def _plans(dataset: Dataset, policy: Path, rows: np.ndarray) -> np.ndarray:
    """(N,K,H,D) chunks of ``policy`` for the observations ``rows``, in physical units."""
    checkpoint = load_checkpoint(policy)
    check_cameras(checkpoint, policy, dataset)
    windows, found = windows_of(checkpoint, dataset), []
    for first in tqdm(range(0, len(rows), BLOCK), desc="plan"):
        part = rows[first : first + BLOCK]
        batch = load_batch(windows, checkpoint.normaliser, part, [0] * len(part), checkpoint.points)
        found.append(chunks(checkpoint, batch, HYPOTHESES))
    return np.concatenate(found)


class _Recording:
    """One rerun recording of an episode; its timeline begins with the first observation."""

    def __init__(self, dataset: Dataset, episode: Episode, out: Path | None) -> None:
        try:
            import rerun
            import rerun.blueprint
        except ImportError as error:
            raise PolicyError(f"data-view: needs rerun-sdk ({error}); pip install rerun-sdk") from error
        self._rr, self._data, self._episode = rerun, dataset, episode
        self._tool = Tool(dataset.joint_names)
        self._start_ns = int(dataset["stamps"][episode.observations[0]])
        self._out = rerun.RecordingStream("f2o_episode")
        try:
            self._out.save(str(out)) if out else self._out.spawn()
        except Exception as error:  # from rerun: no window system, no folder
            raise PolicyError(f"data-view: {str(error).splitlines()[0]}") from error
        self._out.send_blueprint(self._blueprint(rerun.blueprint))

    def write(self, rows: np.ndarray, plans: np.ndarray | None) -> None:
        """Log the episode; ``plans`` (N,K,H,D) are of the observations ``rows``."""
        self._out.log(
            "episode", self._rr.TextDocument("\n".join(f"{k}: {v}" for k, v in self._about())), static=True
        )
        self._log_commands()
        for i, row in enumerate(tqdm(rows, desc="view", unit="observation")):
            self._at(int(self._data["stamps"][row]))
            self._log_observation(int(row))
            if plans is not None:
                self._log_plans(plans[i])
        self._out.flush()

    def _about(self) -> list[tuple[str, Any]]:
        return [("data", self._data.path), ("episode", self._episode.index), *self._episode.meta.items()]

    def _at(self, stamp_ns: int) -> None:
        self._out.set_time("episode_time", duration=(stamp_ns - self._start_ns) / NS_PER_S)

    def _log_observation(self, row: int) -> None:
        rr = self._rr
        for view, name in enumerate(self._data.view_names):
            self._out.log(f"cameras/{name}/colour", rr.Image(self._data["rgb"][row, view]))
            if "depth" not in self._data.lacks:
                self._out.log(
                    f"cameras/{name}/depth", rr.DepthImage(self._data["depth_mm"][row, view], meter=1000)
                )
        if "points" not in self._data.lacks:
            points = np.asarray(self._data["points"][row], np.float32)
            self._out.log("scene/cloud", rr.Points3D(points, radii=0.003))
        joints = np.asarray(self._data["joints"][row])
        for name, value in zip((*self._data.joint_names, GRIPPER_WIDTH), joints, strict=True):
            self._out.log(f"joints/{name}/measured", rr.Scalars(float(value)))
        if self._tool.known:
            self._out.log(
                "scene/tool", rr.Points3D([self._tool.positions(joints)], radii=0.012, colors=[MEASURED])
            )

    def _log_commands(self) -> None:
        """The commanded values in time, and both paths of the tool, which stay."""
        rr, sent = self._rr, slice(*self._episode.commands)
        stamps, commands = self._data["command_stamps"][sent], np.array(self._data["commands"][sent])
        times = rr.TimeColumn("episode_time", duration=(stamps - self._start_ns) / NS_PER_S)
        for column, name in enumerate((*self._data.joint_names, GRIPPER_WIDTH)):
            self._out.send_columns(
                f"joints/{name}/commanded",
                indexes=[times],
                columns=rr.Scalars.columns(scalars=commands[:, column]),
            )
        if self._tool.known:
            measured = np.array(self._data["joints"][slice(*self._episode.observations)])
            ways = {"measured": (measured, MEASURED), "commanded": (commands, COMMANDED)}
            for name, (joints, colour) in ways.items():
                path = self._tool.positions(joints[:: -(-len(joints) // PATH_POINTS)])
                self._out.log(
                    f"scene/path/{name}", rr.LineStrips3D([path], radii=0.0015, colors=[colour]), static=True
                )

    def _log_plans(self, hypotheses: np.ndarray) -> None:
        """The tool's way in each of (K,H,D) chunks."""
        if self._tool.known:
            ways = self._tool.positions(hypotheses)
            self._out.log(
                "scene/plan", self._rr.LineStrips3D(list(ways), radii=0.0015, colors=[PLANNED] * len(ways))
            )

    def _blueprint(self, rrb: Any) -> Any:
        cameras = [
            rrb.Spatial2DView(origin=f"cameras/{name}/colour", name=name) for name in self._data.view_names
        ]
        series = [
            rrb.TimeSeriesView(origin=f"joints/{name}", name=name)
            for name in (*self._data.joint_names, GRIPPER_WIDTH)
        ]
        scene = rrb.Vertical(
            rrb.Spatial3DView(origin="scene", name="scene"), rrb.TextDocumentView(origin="episode")
        )
        scene.row_shares = [5, 1]
        return rrb.Blueprint(rrb.Horizontal(rrb.Vertical(*cameras), scene, rrb.Grid(*series, grid_columns=2)))
