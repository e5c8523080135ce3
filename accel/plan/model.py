"""plan.json: every decision that makes a network a design on a part, and nothing that follows from them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accel.errors import InputError, ModelError, shown
from accel.network import Network
from accel.plan.design import Choice, Design, Queues, place
from accel.plan.sites import region
from accel.schedule.fold import Fold, Requantizer

SCHEMA_VERSION = 1
"""Changes whenever a field changes its name or meaning."""


State = Literal["clear", "keep"]
"""What recurrent layers do with their states at the end of a tensor."""


def integers_of(network: Network, significand_bits: int, state: State) -> Network:
    """Return a network as the design of a plan computes it."""
    network = network.with_significand_bits(significand_bits)
    return network.keeping_states() if state == "keep" else network


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RequantizerPlan(_Strict):
    """An `accel.schedule.fold.Requantizer`."""

    form: Literal["serial", "dsp"]
    units: int = Field(ge=1)
    digit_bits: int = Field(default=0, ge=0)


class KernelPlan(_Strict):
    """The decisions for the kernel that computes a node; ``pe``, ``simd`` and ``packed`` are its `Fold`."""

    name: str
    kind: str
    pe: int = Field(ge=1)
    simd: int = Field(ge=1)
    packed: bool = False
    capacity: int = Field(ge=1)
    requantizer: RequantizerPlan | None = None

    @property
    def choice(self) -> Choice:
        """The decisions as `accel.plan.design.place` takes them."""
        r = self.requantizer
        return Choice(
            Fold(self.pe, self.simd, self.packed),
            self.capacity,
            None if r is None else Requantizer(r.form, r.units, r.digit_bits),
        )


class Plan(_Strict):
    """A network's design on a part.

    Attributes
    ----------
    schema_version : int
    network : str
        Name of the network it was made for.
    target : str
        Part.
    clock_hz : float
    significand_bits : int
        Of the requantisation multipliers.
    state : str
        What recurrent layers do at the end of a tensor: "clear" their states, or "keep" them for the next one.
    input_lanes : dict of str to int
        Channels a beat of each input stream carries.
    kernels : tuple of KernelPlan
        In execution order.
    forks : dict of str to tuple of int
        Queue depths of the fork of each stream with several readers.
    fifos : dict of str to tuple of int
        Depths of the FIFOs in front of the inputs of a node; 0 where there is none.
    host_before, host_after : tuple of str
        Nodes that stay on the host.
    bound_cycles : int
        The interval of the slowest kernel.
    interval_cycles : float
        Between tensors in steady state, by the stepper.
    latency_cycles : int
        From a tensor's first beat in to its last beat out, by the stepper.
    resources : dict of str to int
        Estimated use of "lut", "ff", "dsp", "bram", and "multipliers", products of multiply-accumulates a cycle.
    notes : tuple of str
        What a reader must know.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    network: str
    target: str
    clock_hz: float = Field(gt=0)
    significand_bits: int = Field(ge=2, le=32)
    state: State = "clear"
    input_lanes: dict[str, int]
    kernels: tuple[KernelPlan, ...]
    forks: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    fifos: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    host_before: tuple[str, ...] = ()
    host_after: tuple[str, ...] = ()
    bound_cycles: int
    interval_cycles: float
    latency_cycles: int
    resources: dict[str, int]
    notes: tuple[str, ...] = ()

    @property
    def inferences_per_second(self) -> float:
        """Tensors a second in steady state."""
        return self.clock_hz / self.interval_cycles

    def to_json(self) -> str:
        """Return the text of plan.json."""
        return self.model_dump_json(indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that a plan.json holds.

        Raises
        ------
        InputError
            If it is no plan; the message names the first field at fault.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise InputError(f"plan.json: {shown(where)}: {first['msg']}") from None

    def integers(self, network: Network) -> Network:
        """Return ``network`` with the multipliers that the design has and the states it keeps: the reference for it."""
        return integers_of(network, self.significand_bits, self.state)

    def design(self, network: Network) -> Design:
        """Return the placed kernels and their links.

        Raises
        ------
        ModelError
            If the plan was made for another network.
        """
        found = region(self.integers(network))
        planned = [(k.name, k.kind) for k in self.kernels]
        sites = [(s.node.name, s.kernel.kind) for s in found.sites]
        if planned != sites:
            odd = next((b or a for a, b in zip(planned, sites, strict=False) if a != b), (sites or planned)[-1])
            raise ModelError(
                f"the plan is for network {shown(self.network)} with {len(planned)} kernels; "
                f"network {shown(network.name)} has {len(sites)}, and differs at {shown(odd[0])}"
            )
        return place(found, {k.name: k.choice for k in self.kernels}, self.input_lanes, Queues(self.forks, self.fifos))
