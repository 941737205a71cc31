import os
from glob import glob

from setuptools import find_packages, setup

NAME = "f2o_teleop"

# The real launch files lie at the top of the workspace; data_files must be relative to this file (colcon-core #616).
os.chdir(os.path.dirname(os.path.abspath(__file__)))

setup(
    name=NAME,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("../../launch/record.launch.py")),
    ],
    entry_points={
        "console_scripts": [
            "teleop_node = f2o_teleop.start:teleop_node",
            "enable_node = f2o_teleop.start:enable_node",
            "recorder_node = f2o_teleop.start:recorder_node",
            "view_node = f2o_teleop.start:view_node",
        ],
        "f2o.commands": [
            "spacemouse = f2o_teleop.device_command:add",
        ],
        "f2o.doctor": ["record = f2o_teleop.doctor:check"],
        "f2o.bag": ["replay = f2o_teleop.replay_command:add"],
    },
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"], "pedal": ["evdev==1.9.2"]},
    zip_safe=True,
    maintainer="f2o maintainers",
    maintainer_email="maintainers@f2o.dev",
    description="SpaceMouse teleoperation with differential inverse kinematics, and a recorder of one bag per episode.",
    license="Apache-2.0",
)
