"""`accel host` against a board: the emitted Verilog simulated, its serial line a terminal that the client opens."""

import json
import random
import re
import sys

import numpy as np
import pytest

from accel import link
from accel.app import cli, generate, host, manifest, session
from accel.app import tensors as data
from accel.errors import CheckError, InputError, ToolError
from hdl import boards, uart

CLOCK_MHZ = 12
"""So that a bit takes few cycles."""


def run_cli(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return caught.value.code


@pytest.fixture(scope="module")
def made(tiny_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("boards") / "tiny"
    return generate.generate(tiny_model, board="ulx3s", clock_mhz=CLOCK_MHZ, budget="multipliers=4", out=out)


@pytest.fixture(scope="module")
def inputs(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.npz"
    data.write_npz(path, {"x": np.random.default_rng(1).normal(0, 1, (12, 2, 6, 8)).astype(np.float32)})
    return path


@pytest.fixture(scope="module")
def board(made, tmp_path_factory):
    from hdl.bench.serial_board import SerialBoard

    described = made.manifest
    files = [made.folder / name for name in described.build_files if name != f"{described.board.pll}.v"]
    return SerialBoard.build(
        files,
        described.build_top,
        tmp_path_factory.mktemp("simulated"),
        divisor=uart.divisor(described.clock_hz, described.board.baud),
        button_low=boards.get(described.board.name).button_low,
    )


def test_a_design_for_a_board_has_its_files_and_says_so(made):
    described = manifest.read(made.folder)
    assert (described.target, described.board.name) == ("ecp5-85f", "ulx3s")
    assert {"accel_board.v", "accel_pll.v", "accel_board.lpf"} <= described.files.keys()
    assert described.build_files == ("accel_core.v", "accel_board.v", "accel_pll.v")
    assert described.clock_hz == CLOCK_MHZ * 1e6
    text = (made.folder / "README.md").read_text()
    assert "the oscillator's 25 MHz become 12 MHz in `accel_pll`" in text
    assert described.board.identity in text


def test_a_target_or_a_board_and_not_both(tiny_model, tmp_path, capsys):
    for both in ([], ["--target", "ecp5", "--board", "ulx3s"]):
        assert run_cli("generate", tiny_model, *both, "-o", tmp_path / "out") == 2
        assert "for a target or for a board: one of the two, and not both" in capsys.readouterr().err
    assert run_cli("flow", tiny_model, "--target", "ecp5", "--board", "ulx3s", "-o", tmp_path / "out") == 2
    assert run_cli("generate", tiny_model, "--board", "ulx3s", "--clock-mhz", "1000", "-o", tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.cocotb
def test_the_whole_system_gives_what_the_reference_gives_in_the_cycles_predicted(made, board, inputs, tmp_path, capsys):
    with board.powered() as port:
        arguments = ("host", made.folder, "--port", port, "--input", inputs)
        assert run_cli(*arguments, "-o", tmp_path / "y.npz") == 0
        said = capsys.readouterr().out
        assert run_cli(*arguments, "--samples", "3") == 0  # a board goes on where another program left it
    assert f"12 tensors through ulx3s at {port}: 60 values compared, 0 mismatches" in said
    assert f"latency {made.manifest.latency_cycles:,} cycles" in said
    assert f", {made.manifest.latency_cycles:,} predicted, counted" in said
    assert run_cli("run", made.folder / "network.onnx", "--input", inputs, "-o", tmp_path / "reference.npz") == 0
    (got,), (wanted,) = (data.read_npz(tmp_path / name).values() for name in ("y.npz", "reference.npz"))
    assert got.dtype == wanted.dtype
    assert np.array_equal(got, wanted)


@pytest.mark.slow
@pytest.mark.synth
def test_a_board_s_bitstream_has_its_pins_and_its_pll_and_states_three_rates(tiny_model, tmp_path, capsys):
    out = tmp_path / "tiny"
    generate.generate(tiny_model, board="icebreaker", budget="multipliers=4", out=out)
    assert run_cli("build", out) == 0
    said = capsys.readouterr().out
    for part in ("MHz meets 24 MHz", " at the clock, ", " at Fmax, ", " through the link"):
        assert part in said
    placed = (out / "build" / "place.log").read_text()
    for port in ("oscillator", "receive", "transmit", "button", "led_ready", "led_error"):
        assert f"constrained '{port}' to bel" in placed
    assert re.search(r"ICESTORM_PLL: +1/", placed)


class FaultyLine:
    """A line that changes, drops and invents bytes, both ways, at the times that ``seed`` draws."""

    def __init__(self, line, seed, rate):
        self.line, self.rate, self.chance = line, rate, random.Random(seed)
        self.faults = 0

    def _spoil(self, sent):
        out = bytearray()
        for byte in sent:
            kind = self.chance.choice(("change", "drop", "invent")) if self.chance.random() < self.rate else ""
            self.faults += bool(kind)
            if kind == "change":
                out.append(byte ^ 1 << self.chance.randrange(8))
            elif kind != "drop":
                out.append(byte)
            if kind == "invent":
                out += self.chance.randbytes(self.chance.randrange(1, 9))
        return bytes(out)

    def read(self):
        return self._spoil(self.line.read())

    def write(self, content):
        self.line.write(self._spoil(content))

    def close(self):
        self.line.close()


@pytest.mark.slow
@pytest.mark.cocotb
@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_the_line_loses_or_damages_is_noticed_and_sent_again(made, board, inputs, monkeypatch, seed):
    lines = []
    open_line = host._opened

    def faulty(port, baud):
        lines.append(FaultyLine(open_line(port, baud), seed, 1 / 400))
        return lines[-1]

    monkeypatch.setattr(host, "_opened", faulty)
    with board.powered() as port:
        result = host.host(made.folder, port, inputs, samples=30, timeout_seconds=0.5)
    assert (result.tensors, result.values, result.mismatches) == (30, 150, 0)
    assert lines[0].faults >= 3
    assert len(result.recoveries) >= 2
    assert set(result.cycles) == {made.manifest.latency_cycles}


@pytest.mark.slow
@pytest.mark.cocotb
def test_a_board_with_another_design_is_refused(made, tiny_model, board, inputs, tmp_path, capsys):
    other = generate.generate(
        tiny_model, board="ulx3s", clock_mhz=CLOCK_MHZ, budget="multipliers=3", out=tmp_path / "other"
    )
    assert other.manifest.board.identity != made.manifest.board.identity
    with board.powered() as port:
        assert run_cli("host", other.folder, "--port", port, "--input", inputs) == CheckError.exit_code
    assert (
        f"the board at {port} holds another design: it says {made.manifest.board.identity}" in capsys.readouterr().err
    )


class ScriptedLine:
    """A line to a board that is played by a function from a body to the bodies that answer it."""

    def __init__(self, answer):
        self.answer, self.decoder, self.back = answer, link.Decoder(), b""

    def read(self):
        back, self.back = self.back, b""
        return back

    def write(self, content):
        for body in self.decoder.feed(content):
            self.back += b"".join(map(link.encode, self.answer(body)))

    def close(self):
        pass


def perfect(described, outputs):
    """Return the answers of a board that holds a design and gives ``outputs`` for its tensors."""
    state = {"bytes": 0, "tensor": 0}
    size = sum(entry.beats * entry.tdata_bits // 8 for entry in described.inputs)

    def answer(body):
        if body[0] == link.ToBoard.RESET:
            state["bytes"] = state["tensor"] = 0
            yield bytes([link.ToHost.READY, body[1]])
        elif body[0] == link.ToBoard.IDENTIFY:
            yield bytes([link.ToHost.IDENTITY, link.VERSION]) + bytes.fromhex(described.board.identity)
        else:
            state["bytes"] += len(body) - link.DATA_HEADER
            if state["bytes"] == size * (state["tensor"] + 1):
                yield bytes([link.ToHost.RESULT, 0, state["tensor"] % 256, 7, 0, 0, 0]) + outputs[state["tensor"]]
                state["tensor"] += 1

    return answer


def test_a_wrong_integer_is_a_failed_check_that_names_it(made, inputs, monkeypatch, capsys):
    wrong = [bytes([1, 2, 3, 4, 5])] * 12
    monkeypatch.setattr(host, "_opened", lambda port, baud: ScriptedLine(perfect(made.manifest, wrong)))
    assert run_cli("host", made.folder, "--port", "scripted", "--input", inputs) == CheckError.exit_code
    said = capsys.readouterr()
    assert "latency 7 cycles" in said.out
    assert "the board differs from the reference: output 'y_QuantizeLinear_Output', tensor 0, index (" in said.err


def test_a_board_that_says_nothing_speaks_another_version_or_loses_everything_is_given_up(made):
    lane = session.Lane(1, 4)

    def talk(answer):
        return session.Session(ScriptedLine(answer), [lane], [lane], 2, timeout_seconds=0.02)

    with pytest.raises(CheckError, match="nothing answers on the serial line: 5 resets"):
        talk(lambda body: []).identify()

    def other(body):
        if body[0] == link.ToBoard.RESET:
            return [bytes([link.ToHost.READY, body[1]])]
        return [bytes([link.ToHost.IDENTITY, 9])] if body[0] == link.ToBoard.IDENTIFY else []

    with pytest.raises(CheckError, match="must speak version 1 of the host link, not 09"):
        talk(other).identify()
    lossy = talk(other)
    with pytest.raises(CheckError, match="tensor 0 did not get through in 6 attempts; the last time nothing came"):
        lossy.run([[bytes(4)]])
    assert len(lossy.recoveries) == 6


def test_what_a_host_cannot_use_is_one_line(made, tiny_model, inputs, tmp_path, monkeypatch, capsys):
    plain = generate.generate(tiny_model, target="ecp5-25f", budget="multipliers=4", out=tmp_path / "plain")
    assert run_cli("host", plain.folder, "--port", "x", "--input", inputs) == InputError.exit_code
    assert "must be made for a board" in capsys.readouterr().err
    assert run_cli("host", made.folder, "--port", tmp_path / "none", "--input", inputs) == InputError.exit_code
    assert "serial port '" in capsys.readouterr().err
    assert run_cli("host", made.folder, "--port", "x", "--input", inputs, "--timeout", "0") == InputError.exit_code
    monkeypatch.setitem(sys.modules, "serial", None)
    assert run_cli("host", made.folder, "--port", "x", "--input", inputs) == ToolError.exit_code
    assert "pyserial is missing; install it: pip install 'accel-codesign[host]'" in capsys.readouterr().err


def test_boards_are_listed_with_their_pins(capsys):
    assert run_cli("boards") == 0
    listed = capsys.readouterr().out
    assert all(f" {name} " in listed for name in boards.registry())
    assert run_cli("boards", "icebreaker") == 0
    assert "set_io -pullup yes receive 6" in capsys.readouterr().out
    assert run_cli("boards", "ulx3s", "--json") == 0
    board = json.loads(capsys.readouterr().out)
    assert (board["part"], board["oscillator_hz"]) == ("LFE5U-85F-6BG381C", 25_000_000)
    assert run_cli("boards", "--json") == 0
    assert [board["name"] for board in json.loads(capsys.readouterr().out)] == sorted(boards.registry())
    assert run_cli("boards", "ulx2s") == 2
    assert capsys.readouterr().err == "accel: error: no board is called 'ulx2s'; did you mean 'ulx3s'?\n"
