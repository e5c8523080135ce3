"""From steps to a Network: output names, float networks, and integer networks with their borders on the host."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from accel.errors import ModelError, shown
from accel.fixedpoint import ACCUMULATOR_BITS, Quantization
from accel.fold import fold
from accel.layers.arg_max import ArgMax
from accel.layers.base import Layer
from accel.layers.dequantize import Dequantize
from accel.layers.identity import Identity
from accel.layers.integer_recurrent import IntegerRecurrent
from accel.layers.quantize import Quantize
from accel.network import Builder, Network
from accel.onnx_import.graph import naming
from accel.onnx_import.integers import Cluster, cluster_of, integer_cell, integer_layer, island
from accel.onnx_import.lowering import Lowering, Step
from accel.onnx_import.reordering import reordered
from accel.onnx_import.values import Activation, Const


def assemble(lowering: Lowering) -> Network:
    """Return the network that the steps make.

    Raises
    ------
    ModelError
        If an output is constant, or a quantised graph has floating point between its integers.
    """
    _name_outputs(lowering)
    if any(step.kind != "layer" for step in lowering.steps):
        return Assembler(lowering).build()
    builder = _builder(lowering)
    for step in _needed(lowering.steps, lowering.graph.outputs, {}):
        assert step.layer is not None
        with naming(step.node):
            _add(builder, step.name, step.layer, step.inputs, step.outputs)
    return fold(_built(builder, lowering))


def _builder(lowering: Lowering) -> Builder:
    builder = Builder(lowering.graph.name)
    for declared in lowering.graph.inputs:
        value = lowering.tensors[declared.name]
        builder.input(value.name, value.sample, value.quantization, value.batch_axis)
    builder.notes += lowering.notes
    return builder


def _built(builder: Builder, lowering: Lowering) -> Network:
    """Return the network, every tensor's batch axis where the model has it."""
    builder.output(*lowering.graph.outputs)
    network = builder.build()
    tensors = {n: replace(t, batch_axis=lowering.tensors[n].batch_axis) for n, t in network.tensors.items()}
    return replace(network, tensors=tensors)


def _add(
    builder: Builder,
    name: str,
    layer: Layer,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    quantization: Quantization | None = None,
) -> None:
    builder.add(layer, *inputs, name=name, outputs=outputs, quantization=quantization)


def _name_outputs(lowering: Lowering) -> None:
    """Make every graph output a tensor of its own name, renaming where layers were dropped in front of it."""
    inputs = {i.name for i in lowering.graph.inputs}
    outputs = set(lowering.graph.outputs)
    makers = {tensor: node for node in lowering.graph.nodes for tensor in node.outputs}
    renamed: dict[str, str] = {}
    for name in lowering.graph.outputs:
        value = lowering.values[name]
        if isinstance(value, Const):
            raise ModelError(f"graph output {shown(name)} must depend on the inputs, not be constant")
        source = renamed.get(value.name, value.name)
        if source == name:
            continue
        if source in inputs or source in outputs:
            node = makers[name]
            step = Step(node, lowering.fresh(node.name), Identity(), (source,), (name,))
            lowering.append(step, replace(value, name=name))
        else:
            renamed[value.name] = name
            tensor: Activation = replace(lowering.tensors.pop(value.name), name=name, batch_axis=value.batch_axis)
            lowering.tensors[name] = replace(tensor, shape=value.shape)
    if renamed:
        for step in lowering.steps:
            step.inputs = tuple(renamed.get(t, t) for t in step.inputs)
            step.outputs = tuple(renamed.get(t, t) for t in step.outputs)


def _needed(steps: list[Step], outputs: Iterable[str], clusters: dict[int, Cluster]) -> list[Step]:
    """Return the steps that ``outputs`` depend on, a cluster standing for all of its own."""
    needed = set(outputs)
    kept: list[Step] = []
    for step in reversed(steps):
        if needed.intersection(step.outputs):
            kept.append(step)
            cluster = clusters.get(id(step))
            needed.update(step.inputs if cluster is None else cluster.inputs)
    return kept[::-1]


