from setuptools import find_packages, setup

NAME = "f2o_nodekit"

setup(
    name=NAME,
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    install_requires=[
        "annotated-types>=0.7,<1",
        "numpy>=1.26.4,<3",
        "pydantic>=2.12,<3",
        "pyyaml>=6.0.1,<7",
        "setuptools",
    ],
    extras_require={"test": ["pytest"]},
    zip_safe=True,
    maintainer="f2o maintainers",
    maintainer_email="maintainers@f2o.dev",
    description="What every f2o node shell stands on.",
    license="Apache-2.0",
)
