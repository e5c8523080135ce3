"""The search for folds: the least interval within limits, or the least resources for an interval.

Why it takes the fewest multipliers for a chain. A kernel's steps depend on its own fold alone, and the interval of a
chain is the largest of its kernels' steps (its beats are never more than the steps that produce them). So for a given
interval ``T`` every kernel independently may take any fold with at most ``T`` steps, and the resources of a design are
sums over kernels: which sums can be reached is found by merging the kernels' Pareto-optimal uses one after another,
those of the ``_NEAR_LEAST`` folds of fewest multipliers. More cycles only allow more folds, so whether ``T`` can be met
is monotone in ``T``, and a binary search finds the least. Only the smallest ``pe`` for each number of tiles, and the
smallest ``simd`` for each number of reduction steps, can be optimal; ragged folds are among them.

Kernels that work on the lanes of their input, such as pools and depthwise convolutions, have no ``pe`` of their own:
they form one group with the kernel whose lanes those are, and a group's folds are chosen together, for every ``pe`` of
that.

The one coupling left is that a stream's lanes, its writer's ``pe``, set the width of its reader's buffer. It is
resolved by repeating the choice with the lanes of the last round until they no longer change, or for ``_ROUNDS``
rounds; the placed design is checked as it is, whether they have settled or not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accel.errors import InputError, shown
from accel.plan.resources import Resources, estimate, sum_of
from accel.plan.sites import Region, Site
from accel.schedule.base import LayerKernel
from accel.schedule.fold import Fold
from accel.targets import Target

_NEAR_LEAST = 12
"""Folds per kernel and interval, in order of multipliers, that are weighed for block RAM and logic."""
_MOST_SUMS = 4000
"""Pareto-optimal sums kept while merging; more than any network here reaches."""
_ROUNDS = 6
UNHURRIED = 1 << 62
"""An interval that any fold keeps."""


@dataclass(frozen=True, slots=True)
class PartialFold:
    """What the user fixes of a fold."""

    pe: int | None = None
    simd: int | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A fold for every site of a group, with what they take together."""

    folds: tuple[Fold, ...]
    use: Resources