@dataclass(slots=True)
class Assembler:
    """Puts an integer network together.

    Attributes
    ----------
    lowering : Lowering
    clusters : dict of int to Cluster
        By the identity of the QuantizeLinear that ends one.
    hosted : dict of str to (Step, Step)
        Integer tensors made from floating point that itself came from integers, and the step to blame if an integer
        layer reads one, with the QuantizeLinear behind it.
    quantizations : dict of str to Quantization
        Of every integer tensor; narrowed as saturation is folded in.
    used : set of str
        Names that layers of clusters have taken.
    """

    lowering: Lowering
    clusters: dict[int, Cluster] = field(default_factory=dict[int, Cluster])
    hosted: dict[str, tuple[Step, Step]] = field(default_factory=dict[str, "tuple[Step, Step]"])
    quantizations: dict[str, Quantization] = field(default_factory=dict[str, Quantization])
    used: set[str] = field(default_factory=set[str])

    def build(self) -> Network:
        """Return the network."""
        lowering = self.lowering
        lowering.steps = reordered(lowering.steps, lowering.fresh, lowering.tensors, lowering.graph.outputs)
        self._find_clusters()
        steps = _needed(self.lowering.steps, self.lowering.graph.outputs, self.clusters)
        builder = _builder(self.lowering)
        for name, tensor in self.lowering.tensors.items():
            if tensor.quantization is not None:
                self.quantizations[name] = tensor.quantization
        for step in steps:
            with naming(step.node if id(step) not in self.clusters else self.clusters[id(step)].main.node):
                self._emit(builder, step)
        return _built(builder, self.lowering)

    def _find_clusters(self) -> None:
        writers = {tensor: step for step in self.lowering.steps for tensor in step.outputs}
        from_integers: set[str] = set()
        for step in self.lowering.steps:
            if step.kind == "dequantize" or from_integers.intersection(step.inputs):
                from_integers.update(step.outputs)
            blame = next((self.hosted[t] for t in step.inputs if t in self.hosted), None)
            if step.kind == "quantize":
                from_integers.difference_update(step.outputs)
                found = cluster_of(step, writers)
                if isinstance(found, Cluster):
                    blame = next((self.hosted[t] for t in found.inputs if t in self.hosted), None)
                    if blame is not None and found.main.layer is not None:
                        raise island(*blame)
                    self.clusters[id(step)] = found
                elif found is not None and step.inputs[0] in from_integers:
                    blame = (found, step)
            if blame is not None and step.kind != "dequantize":
                self.hosted.update(dict.fromkeys(step.outputs, blame))

    def _emit(self, builder: Builder, step: Step) -> None:
        cluster = self.clusters.get(id(step))
        if cluster is not None and isinstance(cluster.main.layer, IntegerRecurrent):
            self._emit_cell(builder, cluster.main, cluster.main.layer, cluster.inputs)
        elif cluster is not None:
            shapes = [builder.shape(t) for t in cluster.inputs]
            inputs = [self.quantizations[t] for t in cluster.inputs]
            layer, output = integer_layer(cluster, shapes, inputs, self.quantizations[step.outputs[0]])
            self.quantizations[step.outputs[0]] = output
            name = step.name if cluster.main.name in self.used else cluster.main.name
            self.used.add(name)
            _add(builder, name, layer, cluster.inputs, step.outputs, output)
        elif step.kind == "quantize":
            q = self.quantizations[step.outputs[0]]
            if q.bits == ACCUMULATOR_BITS:
                raise ModelError("its operands must be integers that come as they are, not from floating point")
            _add(builder, step.name, Quantize(quantization=q), step.inputs, step.outputs, q)
        elif step.kind == "dequantize":
            q = self.quantizations[step.inputs[0]]
            _add(builder, step.name, Dequantize(quantization=q), step.inputs, step.outputs)
        else:
            self._emit_layer(builder, step)

    def _emit_cell(self, builder: Builder, main: Step, layer: IntegerRecurrent, inputs: tuple[str, ...]) -> None:
        """Add a recurrent layer once: with the one output that is quantised, or else all, some read by nothing."""
        if main.name in self.used:
            return
        self.used.add(main.name)
        lowering = self.lowering
        behind = {
            step.inputs[0]: step.outputs[0]
            for step in lowering.steps
            if id(step) in self.clusters and self.clusters[id(step)].main is main
        }
        wanted = [self.quantizations[behind[name]] if name in behind else None for name in main.outputs]
        integer = integer_cell(main, layer, [self.quantizations[name] for name in inputs], wanted)
        read = [index for index, q in enumerate(wanted) if q is not None]
        if len(read) == 1:  # as most kernels and machines like it: one tensor out
            integer = replace(integer, output=read[0])
        given = range(len(main.outputs)) if integer.output is None else read
        outputs: list[str] = []
        for index in given:
            name, quantization = main.outputs[index], wanted[index] or integer.outputs[index].quantization
            output = behind[name] if name in behind else lowering.fresh(name)
            lowering.tensors[output] = replace(lowering.tensors[name], name=output, quantization=quantization)
            self.quantizations[output] = quantization
            outputs.append(output)
        quantizations = [self.quantizations[name] for name in outputs]
        builder.add(integer, *inputs, name=main.name, outputs=outputs, quantization=quantizations)

    def _emit_layer(self, builder: Builder, step: Step) -> None:
        assert step.layer is not None
        inputs = [self.quantizations.get(t) for t in step.inputs]
        known = [q for q in inputs if q is not None]
        if not known:
            builder.notes.append(f"{step.node}: runs in floating point on the host")
            _add(builder, step.name, step.layer, step.inputs, step.outputs)
            return
        output = self.quantizations[step.outputs[0]]
        if not isinstance(step.layer, ArgMax):  # its result is none of the values it reads
            low, high = min(q.low for q in known), max(q.high for q in known)
            output = replace(output, low=max(low, output.low), high=min(high, output.high))
        self.quantizations[step.outputs[0]] = output
        layer = step.layer.quantized([builder.shape(t) for t in step.inputs], known, output)
        _add(builder, step.name, layer, step.inputs, step.outputs, output)
