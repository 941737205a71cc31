"""Videos and still images of logged episodes, with shadows and antialiasing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import imageio.v2 as imageio
import mujoco
import numpy as np
from f2o_nodekit.stamps import NS_PER_S
from f2o_sim.statelog import HZ, LoggedEpisode, load_episode
from f2o_sim.world import World, pose
from jaxtyping import Float64, UInt8

from benchmarks.common.scene_renderer import Line, SceneRenderer

WIDTH, HEIGHT = 640, 480
LEAD_S, TAIL_S = 0.4, 0.8  # rest shown before the first motion and after the verdict
MOVES_RAD = 1e-3
LINE_M = 0.0025

Image = UInt8[np.ndarray, "h w 3"]
Colour = tuple[int, int, int]


def render_episodes(log: str | Path, episode_indices: Sequence[int], out_mp4: str | Path) -> None:
    """Render logged episodes one after the other into one video, in real time.

    Raises:
        StateLogError: there is no such log or episode.
        GraphicsError: the machine cannot draw off screen.
    """
    episodes = [load_episode(log, index) for index in episode_indices]
    Path(out_mp4).parent.mkdir(parents=True, exist_ok=True)
    video = imageio.get_writer(out_mp4, fps=HZ, codec="libx264", quality=8, macro_block_size=16)
    with contextlib.closing(video):
        for episode in episodes:
            for frame in _frames(episode):
                video.append_data(frame)


def draw_fan(
    task: str,
    seed: int,
    q: Float64[np.ndarray, " 7"],
    paths: Float64[np.ndarray, "k steps 3"],
    colours: Sequence[Colour],
    caption: str,
) -> Image:
    """Render the scene of ``seed`` with the arm at ``q`` [rad] and K paths of the tool [m] fanned out over it.

    Args:
        task: name of the task.
        seed: of the scene.
        q: arm joints.
        paths: points of the tool centre in the base frame.
        colours: one per path, 0..255.
        caption: written into the upper left corner.

    Raises:
        UnknownTaskError, GraphicsError: there is no such task, or the machine cannot draw off screen.
    """
    world = World(task, seed)
    world.place_arm(q, world.placement.gripper_width)
    renderer = SceneRenderer(world.model, 2 * WIDTH, int(1.5 * HEIGHT))
    try:
        lines = [Line(path, colour, LINE_M) for path, colour in zip(paths, colours, strict=True)]
        return renderer.render(world.data, lines, caption)
    finally:
        renderer.close()


def save_image(image: Image, out_png: str | Path) -> None:
    """Write an image, creating its folders."""
    Path(out_png).parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(out_png, image)


def _frames(episode: LoggedEpisode) -> Iterator[Image]:
    """The frames of one episode; long rests at both ends are cut."""
    world = World(episode.task, episode.seed)
    data = mujoco.MjData(world.model)
    renderer = SceneRenderer(world.model, WIDTH, HEIGHT)
    try:
        for index in _moving(episode):
            pose(world.model, data, episode.state(index))
            yield renderer.render(data, (), _caption(episode, index))
    finally:
        renderer.close()


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
