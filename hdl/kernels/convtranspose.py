"""Transposed convolution: the convolution's datapath, with the weights that a position's phase has."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value

from accel.schedule import convtranspose
from hdl.kernels.conv2d import Conv2d
from hdl.sequencer import Sequencer
from hdl.table import Column


class ConvTranspose(Conv2d):
    """A transposed convolution as `accel.schedule.convtranspose.ConvTranspose` lays it out."""

    kind = convtranspose.ConvTranspose.kind
    spec: convtranspose.ConvTranspose

    def columns(self) -> dict[str, Column]:
        return {"first_weight": self.spec.first_weight}

    def weight_address(self, m: Module, sequencer: Sequencer) -> Value:
        address = Signal(range(len(self.spec.weights)))
        m.d.comb += address.eq(super().weight_address(m, sequencer) + sequencer.position.first_weight)
        return address
