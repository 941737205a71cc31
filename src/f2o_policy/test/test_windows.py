"""Windows against values computed by hand, the split, the normaliser."""

import numpy as np
import pytest
from f2o_policy.data.augment import AugmentConfig, Draws, disturb_proprio, jitter_colour, shift_views
from f2o_policy.data.batches import load_batch, thin
from f2o_policy.data.normalise import MinMax, Normaliser
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_policy.data.windows import WindowConfig, Windows, interpolate
from toys import observation, write_dataset

MS = 1_000_000


@pytest.fixture
def ramp(tmp_path):
    """One episode: joint 0 is 1 rad/s x time, commands every 10 ms from 0 to 100 ms, observed at 0, 40 and 80 ms."""
    rng = np.random.default_rng(0)
    stamps = np.arange(11) * 10 * MS
    commands = np.zeros((11, 8))
    commands[:, 0] = stamps * 1e-9
    seen = [observation(rng, t * MS, np.array([t * 1e-3 - 0.001] + [0.0] * 6)) for t in (0, 40, 80)]
    with DatasetWriter(tmp_path) as writer:
        writer.add_episode(seen, stamps, commands, {})
    return Dataset(tmp_path)


def test_interpolation_holds_the_ends():
    stamps = np.array([0, 10, 20])
    values = np.array([[0.0], [1.0], [3.0]])
    got = interpolate(stamps, values, np.array([-5, 0, 5, 15, 20, 99]))
    assert got[:, 0].tolist() == [0.0, 0.0, 0.5, 2.0, 3.0, 3.0]
    assert interpolate(stamps[:1], values[:1], np.array([-1, 7]))[:, 0].tolist() == [0.0, 0.0]


def test_a_window_is_the_commands_that_followed_and_then_the_last(ramp):
    window = Windows(ramp, WindowConfig(horizon=4, dt_s=0.025)).window(1)
    assert window.proprio[0] == pytest.approx(0.039)  # measured at 40 ms
    assert window.actions[:, 0] == pytest.approx([0.040, 0.065, 0.090, 0.100])  # 115 ms is past the end


def test_with_a_lag_joints_and_commands_are_later_than_the_images(ramp):
    window = Windows(ramp, WindowConfig(horizon=2, dt_s=0.025)).window(1, lag_ns=20 * MS)
    assert window.observations.tolist() == [1]
    assert window.proprio[0] == pytest.approx(0.059)
    assert window.actions[:, 0] == pytest.approx([0.060, 0.085])
    held = Windows(ramp, WindowConfig(horizon=2, dt_s=0.025)).window(2, lag_ns=20 * MS)
    assert held.proprio[0] == pytest.approx(0.079)  # no joint state after the last observation


def test_windows_do_not_reach_into_the_next_episode(tmp_path):
    data = Dataset(write_dataset(tmp_path, episodes=2))
    windows = Windows(data, WindowConfig(horizon=32, dt_s=0.05))
    last = data["commands"][data.episodes[0].commands[1] - 1]
    assert np.array_equal(windows.window(data.episodes[0].observations[1] - 1).actions[-1], last)


def test_lags_are_drawn_from_the_range(ramp):
    rng = np.random.default_rng(0)
    windows = Windows(ramp, WindowConfig(visual_lag_s=(0.02, 0.08)))
    lags = np.array([windows.draw_lag_ns(rng) for _ in range(2000)]) * 1e-9
    assert lags.min() >= 0.02
    assert lags.max() <= 0.08
    assert lags.mean() == pytest.approx(0.05, abs=0.002)


def test_split_is_by_episode_and_reproducible(tiny_data):
    data = Dataset(tiny_data)
    windows = Windows(data, WindowConfig(validation_fraction=0.25))
    training, validation = windows.split(seed=4)
    assert len(training) == 30
    assert len(validation) == 10
    owner = {e.index: set(range(*e.observations)) for e in data.episodes}
    assert sum(bool(rows & set(validation.tolist())) for rows in owner.values()) == 1
    assert all(
        np.array_equal(a, b) for a, b in zip((training, validation), windows.split(seed=4), strict=True)
    )
    assert len(Windows(data, WindowConfig(validation_fraction=0.0)).split(0)[1]) == 0


def test_the_normaliser_sees_the_training_episodes_alone(tiny_data):
    data = Dataset(tiny_data)
    windows = Windows(data, WindowConfig(validation_fraction=0.25))
    training, _ = windows.split(seed=0)
    fitted = windows.normaliser(training)
    rows = [slice(*e.commands) for e in data.episodes if e.observations[0] in training]
    commands = np.concatenate([data["commands"][r] for r in rows])
    assert np.array_equal(fitted.action.low, commands.min(0))
    assert np.array_equal(fitted.action.high, commands.max(0))
    assert len(commands) < len(data["commands"])


