"""Training as Work: what one step of gradient descent asks of a machine besides the forward pass.

Going back through the network, a layer turns the gradient of its result into that of its input (only where something
before it has parameters) and, if it has parameters, into theirs; then it updates them. Letters as in `accel.work`.

- Gradient to the input: a contraction over output channels M. Of a convolution that strides, it is a convolution of
  stride 1 to U x V times as many channels, the phases of the stride, so that no zeros are multiplied (Shi et al.). Of a
  transposed convolution it is a convolution.
- Gradient to the weights: a contraction over the batch and the positions, N x P x Q, of every kernel position and
  input channel with every output channel: a matrix product whose stationary operand is the layer's saved input.
- Recurrent layers are unrolled in time: T dependent steps back through the recurrence, then the gradients to the
  inputs and to the weights of all steps at once.
- Everything else: as many operations as forward and a product with the incoming gradient.
- Update: a product and a difference for every parameter (stochastic gradient descent, no momentum).

References
----------
Goodfellow, Bengio, Courville, "Deep Learning", 2016, sections 6.5, 9.5 and 10.2.2. Shi et al., "Is the deconvolution
layer the same as a convolutional layer?", 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from accel.errors import UnsupportedError, shown
from accel.network import Network, Node
from accel.work import Kind, Work

INPUT, WEIGHTS, UPDATE = "input gradient", "weight gradient", "update"


@dataclass(frozen=True, slots=True)
class Step:
    """A record of the backward pass, for a whole batch.

    Attributes
    ----------
    node : Node
        The layer.
    what : str
        `INPUT`, `WEIGHTS` or `UPDATE`.
    work : Work
        Its ``n`` counts the samples; gradients to weights reduce over them, so theirs is 1.
    saved : int
        Of ``work.ifmap``, what the forward pass left in main memory.
    kept : int
        Of ``work.ofmap``, what must reach main memory.
    """

    node: Node
    what: str
    work: Work
    saved: int = 0
    kept: int = 0


def backward(network: Network, batch: int) -> list[Step]:
    """Return the backward pass and the update of every layer, last layer first.

    Raises
    ------
    UnsupportedError
        If the network holds integers.
    """
    if network.is_integer:
        raise UnsupportedError(f"training needs a network of floats; {shown(network.name)} is quantised")
    differentiable: set[str] = set()  # tensors that depend on a parameter
    needed: list[tuple[Node, bool]] = []
    for node in network:
        to_input = not differentiable.isdisjoint(node.inputs)
        if to_input or node.layer.parameters:
            differentiable.update(node.outputs)
            needed.append((node, to_input))
    return [step for node, to_input in reversed(needed) for step in _steps(network, node, to_input, batch)]


def _steps(network: Network, node: Node, to_input: bool, batch: int) -> Iterator[Step]:
    works = network.work(node)
    for work in reversed(works):
        for made, saved in _to_input(work, to_input):
            if made.ifmap or made.ofmap:
                yield Step(node, INPUT, replace(made, n=batch), saved)
    for work in reversed(works):
        if work.weight or (to_input and work.kind is Kind.CONTRACT):
            made, saved = _to_weights(work, batch)
            yield Step(node, WEIGHTS, made, saved)
    parameters = node.layer.parameters
    if parameters:
        update = Work(kind=Kind.POINTWISE, ifmap=parameters, weight=parameters, ofmap=parameters, ops=2 * parameters)
        yield Step(node, UPDATE, update, kept=parameters)


def _to_input(work: Work, to_input: bool) -> Sequence[tuple[Work, int]]:
    """Return the records of one sample that turn the result's gradient into the input's, and what each reads saved."""
    if work.kind is Kind.RECURRENT:
        through_time = _through_time(work)
        return [through_time, (_recurrent_to_input(work), 0)] if to_input else [through_time]
    if not to_input:
        return []
    if work.kind is Kind.CONTRACT:
        return [_contract_to_input(work)]
    if work.kind is Kind.MOVE:
        return [(Work(kind=Kind.MOVE, ifmap=work.ofmap, ofmap=work.ifmap), 0)]
    made = Work(
        kind=Kind.POINTWISE, ifmap=work.ofmap + work.ifmap, weight=work.weight, ofmap=work.ifmap,
        ops=work.ops + work.ofmap,
    )  # fmt: skip
    return [(made, work.ifmap)]


def _contract_to_input(work: Work) -> tuple[Work, int]:
    weights = work.g * work.m * work.c * work.r * work.s
    computed = 0 if work.weight else weights  # a second operand that another layer computes
    shared = Work(
        kind=Kind.CONTRACT, g=work.g, c=work.m, h=work.p, w=work.q, macs=work.macs, ifmap=work.ofmap + computed,
        weight=weights - computed, ofmap=work.ifmap - computed,
    )  # fmt: skip
    if work.macs < weights * work.p * work.q:  # a transposed convolution: its input's positions are the result's
        made = replace(
            shared, m=work.c, p=work.h, q=work.w, r=work.r, s=work.s, stride_h=work.stride_h, stride_w=work.stride_w,
            dilation_h=work.dilation_h, dilation_w=work.dilation_w,
        )  # fmt: skip
        return made, computed
    rows, p, r, down = _phases(work.stride_h, work.dilation_h, work.r, work.p, work.h)
    columns, q, s, across = _phases(work.stride_w, work.dilation_w, work.s, work.q, work.w)
    made = replace(shared, m=work.c * rows * columns, p=p, q=q, r=r, s=s, dilation_h=down, dilation_w=across)
    return made, computed


def _phases(stride: int, dilation: int, taps: int, out: int, size: int) -> tuple[int, int, int, int]:
    """Return, along one axis, the phases of a stride that meet a tap, and positions, taps and dilation of each."""
    common = math.gcd(stride, dilation)
    phases = min(stride // common, taps)
    return phases, max(out, -(-size // stride)), -(-taps // phases), dilation // common


def _through_time(work: Work) -> tuple[Work, int]:
    """Return the steps back through a recurrence: gradients of the gates, then of the state before."""
    hidden, gates = work.ofmap // work.t, work.t * work.m
    back = Work(
        kind=Kind.RECURRENT, t=work.t, m=hidden, c=work.m, macs=gates * hidden, ifmap=work.ofmap + gates,
        weight=work.m * hidden, ofmap=gates, ops=work.ops + gates,
    )  # fmt: skip
    return back, gates


def _recurrent_to_input(work: Work) -> Work:
    features, gates = work.c - work.ofmap // work.t, work.t * work.m
    return Work(
        kind=Kind.CONTRACT, m=features, c=work.m, p=work.t, h=work.t, macs=gates * features, ifmap=gates,
        weight=work.m * features, ofmap=work.t * features,
    )  # fmt: skip


def _to_weights(work: Work, batch: int) -> tuple[Work, int]:
    """Return the gradient to the second operand of ``batch`` samples, and what of its ifmap was saved."""
    if work.kind not in (Kind.CONTRACT, Kind.RECURRENT):  # a parameter a channel: sums over everything else
        reads = batch * (work.ifmap + work.ofmap)
        ops = 2 * batch * work.ofmap
        return Work(kind=Kind.POINTWISE, ifmap=reads, ofmap=work.weight, ops=ops), batch * work.ifmap
    rows = work.c * work.r * work.s
    positions = work.macs // (work.g * work.m * rows)
    if not work.weight:  # computed by another layer: a gradient for every sample
        second = work.g * work.m * rows
        made = Work(
            kind=Kind.CONTRACT, n=batch, g=work.g, m=rows, c=positions, q=work.m, w=work.m, macs=work.macs,
            ifmap=work.ofmap + work.ifmap - second, ofmap=second,
        )  # fmt: skip
        return made, work.ifmap - second
    # Of a recurrent layer, a row for every element of input and state, a position for every step.
    recurrent = work.kind is Kind.RECURRENT
    gradient, operand = (work.t * work.m, work.t * work.c) if recurrent else (work.ofmap, work.ifmap)
    made = Work(
        kind=Kind.CONTRACT, g=work.g, m=rows, c=batch * positions, q=work.m, w=work.m, macs=batch * work.macs,
        ifmap=batch * gradient, weight=batch * operand, ofmap=work.weight,
    )  # fmt: skip
    return made, 0
