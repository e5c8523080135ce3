from dataclasses import replace

import numpy as np
import pytest

import accel
from accel import shipped
from accel.app import cli, integers, tensors
from accel.errors import InputError, ModelError
from accel.layers.arg_max import ArgMax
from accel.network import Builder


def run_cli(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return caught.value.code


@pytest.mark.parametrize("name", [n for n in shipped.names() if (shipped.folder() / f"{n}_qdq.onnx").is_file()])
def test_integers_are_within_half_a_point_of_float(name):
    inputs = tensors.read_npz(shipped.inputs_path(name))
    labels = tensors.read_labels(shipped.labels_path(name), len(next(iter(inputs.values()))))
    of_float = integers.measure(accel.load(shipped.path(name)), inputs, labels)
    of_integer = integers.measure(accel.load(shipped.path(f"{name}_qdq")), inputs, labels)
    print(f"{name}: float {of_float}, integer {of_integer}")
    assert of_float.share - of_integer.share <= 0.005


def test_run_writes_the_outputs_of_the_reference_and_prints_accuracy(tmp_path, capsys):
    out = tmp_path / "y.npz"
    arguments = ["--input", shipped.inputs_path("mlp"), "--labels", shipped.labels_path("mlp"), "-o", out]
    assert run_cli("run", "mlp", *arguments) == 0
    line = capsys.readouterr().out
    assert line.startswith("400 samples in ")
    assert "accuracy 98.75 % (395 of 400)" in line
    written = tensors.read_npz(out)
    expected = accel.reference.run(accel.load(shipped.path("mlp_qdq")), tensors.read_npz(shipped.inputs_path("mlp")))
    assert written.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(written[name], expected[name])


def test_quantize_prints_both_accuracies(tmp_path, capsys):
    data = ["--calibration", shipped.calibration_path("mlp"), "--input", shipped.inputs_path("mlp")]
    code = run_cli("quantize", "mlp", *data, "--labels", shipped.labels_path("mlp"), "-o", tmp_path / "q.onnx")
    assert code == 0
    assert "accuracy float 98.75 % (395 of 400), integer 98." in capsys.readouterr().out
    assert accel.load(tmp_path / "q.onnx").is_integer


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_recurrent_models_are_quantised_and_run(tmp_path, capsys, name):
    data = ["--calibration", shipped.calibration_path(name), "--input", shipped.inputs_path(name)]
    labels = ["--labels", shipped.labels_path(name)]
    assert run_cli("quantize", name, *data, *labels, "--hidden-bits", 16, "-o", tmp_path / "q.onnx") == 0
    assert "accuracy float 9" in capsys.readouterr().out
    inputs = ["--input", shipped.inputs_path(name)]
    assert run_cli("run", tmp_path / "q.onnx", *inputs, *labels, "-o", tmp_path / "y.npz") == 0
    assert "400 samples in " in capsys.readouterr().out
    assert run_cli("quantize", name, *data, "--hidden-bits", 12, "-o", tmp_path / "no.onnx") == 2
    assert "hidden_bits must be 8 or 16, not 12" in capsys.readouterr().err


def test_bad_input_is_one_line_exit_2_and_writes_nothing(tmp_path, capsys):
    out = tmp_path / "y.npz"
    assert run_cli("run", "mlp", "--input", tmp_path / "missing.npz", "-o", out) == 2
    assert capsys.readouterr().err.startswith("accel: error: data file ")
    assert run_cli("run", shipped.path("mlp"), "--input", shipped.inputs_path("mlp"), "-o", out) == 2
    assert "is a float model; make an integer one: accel quantize" in capsys.readouterr().err
    assert run_cli("run", "mlp", "--input", shipped.inputs_path("mlp"), "-o", tmp_path / "no" / "y.npz") == 2
    assert run_cli("run", "mlp", "--input", shipped.inputs_path("lenet5"), "-o", out) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_float_model_has_no_integer_reference():
    with pytest.raises(ModelError, match="float model"):
        integers.load_integer(shipped.path("mlp"))


def test_accuracy_follows_the_model_s_batch_axis_and_needs_one_output():
    network = accel.load(shipped.path("mlp_qdq"))
    outputs = {network.outputs[0]: np.eye(3, 10, dtype=np.float32)}
    assert integers.accuracy(network, outputs, np.array([0, 1, 3])).correct == 2
    two = replace(network, outputs=(*network.outputs, network.nodes[0].outputs[0]))
    with pytest.raises(InputError, match="one output"):
        integers.accuracy(two, {}, np.zeros(1, np.int64))


def test_a_network_that_ends_in_argmax_answers_with_the_class():
    b = Builder("choice")
    b.output(b.add(ArgMax(keepdims=False), b.input("x", (10,))))
    network, outputs = b.build(), {"argmax_0": np.array([4, 0, 9])}
    assert integers.accuracy(network, outputs, np.array([4, 1, 9])).correct == 2
    with pytest.raises(InputError, match=r"labels must lie in \[0, 9\], not be 10"):
        integers.accuracy(network, outputs, np.array([4, 1, 10]))


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_that_is_no_class_is_refused(label):
    network = accel.load(shipped.path("mlp_qdq"))
    outputs = {network.outputs[0]: np.eye(3, 10, dtype=np.float32)}
    with pytest.raises(InputError, match=rf"labels must lie in \[0, 9\], not be {label}"):
        integers.accuracy(network, outputs, np.array([0, 1, label]))


@pytest.mark.parametrize("arrays", [{"foo": np.zeros((2, 64), np.float32)}, {"x": np.zeros((), np.float32)}])
def test_inputs_that_do_not_fit_are_refused_also_when_labels_come_with_them(tmp_path, arrays, capsys):
    tensors.write_npz(tmp_path / "x.npz", arrays)
    data = ["--calibration", shipped.calibration_path("mlp"), "--input", tmp_path / "x.npz"]
    assert run_cli("quantize", "mlp", *data, "--labels", shipped.labels_path("mlp"), "-o", tmp_path / "q.onnx") == 2
    assert capsys.readouterr().err.startswith("accel: error: data file ")


def test_too_little_memory_is_one_line(tmp_path, capsys, monkeypatch):
    def exhausted(*_):
        raise MemoryError

    monkeypatch.setattr(integers.reference, "run", exhausted)
    assert run_cli("run", "mlp", "--input", shipped.inputs_path("mlp"), "-o", tmp_path / "y.npz") == 2
    assert "more memory than there is" in capsys.readouterr().err
