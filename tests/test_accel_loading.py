import onnx
import pytest

import accel
from accel import shipped
from accel.app.cli import main
from accel.errors import InputError
from accel.loading import parse_dims
from benchmarks.import_samples import models


def test_a_zoo_name_and_a_file_give_the_same_lenet():
    by_name, by_path = accel.load("lenet-5"), accel.load(shipped.path("lenet5"))
    assert by_name.macs == by_path.macs == 416_520
    assert by_name.parameters == by_path.parameters == 61_706


def test_a_near_name_is_suggested():
    with pytest.raises(InputError, match="did you mean 'resnet50'"):
        accel.load("resnet5O")


def test_a_missing_file_is_named():
    with pytest.raises(InputError, match=r"absent\.onnx"):
        accel.load("absent.onnx")


def test_dimensions_belong_to_onnx_files():
    with pytest.raises(InputError, match=r"\.onnx file only"):
        accel.load("lenet5", dims={"seq": 4})


def test_dimensions_are_read_from_text():
    assert parse_dims(["seq=16", "image.2=48", "a=b=3"]) == {"seq": 16, "image.2": 48, "a=b": 3}
    for wrong in ("seq", "=3", "seq=", "seq=-1", "seq=1.5", "seq=" + "9" * 5000):
        with pytest.raises(InputError, match="NAME=N"):
            parse_dims([wrong])
    with pytest.raises(InputError, match="once"):
        parse_dims(["a=1", "a=2"])


@pytest.mark.parametrize(
    "arguments", [("networks",), ("simulate", "-m", "diannao"), ("compare", "lenet5", "--machines", "diannao")]
)
def test_the_command_line_sizes_open_dimensions(arguments, tmp_path, capsys):
    model = onnx.ModelProto()
    model.CopyFrom(models()["floats.branches"])
    for dim in list(model.graph.input[0].type.tensor_type.shape.dim)[2:]:
        dim.dim_param = "side"
    onnx.save(model, tmp_path / "open.onnx")
    command, *options = arguments
    with pytest.raises(SystemExit) as stop:
        main([command, str(tmp_path / "open.onnx"), *options])
    assert stop.value.code == 2
    assert "--dim x.2=16" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main([command, str(tmp_path / "open.onnx"), *options, "--dim", "side=6"])
    assert stop.value.code == 0
