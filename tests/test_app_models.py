import pytest

import accel
from accel import shipped
from accel.app import models
from accel.errors import InputError
from benchmarks.import_samples.sketch import Sketch


def test_a_shipped_name_brings_its_data():
    model = models.find("lenet5", integer=True)
    assert model.path == shipped.path("lenet5_qdq")
    assert (model.name, model.inputs) == ("lenet5", shipped.inputs_path("lenet5"))
    assert models.find("lenet5", integer=False).path == shipped.path("lenet5")
    assert models.find("lenet5_qdq", integer=False).path == shipped.path("lenet5_qdq")


def test_a_path_to_a_shipped_model_brings_its_data_too_and_another_file_brings_none(tmp_path):
    path = shipped.path("lenet5_qdq")
    assert models.find(path, integer=True).labels == shipped.labels_path("lenet5")
    copy = tmp_path / "lenet5_qdq.onnx"
    copy.write_bytes(path.read_bytes())
    model = models.find(copy, integer=True)
    assert (model.name, model.path, model.labels) == ("lenet5", copy, None)


def test_open_dimensions_are_fixed_in_a_copy(tmp_path):
    sketch = Sketch()
    proto = sketch.model(sketch.op("Relu", sketch.input("x", "n", 3, "width")))
    path = tmp_path / "open.ONNX"
    path.write_bytes(proto.SerializeToString())
    found = models.find(path, integer=False)
    assert models.sized(found, {}, tmp_path / "none.onnx") is found
    with pytest.raises(InputError, match="no dimension 'height'"):
        models.sized(found, {"height": 5}, tmp_path / "none.onnx")
    assert not (tmp_path / "none.onnx").exists()
    fixed = models.sized(found, {"width": 5}, tmp_path / "fixed.onnx")
    assert accel.load(fixed.path).tensors["x"].shape == (3, 5)
    assert accel.load(path, dims={"width": 5}).tensors["x"].batch_axis == 0
    assert fixed.name == found.name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lenet", "did you mean 'lenet5'"),
        ("nowhere/lenet5", "does not exist"),
        ("lenet5.onnx", "does not exist"),
        ("a\nb", r"a\\nb"),
        ("nul\0", "cannot be read|must be a file"),
        ("", "must be a file"),
        (".", "must be a file, and .* is none"),
    ],
)
def test_what_is_neither_is_refused_in_one_line(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        models.find(name, integer=True)
    assert "\n" not in str(caught.value)
