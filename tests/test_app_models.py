import pytest

from accel import shipped
from accel.app import models
from accel.errors import InputError


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
