"""The kernels' schedules against the laws of docs/adr/0001, and against what their layers compute."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accel import layers, schedule, stepper
from accel.beats import pack
from accel.errors import AccelError, CapacityError, InputError, UnsupportedError
from accel.fixedpoint import Quantization
from accel.intervals import accumulator_interval
from accel.layers.conv import Conv
from accel.layers.dense import Dense
from accel.layers.window import Window
from accel.schedule import pipeline
from accel.schedule.averagepool import AveragePool
from accel.schedule.base import LayerKernel, Stream
from accel.schedule.concat import Concat
from accel.schedule.conv2d import Conv2d
from accel.schedule.convtranspose import ConvTranspose
from accel.schedule.depthwise import Depthwise
from accel.schedule.elementwise import Elementwise
from accel.schedule.fifo import Fifo
from accel.schedule.fold import Fold, Requantizer
from accel.schedule.fork import Fork
from accel.schedule.globalaverage import GlobalAverage
from accel.schedule.graph import TOP, Link, ScheduleGraph
from accel.schedule.lookup import Lookup
from accel.schedule.mul import Mul
from accel.schedule.pool import Pool2d
from accel.schedule.prelu import PRelu
from accel.schedule.sliding import Sliding

KERNELS = [k for k in schedule.registry().values() if issubclass(k, LayerKernel)]


def placed_examples():
    """Every example of every layer that a kernel computes, at a few folds and lanes, as (id, example, kernel)."""
    for kernel in KERNELS:
        for op in kernel.ops:
            for example in layers.registry()[op].examples():
                if kernel.refusal(example.layer) is not None:
                    continue
                for lanes in (1, 2):
                    yield from _folds(kernel, example, lanes)


def _folds(kernel, example, lanes):
    try:
        every = tuple(lanes + port % 2 for port in range(len(example.shapes)))
        space = kernel.fold_space(example.layer, example.shapes, every)
    except UnsupportedError:
        return
    for pe, simd in {(1, 1), (min(2, space.channels), min(3, space.reduction)), (space.channels, space.reduction)}:
        fold = Fold(space.pe or pe, simd)
        if space.whole and space.channels % fold.pe:
            continue
        try:
            yield (
                f"{kernel.kind}-{example.layer.op}-{example.name}-{lanes}-{fold.pe}x{fold.simd}",
                example,
                kernel.of(example.layer, example.shapes, example.quantizations, example.output, every, fold=fold),
            )
        except UnsupportedError:
            return


PLACED = list({name: (example, kernel) for name, example, kernel in placed_examples()}.items())


def check_laws(s):
    assert (s.steps >= 1).all()
    assert (s.steps[s.period > 0] % s.period[s.period > 0] == 0).all()
    assert (np.diff(s.need) >= 0).all()
    assert (np.diff(s.free) >= 0).all()
    assert (s.need + 1 >= s.free).all()
    assert s.need[:, -1].tolist() == [b - 1 for b in s.beats]
    assert s.free[:, -1].tolist() == list(s.beats)
    assert all(c >= least for c, least in zip(s.capacity, s.least_capacity, strict=True))
    assert s.release >= 1
    assert s.latency >= 1


@pytest.mark.parametrize(("example", "kernel"), [v for _, v in PLACED], ids=[k for k, _ in PLACED])
def test_schedules_of_kernels_keep_the_laws(example, kernel):
    s, lanes = kernel.schedule, tuple(x.lanes for x in kernel.inputs)
    check_laws(s)
    assert s.beats == tuple(x.beats for x in kernel.inputs)
    assert s.results == kernel.outputs[0].beats
    assert s.total_steps == kernel.fold_space(example.layer, example.shapes, lanes).steps(kernel.fold)
    assert s.latency == sum(kernel.stages.values())
    outputs = np.prod(example.layer.infer(example.shapes)[0])
    assert kernel.outputs[0].pixels * kernel.outputs[0].channels == outputs


@pytest.mark.parametrize(("example", "kernel"), [v for _, v in PLACED], ids=[k for k, _ in PLACED])
def test_kernels_sustain_a_step_every_cycle(example, kernel):
    """With the default buffers and slots, a fed kernel is never held back by itself."""
    enter = [Link((TOP, port), (0, port)) for port in range(len(kernel.inputs))]
    leave = [Link((0, port), (TOP, port)) for port in range(len(kernel.outputs))]
    graph = ScheduleGraph(("k",), (kernel.schedule,), (*enter, *leave))
    run = stepper.step(graph, 12)
    assert run.stalls[0, 2] == 0
    assert run.interval_cycles <= 1.05 * kernel.schedule.bound_cycles + 1


CONTRACTIONS = [(name, v) for name, v in PLACED if isinstance(v[1], Conv2d)]
POOLS = [(name, v) for name, v in PLACED if isinstance(v[1], Pool2d)]


def streamed(example, kernel):
    """Return a sample's integers in stream order, shape (h, w, c), and the reference's output likewise, (pixels, c)."""
    x = example.inputs(3, seed=3)[0][2:]  # the first two hold the extremes
    want = example.layer.integer((x,), example.quantizations)[0][0]
    channels, height, width = kernel.shape
    if example.layer.op == "Dense" and len(example.shapes[0]) == 2:
        return x.reshape(height, width, channels).astype(np.int64), want
    image = np.moveaxis(x.reshape(channels, height, width).astype(np.int64), 0, -1)
    return image, want.reshape(len(want), -1).T


def beats_of(image, lanes):
    return np.pad(image, ((0, 0), (0, 0), (0, -image.shape[2] % lanes))).reshape(-1, lanes)


def kept(kernel, i):
    """Return the first and last beat that the buffer is sure to hold while position ``i`` is stepped."""
    s = kernel.schedule
    return (int(s.free[0, i - 1]) if i else 0), int(s.need[0, i])


def inside_of(kernel, p, q, row, column):
    sliding = kernel.sliding
    row = sliding.starts(0)[p] + row * sliding.window.dilation[0]
    column = sliding.starts(1)[q] + column * sliding.window.dilation[1]
    return (row >= 0) & (row < kernel.shape[1]) & (column >= 0) & (column < kernel.shape[2])


@pytest.mark.parametrize(("example", "kernel"), [v for _, v in CONTRACTIONS], ids=[k for k, _ in CONTRACTIONS])
def test_a_walk_over_the_tables_computes_the_contraction(example, kernel):
    """Reads only what the tables name, from beats that need and free keep; the result is the reference's."""
    image, want = streamed(example, kernel)
    beats = beats_of(image - kernel.input.zero_point, kernel.in_lanes)
    taps, steps, sliding = kernel.taps, kernel.reduction_steps, kernel.sliding
    result = np.zeros((sliding.positions, kernel.tiles, kernel.fold.pe), np.int64)
    for i in range(sliding.positions):
        p, q = divmod(i, sliding.output[1])
        first, last = kept(kernel, i)
        for k in range(kernel.tiles * steps):
            tile, r = divmod(k, steps)
            if r == 0:
                acc = np.zeros(kernel.fold.pe, np.int64)
            at = k % len(taps.offset)
            inside = inside_of(kernel, p, q, taps.row[at], taps.column[at])
            inside &= r * kernel.fold.simd + np.arange(kernel.fold.simd) < kernel.reduction
            beat = sliding.origins[i] + taps.offset[at]
            chosen = beats[np.where(inside, beat, 0)] * inside[:, None]  # (simd, lanes)
            if not isinstance(kernel, Depthwise):
                chosen = np.take_along_axis(chosen, taps.channel[at][:, None], axis=1)
            word = k + (kernel.first_weight[i] if isinstance(kernel, ConvTranspose) else 0)
            weights = kernel.weights[word].astype(np.int64)
            reads = inside & weights.any(axis=0)  # what meets zeros alone may be anything
            assert ((first <= beat) & (beat <= last))[reads].all()
            acc += (weights * chosen.T).sum(axis=1)
            assert kernel.accumulator.low <= acc.min() <= acc.max() <= kernel.accumulator.high
            result[i, tile] = acc + kernel.biases[tile]
    real = result.reshape(sliding.positions, -1)[:, : kernel.channels]
    assert kernel.total.low <= real.min() <= real.max() <= kernel.total.high
    got = kernel.requantize.finish(result * kernel.multipliers_by_tile).reshape(sliding.positions, -1)
    assert np.array_equal(got[:, : kernel.channels], want.reshape(sliding.positions, -1))


