"""`accel verify` on designs as generated, and on designs with something wrong in them."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from accel import shipped, stalls
from accel.app import cli, folders, generate, manifest, tensors, verify
from accel.errors import CheckError, InputError
from accel.onnx_import import load
from hdl.bench.power_up import without_initial_values
from hdl.faults import Fault

pytestmark = pytest.mark.cocotb
icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")


def run_cli(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return caught.value.code


def rehashed(folder, name):
    """Enter a changed file into the manifest, as a wrong generator would have left it."""
    path = folder / manifest.NAME
    content = json.loads(path.read_text())
    content["files"][name] = folders.sha256(folder / name)
    path.write_text(json.dumps(content))


def spoil_a_weight(folder):
    """Change the sign of a weight of the second layer, as a wrong generator would have."""
    core = folder / "accel_core.v"
    text = core.read_text()
    memory = re.compile(r"module \\accel_core\.k1_dense\.weights.*?\[5\] = \d+'h([0-9a-f])", re.DOTALL).search(text)
    sign_flipped = format(int(memory[1], 16) ^ 8, "x")
    core.write_text(text[: memory.start(1)] + sign_flipped + text[memory.end(1) :])
    rehashed(folder, "accel_core.v")


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    out = tmp_path_factory.mktemp("designs") / "mlp"
    return generate.generate("mlp", target="ecp5-25f", budget="multipliers=4", out=out).folder


@pytest.fixture
def copy(design, tmp_path):
    """Return a copy to spoil; its simulator folder comes along, so that compiling again is quick."""
    return shutil.copytree(design, tmp_path / "mlp")


@pytest.mark.parametrize("pattern", stalls.NAMES)
def test_every_value_and_every_cycle_is_as_predicted_under_any_stalls(design, pattern):
    result = verify.verify(design, shipped.inputs_path("mlp"), samples=12, stalls=pattern, seed=5)
    assert result.passed
    assert (result.values, result.transfers, result.mismatches, result.late) == (12 * 10, 12 * (64 + 10), 0, 0)
    assert result.predicted_cycles == result.counted_cycles


def test_the_command_prints_one_line(design, capsys):
    assert run_cli("verify", design, "--samples", "3", "--stalls", "none", "--seed", "7") == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith(
        "3 tensors (drawn from the inputs' whole range), stalls none, seed 7: 30 values compared, 0 mis"
    )


def test_a_changed_file_is_refused_and_nothing_is_simulated(copy):
    core = copy / "accel_core.v"
    core.write_text(core.read_text() + "\n")
    with pytest.raises(InputError, match=r"'accel_core\.v' .* is not the one that was generated"):
        verify.verify(copy)


def test_a_wrong_weight_is_put_to_its_layer_with_index_values_and_cycle(copy, capsys):
    spoil_a_weight(copy)
    layer = manifest.read(copy).names["k1_dense"]
    assert run_cli("verify", copy, "--samples", "8", "--input", shipped.inputs_path("mlp")) == 1
    out, err = capsys.readouterr()
    assert " 0 of " in out
    assert " 0 mismatches" not in out
    assert f"the Verilog differs from the model: layer '{layer}', tensor " in err
    assert ", index (" in err
    assert "in cycle " in err


def test_a_plan_with_another_buffer_than_the_verilog_s_is_found_out_by_its_cycles(copy):
    path = copy / "plan.json"
    plan = json.loads(path.read_text())
    plan["kernels"][0]["capacity"] *= 2
    path.write_text(json.dumps(plan))
    rehashed(copy, "plan.json")
    result = verify.verify(copy, shipped.inputs_path("mlp"), samples=8, stalls="none")
    assert result.mismatches == 0
    assert result.late > 0
    with pytest.raises(CheckError, match="moved in cycle"):
        result.check()


def rewritten(folder, pattern, replacement):
    """Rewrite the core's text, and return how many places there were."""
    core = folder / "accel_core.v"
    text, count = re.subn(pattern, replacement, core.read_text(), flags=re.MULTILINE)
    core.write_text(text)
    rehashed(folder, "accel_core.v")
    return count


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn_small", "gru"])
def test_a_tensor_sent_again_and_again_gives_the_same_every_time_at_one_interval(tmp_path, name):
    made = generate.generate(name, target="ecp5-85f", budget="multipliers=24", out=tmp_path / name)
    with np.load(shipped.inputs_path(name)) as data:
        ((key, values),) = data.items()
    batch_axis = load(made.folder / manifest.MODEL).tensors[key].batch_axis
    again = np.repeat(values.take([0], batch_axis), 8, batch_axis)
    simulation = verify.subject(made, {key: again}, samples=8, stalls="none").prepare()
    (seen,) = simulation.bench.run([simulation.drive], limit_cycles=2 * simulation.predicted_cycles)
    (output,) = seen.outputs
    outputs = output.values.reshape(8, -1)
    assert len(np.unique(outputs[0])) > 2
    assert (outputs == outputs[0]).all()
    ends = output.cycles.reshape(8, -1)[:, -1]
    assert np.diff(ends)[-3:].tolist() == 3 * [made.manifest.interval_cycles]


def powered_up(folder):
    """Take the initial values away: registers and memories start as x, and an x at a port is an error."""
    core = folder / "accel_core.v"
    core.write_text(without_initial_values(core.read_text()))
    rehashed(folder, "accel_core.v")


