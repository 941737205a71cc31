"""Annotations of the learning system are checked in every test; fixtures that several files share."""

import dataclasses

import pytest
import torch
from jaxtyping import install_import_hook

# Not the runtime and rollouts: their tests put fakes in the place of checkpoints and engines.
PARTS = ("data", "methods", "model", "training", "checkpoint", "evaluation.modes", "evaluation.statistics")
PARTS += ("action_space", "kinematics")
install_import_hook([f"f2o_policy.{part}" for part in PARTS], "beartype.beartype")

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_config():
    """A configuration whose network trains in milliseconds."""
    from f2o_policy.data.windows import WindowConfig
    from f2o_policy.methods.cfm import CfmOptions
    from f2o_policy.methods.imle import ImleOptions
    from f2o_policy.training.config import Config, SetsConfig, StageConfig
    from toys import TINY

    stage = StageConfig(
        "cfm", steps=6, batch=4, warmup_steps=2, log_every=2, save_every=3, validation_observations=4
    )
    return Config(
        threads=1,
        precision="float32",
        model=TINY,
        window=WindowConfig(horizon=8, validation_fraction=0.25),
        teacher=stage,
        sets=SetsConfig(count=4, observations=12, batch=5, range_margin=1e9),
        student=dataclasses.replace(stage, method="imle"),
        cfm=CfmOptions(steps=4, draws=2),
        imle=ImleOptions(hypotheses=4),
    )


@pytest.fixture(scope="session")
def tcp_config(tiny_config):
    """The same with poses of the tool as actions."""
    return dataclasses.replace(
        tiny_config,
        model=dataclasses.replace(tiny_config.model, action_dim=10),
        window=dataclasses.replace(tiny_config.window, action_space="tcp"),
    )


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """A data set of four episodes, closed."""
    from toys import write_dataset

    return write_dataset(tmp_path_factory.mktemp("data") / "set", episodes=4)