def test_normaliser_round_trip_and_range():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(100, 3)) * [1.0, 1e-3, 50.0] + [5.0, 0.0, -3.0]
    scaling = MinMax.fit(rows)
    encoded = scaling.encode(rows)
    assert encoded.min(0) == pytest.approx([-1, -1, -1])
    assert encoded.max(0) == pytest.approx([1, 1, 1])
    assert scaling.decode(encoded) == pytest.approx(rows, abs=1e-12)


def test_a_constant_dimension_maps_to_zero_and_keeps_its_unit():
    scaling = MinMax.fit(np.array([[0.04, 1.0], [0.04 + 5e-5, 3.0]]))
    encoded = scaling.encode(np.array([[0.04 + 2.5e-5, 2.0]]))
    assert encoded[0] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert scaling.decode(np.array([[1.0, 0.0]]))[0, 0] == pytest.approx(1.04, abs=1e-4)


def test_normaliser_through_its_dictionary():
    limits = MinMax((0.0, 1.0), (1.0, 2.0))
    normaliser = Normaliser(limits, limits, limits, 0.4)
    assert Normaliser.from_dict(normaliser.to_dict()) == normaliser


def test_colour_and_depth_of_a_view_move_together():
    rng = np.random.default_rng(0)
    rgb = np.zeros((4, 2, 9, 9, 3), np.uint8)
    depth = np.zeros((4, 2, 9, 9), np.uint16)
    rgb[:, :, 4, 4], depth[:, :, 4, 4] = 255, 700
    moved_rgb, moved_depth = shift_views(rgb, depth, Draws.of(AugmentConfig(shift_px=2), 4, 2, 8, rng).shift)
    assert np.array_equal(moved_rgb[..., 0] == 255, moved_depth == 700)
    places = {tuple(np.argwhere(view == 700)[0]) for sample in moved_depth for view in sample}
    assert len(places) > 3
    assert all(2 <= r <= 6 and 2 <= c <= 6 for r, c in places)
    same = shift_views(rgb, depth, np.zeros((4, 2, 2), int))
    assert np.array_equal(same[0], rgb)


def test_colour_jitter_is_one_per_sample_and_stays_in_range():
    rng = np.random.default_rng(0)
    rgb = np.full((50, 2, 4, 4, 3), 240, np.uint8)
    draws = Draws.of(AugmentConfig(), 50, 2, 8, rng)
    jittered = jitter_colour(rgb, draws.gain, draws.offset)
    assert (jittered.reshape(50, -1) == jittered[:, 0, 0, 0, :1]).all()
    assert len(np.unique(jittered)) > 5


def test_the_gripper_is_hidden_at_the_given_rate_and_the_arm_is_not():
    rng = np.random.default_rng(0)
    proprio = np.ones((5000, 8), np.float32)
    scaling = MinMax((0.04 - 2.0,) * 8, (0.04 + 2.0,) * 8)
    draws = Draws.of(AugmentConfig(gripper_dropout=0.2, proprio_noise=0.01), 5000, 2, 8, rng)
    out = disturb_proprio(proprio, scaling, draws.noise, draws.hidden)
    hidden = np.float32(0.04 - 2 * 2.0)  # half a range below the lowest width: no gripper has it
    assert (out[:, 7] == hidden).mean() == pytest.approx(0.2, abs=0.02)
    assert out[:, :7].std() == pytest.approx(0.02, rel=0.05)
    assert out[:, :7].mean() == pytest.approx(1.0, abs=1e-3)


def test_points_are_thinned_evenly():
    points = np.arange(12.0).reshape(1, 12, 1).repeat(3, 2)
    assert thin(points, 5)[0, :, 0].tolist() == [0, 2, 4, 6, 8]
    assert thin(points, 12).shape == (1, 12, 3)
    assert thin(points, 5, np.zeros(1)).tolist() == thin(points, 5).tolist()
    late = thin(points.repeat(2, 0), 4, np.array([0.5, 0.9]))  # the second, the third of each three
    assert late[:, :, 0].tolist() == [[1, 4, 7, 10], [2, 5, 8, 11]]


def test_batches_do_not_depend_on_anything_but_the_generator(tiny_data):
    windows = Windows(Dataset(tiny_data), WindowConfig(horizon=8))
    normaliser = windows.normaliser(np.arange(30))
    a, b = (
        load_batch(windows, normaliser, np.array([1, 17]), np.random.default_rng(3), 16, AugmentConfig())
        for _ in range(2)
    )
    assert a.rgb.equal(b.rgb)
    assert a.proprio.equal(b.proprio)
    assert a.actions.shape == (2, 8, 8)
    assert a.points.shape == (2, 16, 3)