@pytest.mark.parametrize(("example", "kernel"), [v for _, v in POOLS], ids=[k for k, _ in POOLS])
def test_a_walk_over_the_tables_computes_the_pool(example, kernel):
    image, want = streamed(example, kernel)
    centered = kernel.requantize is not None
    beats = beats_of(image - kernel.input.zero_point if centered else image, kernel.lanes)
    sliding = kernel.sliding
    combine, start = (np.add, 0) if isinstance(kernel, AveragePool) else (np.maximum, -(1 << 20))
    result = np.zeros((sliding.positions, kernel.tiles, kernel.lanes), np.int64)
    for i in range(sliding.positions):
        p, q = divmod(i, sliding.output[1])
        first, last = kept(kernel, i)
        for tile in range(kernel.tiles):
            acc = np.full(kernel.lanes, start)
            for r in range(kernel.reduction_steps):
                inside = inside_of(kernel, p, q, kernel.tap_row[r], kernel.tap_column[r]) & kernel.tap_counts[r]
                beat = sliding.origins[i] + kernel.tap_offset[r] + tile
                assert ((first <= beat) & (beat <= last))[inside].all()
                for b in beat[inside]:
                    acc = combine(acc, beats[b])
            result[i, tile] = acc
    if centered:
        multipliers = kernel.requantize.multipliers
        which = kernel.divisor_class if isinstance(kernel, AveragePool) else np.zeros(sliding.positions, np.int64)
        result = kernel.requantize.finish(result * multipliers[which][:, None, None])
    got = result.reshape(sliding.positions, -1)[:, : kernel.shape[0]]
    assert np.array_equal(got, want.reshape(sliding.positions, -1))