@dataclass(eq=False)
class _Menu:
    """The folds of one site for given input lanes, and what each takes."""

    site: Site
    lanes: tuple[int, ...]
    target: Target
    fixed: PartialFold
    pack: bool
    costs: dict[Fold, Resources] = field(default_factory=dict[Fold, Resources])

    def __post_init__(self) -> None:
        self.space = self.site.kernel.fold_space(self.site.node.layer, self.site.shapes, self.lanes)
        pe = _choices(self.site, "pe", self.fixed.pe, self.space.channels, self.space.pe, self.space.whole)
        simd = _choices(self.site, "simd", self.fixed.simd, self.space.reduction, None, False)
        grid = np.stack(np.meshgrid(pe, simd, indexing="ij"), axis=-1).reshape(-1, 2)
        grid = grid[np.lexsort((grid[:, 1], grid.prod(axis=1)))]
        self.grid: NDArray[np.int64] = grid
        self.steps: NDArray[np.int64] = np.array([self.space.steps(Fold(int(p), int(s))) for p, s in grid], np.int64)
        self.spec: LayerKernel = self.site.kernel.of(
            self.site.node.layer, self.site.shapes, self.site.quantizations, self.site.output_quantization, self.lanes,
            fold=Fold(int(grid[0, 0]), int(grid[0, 1])),
        )  # fmt: skip
        packing = self.spec.packing
        self.packs = self.pack and packing is not None and self.target.products_per_multiplier(packing) == 2

    def within(self, cycles: int) -> NDArray[np.int64]:
        """Return the folds of at most ``cycles`` steps, those of the fewest products first."""
        return self.grid[self.steps <= cycles]

    def products(self, grid: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the products a cycle of folds, shape (folds, 2)."""
        return grid.prod(axis=1) * self.space.macs

    def multiplied(self, grid: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the multipliers of folds where two products share one if they can."""
        return (grid[:, 0] * self.space.macs + 1) // 2 * grid[:, 1] if self.packs else self.products(grid)

    def cost(self, fold: Fold) -> Resources:
        """Return what a fold takes."""
        if fold not in self.costs:
            self.costs[fold] = estimate(self.spec.refolded(fold), self.target)
        return self.costs[fold]

    def fold(self, pe: int, simd: int) -> Fold:
        """Return a fold whose rows are packed where there are two at least."""
        return Fold(pe, simd, packed=self.packs and pe * self.space.macs > 1)


def _choices(site: Site, what: str, fixed: int | None, most: int, only: int | None, whole: bool) -> NDArray[np.int64]:
    if fixed is not None and only is not None and fixed != only:
        raise InputError(f"node {shown(site.node.name)} {what} must be the {only} lanes of its input, not {fixed}")
    if fixed is not None and not 1 <= fixed <= most:
        raise InputError(f"node {shown(site.node.name)} {what} must be 1 to {most}, not {fixed}")
    if only is not None or fixed is not None:
        return np.array([only if only is not None else fixed], np.int64)
    return np.array([n for n in least_parts(most) if not whole or most % n == 0], np.int64)


def least_parts(n: int) -> list[int]:
    """Return the smallest ``k`` for every value that ``ceil(n / k)`` takes.

    >>> least_parts(7)
    [1, 2, 3, 4, 7]
    """
    parts = [1]
    while parts[-1] < n:
        groups = -(-n // parts[-1])
        parts.append(-(-n // (groups - 1)))
    return parts


def _key(use: Resources) -> tuple[int, int, int, int]:
    return use.multipliers, use.dsp, use.bram, use.lut


def _pareto(options: Sequence[Option]) -> list[Option]:
    kept: list[Option] = []
    for option in sorted(options, key=lambda o: _key(o.use)):
        key = _key(option.use)
        if not any(all(a <= b for a, b in zip(_key(k.use), key, strict=True)) for k in kept):
            kept.append(option)
    return kept


class Search:
    """Finds the folds of a region's kernels.

    Parameters
    ----------
    region : Region
    target : Target
    limits : mapping of str to int
        The most of "multipliers", "dsp", "bram" and "lut" that may be used; what is not named is not limited.
    fixed : mapping of str to PartialFold
        Folds that the user has chosen, by node name.
    pack : bool
        Whether two products share a multiplier wherever the target's are wide enough.
    """

    def __init__(
        self,
        region: Region,
        target: Target,
        limits: Mapping[str, int],
        fixed: Mapping[str, PartialFold],
        pack: bool = True,
    ) -> None:
        self.region, self.target, self.limits, self.fixed = region, target, dict(limits), dict(fixed)
        self.pack = pack
        self._menus: dict[tuple[int, tuple[int, ...]], _Menu] = {}
        spaces = (s.kernel.fold_space(s.node.layer, s.shapes, (1,) * len(s.inputs)) for s in region.sites)
        self._followers = frozenset(i for i, space in enumerate(spaces) if space.pe is not None)
        self._groups = self._grouped()
        for first, *others in self._groups:  # a pe that is given to one of a group is given to the one that chooses
            given = [i for i in (first, *others) if self._fixed_of(i).pe is not None]
            if given and given[0] != first:
                self._least_menu(given[0])  # which refuses what it cannot be
                pe = self._fixed_of(given[0]).pe
                self.fixed[region.sites[first].node.name] = PartialFold(pe, self._fixed_of(first).simd)

    def _fixed_of(self, i: int) -> PartialFold:
        return self.fixed.get(self.region.sites[i].node.name, PartialFold())

    def _grouped(self) -> list[list[int]]:
        """Return the sites that share their ``pe``, in execution order: one that chooses it, and those on its lanes.

        Those on the lanes of an input share them too; none of them chooses.
        """
        groups: list[list[int]] = []
        sharing: dict[str, list[int]] = {}  # by stream
        for i, site in enumerate(self.region.sites):
            group = sharing.setdefault(site.inputs[0], []) if i in self._followers else []
            if not group:
                groups.append(group)
            group.append(i)
            sharing |= dict.fromkeys(site.outputs, group)
        return groups

    def _menu(self, i: int, lanes: tuple[int, ...]) -> _Menu:
        key = (i, lanes)
        if key not in self._menus:
            site = self.region.sites[i]
            self._menus[key] = _Menu(site, lanes, self.target, self._fixed_of(i), self.pack)
        return self._menus[key]

    def input_lanes(self, cycles: int) -> dict[str, int]:
        """Return the fewest lanes at which every input of the region arrives, and is worked on, within ``cycles``."""
        lanes: dict[str, int] = {}
        for name in self.region.inputs:
            channels, *pixels = self.region.shapes[name]
            lanes[name] = min(channels, -(-channels // max(1, cycles // math.prod(pixels))))
        for group in self._groups:
            name = self.region.sites[group[0]].inputs[0]
            if group[0] in self._followers:  # of an input's own lanes
                fixed = self._fixed_of(group[0]).pe
                more = [n for n in least_parts(self.region.shapes[name][0]) if n > lanes[name]]
                wanted = (lanes[name], *more) if fixed is None else (fixed,)
                enough = (n for n in wanted if all(len(self._menu(i, (n,)).within(cycles)) for i in group))
                lanes[name] = next(enough, wanted[-1])
        return lanes

    def _least_menu(self, i: int) -> _Menu:
        """Return the menu of a site with the fewest lanes that its inputs can have."""
        lanes = self._fixed_of(i).pe if i in self._followers else None
        return self._menu(i, (lanes or 1,) * len(self.region.sites[i].inputs))

    def _options(self, group: Sequence[int], lanes: tuple[int, ...], cycles: int) -> list[Option]:
        """Return a group's Pareto-optimal folds of at most ``cycles`` steps among those of the fewest multipliers.

        Fewest they are in products and, where two share a multiplier, in what is multiplied.

        Parameters
        ----------
        group : sequence of int
            Its sites.
        lanes : tuple of int
            Of the inputs of the first.
        cycles : int
        """
        first = self._menu(group[0], lanes)
        grid = first.within(cycles)
        totals = np.stack([first.products(grid), first.multiplied(grid)])
        followers: dict[int, list[tuple[_Menu, NDArray[np.int64]]]] = {}  # for every pe: menus, and their least folds
        for pe in dict.fromkeys(grid[:, 0].tolist()):
            menus = [self._menu(i, (pe,)) for i in group[1:]]
            least_folds = [menu.within(cycles)[:1] for menu in menus]
            if all(map(len, least_folds)):
                followers[pe] = list(zip(menus, least_folds, strict=True))
                for menu, least in followers[pe]:
                    totals[:, grid[:, 0] == pe] += np.stack([menu.products(least), menu.multiplied(least)])
        meets = np.isin(grid[:, 0], list(followers))
        grid, totals = grid[meets], totals[:, meets]
        cheapest = [row for total in totals for row in np.argsort(total, kind="stable")[:_NEAR_LEAST].tolist()]
        options: list[Option] = []
        for pe, simd in grid[list(dict.fromkeys(cheapest))].tolist():
            chosen = [(first, first.fold(pe, simd))]
            chosen += [(menu, menu.fold(*least[0].tolist())) for menu, least in followers[pe]]
            options.append(Option(tuple(fold for _, fold in chosen), sum_of(menu.cost(fold) for menu, fold in chosen)))
        return _pareto(options)

    def folds(self, cycles: int) -> dict[str, Fold] | None:
        """Return the folds of fewest resources with at most ``cycles`` steps a kernel, or ``None`` beyond the limits.

        Fewest multipliers come first, then DSP blocks, block RAMs, look-up tables.
        """
        if any(math.prod(self.region.shapes[name][1:]) > cycles for name in self.region.inputs):
            return None  # a pixel a cycle is the most that can arrive
        lanes = {name: 1 for name in self.region.shapes} | self.input_lanes(cycles)
        sites = self.region.sites
        found: dict[int, Fold] = {}

        def take(group: Sequence[int], option: Option) -> None:
            for i, fold in zip(group, option.folds, strict=True):
                found[i] = fold
                lanes.update(dict.fromkeys(sites[i].outputs, fold.pe))

        picked: list[Option] = []
        for _ in range(_ROUNDS):
            menus: list[list[Option]] = []
            for group in self._groups:
                options = self._options(group, tuple(lanes[name] for name in sites[group[0]].inputs), cycles)
                if not options:
                    return None
                menus.append(options)
                if not picked:  # in the first round a group says at once what its readers get
                    take(group, options[0])
            best = self._merge(menus)
            if best is None:
                return None
            settled = [o.folds for o in picked] == [o.folds for o in best]
            picked = best
            for group, option in zip(self._groups, picked, strict=True):
                take(group, option)
            if settled:
                break
        return {site.node.name: found[i] for i, site in enumerate(sites)}

    def least_interval(self) -> int | None:
        """Return the least interval in cycles that the limits allow, or ``None`` if no folds fit them."""
        most = max(int(self._least_menu(i).steps.max()) for i in range(len(self.region.sites)))
        most = max(most, *(self._input_beats(name) for name in self.region.inputs))
        if self.folds(most) is None:
            return None
        low, high = 0, most  # folds(high) is possible, folds(low) is not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.folds(middle) is not None else (middle, high)
        return high

    def smallest(self) -> dict[str, Fold]:
        """Return the folds of fewest resources, however long they take."""
        folds = self.folds(UNHURRIED)
        assert folds is not None
        return folds

    def _input_beats(self, name: str) -> int:
        return math.prod(self.region.shapes[name])

    def _merge(self, menus: Sequence[Sequence[Option]]) -> list[Option] | None:
        """Return one option per menu with the least sum, in the order of `_key`, within the limits."""
        sums: list[tuple[Resources, tuple[Option, ...]]] = [(Resources(), ())]
        for options in menus:
            grown = [(total + o.use, (*picks, o)) for total, picks in sums for o in options]
            sums = []
            front: list[tuple[int, int, int]] = []  # (dsp, bram, lut) of those kept, which come in order of multipliers
            for total, picks in sorted(grown, key=lambda s: _key(s[0])):
                if not total.within(self.limits):
                    continue
                if any(d <= total.dsp and b <= total.bram and n <= total.lut for d, b, n in front):
                    continue
                front.append((total.dsp, total.bram, total.lut))
                sums.append((total, picks))
            sums = sums[:_MOST_SUMS]
        return list(sums[0][1]) if sums else None
