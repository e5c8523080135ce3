import json

import pytest

from accel.app import folders, handover, manifest
from accel.errors import InputError

STREAM = manifest.StreamEntry(
    port="image", tensor="im`age\n", shape=(1, 4, 4), pixels=16, channels=1, lanes=1, beats=16, bits=8, signed=False,
    lane_bits=8, tdata_bits=8, scale=0.5, zero_point=3,
)  # fmt: skip


@pytest.fixture
def design(tmp_path):
    (tmp_path / "core.v").write_text("module core; endmodule\n")
    (tmp_path / "plan.json").write_text("{}\n")
    made = manifest.Manifest(
        accel_version="0", network="n", name="n", target="ecp5-25f", family="ecp5", clock_hz=8e7, significand_bits=24,
        top="core", shell="shell", axi="axi", latency_cycles=100, interval_cycles=50, latency_seconds=1.25e-6,
        interval_seconds=6.25e-7, inputs=(STREAM,), outputs=(STREAM,), kernels=(), host=(), resources={"dsp": 1},
        names={"image": "im`age\n"}, files=manifest.hashes(tmp_path),
    )  # fmt: skip
    manifest.write(tmp_path, made)
    return tmp_path


def test_a_design_is_read_back_as_written(design):
    read = manifest.read(design)
    assert read.files == {
        "core.v": folders.sha256(design / "core.v"),
        "plan.json": folders.sha256(design / "plan.json"),
    }
    assert (read.core_file, read.build_top, read.build_files) == ("core.v", "shell", ("core.v", "shell.v"))
    assert read.inputs == (STREAM,)


@pytest.mark.parametrize("name", ["core.v", "plan.json"])
def test_a_changed_missing_or_linked_file_is_refused_by_name(design, name):
    path = design / name
    original = path.read_text()
    path.write_text(original + " ")
    with pytest.raises(InputError, match=f"'{name}' of design .* is not the one"):
        manifest.read(design)
    path.unlink()
    with pytest.raises(InputError, match=f"lacks the file '{name}'"):
        manifest.read(design)
    (design / "elsewhere").write_text(original)
    path.symlink_to(design / "elsewhere")
    with pytest.raises(InputError, match=f"lacks the file '{name}'"):
        manifest.read(design)


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m.update(accel_manifest=2),
        lambda m: m.pop("top"),
        lambda m: m.update(surprise=1),
        lambda m: m["files"].update({"../core.v": "0"}),
        lambda m: m["inputs"][0].update(lanes="many"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused_in_one_line(design, edit):
    path = design / manifest.NAME
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="design") as caught:
        manifest.read(design)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "[]", "{", "\0"])
def test_a_folder_without_a_manifest_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / manifest.NAME).write_text(content)
    with pytest.raises(InputError, match="design"):
        manifest.read(tmp_path)


def test_only_what_accel_wrote_counts_as_ours(design):
    (design / "build").mkdir()
    (design / "notes.txt").write_text("")
    ours = {entry.name for entry in design.iterdir() if manifest.is_ours(entry)}
    assert ours == {"core.v", "plan.json", "manifest.json", "build"}


def test_the_handover_states_the_streams_and_quotes_names_safely(design):
    text = handover.readme(manifest.read(design))
    assert "carries `im?age\\n` (1 x 4 x 4)" in text
    assert "Data: 8 bits, 1 of 8 a lane, 8-bit unsigned integers." in text
    assert "real = (integer - 3) x 0.5" in text
    assert "every 50 cycles (625 ns, 1,600,000 a second)" in text
