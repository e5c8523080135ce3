"""Every kernel's cases: the examples of the layers it computes, at awkward folds; what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accel import beats, layers, schedule
from accel.errors import InputError, UnsupportedError
from accel.fixedpoint import Ints
from accel.layers.base import Example
from accel.schedule.base import FoldSpace, KernelSpec, LayerKernel, Stream
from accel.schedule.fifo import Fifo
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.fork import Fork
from accel.schedule.graph import TOP, Link, ScheduleGraph
from accel.schedule.lookup import Lookup

_LANES = (1, 2, 3)
_MOST_TABLES = 3
"""Operators whose tables are tried: a table is a table."""


@dataclass(frozen=True, eq=False)
class Case:
    """A kernel alone, with tensors for it.

    Attributes
    ----------
    name : str
        Unique: kernel, layer, example, lanes, fold, requantiser.
    spec : KernelSpec
    inputs, outputs : tuple of int64 arrays, shape (tensors, beats, lanes)
        Per port: what is sent, and what `Layer.integer` says must come.
    """

    name: str
    spec: KernelSpec
    inputs: tuple[Ints, ...]
    outputs: tuple[Ints, ...]

    @property
    def links(self) -> tuple[Link, ...]:
        """The kernel's ports, each the top's own."""
        enter = (Link((TOP, i), (0, i)) for i in range(len(self.inputs)))
        leave = (Link((0, o), (TOP, o)) for o in range(len(self.outputs)))
        return (*enter, *leave)

    @property
    def graph(self) -> ScheduleGraph:
        """What the stepper interprets."""
        return ScheduleGraph((self.spec.kind,), (self.spec.schedule,), self.links)


def cases(kind: str, tensors: int, seed: int = 0) -> tuple[Case, ...]:
    """Return the cases of a kernel type, the same for the same ``seed``."""
    kernel = schedule.registry()[kind]
    found = (
        _layer_cases(kernel, tensors, seed) if issubclass(kernel, LayerKernel) else _stream_cases(kind, tensors, seed)
    )
    return tuple({case.name: case for case in found}.values())


def _layer_cases(kernel: type[LayerKernel], tensors: int, seed: int) -> Iterator[Case]:
    ops = kernel.ops[:_MOST_TABLES] if kernel is Lookup else kernel.ops
    examples = [(op, e) for op in ops for e in layers.registry()[op].examples()]
    for number, (op, example) in enumerate(examples):
        if kernel.refusal(example.layer) is not None:
            continue
        lanes = [_LANES[(number + port) % len(_LANES)] for port in range(len(example.shapes))]
        try:
            space = kernel.fold_space(example.layer, example.shapes, lanes)
        except UnsupportedError:
            continue
        spec = None
        for fold, form in _folds(space, number):
            try:
                case = layer_case(kernel, op, example, lanes, fold, form, tensors, seed)
            except UnsupportedError:
                break
            spec = case.spec
            yield case
        if isinstance(spec, LayerKernel) and spec.packing is not None:
            for fold in _packed_folds(space):
                yield layer_case(kernel, op, example, lanes, fold, "serial", tensors, seed)


def _folds(space: FoldSpace, number: int) -> Iterator[tuple[Fold, str]]:
    """Yield folds, each with the form of its requantiser; two by three is ragged for most examples.

    The two largest come in turn, by the example's ``number``. Kernels of several rows a channel are large; they get two
    by three and one other in turn.
    """
    channels, reduction = space.channels, space.reduction
    folds = [
        (1, 1, "serial"),
        (min(2, channels), min(3, reduction), "dsp"),
        (max(1, channels - 1), -(-reduction // 2), "serial"),
        (channels, reduction, "dsp"),
    ]
    if space.macs > 1:
        two_by_three = folds.pop(1)
        folds = [two_by_three, folds[number % len(folds)]]
    else:
        del folds[2 + number % 2]
    for pe, simd, form in folds:
        if not space.whole or channels % pe == 0:
            yield Fold(space.pe or pe, simd), form


def _packed_folds(space: FoldSpace) -> Iterator[Fold]:
    """Yield a fold whose multipliers compute two products each, of an odd number of rows where there can be one."""
    whole = [pe for pe in range(1, space.channels + 1) if not space.whole or space.channels % pe == 0]
    for pe in sorted(whole, key=lambda pe: pe * space.macs % 2 == 0):
        if pe * space.macs > 1:
            yield Fold(pe, -(-space.reduction // 3), packed=True)
            return


def layer_case(
    kernel: type[LayerKernel],
    op: str,
    example: Example,
    lanes: list[int],
    fold: Fold,
    form: str,
    tensors: int,
    seed: int,
) -> Case:
    """Return the case of a kernel for an example of a layer.

    Parameters
    ----------
    kernel : type of LayerKernel
    op : str
        The layer's, for the name.
    example : Example
    lanes : list of int
        Of every input.
    fold : Fold
    form : str
        Of the requantiser: "serial" or "dsp".
    tensors, seed : int
        How many are drawn, and from what.
    """
    place = (example.layer, example.shapes, example.quantizations, example.output, lanes)
    spec = kernel.of(*place, fold=fold)
    if form == "dsp" and example.layer.requantize is not None:
        period = int(spec.schedule.period.max())
        spec = spec.refolded(fold, requantizer=Requantizer.dsp(fold.pe, period))
    shape = example.shapes[0]
    sequence = len(shape) == 2 and bool(kernel.reads_sequence(example.layer, shape))
    arrays = example.inputs(tensors, seed)
    results = example.layer.integer(arrays, example.quantizations)
    built = f"{fold.pe}x{fold.simd}{' packed' * fold.packed} {form}"
    return Case(
        f"{kernel.kind} {op} {example.name}, {'+'.join(map(str, lanes))} lanes, {built}",
        spec,
        tuple(beats.pack(a, s, sequence=sequence) for a, s in zip(arrays, spec.inputs, strict=True)),
        tuple(beats.pack(a, s, sequence=sequence) for a, s in zip(results, spec.outputs, strict=True)),
    )


def _stream_cases(kind: str, tensors: int, seed: int) -> Iterator[Case]:
    streams = (Stream(1, 1, 1, 8, True), Stream(5, 3, 2, 4, False), Stream(7, 4, 4, 8, True))
    for number, stream in enumerate(streams):
        if kind == Fifo.kind:
            specs: list[KernelSpec] = [Fifo(stream, depth) for depth in (1, 3, 16)]
        elif kind == Fork.kind:
            specs = [Fork(stream, len(slots), slots) for slots in ((4, 4), (1, 8), (2, 4, 16))]
        else:
            raise InputError(f"there are no cases for kernel {kind!r}")
        low, high = (-(1 << (stream.bits - 1)), 1 << (stream.bits - 1)) if stream.signed else (0, 1 << stream.bits)
        sent = np.random.default_rng([seed, number]).integers(low, high, (tensors, stream.beats, stream.lanes))
        for variant, spec in enumerate(specs):
            outputs = tuple(sent for _ in spec.outputs)
            yield Case(f"{kind} {number}, variant {variant}", spec, (sent,), outputs)
