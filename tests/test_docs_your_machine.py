"""docs/your_machine.md: its code is run as it stands, and its machine obeys the laws."""

import re
from pathlib import Path

import pytest

import accel
import sim
from accel import zoo
from accel.app import cli

DOCUMENT = Path(__file__).parents[1] / "docs" / "your_machine.md"
MACHINE, USE = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "vector.py").write_text(MACHINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_machine_takes_sixty_lines_besides_imports_and_blanks():
    lines = [line for line in MACHINE.splitlines() if line.strip()]
    assert len(lines) <= 60


def test_its_use_in_python_runs(folder, capsys):
    exec(compile(USE, "your_machine.md", "exec"), {})
    assert "mobilenet_v1" in capsys.readouterr().out


def test_its_use_on_the_command_line_runs(folder, capsys):
    commands = re.findall(r"^accel (.*)$", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        with pytest.raises(SystemExit) as done:
            cli.main(command.split())
        assert done.value.code == 0, command
    assert "vector" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["lenet5", "resnet18", "lstm", "dcgan_generator"])
def test_it_obeys_the_laws(folder, name):
    net = zoo.get(name)
    one, many = sim.run(net, "vector.py"), sim.run(net, "vector.py", 16)
    assert one.macs == net.macs
    assert many.macs == 16 * net.macs
    assert one.seconds <= many.seconds <= 16 * one.seconds * (1 + 1e-9)
    for figures in (one, *one.layers):
        assert figures.seconds * (1 + 1e-9) >= figures.roofline_seconds
        assert figures.utilization is None or 0 < figures.utilization <= 1
    assert sim.run(net, "vector.py", bandwidth_gbs=12.8).seconds <= one.seconds
    if name != "lstm":  # its weights do not fit either buffer
        assert sim.run(net, "vector.py", buffer_bytes=64).dram_bytes > one.dram_bytes


def test_a_toml_file_of_it_reads_back(folder):
    from sim.engine.registry import to_toml

    Path("mine.toml").write_text(to_toml(sim.machine("diannao", tn=32)).replace("tn = 32", "tn = 24"))
    mine = sim.machine("mine.toml")
    assert (mine.title, mine.parameters["tn"], mine.parameters["ti"]) == ("mine", 24, 16)
    assert accel.explore(zoo.get("lenet5"), mine, {"ti": [8, 16]}).machine.title == "mine"
