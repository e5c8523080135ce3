import pytest

import accel
from accel import shipped
from accel.errors import InputError


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
