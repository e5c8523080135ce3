"""What every kernel component is: a spec elaborated, with the stream ports that the spec states."""

from __future__ import annotations

from typing import ClassVar

from amaranth.hdl import Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accel.schedule.base import KernelSpec
from hdl.stream import beat_signature


class Kernel(wiring.Component):
    """A kernel: it takes its spec and nothing else, and keeps its schedule in every cycle (docs/adr/0001).

    It honours back-pressure and drops nothing; every handshake output comes from registers.

    Parameters
    ----------
    spec : KernelSpec

    Members
    -------
    input_<i> : In(stream)
        What ``spec.inputs[i]`` states.
    output_<i> : Out(stream)
        What ``spec.outputs[i]`` states.
    """

    kind: ClassVar[str]
    """The `KernelSpec.kind` that it elaborates."""

    def __init__(self, spec: KernelSpec):
        self.spec = spec
        inputs = {f"input_{i}": In(beat_signature(stream)) for i, stream in enumerate(spec.inputs)}
        outputs = {f"output_{i}": Out(beat_signature(stream)) for i, stream in enumerate(spec.outputs)}
        super().__init__({**inputs, **outputs})
        for name in (*inputs, *outputs):
            port = getattr(self, name)
            for signal in (port.valid, port.ready, Value.cast(port.payload)):
                signal.attrs["keep"] = 1  # so that the bench finds streams inside a design by these names