def is_sequence(example, kernel):
    """Return whether the input of an example is a sequence to its kernel."""
    shape = example.shapes[0]
    return len(shape) == 2 and bool(kernel.reads_sequence(example.layer, shape))


MEANS = [(name, v) for name, v in PLACED if isinstance(v[1], GlobalAverage)]


@pytest.mark.parametrize(("example", "kernel"), [v for _, v in MEANS], ids=[k for k, _ in MEANS])
def test_a_walk_over_the_beats_averages_the_image_and_keeps_none_of_it(example, kernel):
    s = kernel.schedule
    assert s.least_capacity == (1,)
    x = example.inputs(3, seed=3)
    sent = pack(x[0], kernel.inputs[0], sequence=is_sequence(example, kernel)) - kernel.input.zero_point
    want = pack(example.layer.integer(x, example.quantizations)[0], kernel.outputs[0])
    sums = np.zeros((3, kernel.tiles, kernel.fold.pe), np.int64)
    results = []
    for i in range(len(s.steps)):
        sums[:, i % kernel.tiles] += sent[:, i]
        assert kernel.accumulator.low <= sums.min() <= sums.max() <= kernel.accumulator.high
        if s.period[i]:
            results.append(kernel.requantize(sums[:, i % kernel.tiles]))
    live = np.arange(kernel.tiles * kernel.fold.pe).reshape(kernel.tiles, -1) < kernel.channels
    assert np.array_equal(np.stack(results, axis=1) * live, want)


PIXELWISE = [(name, v) for name, v in PLACED if isinstance(v[1], Elementwise)]


def terms_of(kernel, elements):
    """Return the terms of each channel that are multiplied and summed, or the results where nothing is rounded."""
    if isinstance(kernel, Lookup):
        return kernel.table[elements[0]]
    if isinstance(kernel, Concat):
        port = np.broadcast_to(kernel.port_by_tile, elements[0].shape)[None]
        zero_points = [q.zero_point * (kernel.requantize is not None) for q in kernel.sources]
        centered = np.stack([x - z for x, z in zip(elements, zero_points, strict=True)])
        chosen = np.take_along_axis(centered, port, axis=0)[0]
        return chosen if kernel.requantize is None else chosen[..., None]
    if kernel.requantize is None:
        return elements[0]
    centered = [x - q.zero_point for x, q in zip(elements, kernel.sources, strict=True)]
    if isinstance(kernel, Mul):
        return (centered[0] * (kernel.constants_by_tile if kernel.constant is not None else centered[1]))[..., None]
    if isinstance(kernel, PRelu):
        (a,) = centered
        return np.stack([np.maximum(a, 0), np.minimum(a, 0) * kernel.slopes_by_tile], axis=-1)
    terms = [-x if kernel.negative and port else x for port, x in enumerate(centered)]
    return np.stack(terms + [np.zeros_like(terms[0])] * (kernel.constant is not None), axis=-1)


