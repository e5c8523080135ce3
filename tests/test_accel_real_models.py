"""Models of packages that happen to be installed; docs/real_models.md has the whole table."""

from importlib import metadata
from pathlib import Path

import pytest

from accel.onnx_import import load
from benchmarks.real_models import MODELS, RealModel, largest_error

pytest.importorskip("onnxruntime")


def installed(model: RealModel) -> Path | None:
    try:
        path = Path(str(metadata.distribution(model.package).locate_file(model.file)))
    except metadata.PackageNotFoundError:
        return None
    return path if path.is_file() else None


def test_at_least_five_packages_are_looked_for():
    assert len({model.package for model in MODELS}) >= 5
    assert len({model.file for model in MODELS}) == len(MODELS)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.package} {Path(model.file).name}")
def test_an_installed_model_answers_as_onnxruntime_does(model: RealModel):
    path = installed(model)
    if path is None:
        pytest.skip(f"{model.package} is not installed; python -m benchmarks.real_models reads unpacked packages")
    network = load(path, dims=model.dims)
    error, size = largest_error(path, network)
    assert error <= 1e-3 * max(1.0, size)
