"""Making a plan: folds by search, requantisers, buffers, and the refusal of what does not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from accel import targets
from accel.errors import CapacityError, InputError, did_you_mean, shown
from accel.network import Network
from accel.plan import buffers, weights
from accel.plan.design import Choice, Design, Placed, Queues, least_capacity, least_fifos, place
from accel.plan.folds import UNHURRIED, PartialFold, Search
from accel.plan.model import KernelPlan, Plan, RequantizerPlan, State, integers_of
from accel.plan.resources import Resources, estimate, sum_of
from accel.plan.sites import Region, region
from accel.schedule.base import LayerKernel
from accel.schedule.fold import Fold, Requantizer
from accel.targets import Target

BALANCE = 0.7
"""Share of a part's DSP blocks, block RAM and logic that a plan takes where neither a rate nor a budget is given."""
BUDGET_NAMES = ("multipliers", "dsp", "bram", "lut")
FIFO_SLACK = 2
"""A FIFO before a join holds this times what keeps it from locking up: at once, the branches would take turns."""
_DEAR_DIGITS = 8
"""A serial requantiser with more rows of adders than this is built of DSP blocks where some are left."""


def make(
    network: Network,
    *,
    target: str | Target,
    fps: float | None = None,
    budget: Mapping[str, int] | None = None,
    folds: Mapping[str, PartialFold | Fold] | None = None,
    clock_hz: float | None = None,
    significand_bits: int | None = None,
    state: State = "clear",
    pack: bool = True,
) -> Plan:
    """Return the plan of an integer network on a part.

    With ``fps`` it takes the fewest resources that reach the rate; with ``budget`` it is the fastest within it; with
    both the cheapest that does both; with neither the fastest within `BALANCE` of the part, or what its smallest folds
    take where that is more.

    Parameters
    ----------
    network : Network
        In integers, such as a quantised model; floats may stand at its borders and stay on the host.
    target : str or Target
        A part, or a family, which means its largest listed part.
    fps : float, optional
        Tensors a second to reach.
    budget : mapping of str to int, optional
        The most of "multipliers" (products of multiply-accumulates a cycle), "dsp" (blocks), "bram" and "lut" to use.
    folds : mapping of str to PartialFold or Fold, optional
        Folds that are not searched, by node name.
    clock_hz : float, optional
        Default: the part's.
    significand_bits : int, optional
        Of the requantisation multipliers; default: the part's.
    state : str
        What recurrent layers do at the end of a tensor: "clear" their states, or "keep" them for the next one.
    pack : bool, optional
        Whether one DSP block computes two products of an element wherever its ports take them.

    Raises
    ------
    CapacityError
        If it does not fit; the message says what is needed, what there is, and the nearest option that fits.
    InputError
        If an option is not accepted.
    UnsupportedError
        If states are to be kept and no layer can, or one has states for which that makes no sense.
    """
    part = targets.get(target) if isinstance(target, str) else target
    bits = significand_bits or part.significand_bits
    clock = clock_hz or part.clock_hz
    if not 0 < clock < math.inf or (fps is not None and not 0 < fps < math.inf):
        raise InputError(f"clock and frames per second must be positive and finite, not {clock} and {fps}")
    if fps is not None and fps > clock:
        raise CapacityError(f"{fps:,.0f} frames a second are more than the {clock:,.0f} cycles there are in one")
    weights.check(network, part)
    found = region(integers_of(network, bits, state))
    planner = _Planner(
        network.name, found, part, _limits(part, fps, budget), _fixed(found, folds or {}), clock, bits, state,
        pack
    )  # fmt: skip
    if fps is None and budget is None:
        planner.make_room()
    cycles = None if fps is None else int(clock / fps)
    return planner.plan(cycles)


def _limits(part: Target, fps: float | None, budget: Mapping[str, int] | None) -> dict[str, int]:
    """Return what may be used: all of the part, less where a budget says so, its share where nothing is asked."""
    for name, most in (budget or {}).items():
        if name not in BUDGET_NAMES:
            raise InputError(f"no budget is called {shown(name)}{did_you_mean(name, list(BUDGET_NAMES))}")
        if most < 1:
            raise InputError(f"budget {name} must be positive, not {most}")
    has = {"dsp": part.dsp, "bram": part.bram, "lut": part.lut}
    if fps is None and budget is None:
        return {name: int(BALANCE * n) for name, n in has.items()}
    return {name: min(n, (budget or {}).get(name, n)) for name, n in has.items()} | {
        name: most for name, most in (budget or {}).items() if name not in has
    }