@pytest.mark.parametrize(("example", "kernel"), [v for _, v in PIXELWISE], ids=[k for k, _ in PIXELWISE])
def test_a_walk_over_the_taps_computes_every_pixel(example, kernel):
    """Reads every channel from the beat that the taps name, whatever the lanes; terms stay in their intervals."""
    x = example.inputs(3, seed=3)
    sequence = is_sequence(example, kernel)
    want = pack(example.layer.integer(x, example.quantizations)[0], kernel.outputs[0], sequence=sequence)
    elements = []
    for port, stream in enumerate(kernel.inputs):
        beat, channel = kernel.taps(port)
        sent = pack(x[port], stream, sequence=sequence).reshape(3, stream.pixels, stream.beats_per_pixel, -1)
        elements.append(np.broadcast_to(sent[:, :, beat, channel], (3, kernel.pixels, *beat.shape)))
    live = (np.arange(kernel.tiles * kernel.fold.pe) < kernel.channels).reshape(kernel.tiles, -1)
    result = terms_of(kernel, elements)
    if kernel.requantize is not None:
        biases, multipliers = (c.reshape(len(c), kernel.fold.pe, -1) for c in kernel.constants)
        terms = result + biases
        for term, interval in enumerate(kernel.totals):
            assert interval.low <= terms[..., live, term].min() <= terms[..., live, term].max() <= interval.high
        products = (terms * multipliers).sum(axis=-1)
        assert np.abs(products).max() < 1 << (kernel.product_bits - 1)
        result = kernel.requantize.finish(products)
    assert np.array_equal((result * live).reshape(want.shape), want)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_need_and_free_are_those_of_the_taps(data):
    """Against brute force over every tap of every position."""
    kernel, stride, dilation = (tuple(data.draw(st.integers(1, n)) for _ in range(2)) for n in (4, 5, 3))
    padding = tuple(data.draw(st.integers(0, 3)) for _ in range(4))
    window = Window(kernel, stride, padding, dilation)
    least = [max(1, window.span[i] - padding[i] - padding[i + 2]) for i in range(2)]
    height, width = (n + data.draw(st.integers(0, 5)) for n in least)
    sliding = Sliding(height, width, window, data.draw(st.integers(1, 3)))
    rows, columns = sliding.output
    reads = []
    for p in range(rows):
        for q in range(columns):
            row = p * stride[0] - padding[0] + np.arange(kernel[0])[:, None] * dilation[0]
            column = q * stride[1] - padding[1] + np.arange(kernel[1])[None, :] * dilation[1]
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            first = ((row * width + column) * sliding.beats_per_pixel)[inside]
            empty = (sliding.beats, -1)
            reads.append((first.min(), first.max() + sliding.beats_per_pixel - 1) if first.size else empty)
    for i, (_, last) in enumerate(reads):
        assert sliding.need[i] >= last
        assert all(sliding.free[i] <= first for first, _ in reads[i + 1 :])
    check_laws(sliding.schedule(steps=1, period=1, capacity=1 << 12, slots=1, latency=1, release=1))
    if dilation == (1, 1) and not any(padding):  # every position reads; then both are as tight as can be
        assert sliding.need[:-1].tolist() == [last for _, last in reads[:-1]]
        firsts = [min(first for first, _ in reads[i:]) for i in range(1, len(reads))]
        assert sliding.free[:-1].tolist() == np.minimum(firsts, sliding.need[:-1] + 1).tolist()


def test_an_input_buffer_that_cannot_hold_a_window_is_refused():
    sliding = Sliding(8, 8, Window((3, 3)), 1)
    assert sliding.least_capacity == 2 * 8 + 3
    with pytest.raises(CapacityError, match="needs a buffer of 19 beats; this one holds 16"):
        sliding.schedule(steps=1, period=1, capacity=16, slots=1, latency=1, release=1)


@given(pe=st.integers(1, 40), bits=st.integers(1, 24), period=st.integers(1, 400))
def test_requantisers_serve_a_result_within_its_period(pe, bits, period):
    serial, dsp = Requantizer.serial(pe, bits, period), Requantizer.dsp(pe, period)
    assert serial.occupancy(pe, bits) <= period
    assert dsp.occupancy(pe, bits) <= period
    assert serial.latency(pe, bits) >= serial.cycles(bits)
    if dsp.units > 1:
        assert Requantizer("dsp", dsp.units - 1).occupancy(pe, bits) > period


