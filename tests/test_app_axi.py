"""What a design says of its AXI wrapper: the C header and the README against the one table."""

import re
import shutil
import subprocess

import pytest

from accel.app import axi, generate
from hdl.axi.registers import Access, table


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("designs") / "mlp"
    return generate.generate("mlp", target="ecp5-25f", budget="multipliers=4", out=out)


def test_the_design_register_is_the_core_s_hash_everywhere(made):
    digest = made.manifest.files["accel_core.v"]
    number = axi.design_hash(digest)
    assert f"{number:08x}" == digest[:8]
    assert f"#define ACCEL_AXI_DESIGN_VALUE 0x{number:X}u" in (made.folder / "accel_axi.h").read_text()
    assert f"| 0x{number:X}. " in (made.folder / "README.md").read_text()
    assert f"{number >> 16:04x}" in (made.folder / "accel_axi.v").read_text()
    assert made.manifest.axi == "accel_axi"


def test_the_header_is_the_table_and_compiles(made, tmp_path):
    text = (made.folder / "accel_axi.h").read_text()
    defined = {
        name: int(value, 0) for name, value in re.findall(r"#define ACCEL_AXI_(\w+) (0x[0-9A-F]+|\d+)u?\b", text)
    }
    for register in table(axi.design_hash(made.manifest.files["accel_core.v"])):
        assert defined.pop(register.name) == register.offset
        for field in register.fields:
            name = register.name
            if field.name != name:
                name += f"_{field.name}"
                assert defined.pop(f"{name}_MASK") == field.mask
                assert defined.pop(f"{name}_SHIFT") == field.lsb
            if field.access is Access.CONSTANT:
                assert defined.pop(f"{name}_VALUE") == field.value
    (stream,) = made.manifest.inputs
    assert defined.pop("S_TENSOR_BEATS") == stream.beats
    assert defined.pop("S_BEAT_BYTES") == stream.tdata_bits // 8
    assert defined.keys() == {"SIZE", "M_TENSOR_BEATS", "M_BEAT_BYTES"}
    if shutil.which("g++"):
        options = ["-fsyntax-only", "-Wall", "-Werror", "-pedantic"]
        subprocess.run(["g++", "-x", "c++", *options, "-"], input=text, text=True, check=True)


def test_the_readme_has_a_row_for_every_field(made):
    rows = re.findall(r"^\| 0x([0-9A-F]{2}) \| `(\w+)` \|", (made.folder / "README.md").read_text(), re.MULTILINE)
    assert rows == [(f"{register.offset:02X}", register.name) for register in table(0) for _ in register.fields]
