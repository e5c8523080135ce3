"""What errors show of a user's names, and the exit codes they carry."""

import pytest

from accel.errors import AccelError, CheckError, InputError, ToolError, did_you_mean, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [("conv1", "'conv1'"), ("a\nb", r"'a\nb'"), ("\x1b[31m", r"'\x1b[31m'"), ("é", "'é'"), (3, "'3'"), ("", "''")],
)
def test_names_are_quoted_and_controls_escaped(value, text):
    assert shown(value) == text


def test_long_names_are_shortened():
    assert len(shown("x" * 5000)) < 100
    assert len(shown("\n" * 5000)) < 200
    assert shown("/a" * 100 + "/model.onnx").endswith("/model.onnx'")


def test_a_near_name_is_offered_or_all_are_listed():
    assert did_you_mean("resnet5", ["resnet50", "vgg16"]) == "; did you mean 'resnet50'?"
    assert did_you_mean("qqq", ["resnet50", "vgg16"]) == "; known: resnet50, vgg16"


def test_exit_codes():
    codes = {AccelError: 2, InputError: 2, CheckError: 1, ToolError: 3}
    assert {kind: kind("x").exit_code for kind in codes} == codes
