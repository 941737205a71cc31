from setuptools import find_packages, setup

NAME = "f2o_policy"

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
    extras_require={"test": ["pytest"], "video": ["av"], "hub": ["huggingface-hub"]},
    zip_safe=True,
    maintainer="f2o maintainers",
    maintainer_email="maintainers@f2o.dev",
    description="The learning system of f2o and its 125 Hz runtime.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "policy_node = f2o_policy.start:policy_node",
        ],
        "f2o.bag.rules": ["perception = f2o_policy.data.rules:perception_problems"],
        "f2o.checks": ["policy = f2o_policy.launch_check:mismatches"],
        "f2o.doctor": ["policy = f2o_policy.doctor:check"],
        "f2o.commands": [
            f"{part} = f2o_policy.commands.{part}:add" for part in ("data", "learning", "judging")
        ],
    },
)
