"""Recurrent layers in parts of one direction and one output each; no layer type lives here.

Backwards in time is forwards over the sequence the other way round, turned round again; two directions stand side by
side; the last hidden state is the last step of the sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from accel.errors import UnsupportedError
from accel.layers.base import Part, Shape
from accel.layers.concat import Concat
from accel.layers.recurrent import DIRECTIONS
from accel.layers.reshape import Reshape
from accel.layers.slice import Slice

if TYPE_CHECKING:
    from accel.layers.integer_recurrent import IntegerRecurrent

_SEQUENCE, _LAST, _CELL = 0, 1, 2
"""Outputs as ONNX counts them: every hidden state, the last one, the last cell state."""


def parts_of(layer: IntegerRecurrent, shapes: Sequence[Shape], read: Sequence[int]) -> tuple[Part, ...]:
    """Return the parts of an integer recurrent layer; none if it has one direction, forward, and one output."""
    simple = layer.direction == "forward" and layer.output is not None
    if layer.cell is None or simple:
        return ()
    (steps, features), size = shapes[0], layer.hidden_size
    outputs = tuple(read) if layer.output is None else (layer.output,)
    if {_SEQUENCE, _LAST}.issubset(outputs) and layer.outputs[_SEQUENCE] != layer.outputs[_LAST]:
        raise UnsupportedError(f"{layer.op} has parts only where the sequence and the last state have one format")
    given = _SEQUENCE if _SEQUENCE in outputs else outputs[0]  # by a cell; what else there is are its last steps
    beside = _CELL in outputs and given != _CELL
    parts: list[Part] = []
    for d, step in enumerate(DIRECTIONS[layer.direction]):
        way = "forward" if step > 0 else "backward"
        source: int | str = 0
        if step < 0:
            source = "input backwards"
            parts.append(Part(source, _backwards(steps, features), (0,)))
        states: list[int | str] = list(range(1, len(shapes)))
        if layer.directions > 1:
            own = Slice(start=(d, 0), count=(1, size), step=(1, 1))
            parts += [Part(f"{way} initial {i}", own, (i,)) for i in range(1, len(shapes))]
            states = [f"{way} initial {i}" for i in range(1, len(shapes))]
        cell, cells = f"{way} cell {given}", f"{way} cell {_CELL}"
        further = ((cells, layer.outputs[_CELL].quantization),) if beside else ()
        one = replace(_one(layer, d), output=given, with_cell=beside)
        parts.append(Part(cell, one, (source, *states), layer.outputs[given].quantization, further))
        for output in outputs:
            written, what = (cells, "cell ") if output == _CELL else (cell, "")
            if given != _SEQUENCE:
                parts.append(Part(f"{way} {output}", Reshape(shape=(size,)), (written,)))
                continue
            if output != _LAST:
                parts.append(Part(f"{way} {what}states", Reshape(shape=(steps, size)), (written,)))
            if output == _SEQUENCE:
                # Its own way round in time, which forwards is the way of the layer's output.
                turned = _backwards(steps, size) if step < 0 else Reshape(shape=(steps, size))
                parts.append(Part(f"{way} {output}", turned, (f"{way} states",)))
                continue
            last = Slice(start=(steps - 1, 0), count=(1, size), step=(1, 1))
            parts += [
                Part(f"{way} {what}last", last, (f"{way} {what}states",)),
                Part(f"{way} {output}", Reshape(shape=(size,)), (f"{way} {what}last",)),
            ]
    ways = ["forward" if step > 0 else "backward" for step in DIRECTIONS[layer.direction]]
    for output in outputs if len(ways) > 1 else ():
        sides = Concat(axis=1 if output == _SEQUENCE else 0)
        parts.append(Part(f"both {output}", sides, tuple(f"{way} {output}" for way in ways)))
    for output in outputs:
        shape = (layer.directions, size)
        shape = (steps, *shape) if output == _SEQUENCE else shape
        side = ways[0] if len(ways) == 1 else "both"
        parts.append(Part(f"output {output}", Reshape(shape=shape), (f"{side} {output}",)))
    return tuple(parts)


def _backwards(steps: int, size: int) -> Slice:
    return Slice(start=(steps - 1, 0), count=(steps, size), step=(-1, 1))


def _one(layer: IntegerRecurrent, d: int) -> IntegerRecurrent:
    """Return a direction of a layer as a layer of its own, forwards in time."""
    assert layer.requantize is not None
    rows = len(layer.requantize.scales) // layer.directions
    functions = len(layer.default_activations)
    arrays = {name: getattr(layer, name) for name in layer.weight_shapes()}
    return replace(
        layer,
        direction="forward",
        activations=layer.activations[d * functions : (d + 1) * functions],
        requantize=layer.requantize.part(slice(d * rows, (d + 1) * rows)),
        **{name: array[d : d + 1] for name, array in arrays.items()},
    )
