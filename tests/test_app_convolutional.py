"""Convolutional models that no other test uses, from a float ONNX file to verified Verilog, by the command line."""

import re

import numpy as np
import pytest

import accel
from accel.app import cli, manifest
from accel.plan import Plan
from benchmarks import flow_models
from benchmarks.import_samples.sketch import Sketch

TARGET = "ecp5-25f"


def run_cli(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main([str(a) for a in arguments])
    return caught.value.code


def to_verified_verilog(folder, capsys, model, *widths):
    """Quantise, generate and verify a model; return the integer network and its plan."""
    path, calibration = flow_models.save(model, folder, "m")
    assert run_cli("quantize", path, "--calibration", calibration, "-o", folder / "q.onnx", *widths) == 0
    assert run_cli("generate", folder / "q.onnx", "--target", TARGET, "-o", folder / "out") == 0
    capsys.readouterr()
    code = run_cli("verify", folder / "out", "--samples", 6, "--stalls", "random", "--seed", 2, "--resets", 2)
    said = capsys.readouterr().out
    print(said)
    assert code == 0
    assert re.search(r" [1-9]\S* values compared, 0 mismatches; .* 0 of [1-9]\S* transfers in another cycle", said)
    return accel.load(folder / "q.onnx"), Plan.from_json((folder / "out" / manifest.PLAN).read_text())


def odd_sizes():
    """5x5 with stride 2, 1x3 with dilation, channels 5, 7 and 11, images that are not square."""
    s = Sketch(seed=10)
    x = s.op("Conv", s.input("x", "n", 5, 13, 10), s.weights(7, 5, 5, 5), s.weights(7), strides=[2, 2], pads=[2] * 4)
    x = s.op("Conv", s.op("Relu", x), s.weights(11, 7, 1, 3), s.weights(11), dilations=[1, 2], pads=[0, 2, 0, 1])
    x = s.op("MaxPool", s.op("LeakyRelu", x, alpha=0.1), kernel_shape=[3, 2], strides=[2, 1])
    return s.model(s.op("Gemm", s.op("Flatten", x), s.weights(3, 99), s.weights(3), transB=1))


def autoencoder():
    """One channel, halved twice by convolutions and doubled twice by transposed ones."""
    s = Sketch(seed=11)
    x = s.op("Conv", s.input("x", "n", 1, 12, 8), s.weights(4, 1, 3, 3), s.weights(4), strides=[2, 2], pads=[1] * 4)
    x = s.op("Conv", s.op("Relu", x), s.weights(6, 4, 3, 3), s.weights(6), strides=[2, 2], pads=[1] * 4)
    x = s.op("ConvTranspose", s.op("Relu", x), s.weights(6, 4, 2, 2), s.weights(4), strides=[2, 2])
    x = s.op("ConvTranspose", s.op("Relu", x), s.weights(4, 1, 4, 4), s.weights(1), strides=[2, 2], pads=[1] * 4)
    return s.model(x)


def layers(network, op):
    return [node for node in network.nodes if node.layer.op == op]


@pytest.mark.slow
@pytest.mark.cocotb
def test_a_residual_block_within_another_s_branch(tmp_path, capsys):
    network, plan = to_verified_verilog(tmp_path, capsys, flow_models.nested_resnet())
    halved, inner, outer = layers(network, "Add")
    assert inner.inputs[1] == outer.inputs[1] == halved.outputs[0]
    assert plan.fifos[outer.name][1] > plan.fifos[inner.name][1] > 1
    assert any(n.layer.kernel == (1, 1) and n.layer.stride == (2, 2) for n in layers(network, "Conv"))


@pytest.mark.cocotb
def test_odd_sizes_and_four_bit_weights(tmp_path, capsys):
    network, _ = to_verified_verilog(tmp_path, capsys, odd_sizes(), "--weight-bits", 4)
    for node in layers(network, "Conv") + layers(network, "Dense"):
        assert 0 < np.abs(node.layer.weight).max() < 8
    (first,) = layers(network, "Quantize")
    quantization = network.tensors[first.outputs[0]].quantization
    assert not quantization.signed
    assert quantization.zero_point > 0


@pytest.mark.cocotb
def test_an_autoencoder(tmp_path, capsys):
    network, plan = to_verified_verilog(tmp_path, capsys, autoencoder())
    assert [kernel.kind for kernel in plan.kernels] == ["conv2d", "conv2d", "convtranspose", "convtranspose"]
    assert network.tensors[network.outputs[0]].shape == network.tensors[network.inputs[0]].shape