def test_after_resets_at_random_moments_all_is_exact(design, capsys):
    assert run_cli("verify", design, "--resets", "4", "--samples", "3") == 0
    out = capsys.readouterr().out
    assert out.startswith("after 4 resets in other traffic, 3 tensors")
    moments = verify.verify(design, samples=3, resets=4).resets
    assert len(set(moments)) == 4
    with pytest.raises(InputError, match="resets must be 0 to 1,000, not -1"):
        verify.verify(design, resets=-1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cnn_small", "resnet_tiny"])
def test_after_resets_convolutions_and_residuals_are_exact(tmp_path, name):
    design = generate.generate(name, target="ecp5-85f", budget="multipliers=24", out=tmp_path / name)
    result = verify.verify(design, shipped.inputs_path(name), samples=2, resets=3, seed=4)
    print(f"{name}: {result}")
    assert result.passed


def test_what_a_reset_forgets_is_found_out(copy):
    """Every register has an initial value besides, so that the design starts right."""
    assert rewritten(copy, r"^(    if )\(rst\)", r"\1(1'b0)") > 50
    assert verify.verify(copy, samples=3).passed
    result = verify.verify(copy, samples=3, resets=1)
    assert result.mismatches
    assert result.late


UNRESET = ("none", "active", "ahead_0", "finished", "first")
"""Registers that lose their reset, one name at a time throughout the core."""
READS_FAULT = """
  integer fault, file, got;
  initial begin file = $fopen("fault", "r"); got = $fscanf(file, "%d", fault); $fclose(file); end
"""


def losing_one_reset(module):
    """Return a module that reads from the file ``fault`` which of `UNRESET` it has."""
    for number, name in enumerate(UNRESET):
        module = re.sub(
            rf"^    if \(rst\) ({name} |\\{name}\$)", rf"    if (rst & fault != {number}) \1", module, flags=re.M
        )
    return re.sub(r"^module [^;]*;", lambda heading: heading[0] + READS_FAULT, module) if "fault" in module else module


@pytest.mark.slow
def test_a_single_register_that_a_reset_forgets_is_found_out(copy):
    core = copy / "accel_core.v"
    modules = re.split(r"(?=^module )", core.read_text(), flags=re.MULTILINE)
    core.write_text("".join(map(losing_one_reset, modules)))
    rehashed(copy, "accel_core.v")
    simulation = verify.subject(copy, samples=3, seed=11).prepare()
    moments = np.random.default_rng(11).integers(1, simulation.predicted_cycles + 1, 4).tolist()
    for number, name in enumerate(UNRESET):
        (simulation.bench.folder / "fault").write_text(f"{number}\n")
        equal = all(tally.equal for tally in simulation.run(resets=moments).ports)
        assert equal == (name == "none"), name


@icarus
def test_registers_that_are_undefined_before_reset_do_not_matter(copy):
    powered_up(copy)
    result = verify.verify(copy, samples=3, seed=5, simulator="icarus")
    assert result.passed
    assert result.predicted_cycles == result.counted_cycles


@pytest.mark.slow
@icarus
@pytest.mark.parametrize("name", ["cnn_small", "gru"])
def test_networks_whose_registers_are_undefined_before_reset_are_exact(tmp_path, name):
    design = generate.generate(name, target="ecp5-85f", budget="multipliers=24", out=tmp_path / name).folder
    powered_up(design)
    result = verify.verify(design, shipped.inputs_path(name), samples=2, seed=5, simulator="icarus")
    print(f"{name}: {result}")
    assert result.passed


@icarus
@pytest.mark.parametrize(
    ("module", "register", "said"),
    [
        (r"accel_core", "m_beat", "output m carries undefined bits in its transfer 0"),
        (r"accel_core\.k0_dense\.sequencer", "room_0", "input s leaves ready undefined before its transfer 0"),
    ],
)
def test_a_register_without_its_reset_is_seen_undefined(copy, module, register, said):
    core = copy / "accel_core.v"
    unreset = Fault(rf"{module} ?\(", rf"^    if \(rst\) {register} ", f"    if (1'b0) {register} ")
    core.write_text(unreset.planted(core.read_text()))
    powered_up(copy)
    with pytest.raises(CheckError, match=said):
        verify.verify(copy, samples=3, seed=5, simulator="icarus")


@pytest.mark.slow
@pytest.mark.parametrize("simulator", ["verilator", pytest.param("icarus", marks=icarus)])
def test_waves_are_saved(design, tmp_path, simulator):
    waves = tmp_path / "waves.fst"
    assert verify.verify(design, samples=1, waves=waves, simulator=simulator).passed
    assert waves.stat().st_size > 0


@icarus
def test_icarus_counts_what_verilator_counts(design):
    results = [verify.verify(design, samples=2, seed=5, simulator=simulator) for simulator in ("verilator", "icarus")]
    assert results[0] == replace(results[1], simulator="verilator")
    assert results[1].passed


@icarus
def test_icarus_puts_a_wrong_weight_to_its_layer(copy):
    spoil_a_weight(copy)
    result = verify.verify(copy, shipped.inputs_path("mlp"), samples=4, simulator="icarus")
    assert result.mismatches > 0
    assert result.first.what == f"layer '{manifest.read(copy).names['k1_dense']}'"


def test_data_that_does_not_fit_is_refused(design, tmp_path):
    tensors.write_npz(tmp_path / "x.npz", {"x": np.zeros((2, 65), np.float32)})
    with pytest.raises(InputError, match=r"x\.npz': input 'x' must have shape \(n, 64\)"):
        verify.verify(design, tmp_path / "x.npz")
    with pytest.raises(InputError, match="samples must be positive, not 0"):
        verify.verify(design, samples=0)
    with pytest.raises(InputError, match="stall pattern must be one of none, periodic, random, adversarial"):
        verify.verify(design, stalls="nonsense")
    with pytest.raises(InputError, match="simulator must be one of verilator, icarus"):
        verify.verify(design, simulator="modelsim")
    with pytest.raises(InputError, match="made by accel generate"):
        verify.verify(tmp_path)
