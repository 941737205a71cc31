import os
from pathlib import Path

from setuptools import find_packages, setup

NAME = "f2o_bringup"

os.chdir(Path(__file__).parent)


def top_level(folder, pattern):
    """Files of the workspace's top level, as relative paths: colcon refuses absolute ones."""
    workspace = Path(__file__).resolve().parents[2]  # resolved: colcon may run a link to this file
    return sorted(os.path.relpath(path) for path in (workspace / folder).glob(pattern) if path.is_file())


SCENES = ["reach_around"]

setup(
    name=NAME,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/config", top_level("config", "*")),
        (f"share/{NAME}/config/robots", top_level("config/robots", "*.yaml")),
        # policy.yaml names ../checkpoints/reach_around/student.pt: beside config/ here as in the source tree
        *(
            (f"share/{NAME}/checkpoints/{scene}", top_level(f"checkpoints/{scene}", "*.pt"))
            for scene in SCENES
        ),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=True,
    maintainer="f2o maintainers",
    maintainer_email="maintainers@f2o.dev",
    description="The node graph, its configuration, and the f2o command.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            f"f2o = {NAME}.cli:main",
            f"f2o-launch = {NAME}.processes:main",
        ],
        "f2o.commands": [
            *(f"{command} = {NAME}.{command}_node:add" for command in ("call", "doctor", "watch")),
            *(f"{command} = {NAME}.{command}_command:add" for command in ("firewall", "keystore")),
        ],
    },
)
