"""What every layer type is: shapes, work, weights, float and integer arithmetic, and awkward examples.

A layer is a frozen value that knows no tensor names; a `accel.network.Node` ties it to them. Shapes are those of one
sample, without the batch axis: images ``(c, h, w)`` or ``(c, l)``, vectors ``(c,)``, sequences ``(t, c)``. Arrays
carry the batch axis first: ``(n, c, h, w)``, ``(n, t, c)``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from accel.errors import ModelError, UnsupportedError, shown
from accel.fixedpoint import Ints, Quantization, Requantize
from accel.work import Work

Shape = tuple[int, ...]
Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer(ABC):
    """A layer type's parameters, with or without weights.

    A subclass lives in a file of its own under ``accel/layers`` and is discovered there. Weight fields are named in
    `weight_shapes` and are ``None`` in a network that is only priced. A layer of an integer network holds weights as
    int16 with their zero point already subtracted, bias as int64 at the accumulator's scale, and a `requantize`.
    """

    op: ClassVar[str]
    """The name people see, the ONNX operator's where there is one."""

    requantize: Requantize | None = None
    """The rounding at the output; present in an integer network on every layer that rounds."""

    @abstractmethod
    def infer(self, shapes: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output shapes for input ``shapes``.

        Raises
        ------
        ModelError
            If the inputs do not fit the layer.
        """

    @abstractmethod
    def work(self, shapes: Sequence[Shape]) -> tuple[Work, ...]:
        """Return the Work records of one sample for input ``shapes``."""

    def weight_shapes(self) -> Mapping[str, Shape]:
        """Return the shape of every parameter array the layer has, by field name."""
        return {}

    @abstractmethod
    def forward(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        """Compute in floating point; arrays carry the batch axis first."""

    def integer(self, inputs: Sequence[Array], quantizations: Sequence[Quantization]) -> tuple[Ints, ...]:
        """Compute in exact integers.

        Parameters
        ----------
        inputs : sequence of integer arrays
            The stored integers, zero points included, batch axis first.
        quantizations : sequence of Quantization
            How each input's integers stand for real numbers.

        Returns
        -------
        tuple of int64 arrays
            The stored integers of every output.
        """
        raise UnsupportedError(f"{self.op} has no integer form")

    def quantized(
        self,
        shapes: Sequence[Shape],
        inputs: Sequence[Quantization],
        output: Quantization,
        weight_scale: Array | float = 1.0,
    ) -> Self:
        """Return the integer form of this layer, the one whose `integer` may be called.

        A layer with parameters must already hold them as integers: weights int16, zero point subtracted (with
        ``weight_bits`` set where the layer has it), bias int64 at the accumulator's scale
        ``inputs[0].scale * weight_scale``. All that the integers need besides is worked out here and kept in the
        layer: its `requantize` (a ReLU or Clip behind the layer narrows ``output.low`` and ``output.high``), and the
        ``table`` of a unary operator.

        Parameters
        ----------
        shapes : sequence of shapes
            One per input, per sample.
        inputs : sequence of Quantization
            One per input.
        output : Quantization
            Of every output.
        weight_scale : float or float64 array, shape (out_channels,)
            Of the integer weights, or of the constant operand of an Add, Mul or PRelu.

        Raises
        ------
        UnsupportedError
            If the layer has no integer form.
        ModelError
            If the quantisations do not fit the layer.
        """
        raise UnsupportedError(f"{self.op} has no integer form")

    @classmethod
    @abstractmethod
    def examples(cls) -> tuple[Example, ...]:
        """Return the awkward cases of this layer, run on numpy, in Amaranth's simulator and on emitted Verilog."""

    def transposes(self, shape: Shape) -> bool:
        """Return whether the layer does nothing but exchange the two axes of an input of this shape."""
        return False

    def laid_out(self, lay_out: Callable[[Array], Array]) -> Self:
        """Return the layer with its parameters where the elements of its input now lie; itself if it has none for them.

        Parameters
        ----------
        lay_out : callable
            Spreads a parameter over the shape of the input, and moves it as the input's elements have been.
        """
        return self

    @property
    def is_stateful(self) -> bool:
        """Whether what the integer form makes of a sample depends on the samples before it."""
        return False

    def keeping_state(self, shapes: Sequence[Shape]) -> Self:
        """Return the layer going on with every sample where it left off with the last; itself if it has no states.

        Parameters
        ----------
        shapes : sequence of shapes
            One per input, per sample.

        Raises
        ------
        UnsupportedError
            If it has states that make no sense in the next sample.
        """
        return self

    def parts(self, shapes: Sequence[Shape], read: Sequence[int]) -> tuple[Part, ...]:
        """Return simpler layers that together compute what the integer form does, bit for bit; none if it is simple.

        Parameters
        ----------
        shapes : sequence of shapes
            One per input, per sample.
        read : sequence of int
            Which of the layer's outputs something reads.

        Returns
        -------
        tuple of Part
            In execution order; the last ones write those outputs, one each, in order.

        Raises
        ------
        UnsupportedError
            If there are none that do.
        """
        return ()

    def __post_init__(self) -> None:
        for name, shape in self.weight_shapes().items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise ModelError(f"{self.op} {name} must have shape {shape}, not {np.shape(value)}")

    @property
    def parameters(self) -> int:
        """Number of parameters, whether or not they are present."""
        return sum(math.prod(shape) for shape in self.weight_shapes().values())

    @property
    def has_weights(self) -> bool:
        """Whether every parameter array is present."""
        return all(getattr(self, name) is not None for name in self.weight_shapes())

    def with_random_weights(self, rng: np.random.Generator) -> Self:
        """Return the layer with float32 weights drawn from ``rng``, scaled by fan-in (He et al. 2015)."""
        drawn = {
            name: (
                rng.standard_normal(shape, dtype=np.float32) * np.float32(math.sqrt(2 / max(1, math.prod(shape[1:]))))
            )
            for name, shape in self.weight_shapes().items()
        }
        return replace(self, **drawn)

    def macs(self, shapes: Sequence[Shape]) -> int:
        """Return the multiply-accumulates of one sample."""
        return sum(work.macs for work in self.work(shapes))


@dataclass(frozen=True, slots=True)
class Part:
    """One of the layers that together compute a layer.

    Attributes
    ----------
    name : str
        Unique among the parts of a layer.
    layer : Layer
    inputs : tuple of int or str
        What it reads: inputs of the whole layer by number, outputs of other parts by name.
    quantization : Quantization, optional
        Of its output; by default that of its first input.
    further : tuple of (str, Quantization)
        Names and quantisations of its outputs behind the first, which has the name of the part.
    """

    name: str
    layer: Layer
    inputs: tuple[int | str, ...]
    quantization: Quantization | None = None
    further: tuple[tuple[str, Quantization], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Example:
    """One layer with inputs, small and awkward.

    Attributes
    ----------
    name : str
        Unique within the layer type; a word or two that says what is awkward.
    layer : Layer
        With weights: in its integer form, if it has one.
    shapes : tuple of shapes
        One per input.
    quantizations : tuple of Quantization
        One per input; empty where inputs are floating point.
    output : Quantization, optional
        The output's, where it holds integers.
    """

    name: str
    layer: Layer
    shapes: tuple[Shape, ...]
    quantizations: tuple[Quantization, ...] = ()
    output: Quantization | None = None

    @property
    def is_integer(self) -> bool:
        """Whether the layer goes from integers to integers, so that gateware has a kernel for it."""
        return bool(self.quantizations) and self.output is not None

    def inputs(self, samples: int, seed: int = 0) -> tuple[Array, ...]:
        """Return random inputs, batch axis first.

        Stored integers, with a sample of the highest and one of the lowest of each range, or float32 normal numbers.
        """
        rng = np.random.default_rng(seed)
        if not self.quantizations:
            return tuple(rng.standard_normal((samples, *shape), dtype=np.float32) for shape in self.shapes)
        arrays: list[Array] = []
        for shape, q in zip(self.shapes, self.quantizations, strict=True):
            values = rng.integers(q.low, q.high + 1, (samples, *shape)).astype(q.dtype)
            values[0] = q.high
            if samples > 1:
                values[1] = q.low
            arrays.append(values)
        return tuple(arrays)


def only(shapes: Sequence[Shape], layer: Layer) -> Shape:
    """Return the one input shape of a layer that takes exactly one input."""
    if len(shapes) != 1:
        raise ModelError(f"{layer.op} must have one input, not {len(shapes)}")
    return shapes[0]


def positive(what: str, values: Sequence[int]) -> None:
    """Refuse sizes that are not positive integers."""
    for value in values:
        if value < 1:
            raise ModelError(f"{what} must be positive, not {shown(value)}")
