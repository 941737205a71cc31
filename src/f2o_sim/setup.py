from setuptools import find_packages, setup

NAME = "f2o_sim"

setup(
    name=NAME,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    extras_require={"test": ["pytest"]},
    zip_safe=True,
    maintainer="f2o maintainers",
    maintainer_email="maintainers@f2o.dev",
    description="A simulated Franka with three RGB-D cameras, its tasks and their scripted experts.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            f"sim_node = {NAME}.start:sim_node",
            f"expert_node = {NAME}.start:expert_node",
            f"f2o-sim-franka = {NAME}.control_unit.__main__:main",
        ],
        "f2o.commands": [
            f"demonstrate = {NAME}.demonstrate.command:add",
            f"eval = {NAME}.rollout.command:add",
        ],
    },
)
