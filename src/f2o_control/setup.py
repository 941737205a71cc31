import os
from pathlib import Path

from setuptools import find_packages, setup

NAME = "f2o_control"

os.chdir(Path(__file__).parent)


def top_level(folder, pattern):
    """Files of the workspace's top level, as relative paths: colcon refuses absolute ones."""
    workspace = Path(__file__).resolve().parents[2]  # resolved: colcon may run a link to this file
    return sorted(os.path.relpath(path) for path in (workspace / folder).glob(pattern) if path.is_file())


setup(
    name=NAME,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", top_level("launch", "*.launch.py")),
    ],
    install_requires=[
        "f2o_nodekit",
        "jaxtyping>=0.3,<0.4",
        "numpy>=1.26.4,<3",
        "pydantic>=2.12,<3",
        "pyyaml>=6.0.1,<7",
    ],
    extras_require={
        "test": ["pytest"],
    },
    zip_safe=True,
    maintainer="f2o maintainers",
    maintainer_email="maintainers@f2o.dev",
    description="The only process that may move the arm.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "bridge_node = f2o_control.start:bridge_node",
        ],
        "f2o.checks": ["udp = f2o_control.launch_check:mismatches"],
    },
)
