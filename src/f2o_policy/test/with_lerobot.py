"""Run by a Python that has lerobot: loads an export, trains on it, records a data set; prints one JSON object.

python with_lerobot.py load FOLDER | train FOLDER STEPS | record FOLDER
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from lerobot.datasets.lerobot_dataset import LeRobotDataset

FPS, EPISODES, FRAMES, SIDE = 20, 2, 30, 64
STATE = [*(f"fr3_joint{i}" for i in range(1, 8)), "gripper_width"]


def load(folder):
    """What lerobot's own loader makes of the first and the last frame."""
    data = LeRobotDataset("lab/export", root=folder)
    frames = [data[0], data[len(data) - 1]]
    colour = np.round(255 * frames[0]["observation.images.front"].numpy()).astype(np.uint8)
    return {
        "episodes": data.num_episodes,
        "frames": len(data),
        "tasks": sorted({frame["task"] for frame in frames}),
        "action": frames[0]["action"].tolist(),
        "front": hashlib.sha256(np.ascontiguousarray(colour.transpose(1, 2, 0)).tobytes()).hexdigest(),
        "depth_mm": float(frames[0]["observation.depth.front"].max()),
    }


def train(folder, steps):
    """Losses of ACT, one of lerobot's policies, on the colour and the joints of the export."""
    from lerobot.configs.types import FeatureType, PolicyFeature
    from lerobot.policies.act.configuration_act import ACTConfig
    from lerobot.policies.act.modeling_act import ACTPolicy

    torch.manual_seed(0)
    features = json.loads((Path(folder) / "meta/info.json").read_text())["features"]
    side = features["observation.images.front"]["shape"][0]
    inputs = {
        "observation.state": PolicyFeature(FeatureType.STATE, (8,)),
        "observation.images.front": PolicyFeature(FeatureType.VISUAL, (3, side, side)),
    }
    config = ACTConfig(
        input_features=inputs, output_features={"action": PolicyFeature(FeatureType.ACTION, (8,))},
        chunk_size=8, n_action_steps=8, dim_model=64, n_heads=2, dim_feedforward=64, n_encoder_layers=1,
        n_vae_encoder_layers=1, pretrained_backbone_weights=None, device="cpu",
    )  # fmt: skip
    policy = ACTPolicy(config)
    times = [i / json.loads((Path(folder) / "meta/info.json").read_text())["fps"] for i in range(8)]
    data = LeRobotDataset("lab/export", root=folder, delta_timestamps={"action": times})
    loader = torch.utils.data.DataLoader(data, batch_size=4, shuffle=True)
    optimiser, losses = torch.optim.AdamW(policy.parameters(), lr=1e-3), []
    policy.train()
    while len(losses) < steps:
        for batch in loader:
            loss, _ = policy.forward(batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
            if len(losses) == steps:
                break
    return {"losses": losses}


def record(folder):
    """A data set by lerobot's own recorder: colour and depth as videos, states of an FR3."""
    pixel = ["height", "width", "channels"]
    video = {"dtype": "video", "shape": (SIDE, SIDE, 3), "names": pixel}
    depth = {"dtype": "video", "shape": (SIDE, SIDE, 1), "names": pixel, "info": {"is_depth_map": True}}
    joints = {"dtype": "float32", "shape": (8,), "names": STATE}
    features = {
        "observation.images.front": video,
        "observation.images.front_depth": depth,
        "observation.state": joints,
        "action": joints,
    }
    data = LeRobotDataset.create(
        "lab/recorded", FPS, features, root=folder, robot_type="fr3", use_videos=True
    )
    for episode in range(EPISODES):
        for frame in range(FRAMES):
            shade = 4 * frame + 100 * episode
            state = np.array([0.01 * frame] * 7 + [0.04], np.float32)
            data.add_frame({
                "observation.images.front": np.full((SIDE, SIDE, 3), shade, np.uint8),
                "observation.images.front_depth": np.full((SIDE, SIDE, 1), 500 + 10 * frame, np.uint16),
                "observation.state": state, "action": state + np.float32(0.01) * (np.arange(8) < 7),
                "task": f"task {episode}",
            })  # fmt: skip
        data.save_episode()
    data.finalize()
    return {"episodes": EPISODES, "frames": FRAMES}


if __name__ == "__main__":
    verb, folder, *more = sys.argv[1:]
    result = {"load": load, "train": train, "record": record}[verb](folder, *map(int, more))
    print(json.dumps(result))
