"""Films and pictures of what happened, drawn afterwards from the log of states: with shadows and smooth edges."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import imageio.v2 as imageio
import mujoco
import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from jaxtyping import Float64, UInt8

from f2o_sim.statelog import HZ, LoggedEpisode, load_episode
from f2o_sim.studio import Line, Studio
from f2o_sim.world import World, pose

WIDTH, HEIGHT = 640, 480
LEAD_S, TAIL_S = 0.4, 0.8  # stillness shown before the first motion and after the verdict
MOVES_RAD = 1e-3
LINE_M = 0.0025
FALLBACK_COLOURS = ((255, 140, 40), (60, 140, 255))  # left, right

Image = UInt8[np.ndarray, "h w 3"]
Colour = tuple[int, int, int]


def render_episode(
    log: str | Path, episode_index: int, out_mp4: str | Path, lines: Sequence[Line] = ()
) -> None:
    """Draw one logged episode; ``lines`` stay in the scene all along.

    Raises:
        StateLogError: there is no such log or episode.
        GraphicsError: the machine cannot draw off screen.
    """
    render_episodes(log, [episode_index], out_mp4, lines)


def render_episodes(
    log: str | Path, episode_indices: Sequence[int], out_mp4: str | Path, lines: Sequence[Line] = ()
) -> None:
    """Draw logged episodes one after the other into one film, in real time.

    Raises:
        StateLogError, GraphicsError: as ``render_episode``.
    """
    episodes = [load_episode(log, index) for index in episode_indices]
    Path(out_mp4).parent.mkdir(parents=True, exist_ok=True)
    film = imageio.get_writer(out_mp4, fps=HZ, codec="libx264", quality=8, macro_block_size=16)
    with contextlib.closing(film):
        for episode in episodes:
            for frame in _frames(episode, lines):
                film.append_data(frame)


def draw_fan(
    task: str,
    seed: int,
    q: Float64[np.ndarray, " 7"],
    paths: Float64[np.ndarray, "k steps 3"],
    colours: Sequence[Colour] | None = None,
    caption: str = "",
) -> Image:
    """Draw the scene of ``seed`` with the arm at ``q`` [rad] and K paths of the tool [m] fanned out over it.

    Args:
        task: name of the task.
        seed: of the scene.
        q: arm joints.
        paths: points of the tool centre in the base frame.
        colours: one a path, 0..255; by default one colour for each side that a path swings to.
        caption: written into the upper left corner.

    Raises:
        UnknownTaskError, GraphicsError: there is no such task, or the machine cannot draw off screen.
    """
    world = World(task, seed)
    world.place_arm(q, world.placement.gripper_width)
    colours = colours or [FALLBACK_COLOURS[int(path[:, 1].mean() < paths[:, 0, 1].mean())] for path in paths]
    studio = Studio(world.model, 2 * WIDTH, int(1.5 * HEIGHT))
    try:
        lines = [Line(path, colour, LINE_M) for path, colour in zip(paths, colours, strict=True)]
        return studio.draw(world.data, lines, caption)
    finally:
        studio.close()


def save_picture(picture: Image, out_png: str | Path) -> None:
    """Write a picture, with the folders on the way to it."""
    Path(out_png).parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(out_png, picture)


def _frames(episode: LoggedEpisode, lines: Sequence[Line]) -> Iterator[Image]:
    """The frames of one episode, long stillness at both ends cut."""
    world = World(episode.task, episode.seed)
    data = mujoco.MjData(world.model)
    studio = Studio(world.model, WIDTH, HEIGHT)
    try:
        for index in _moving(episode):
            pose(world.model, data, episode.state(index))
            yield studio.draw(data, lines, _caption(episode, index))
    finally:
        studio.close()


def _moving(episode: LoggedEpisode) -> range:
    moved = np.abs(episode.qpos - episode.qpos[0]).max(axis=1) > MOVES_RAD
    first = int(moved.argmax()) - round(LEAD_S * HZ) if moved.any() else 0
    elapsed = (episode.time_ns - episode.time_ns[0]) / NS_PER_S
    last = int(np.searchsorted(elapsed, episode.verdict.elapsed_s + TAIL_S))
    return range(max(0, first), min(last, len(elapsed)))


def _caption(episode: LoggedEpisode, index: int) -> str:
    verdict, elapsed = episode.verdict, (episode.time_ns[index] - episode.time_ns[0]) / NS_PER_S
    text = f"{episode.task}, seed {episode.seed}"
    if elapsed < verdict.elapsed_s:
        return text
    result = "grasped" if verdict.success else "collision" if verdict.collision else "failed"
    return f"{text}: {verdict.side or 'no side'}, {result} after {verdict.elapsed_s:.1f} s"
