"""Many designs in one module, so that one compilation serves them all."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import wiring

from hdl.bench.agents import Design, Port
from hdl.top import Top


class Gallery(wiring.Component):
    """Designs side by side that share nothing but clock and reset.

    Parameters
    ----------
    tops : sequence of Top

    Members
    -------
    c<i>_<member>
        Every member of design ``i``.
    """

    def __init__(self, tops: Sequence[Top]):
        self.tops = tuple(tops)
        super().__init__(
            {
                f"c{i}_{name}": member
                for i, top in enumerate(self.tops)
                for name, member in top.signature.members.items()
            }
        )

    def elaborate(self, platform):
        m = Module()
        for i, top in enumerate(self.tops):
            m.submodules[f"c{i}"] = top
            for name, member in top.signature.members.items():
                inner, outer = getattr(top, name), getattr(self, f"c{i}_{name}")
                m.d.comb += inner.eq(outer) if member.flow == wiring.In else outer.eq(inner)
        return m

    def design(self, module: str) -> Design:
        """Return the gallery, emitted as ``module``, as the bench sees it: ports in the order of the designs."""
        return Design(
            module,
            tuple(Port(f"c{i}_{prefix}", s) for i, top in enumerate(self.tops) for prefix, s in top.inputs),
            tuple(Port(f"c{i}_{prefix}", s) for i, top in enumerate(self.tops) for prefix, s in top.outputs),
        )
