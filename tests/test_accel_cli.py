import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accel.app import cli, files
from accel.errors import InputError


def exit_code(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    return caught.value.code


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"]])
def test_a_wrong_argument_is_one_line_and_exit_2(arguments, capsys):
    assert exit_code(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("accel: error: ")
    assert err.count("\n") == 1
    assert "nonsense" in err


def test_help_and_version_exit_0(capsys):
    assert exit_code("--help") == 0
    assert "Usage: accel" in capsys.readouterr().out
    assert exit_code("--version") == 0
    assert capsys.readouterr().out.startswith("accel ")


def test_help_imports_nothing_heavy_and_is_quick():
    program = (
        "import sys\nfrom accel.app import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numba', 'polars', 'onnx', 'onnxruntime', 'amaranth', 'cocotb', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert time.perf_counter() - start < 3  # 0.2 s alone; the margin is for a loaded machine


def test_a_file_is_written_whole_and_with_ordinary_permissions(tmp_path):
    target = tmp_path / "report.json"
    files.write(target, "first")
    plain = tmp_path / "plain"
    plain.write_text("")
    assert target.stat().st_mode == plain.stat().st_mode
    target.chmod(0o640)
    files.write(target, "second")
    assert target.read_text() == "second"
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["plain", "report.json"]


def test_dash_is_standard_output(capsys):
    files.write("-", "text")
    assert capsys.readouterr().out == "text\n"


def test_bytes_are_no_text_for_standard_output():
    with pytest.raises(InputError, match="must be a file"):
        files.write_bytes("-", b"")


def test_a_link_stays_and_what_it_points_to_is_written(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    files.write(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "text"


def test_a_device_is_written_to_and_never_replaced(tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")  # through a link, so that a mistake costs nothing but the link
    with pytest.raises(InputError, match="No space left"):
        files.write(tmp_path / "full", "text")
    assert (tmp_path / "full").is_char_device()


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not the pipe"):
        files.write(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("path", ["missing/report.json", ".", "plain/under", "nul\0byte", "round"])
def test_a_bad_path_is_refused_in_one_line(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plain").write_text("")
    Path("round").symlink_to("round")
    for refuse in (files.check_writable, lambda p: files.write(p, "text")):
        with pytest.raises(InputError, match="output") as caught:
            refuse(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["sim.py", "hdl/__init__.py"])
def test_something_that_hides_a_package_is_named_in_one_line(tmp_path, kind):
    hiding = tmp_path / kind
    hiding.parent.mkdir(exist_ok=True)
    hiding.write_text("")
    program = "import sys; sys.path.insert(0, ''); from accel.app import cli; cli.main(['--help'])"
    root = str(Path(cli.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"hides accel's package '{Path(kind).parts[0].removesuffix('.py')}'" in done.stderr
