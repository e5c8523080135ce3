"""The fixed-point formats of an integer recurrent cell, and how a model file carries them.

A quantised recurrent model is a standard ONNX file. What QuantizeLinear cannot say, the formats inside a cell, stands
as JSON in its ``metadata_props`` under ``accel.cell.<node name>``. `docs/recurrent.md` says what each format is for.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, cast

from accel.curves import MAX_INDEX_BITS, MIN_INDEX_BITS
from accel.errors import ModelError, shown
from accel.fixedpoint import FixedPoint

METADATA_PREFIX = "accel.cell."
FORMAT_VERSION = 1

HIDDEN_BITS = (8, 16)
BIAS_GUARD_BITS = 8
"""A bias has this many bits behind the point more than the pre-activation it is added to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFormats:
    """The formats of a recurrent cell's numbers; one set serves both directions.

    Attributes
    ----------
    preactivation : FixedPoint
        Signed; what the sums of a gate row are rounded to, and the input of every activation.
    activations : tuple of FixedPoint
        Output of each activation, in ONNX's order for one direction.
    hidden : FixedPoint
        The hidden state, 8 or 16 bits.
    state : FixedPoint, optional
        The cell state of an LSTM.
    peephole : FixedPoint, optional
        The peephole weights of an LSTM that has them.
    index_bits : int
        Address bits of the activation tables.
    interpolate : bool
        Whether activation tables are interpolated linearly.
    """

    preactivation: FixedPoint
    activations: tuple[FixedPoint, ...]
    hidden: FixedPoint
    state: FixedPoint | None = None
    peephole: FixedPoint | None = None
    index_bits: int
    interpolate: bool = True

    def __post_init__(self) -> None:
        if not self.preactivation.signed:
            raise ModelError("the pre-activation of a recurrent cell must be signed")
        if self.hidden.bits not in HIDDEN_BITS:
            raise ModelError(f"the hidden state must have 8 or 16 bits, not {self.hidden.bits}")

        most = min(MAX_INDEX_BITS, self.preactivation.bits)
        if not MIN_INDEX_BITS <= self.index_bits <= most:
            raise ModelError(f"the tables of a cell must have {MIN_INDEX_BITS} to {most} bits, not {self.index_bits}")

    def to_json(self) -> str:
        """Return the formats as a model's metadata carries them."""
        return json.dumps({"version": FORMAT_VERSION, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> CellFormats:
        """Read the formats back.

        Raises
        ------
        ModelError
            If the text is no JSON, of another version, or not a cell's formats.
        """
        from pydantic import TypeAdapter, ValidationError

        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError):
            raise ModelError("the formats of a recurrent cell must be JSON") from None
        if not isinstance(found, dict):
            raise ModelError("the formats of a recurrent cell must be a JSON object")
        fields = cast("dict[str, Any]", found)
        version = fields.pop("version", None)
        if version != FORMAT_VERSION:
            raise ModelError(
                f"the formats of a recurrent cell must be of version {FORMAT_VERSION}, not {shown(version)}"
            )
        unknown = set(fields) - set(cls.__dataclass_fields__)
        if unknown:
            raise ModelError(f"the formats of a recurrent cell have no field {shown(min(unknown))}")
        try:
            return TypeAdapter(cls).validate_python(fields)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ModelError(f"the formats of a recurrent cell: {shown(where)}: {first['msg'].lower()}") from None