@given(st.data())
def test_accumulators_stay_in_their_interval(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    weights = rng.integers(-8, 8, (3, 5))
    bias = rng.integers(-20, 20, 3)
    low, high = sorted(rng.integers(-9, 9, 2))
    final = accumulator_interval(weights, bias, low, high)
    partial = accumulator_interval(weights, bias, low, high, partial=True)
    extremes = np.stack([np.where(weights > 0, high, low), np.where(weights > 0, low, high)])
    sums = (weights * extremes).sum(axis=2) + bias
    assert (final.low, final.high) == (sums.min(), sums.max())
    x = rng.integers(low, high + 1, 5)
    running = bias[:, None] + np.cumsum((weights * x)[:, rng.permutation(5)], axis=1)
    assert partial.low <= running.min()
    assert running.max() <= partial.high


def example_of(layer_type, name):
    return next(x for x in layer_type.examples() if x.name == name)


def place(example, lanes=1, **more):
    kernel = schedule.for_layer(example.layer)
    return kernel.of(example.layer, example.shapes, example.quantizations, example.output, (lanes,), **more)


def test_what_a_kernel_cannot_do_is_refused_by_name():
    depthwise, groups = example_of(Conv, "depthwise"), example_of(Conv, "groups")
    with pytest.raises(UnsupportedError, match="kernel conv2d supports convolutions that are not depthwise"):
        Conv2d.of(depthwise.layer, depthwise.shapes, depthwise.quantizations, depthwise.output, (1,))
    with pytest.raises(UnsupportedError, match="kernel depthwise supports depthwise convolutions alone"):
        Depthwise.of(groups.layer, groups.shapes, groups.quantizations, groups.output, (1,))
    with pytest.raises(InputError, match="depthwise pe must be the 2 lanes of its input, not 1"):
        place(depthwise, lanes=2, fold=Fold(1, 1))
    with pytest.raises(InputError, match="conv2d pe must divide the 2 output channels of a group, not be 3"):
        place(groups, fold=Fold(3, 1))
    example = example_of(Conv, "3x3")
    with pytest.raises(InputError, match="conv2d pe must be 1 to 4, not 5"):
        place(example, fold=Fold(5, 1))
    with pytest.raises(InputError, match="conv2d simd must be 1 to 27, not 28"):
        place(example, fold=Fold(1, 28))
    with pytest.raises(InputError, match="power of two, not 48"):
        place(example, capacity=48)
    with pytest.raises(InputError, match="must serve 4 accumulators every 1 cycles, not every 4"):
        place(example, fold=Fold(4, 27), requantizer=Requantizer("dsp", 1))
    with pytest.raises(UnsupportedError, match="no kernel computes 'Softmax'"):
        schedule.for_layer(layers.registry()["Softmax"].examples()[0].layer)


def test_reads_of_a_dense_layer_need_no_table():
    example = example_of(Dense, "vector")
    taps = place(example, lanes=1, fold=Fold(1, 3)).taps
    assert taps.beats_per_step == 3
    assert taps.fixed_channels == (0, 0, 0)


def test_fifo_is_a_schedule_that_passes_a_beat_a_cycle():
    fifo = Fifo(Stream(6, 4, 2, 8, True), 4)
    check_laws(fifo.schedule)
    ends = [(TOP, 0), (0, 0), (TOP, 0)]
    graph = ScheduleGraph(("f",), (fifo.schedule,), tuple(map(Link, ends[:-1], ends[1:])))
    run = stepper.step(graph, 20)
    assert run.interval_cycles == fifo.schedule.bound_cycles == 12
    with pytest.raises(AccelError, match="fifo depth must be positive, not 0"):
        Fifo(Stream(6, 4, 2, 8, True), 0)


def test_a_fork_gives_every_beat_to_every_reader_and_waits_for_the_slowest():
    fork = Fork(Stream(6, 4, 2, 8, True), 2, (4, 16))
    check_laws(fork.schedule)
    links = (Link((TOP, 0), (0, 0)), Link((0, 0), (TOP, 0)), Link((0, 1), (TOP, 1)))
    graph = ScheduleGraph(("fork",), (fork.schedule,), links)
    slow = np.arange(5) == 0
    run = stepper.step(graph, 20, sink_stalls=[np.ones(1, np.bool_), slow])
    assert run.interval_cycles == 12 * 5
    assert (run.outputs[0] <= run.outputs[1]).all()
    with pytest.raises(AccelError, match="powers of two, not 3"):
        Fork(Stream(6, 4, 2, 8, True), 2, (4, 3))


def test_slots_cover_the_latency():
    assert pipeline.queue_slots(20, 1) == 32
    assert pipeline.queue_slots(20, 25) == 2


def test_layers_without_integers_have_no_kernel():
    layer = Conv(in_channels=1, out_channels=2, kernel=(3, 3)).with_random_weights(np.random.default_rng(0))
    with pytest.raises(AccelError, match="integer weights"):
        Conv2d.of(layer, ((1, 5, 5),), (Quantization(1.0),), Quantization(1.0), (1,))
