"""The history of an instant: the same rule in training windows, in the running policy, and through the engines."""

import dataclasses

import numpy as np
import pytest
import torch
from f2o_policy.data.history import lookback_ns, nearest
from f2o_policy.data.store import Dataset, DatasetWriter
from f2o_policy.data.windows import WindowConfig, Windows
from f2o_policy.model.network import PolicyNetwork
from f2o_policy.runtime.history import HistoryBuffer
from toys import TINY, normaliser, observation

MS = 1_000_000
SEEN = (0, 30, 70, 100, 140, 170)  # ms; joint 0 is the time in seconds


@pytest.fixture
def windows(tmp_path):
    rng = np.random.default_rng(0)
    stamps = np.arange(20) * 10 * MS
    seen = [observation(rng, t * MS, np.array([t * 1e-3] + [0.0] * 6)) for t in SEEN]
    with DatasetWriter(tmp_path) as writer:
        for offset in (0, 10**12):
            moved = [
                observation(rng, o.stamp_ros_ns + offset, o.joint_positions, o.gripper_width) for o in seen
            ]
            writer.add_episode(moved, stamps + offset, np.zeros((20, 8)), {})
    return Windows(Dataset(tmp_path), WindowConfig(horizon=2, history=3, history_dt_s=0.05))


def test_nearest_is_the_nearest_and_the_first_before_all():
    stamps = np.array([0, 30, 70])
    assert nearest(stamps, np.array([-50, 14, 15, 16, 60, 200])).tolist() == [0, 0, 0, 1, 2, 2]
    assert nearest(stamps[:1], np.array([-5, 5])).tolist() == [0, 0]


def test_a_window_holds_the_instants_before_it(windows):
    window = windows.window(5)  # at 170 ms; the instants are 70, 120 and 170 ms
    assert window.observations.tolist() == [2, 3, 5]
    assert window.proprio.reshape(3, 8)[:, 0] == pytest.approx([0.07, 0.12, 0.17])


def test_a_history_does_not_reach_into_the_episode_before(windows):
    window = windows.window(6)
    assert window.observations.tolist() == [6, 6, 6]
    assert window.proprio.reshape(3, 8)[:, 0] == pytest.approx([0.0, 0.0, 0.0])


def test_the_ring_of_the_running_policy_gives_what_training_saw(windows):
    seen, felt = HistoryBuffer(3, 0.05), HistoryBuffer(3, 0.05)
    joints = np.array(windows.dataset["joints"])
    for row, ms in enumerate(SEEN):
        seen.push(ms * MS, np.full(2, row, np.float32))
        felt.push(ms * MS, joints[row])
        window = windows.window(row)
        assert seen.nearest().reshape(3, 2)[:, 0].tolist() == window.observations.tolist()
        assert felt.interpolated() == pytest.approx(window.proprio)


def test_the_ring_forgets_what_no_instant_can_need_and_starts_anew_when_the_clock_is_set_back():
    ring = HistoryBuffer(2, 0.05)
    for ms in range(0, 1000, 10):
        ring.push(ms * MS, np.array([float(ms)]))
    assert len(ring._rows) < 10
    ring.push(5 * MS, np.array([1.0]))
    assert ring.nearest().tolist() == [1.0, 1.0]


def test_a_row_that_comes_twice_does_not_end_the_history():
    ring = HistoryBuffer(2, 0.05)
    for ms in (0, 50, 50):
        ring.push(ms * MS, np.array([float(ms)]))
    assert ring.nearest().tolist() == [0.0, 50.0]


def test_lookback_is_oldest_first():
    assert lookback_ns(3, 0.05).tolist() == [100 * MS, 50 * MS, 0]


def test_a_network_with_history_joins_the_embeddings_of_its_instants():
    torch.manual_seed(0)
    config = dataclasses.replace(TINY, history=2)
    network = PolicyNetwork(config, normaliser(), timed=False).eval()
    frames = torch.arange(4.0)[:, None].expand(4, config.frame_dim)
    stacked = network.stack(frames)
    assert stacked.shape == (2, config.embedding_dim)
    assert stacked[1, [0, -1]].tolist() == [2.0, 3.0]
    chunk = network.head(torch.randn(2, 8, 8), stacked, torch.rand(2, 16))
    assert chunk.shape == (2, 8, 8)
