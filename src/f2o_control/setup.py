import os
from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NAME = "f2o_control"

os.chdir(Path(__file__).resolve().parent)  # the globs below are relative: colcon refuses absolute sources

setup(
    name=NAME,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", sorted(glob("../../launch/*.launch.py"))),
        (f"share/{NAME}/config", sorted(glob("../../config/*.yaml"))),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=True,
    maintainer="f2o maintainers",
    maintainer_email="maintainers@f2o.dev",
    description="The only process that may move the arm, and the node graph.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "bridge_node = f2o_control.bridge_node:main",
            "f2o-launch = f2o_control.processes:main",
        ]
    },
)
