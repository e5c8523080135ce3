"""What a source prints about a network, and how ours is compared with it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Published:
    """A count as a source prints it; its digits are its precision.

    Attributes
    ----------
    quantity : str
        "macs" or "parameters".
    printed : str
        The figure as printed, as a number: "61706" is exact, "4.2e6" is to two digits.
    source : str
        Author, year and table, or the project and model.
    less : int
        What the source counts and an inference network does not hold: batch normalisation folded into the
        convolutions before it has one parameter less per channel than scale and shift. Negative for what the
        source does not count and we hold: the second bias of ONNX's recurrent layers.
    """

    quantity: str
    printed: str
    source: str
    less: int = 0

    def agrees(self, ours: int) -> bool:
        """Return whether ``ours``, written to the digits of the source, is what the source prints."""
        printed = Decimal(self.printed)
        digit = Decimal((0, (1,), int(printed.as_tuple().exponent)))
        steps = (Decimal(ours + self.less) / digit).to_integral_value(ROUND_HALF_UP)
        return steps * digit == printed
