"""Concatenation of channels: each lane selects an input, tile by tile."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Array, Module, Signal, Value, signed

from accel.schedule import concat
from hdl.elementwise import Elementwise


class Concat(Elementwise):
    """A concatenation as `accel.schedule.concat.Concat` lays it out."""

    kind = concat.Concat.kind
    spec: concat.Concat

    def results(self, m: Module, elements: list[list[Value]], valid: Value) -> list[Value]:
        ports = self.spec.port_by_tile
        chosen = self.by_tile(m, "port", ports, valid)
        width = 1 + max(len(element) for of_port in elements for element in of_port)
        found: list[Value] = []
        for lane in range(self.spec.fold.pe):
            lane_ports = np.unique(ports[:, lane])
            if len(lane_ports) == 1:
                found.append(elements[int(lane_ports[0])][lane])
                continue
            element = Signal(signed(width), name=f"chosen_{lane}")
            m.d.comb += element.eq(Array([of_port[lane] for of_port in elements])[chosen[lane]])
            found.append(element)
        return found
