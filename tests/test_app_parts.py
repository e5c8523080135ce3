import json

import pytest

from accel import targets
from accel.app import cli


def run_cli(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    return caught.value.code


def test_every_part_is_listed_with_whether_it_gets_a_bitstream(capsys):
    assert run_cli("targets") == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    listed = {row[0]: row[-1] for row in rows if row and row[0] in targets.registry()}
    assert listed.keys() == targets.registry().keys()
    assert listed["ecp5-85f"] == listed["up5k"] == "yes"
    assert listed["xc7a35t"] == "no"


def test_a_family_means_its_largest_part_and_json_has_every_figure(capsys):
    assert run_cli("targets", "ecp5", "--json") == 0
    part = json.loads(capsys.readouterr().out)
    assert (part["name"], part["dsp"]) == ("ecp5-85f", 156)
    assert run_cli("targets", "--json") == 0
    assert [p["name"] for p in json.loads(capsys.readouterr().out)] == sorted(targets.registry())
    assert run_cli("targets", "up5k") == 0
    assert "iCE40UP5K-SG48I" in capsys.readouterr().out


def test_an_unknown_target_is_refused_with_the_nearest(capsys):
    assert run_cli("targets", "ecp5-25") == 2
    assert capsys.readouterr().err == "accel: error: no target is called 'ecp5-25'; did you mean 'ecp5-25f'?\n"


def test_doctor_names_what_is_missing_and_its_install_line(capsys, monkeypatch):
    from accel import tools

    monkeypatch.setattr(tools, "installed", lambda name: None if name == "cocotb" else "1.2.3")
    assert run_cli("doctor") == 0
    out = capsys.readouterr().out
    assert "cocotb is missing: verify, flow will not work; pip install 'accel-codesign[verify]'" in out
    assert "verilator" in out
