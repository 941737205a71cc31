import os
from pathlib import Path

from setuptools import find_packages, setup

NAME = "f2o_rt"

os.chdir(Path(__file__).parent)


def config(*patterns):
    """Configuration files of the workspace's top level, as relative paths: colcon refuses absolute ones."""
    folder = Path(__file__).resolve().parents[2] / "config"  # resolved: colcon may run a link to this file
    return sorted(os.path.relpath(path) for pattern in patterns for path in folder.glob(pattern))


setup(
    name=NAME,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        # The real-time PC has no f2o_bringup, which installs these for everybody else.
        (f"share/{NAME}/config", config("receiver.yaml")),
        (f"share/{NAME}/config/robots", config("robots/*.yaml")),
    ],
    install_requires=[
        "f2o_control",
        "f2o_nodekit",
        "jaxtyping>=0.3,<0.4",
        "numpy>=1.26.4,<3",
        "pydantic>=2.12,<3",
        "pyyaml>=6.0.1,<7",
    ],
    extras_require={"test": ["pytest"]},
    zip_safe=True,
    maintainer="f2o maintainers",
    maintainer_email="maintainers@f2o.dev",
    description="The real-time PC's end of f2o's udp path.",
    license="Apache-2.0",
    entry_points={"console_scripts": [f"f2o_rt_receiver = {NAME}.start:main"]},
)
