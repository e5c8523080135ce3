import pytest

from accel.app import folders
from accel.errors import InputError


def ours(entry):
    return entry.name == "manifest.json"


def test_a_folder_is_replaced_whole(tmp_path):
    out = tmp_path / "a" / "b"
    for text in ("first", "second"):
        folders.check_replaceable(out, ours)
        with folders.replacing(out) as fresh:
            (fresh / "manifest.json").write_text(text)
    assert [entry.name for entry in out.iterdir()] == ["manifest.json"]
    assert (out / "manifest.json").read_text() == "second"
    assert [entry.name for entry in out.parent.iterdir()] == ["b"]


def test_a_failure_leaves_everything_as_it_was(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text("old")

    def fail():
        with folders.replacing(out) as fresh:
            (fresh / "manifest.json").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (out / "manifest.json").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_what_is_not_ours_is_never_replaced(tmp_path):
    (tmp_path / "manifest.json").write_text("")
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds 'thesis.tex'"):
        folders.check_replaceable(tmp_path, ours)
    with pytest.raises(InputError, match="must be a folder"):
        folders.check_replaceable(tmp_path / "thesis.tex", ours)
    with pytest.raises(InputError, match="not a writable folder"):
        folders.check_replaceable(tmp_path / "thesis.tex" / "under", ours)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with pytest.raises(InputError, match="link"):
        folders.check_replaceable(link, ours)


def test_sha256_is_the_standard_one(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert folders.sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
