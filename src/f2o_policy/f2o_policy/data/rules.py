"""What the perception node would make of a bag, for ``f2o bag check``: its pairing, clocks and lags, without pixels."""

from __future__ import annotations

import contextlib
import itertools
import re
from dataclasses import replace
from pathlib import Path

from f2o_bags.decode import Decoder
from f2o_bags.errors import BagsError
from f2o_bags.read import Bag
from f2o_nodekit.config import load_config
from f2o_nodekit.errors import F2oError
from f2o_nodekit.paths import config_file
from f2o_nodekit.robot import read_robot, recorded_names
from f2o_perception.calibration import Calibration, CameraMount
from f2o_perception.config import PerceptionConfig
from f2o_perception.intake import IMAGE, JOINT_STATE

from f2o_policy.data.bags import judge

FEW = 20  # messages of a topic that are looked at for the names of joints
ANYWHERE = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def perception_problems(bag: Bag, perception: Path | None = None) -> list[str]:
    """Why ``f2o convert`` would find no demonstration in a bag; none where it would.

    Args:
        bag: any bag.
        perception: the cell's perception.yaml; None: the installed one, with the views and topics that the bag has.
    """
    try:
        config = load_config(PerceptionConfig, perception or config_file("perception.yaml"))
        calibration = None
        if perception is None:
            if not (views := _views(bag, config)):
                return ["no camera with images of colour and depth"]
            config = _as_recorded(bag, config, views)
            base = read_robot(config.robot).base_frame
            calibration = Calibration({view: CameraMount(base, *ANYWHERE) for view in views})
        judge(bag, config, calibration)
    except F2oError as error:
        return [str(error).removeprefix(f"{bag.path}: ")]
    return []


def _views(bag: Bag, config: PerceptionConfig) -> tuple[str, ...]:
    """Views of which the bag has colour images and depth."""
    before, after = (re.escape(part) for part in config.topics.color.split("{view}"))
    found = []
    for topic, info in bag.topics.items():
        match = re.fullmatch(f"{before}([A-Za-z][A-Za-z0-9_]*){after}", topic)
        depth = bag.topics.get(config.topics.depth.replace("{view}", match[1])) if match else None
        if match and depth is not None and IMAGE == info.definition.name == depth.definition.name:
            found.append(match[1])
    return tuple(found)


def _as_recorded(bag: Bag, config: PerceptionConfig, views: tuple[str, ...]) -> PerceptionConfig:
    """The configuration with the views of the bag and with the topics on which it has the arm's and fingers' joints."""
    robot, topics = read_robot(config.robot), config.topics
    arm = _topic_with(bag, robot.joint_names, topics.joint_states)
    gripper = _topic_with(bag, robot.finger_joint_names, topics.gripper_joint_states)
    topics = replace(topics, joint_states=arm, gripper_joint_states=gripper)
    return replace(config, views=views, topics=topics)


def _topic_with(bag: Bag, names: tuple[str, ...], usual: str) -> str:
    """The topic of joint states with these names: the usual one where the bag has it."""
    if bag.counts.get(usual):
        return usual
    decode = Decoder(bag)
    for topic, info in bag.topics.items():
        if info.definition.name == JOINT_STATE and info.stored(topic) == topic:
            for message in itertools.islice(bag.messages([topic]), FEW):
                with contextlib.suppress(BagsError):
                    have = decode(topic, message.data).name
                    if set(recorded_names(have, names)) <= set(have):
                        return topic
    return usual
