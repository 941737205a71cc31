"""``f2o data-report``: a page about what a data set demonstrates and whether its recordings are sound.

``paths.png``: every tool path, by strategy. ``signals.png``: gripper, rates, gaps and skew. ``frames.png``: camera
images of one episode of each strategy. ``episodes.png``: the first camera at the start, the middle and the end of every
episode.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from matplotlib import colors
from PIL import Image, ImageDraw
from tqdm import tqdm

from f2o_policy.data.files import write_json, write_text
from f2o_policy.data.store import Dataset, Episode
from f2o_policy.errors import DatasetError
from f2o_policy.page import Tool, figure_of, page

MOVED_M = 0.01  # of the commanded width: an opening or closing of the gripper
STEP_M, LEVEL = 1e-4, 25  # smaller steps keep a level; commands that it lasts at least: 0.2 s at 125 Hz
PATH_POINTS = 80  # of a tool path: enough to draw
FRAMES = 6  # of an episode
THUMBNAIL, EDGE, CAPTION, SHEET = (
    64,
    3,
    13,
    1600,
)  # pixels: of an image, around it, for its title, across the page


@dataclass(frozen=True)
class EpisodeStatistics:
    """One episode in numbers."""

    index: int
    source: str
    strategy: str
    success: str
    duration_s: float
    observation_hz: float
    worst_gap_ms: float  # between two observations
    worst_skew_ms: float  # between the views of one observation
    command_hz: float
    gripper_moves: int
    path_m: float | None  # length of the tool's path; None for an arm of unknown kinematics


def write_data_report(data: Path, out: Path) -> dict[str, Any]:
    """Write report.html, report.json and four images below ``out``; returns the summary.

    An episode that cannot be described is left out and named in the summary.

    Raises:
        DatasetError: ``data`` is no data set, or no episode of it can be described.
    """
    dataset = Dataset(data)
    out.mkdir(parents=True, exist_ok=True)
    tool = Tool(dataset.joint_names)
    paths, facts, left_out = _facts(dataset, tool)
    summary = summarise(facts) | ({"left_out": left_out} if left_out else {})
    draw_paths(out / "paths.png", paths, facts, tool.axes)
    draw_signals(out / "signals.png", dataset, facts)
    draw_frames(out / "frames.png", dataset, facts)
    draw_episodes(out / "episodes.png", dataset, facts)
    about = {"data": str(data), "data_sha256": dataset.sha256, "views": dataset.view_names, **summary}
    write_json(out / "report.json", {**about, "episodes": [asdict(f) for f in facts]})
    images = [out / f"{name}.png" for name in ("paths", "signals", "frames", "episodes")]
    rows = [list(asdict(facts[0])), *([_cell(v) for v in asdict(f).values()] for f in facts)]
    write_text(out / "report.html", page(str(data), images, rows, about))
    return summary


def _facts(dataset: Dataset, tool: Tool) -> tuple[list[np.ndarray], list[EpisodeStatistics], list[str]]:
    """Path and statistics of every episode, and one sentence for each that has none."""
    paths, facts, left_out = [], [], []
    for episode in tqdm(dataset.episodes, desc="tool paths", unit="episode"):
        try:
            path = tool_path(dataset, episode, tool)
            fact = episode_statistics(dataset, episode, path if tool.known else None)
        except Exception as error:  # one episode never ends a batch, whatever is in it
            source = episode.meta.get("source", "no source")
            left_out.append(f"episode {episode.index} ({source}): {type(error).__name__}: {error}")
        else:
            paths.append(path)
            facts.append(fact)
    if not facts:
        raise DatasetError(
            dataset.path, f"none of {len(dataset.episodes)} episodes can be described: {left_out[0]}"
        )
    return paths, facts, left_out


def tool_path(dataset: Dataset, episode: Episode, tool: Tool) -> np.ndarray:
    """Commanded tool positions, (n,3), at ``PATH_POINTS`` times or fewer."""
    commands = dataset["commands"][slice(*episode.commands)]
    rows = np.unique(np.linspace(0, len(commands) - 1, PATH_POINTS).round().astype(int))
    return tool.positions(np.array(commands[rows]))


def episode_statistics(dataset: Dataset, episode: Episode, path: np.ndarray | None) -> EpisodeStatistics:
    """The statistics of one episode, with the ``path`` [m] of its tool."""
    seen, sent = slice(*episode.observations), slice(*episode.commands)
    stamps, views = dataset["stamps"][seen], dataset["view_stamps"][seen]
    gaps = np.diff(stamps)
    return EpisodeStatistics(
        episode.index,
        str(episode.meta.get("source", "")),
        str(episode.meta.get("strategy", "")) or "unnamed",
        str(episode.meta.get("success", "unknown")),
        float(stamps[-1] - stamps[0]) / NS_PER_S,
        _rate(stamps),
        float(gaps.max()) / 1e6 if len(gaps) else 0.0,
        float(np.ptp(views, axis=1).max()) / 1e6,
        _rate(dataset["command_stamps"][sent]),
        gripper_moves(dataset["commands"][sent, -1]),
        None if path is None else float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()),
    )


def gripper_moves(width: np.ndarray) -> int:
    """How often the commanded width [m] changed by more than ``MOVED_M`` and stayed for ``LEVEL`` commands."""
    steps = np.flatnonzero(np.abs(np.diff(width)) > STEP_M)
    bounds = np.concatenate([[-1], steps, [len(width) - 1]])
    levels = [width[last] for first, last in itertools.pairwise(bounds) if last - first >= LEVEL]
    return int((np.abs(np.diff(levels)) > MOVED_M).sum())


def summarise(facts: list[EpisodeStatistics]) -> dict[str, Any]:
    """Counts, medians and worst values over all episodes."""
    return {
        "episodes": len(facts),
        "hours": round(sum(f.duration_s for f in facts) / 3600, 3),
        "strategies": dict(Counter(f.strategy for f in facts)),
        "success": dict(Counter(f.success for f in facts)),
        "by_strategy": {name: _of_strategy(facts, name) for name in sorted({f.strategy for f in facts})},
        "observation_hz_median": round(float(np.median([f.observation_hz for f in facts])), 2),
        "command_hz_median": round(float(np.median([f.command_hz for f in facts])), 2),
        "worst_gap_ms": round(max(f.worst_gap_ms for f in facts), 1),
        "worst_skew_ms": round(max(f.worst_skew_ms for f in facts), 1),
        "without_gripper_moves": [f.index for f in facts if not f.gripper_moves],
    }


def _of_strategy(facts: list[EpisodeStatistics], strategy: str) -> dict[str, Any]:
    """Counts and medians of the episodes of one strategy."""
    mine = [f for f in facts if f.strategy == strategy]
    paths = [f.path_m for f in mine if f.path_m is not None]
    return {
        "episodes": len(mine),
        "success": dict(Counter(f.success for f in mine)),
        "duration_s_median": round(float(np.median([f.duration_s for f in mine])), 2),
        "path_m_median": round(float(np.median(paths)), 3) if paths else None,
        "gripper_moves_median": float(np.median([f.gripper_moves for f in mine])),
    }


def draw_paths(
    path: Path, paths: list[np.ndarray], facts: list[EpisodeStatistics], labels: Sequence[str]
) -> None:
    """From above (x up, y to the left, as seen from behind the robot) and from its right side."""
    figure, (above, side) = figure_of((13.0, 6.0), (1, 2))
    colours = _colours(facts)
    for way, fact in zip(paths, facts, strict=True):
        drawn = {"color": colours[fact.strategy], "alpha": 0.35, "linewidth": 0.9}
        above.plot(way[:, 1], way[:, 0], **drawn)
        side.plot(way[:, 0], way[:, 2], **drawn)
        above.plot(way[-1, 1], way[-1, 0], ".", color=colours[fact.strategy], markersize=4)
    counted = Counter(f.strategy for f in facts)
    for name, colour in colours.items():
        above.plot([], [], color=colour, label=f"{name}: {counted[name]}")
    above.legend()
    above.invert_xaxis()
    above.set(xlabel=labels[1], ylabel=labels[0], title="paths from above", aspect="equal")
    side.set(xlabel=labels[0], ylabel=labels[2], title="from the side", aspect="equal")
    figure.savefig(path, dpi=110)


def draw_signals(path: Path, dataset: Dataset, facts: list[EpisodeStatistics]) -> None:
    """The commanded gripper width of every episode; rates, gaps, skews and durations by episode."""
    figure, axes = figure_of((13.0, 7.0), (2, 3))
    colours = _colours(facts)
    for fact in facts:
        sent = slice(*dataset.episodes[fact.index].commands)
        times = (dataset["command_stamps"][sent] - dataset["command_stamps"][sent.start]) / NS_PER_S
        axes[0].plot(times, dataset["commands"][sent, -1] * 1e3, color=colours[fact.strategy], alpha=0.25)
    axes[0].set(title="commanded gripper width", xlabel="time [s]", ylabel="[mm]")
    shown = {
        "duration [s]": [f.duration_s for f in facts],
        "observations per second": [f.observation_hz for f in facts],
        "commands per second": [f.command_hz for f in facts],
        "longest gap between observations [ms]": [f.worst_gap_ms for f in facts],
        "largest skew between views [ms]": [f.worst_skew_ms for f in facts],
    }
    for axis, (title, values) in zip(axes[1:], shown.items(), strict=True):
        axis.scatter(range(len(values)), values, s=9, c=[colours[f.strategy] for f in facts])
        axis.set(title=title, xlabel="episode", ylim=(0, None))
    figure.savefig(path, dpi=110)


def draw_frames(path: Path, dataset: Dataset, facts: list[EpisodeStatistics]) -> None:
    """One episode of each strategy: every view at ``FRAMES`` times from start to end."""
    chosen = {f.strategy: f.index for f in reversed(facts)}
    views = dataset.view_names
    rows = len(views) * len(chosen)
    figure, axes = figure_of((2.0 * FRAMES, 2.1 * rows), (rows, FRAMES))
    grid = iter(axes)
    for strategy, index in chosen.items():
        first, last = dataset.episodes[index].observations
        shown = np.linspace(first, last - 1, FRAMES).round().astype(int)
        for view, name in enumerate(views):
            for k, row in enumerate(shown):
                axis = next(grid)
                axis.imshow(dataset["rgb"][row, view])
                axis.set(xticks=[], yticks=[])
                if k == 0:
                    axis.set_ylabel(f"{strategy}, episode {index}\n{name}", fontsize=7)
    figure.savefig(path, dpi=110)


def draw_episodes(path: Path, dataset: Dataset, facts: list[EpisodeStatistics]) -> None:
    """Every episode as a strip of three small images of the first view, framed in its strategy's colour."""
    colours = {name: Image.new("RGB", (1, 1), colors.to_hex(c)) for name, c in _colours(facts).items()}
    wide, high = 3 * THUMBNAIL + 2 * EDGE, THUMBNAIL + 2 * EDGE + CAPTION
    columns = max(1, min(SHEET // wide, len(facts)))
    sheet = Image.new("RGB", (columns * wide, -(-len(facts) // columns) * high), "white")
    draw = ImageDraw.Draw(sheet)
    for cell, fact in enumerate(facts):
        x, y = cell % columns * wide, cell // columns * high
        draw.text((x + EDGE, y), f"{fact.index} {fact.strategy} {fact.success}", fill="black")
        frame = colours[fact.strategy].resize((wide - 2, THUMBNAIL + 2 * EDGE))
        sheet.paste(frame, (x, y + CAPTION))
        first, last = dataset.episodes[fact.index].observations
        for k, row in enumerate((first, (first + last) // 2, last - 1)):
            image = Image.fromarray(dataset["rgb"][row, 0]).resize((THUMBNAIL, THUMBNAIL))
            sheet.paste(image, (x + EDGE + k * THUMBNAIL, y + CAPTION + EDGE))
    sheet.save(path)


def _colours(facts: list[EpisodeStatistics]) -> dict[str, str]:
    return {name: f"C{i % 10}" for i, name in enumerate(sorted({f.strategy for f in facts}))}


def _rate(stamps_ns: np.ndarray) -> float:
    if len(stamps_ns) < 2:
        return 0.0
    return (len(stamps_ns) - 1) * NS_PER_S / float(stamps_ns[-1] - stamps_ns[0])


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "-" if value is None else str(value)
