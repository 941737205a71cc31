import imageio.v2 as imageio
import numpy as np
import pytest
from f2o_sim.errors import StateLogError
from f2o_sim.statelog import StateLog
from f2o_sim.tasks.base import Verdict

from benchmarks.common.video import draw_fan, render_episodes, save_image


@pytest.fixture
def log(world, tmp_path):
    """Half a second of an arm that nods, then rests."""
    log = StateLog("reach_around")
    world.reset(3)
    for k in range(15):
        world.data.qpos[8] += (
            0.02 if k < 8 else 0.0
        )  # the second joint of the arm, after the cube's seven numbers
        state = world.state()
        log.add(type(state)(state.time_ns + k * 33_333_333, state.qpos, state.mocap))
    world.verdict = Verdict(success=True, side="left", over=True, elapsed_s=0.3)
    log.end_episode(world, commanded=True)
    log.save(tmp_path / "states.npz")
    world.reset(0)
    return tmp_path / "states.npz"


def test_an_episode_becomes_a_film_that_plays(log, tmp_path):
    film = tmp_path / "films" / "one.mp4"
    render_episodes(log, [0], film)
    with imageio.get_reader(film) as reader:
        frames = [np.asarray(frame) for frame in reader]
        assert reader.get_meta_data()["fps"] == 30
    assert len(frames) == 15
    assert frames[0].shape == (480, 640, 3)
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 60


def test_an_episode_that_is_not_there_is_refused_before_anything_is_drawn(log, tmp_path):
    with pytest.raises(StateLogError, match="expected an episode from 0 to 0, got 4"):
        render_episodes(log, [4], tmp_path / "none.mp4")
    assert not (tmp_path / "none.mp4").exists()


def test_a_fan_shows_each_path_in_its_colour(world, tmp_path):
    world.reset(3)
    start = world.tcp_position()
    ends = np.array([[0.5, 0.2, 0.12], [0.5, -0.2, 0.12]])
    paths = start + np.linspace(0, 1, 32)[None, :, None] * (ends - start)[:, None, :]
    image = tmp_path / "images" / "fan.png"
    colours = [(0, 255, 0), (255, 0, 255)]
    save_image(draw_fan("reach_around", 3, world.joint_positions(), paths, colours, "two paths"), image)
    rgb = imageio.imread(image).astype(int)
    assert rgb.shape == (720, 1280, 3)
    green = (rgb[..., 1] > rgb[..., 0] + 80) & (rgb[..., 1] > rgb[..., 2] + 80)
    magenta = (rgb[..., 0] > rgb[..., 1] + 80) & (rgb[..., 2] > rgb[..., 1] + 80)
    assert green.sum() > 300
    assert magenta.sum() > 300
    assert np.argwhere(green)[:, 1].mean() > np.argwhere(magenta)[:, 1].mean(), (
        "left of the arm is right in the image"
    )
