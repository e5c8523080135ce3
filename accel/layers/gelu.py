"""GELU: a number times the probability that a normal one is below it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from accel.layers.base import Example
from accel.layers.unary import Reals, Unary


@dataclass(frozen=True, kw_only=True, eq=False)
class Gelu(Unary):
    """``x / 2 * (1 + erf(x / sqrt(2)))``, or its approximation by a hyperbolic tangent.

    Attributes
    ----------
    approximate : bool
        ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x**3)))`` instead.

    References
    ----------
    Hendrycks, Gimpel, "Gaussian Error Linear Units", 2016, section 2.
    """

    op: ClassVar[str] = "Gelu"

    approximate: bool = False

    def function(self, x: Reals) -> Reals:
        if self.approximate:
            return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        erf = np.array([math.erf(value) for value in (x / math.sqrt(2)).flat])
        return x / 2 * (1 + erf.reshape(x.shape))

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return (*cls().awkward(), *cls(approximate=True).awkward("approximate, "))
