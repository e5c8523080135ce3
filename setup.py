"""What pyproject.toml has no word for: the trained models in benchmarks/models travel as accel/shipped_models."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["accel*", "sim*", "hdl*"]), "accel.shipped_models"],
    package_dir={"accel.shipped_models": "benchmarks/models"},
)