def _fixed(found: Region, folds: Mapping[str, PartialFold | Fold]) -> dict[str, PartialFold]:
    names = [site.node.name for site in found.sites]
    for name in folds:
        if name not in names:
            raise InputError(f"no kernel computes a layer called {shown(name)}{did_you_mean(name, names)}")
    return {name: PartialFold(f.pe, f.simd) for name, f in folds.items()}


@dataclass(eq=False)
class _Planner:
    network: str
    region: Region
    part: Target
    limits: dict[str, int]
    fixed: dict[str, PartialFold]
    clock_hz: float
    significand_bits: int
    state: State
    pack: bool

    def make_room(self) -> None:
        """Raise limits that the smallest folds exceed to what those take, where the part has it."""
        use = self._smallest(self.part)
        if use.within({name: getattr(self.part, name) for name in self.limits}):
            self.limits = {name: max(most, getattr(use, name)) for name, most in self.limits.items()}

    def plan(self, cycles: int | None) -> Plan:
        """Return the plan for an interval of at most ``cycles``, or the fastest."""
        search = Search(self.region, self.part, self.limits, self.fixed, self.pack)
        least = search.least_interval()
        if least is None:
            raise CapacityError(self._why_not())
        if cycles is not None and cycles < least:
            raise CapacityError(self._too_fast(cycles, least))
        # The search weighs kernels one by one, and buffers are sized afterwards; the placed design decides.
        for tight in (False, True):
            for wanted in _attempts(least, cycles):
                sized = self._placed(search, wanted, tight=tight)
                if sized is not None and (cycles is None or sized.interval_cycles <= cycles):
                    return self._written(sized)
        if cycles is not None:
            raise CapacityError(self._too_fast(cycles, self.plan(None).bound_cycles))
        raise CapacityError(self._why_not())

    def _placed(self, search: Search, cycles: int, *, tight: bool) -> buffers.Sized | None:
        """Return the design for an interval, or ``None`` if it exceeds the limits as placed."""
        folds = search.folds(cycles)
        if folds is None:
            return None
        lanes = search.input_lanes(cycles)
        choices = {name: Choice(fold) for name, fold in folds.items()}

        def build(choices: Mapping[str, Choice], queues: Queues) -> Design:
            bare = place(self.region, choices, lanes, Queues(queues.forks))
            fifos = dict(queues.fifos)
            for name, least in least_fifos(bare).items():
                depths = tuple(n if tight else FIFO_SLACK * n for n in least)
                fifos[name] = tuple(map(max, depths, fifos.get(name, depths)))
            return place(self.region, choices, lanes, Queues(queues.forks, fifos)) if fifos else bare

        def fits(design: Design) -> bool:
            return self._use(design).within(self.limits)

        design = build(choices, Queues())
        if tight:
            choices = {
                k.name: replace(choices[k.name], capacity=max(least_capacity(k.spec)))
                for k in design.kernels
                if k.layer
            }
            design = build(choices, Queues())
        choices = self._with_requantizers(choices, design)
        design = build(choices, Queues())
        return buffers.size(choices, build, fits) if fits(design) else None

    def _use(self, design: Design) -> Resources:
        return sum_of(estimate(k.spec, self.part) for k in design.kernels)

    def _with_requantizers(self, choices: Mapping[str, Choice], design: Design) -> dict[str, Choice]:
        """Build the dearest serial requantisers of DSP blocks instead, while some are left."""
        chosen = dict(choices)
        spare = self.limits["dsp"] - self._use(design).dsp
        for kernel in sorted(design.kernels, key=_serial_rows, reverse=True):
            if _serial_rows(kernel) <= _DEAR_DIGITS or not isinstance(kernel.spec, LayerKernel):
                break
            period = int(kernel.spec.schedule.period.max())
            built = kernel.spec.refolded(kernel.spec.fold, requantizer=Requantizer.dsp(kernel.spec.fold.pe, period))
            extra = estimate(built, self.part).dsp - estimate(kernel.spec, self.part).dsp
            if extra <= spare:
                spare -= extra
                chosen[kernel.name] = replace(
                    chosen[kernel.name], requantizer=Requantizer.dsp(kernel.spec.fold.pe, period)
                )
        return chosen

    def _written(self, sized: buffers.Sized) -> Plan:
        use = self._use(sized.design)
        kernels: list[KernelPlan] = []
        for kernel, site in zip([k for k in sized.design.kernels if k.layer], self.region.sites, strict=True):
            spec = kernel.spec
            assert isinstance(spec, LayerKernel)
            r = spec.output_multiplication
            kernels.append(
                KernelPlan(
                    name=kernel.name,
                    kind=site.kernel.kind,
                    pe=spec.fold.pe,
                    simd=spec.fold.simd,
                    packed=spec.fold.packed,
                    capacity=spec.schedule.capacity[0],
                    requantizer=r and RequantizerPlan(form=r.form, units=r.units, digit_bits=r.digit_bits),
                )
            )
        return Plan(
            network=self.network,
            target=self.part.name,
            clock_hz=self.clock_hz,
            significand_bits=self.significand_bits,
            state=self.state,
            input_lanes={
                name: stream.lanes for name, stream in zip(self.region.inputs, sized.design.inputs, strict=True)
            },
            kernels=tuple(kernels),
            forks=dict(sized.design.queues.forks),
            fifos=dict(sized.design.queues.fifos),
            host_before=self.region.before,
            host_after=self.region.after,
            bound_cycles=sized.design.graph.bound_cycles,
            interval_cycles=sized.interval_cycles,
            latency_cycles=sized.latency_cycles,
            resources={
                "lut": use.lut, "ff": use.ff, "dsp": use.dsp, "bram": use.bram, "multipliers": use.multipliers,
            },
            notes=sized.notes,
        )  # fmt: skip

    def _too_fast(self, cycles: int, least: int) -> str:
        most = math.floor(10 * self.clock_hz / least) / 10
        return (
            f"network {shown(self.network)} at {self.clock_hz / cycles:,.0f} frames a second must finish one every "
            f"{cycles:,} cycles, but within {_listed(self.limits)} it takes {least:,}; "
            f"at most {most:,} frames a second fit at {self.clock_hz / 1e6:g} MHz"
        )

    def _why_not(self) -> str:
        use = self._smallest(self.part)
        over = {name: (getattr(use, name), most) for name, most in self.limits.items() if getattr(use, name) > most}
        needs = ", ".join(f"{n:,} {name} where {most:,} may be used" for name, (n, most) in over.items())
        needs = needs or f"more than {_listed(self.limits)}"
        fitting = [t.name for t in sorted(targets.registry().values(), key=lambda t: t.lut) if self._fits_part(t)]
        option = f"it fits {fitting[0]}" if fitting else "it fits no listed part whole"
        return f"network {shown(self.network)} with its smallest folds needs {needs} on {self.part.name}; {option}"

    def _fits_part(self, part: Target) -> bool:
        return self._smallest(part).within({"dsp": part.dsp, "bram": part.bram, "lut": part.lut})

    def _smallest(self, part: Target) -> Resources:
        """Return what the smallest folds take of a part."""
        search = Search(self.region, part, {}, self.fixed, self.pack)
        choices = {name: Choice(fold) for name, fold in search.smallest().items()}
        design = place(self.region, choices, search.input_lanes(UNHURRIED))
        return sum_of(estimate(kernel.spec, part) for kernel in design.kernels)


def _attempts(least: int, cycles: int | None) -> list[int]:
    """Return the intervals to try, in order: longer ones than the least; for a rate, the longest first."""
    if cycles is None:
        return [least + least * percent // 100 for percent in (0, 2, 5, 10, 20, 40, 80, 160, 320, 1000)]
    return [n for n in (cycles - cycles * percent // 100 for percent in (0, 1, 2, 5, 10, 20)) if n >= least]


def _serial_rows(kernel: Placed) -> int:
    """Return the rows of adders of a kernel's serial requantiser, 0 where there is none."""
    r = kernel.spec.output_multiplication if isinstance(kernel.spec, LayerKernel) else None
    return r.units * r.digit_bits if r is not None else 0


def _listed(limits: Mapping[str, int]) -> str:
    return ", ".join(f"{most:,} {name}" for name, most in limits.items())
