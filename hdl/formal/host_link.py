"""The host link's blocks, each with the properties that are proven of it."""

from __future__ import annotations

from dataclasses import dataclass

from hdl.formal.harness import Wires, harness, scoreboard
from hdl.formal.prover import Problem
from hdl.host_buffers import Lane, Outlet, TensorRing
from hdl.shell import BYTE_BITS
from hdl.verilog import emit


@dataclass(frozen=True, slots=True)
class _ShortFrames(Lane):
    """A lane whose tensors take several frames of few beats."""

    @property
    def frame_beats(self) -> int:
        return 2


def tensor_ring(size: int = 2, beats: int = 3, depth: int = 4) -> Problem:
    """`hdl.host_buffers.TensorRing`, whose writer keeps what is whole and found room, and whose reader waits for full.

    Bytes of kept frames keep the order rule, in beats that are offered without a gap, and those of dropped frames
    leave no trace.
    """
    sink = Wires("o", BYTE_BITS * size, "beat__")
    top = (4 * depth).bit_length() - 2  # the highest bit of a count of beats
    number = f"[{(4 * depth * size).bit_length() - 2}:0]"
    body = [
        sink.declared,
        sink.accepted,
        sink.held,
        "  (* anyseq *) wire given, keeps, drops, wants; (* anyseq *) wire [7:0] octet; wire whole, overrun, full;\n"
        "  reg gave; always @(posedge clk) gave <= !rst & given;\n"
        "  wire quiet = !given & !gave, commit = keeps & quiet & whole & !overrun;\n"
        "  wire rollback = drops & quiet & !commit, releases = wants & full, takes = o_valid & o_ready;\n",
        f"  reg [{top}:0] written, kept, taken; reg [7:0] left, place; reg completes, spilt;\n"
        f"  (* anyconst *) reg {number} number; reg [7:0] seen;\n"
        f"  wire {number} first = taken * {size}, now = (written + completes) * {size} + place, due = number - first;\n"
        f"  wire [{top}:0] held = written - taken, good = kept - taken;\n"
        "  always @(posedge clk)\n"
        "    if (rst) begin\n"
        "      written <= 0; kept <= 0; taken <= 0; left <= 0; place <= 0; completes <= 0; spilt <= 0;\n"
        "    end else begin\n"
        "      if (given & !spilt & now == number) seen <= octet;\n"
        f"      completes <= given & place == {size - 1};\n"
        f"      if (given) place <= place == {size - 1} ? 0 : place + 1;\n"
        f"      if (completes & held == {depth}) spilt <= 1;\n"
        f"      if (completes & held != {depth}) written <= written + 1;\n"
        "      if (commit) kept <= written;\n"
        "      if (rollback) written <= kept;\n"
        "      if (commit | rollback) begin place <= 0; spilt <= 0; end\n"
        "      taken <= taken + takes;\n"
        f"      left <= releases ? {beats} : left - takes;\n"
        "    end\n"
        "  always @* if (!rst) begin\n"
        "    whole_beats: assert (whole == (place == 0));\n"
        "    no_room: assert (overrun == spilt);\n"
        f"    full_when_all_is_there: assert (full == (left == 0 & good >= {beats}));\n"
        "    without_a_gap: assert (o_valid == (left != 0));\n"
        f"    in_order: assert (!o_valid | due >= {size} | o_data[due * {BYTE_BITS} +: {BYTE_BITS}] == seen);\n  end\n",
    ]
    word = " : ".join(f"number / {size} % {depth} == {i} ? word_{i}" for i in range(depth))
    next_word = " : ".join(f"taken % {depth} == {i} ? word_{i}" for i in range(depth))
    bits, digits = BYTE_BITS * size - 1, depth.bit_length()
    lemmas = [
        f"  wire [{digits - 1}:0] its_tail, its_kept, its_head; wire [{beats.bit_length() - 1}:0] its_left;\n",
        f"  wire [{size.bit_length() - 1}:0] its_part, filled; wire [{bits}:0] gathered;\n",
        *(f"  wire [{bits}:0] word_{i};\n" for i in range(depth)),
        f"  wire [{bits}:0] word = {word} : 0, next_word = {next_word} : 0;\n"
        f"  wire stored = due < good * {size} | (!spilt & due < held * {size});\n"
        f"  wire comes = !spilt & due >= held * {size} & due < now - first;\n"
        f"  wire [7:0] nth = number % {size};\n"
        "  always @* if (!rst) begin\n"
        f"    counted: assert (held <= {depth} & good <= held & left <= good & left <= {beats} & place < {size});\n"
        "    gathering: assert ((!completes | (gave & place == 0)) & (gave | !completes));\n"
        f"    places: assert (its_tail == written % {2 * depth} & its_kept == kept % {2 * depth} &\n"
        f"      its_head == taken % {2 * depth} & its_left == left & its_part == place);\n"
        f"    gathers: assert (filled == (completes ? {size} : place));\n"
        f"    keeps_it: assert (!stored | word[nth * {BYTE_BITS} +: {BYTE_BITS}] == seen);\n"
        f"    gathers_it: assert (!comes | gathered[nth * {BYTE_BITS} +: {BYTE_BITS}] == seen);\n"
        "    reads_it: assert (good == 0 | o_data == next_word);\n  end\n",
    ]
    links = {f"its_{name}": f"dut.{name}" for name in ("tail", "kept", "head", "left", "part")}
    links |= {"filled": "dut.gather.filled", "gathered": "dut.gather.beat__payload"}
    links |= {f"word_{i}": f"dut.words[{i}]" for i in range(depth)}
    pins = [
        *(f".{name}({name})" for name in ("given", "commit", "rollback", "whole", "overrun", "full")),
        ".\\byte (octet)", ".\\release (releases)", *sink.pins,
    ]  # fmt: skip
    return Problem(emit(TensorRing(Lane("s", size, beats, depth)), "dut"), harness(body, pins), "".join(lemmas), links)


def outlet(size: int = 2, beats: int = 3, depth: int = 4) -> Problem:
    """`hdl.host_buffers.Outlet`, whose reader waits for full: order, and every frame whole, counted and marked."""
    lane = _ShortFrames("m", size, beats, depth)
    frame = lane.frame_beats
    frames = -(-beats // frame)
    rest = beats - (frames - 1) * frame
    source, sink = Wires("i", BYTE_BITS * size, "beat__"), Wires("o", BYTE_BITS, "bytes__")
    body = [
        source.declared, source.offered, sink.declared, sink.accepted, sink.held,
        scoreboard(source, sink, order_bits=4, out_of=size),
        "  (* anyseq *) wire wants; wire full, final_, last, ends; wire [7:0] number;\n"
        "  wire releases = wants & full, enters = i_valid & i_ready;\n"
        "  reg [7:0] beat, nth, tensor, left; reg there;\n"
        f"  wire [7:0] needs = nth == {frames - 1} ? {rest} : {frame}; wire [3:0] inside = i_o_in - i_o_out;\n"
        "  always @(posedge clk)\n"
        "    if (rst) begin beat <= 0; nth <= 0; tensor <= 0; left <= 0; there <= 0; end\n"
        "    else begin\n"
        f"      if (enters) beat <= beat == {beats - 1} ? 0 : beat + 1;\n"
        f"      if (releases) nth <= nth == {frames - 1} ? 0 : nth + 1;\n"
        f"      if (releases & nth == {frames - 1}) tensor <= tensor + 1;\n"
        f"      left <= releases ? needs * {size} : left - (o_valid & o_ready);\n"
        f"      there <= !releases & left == 0 & inside >= needs * {size};\n"
        "    end\n"
        "  always @* if (!rst) begin\n"
        f"    ends_with_a_tensor: assert (ends == (enters & beat == {beats - 1}));\n"
        "    full_when_all_is_there: assert (full == there);\n"
        f"    numbered: assert (number == tensor & final_ == (nth == {frames - 1}));\n"
        "    only_what_was_released: assert (!o_valid | left != 0);\n"
        "    last_of_its_frame: assert (last == (left == 1));\n  end\n",
    ]  # fmt: skip
    slots = depth - 1  # the queue's, behind which it has a register
    word = " : ".join(f"(consume + place / {size}) % {slots} == {i} ? word_{i}" for i in range(slots))
    bits = BYTE_BITS * size - 1
    lemmas = [
        f"  wire [{(slots - 1).bit_length() - 1}:0] produce, consume; wire [{slots.bit_length() - 1}:0] level;\n",
        f"  wire fetched; wire [{bits}:0] fetch, held; wire [{size.bit_length() - 1}:0] scatters;\n",
        f"  wire [{(beats - 1).bit_length() - 1}:0] its_beat;\n"
        f"  wire [{frame.bit_length() - 1}:0] beats_left; wire [{(frame * size).bit_length() - 1}:0] bytes_left;\n",
        *(f"  wire [{bits}:0] word_{i};\n" for i in range(slots)),
        "  wire [7:0] due = i_o_due;\n"
        f"  wire [7:0] ahead = scatters + {size} * fetched, place = due - ahead;\n"
        f"  wire [{bits}:0] word = due < scatters ? held >> {BYTE_BITS} * due :\n"
        f"    due < ahead ? fetch >> {BYTE_BITS} * (due - scatters) :\n"
        f"    ({word} : 0) >> {BYTE_BITS} * (place % {size});\n"
        "  always @* if (!rst) begin\n"
        f"    counted: assert (level <= {slots} & scatters <= {size} & its_beat == beat & beat < {beats});\n"
        f"    circular: assert (produce < {slots} & consume < {slots} & (consume + level) % {slots} == produce);\n"
        f"    under_way: assert (inside == scatters + {size} * (fetched + level) & i_o_inside == (due < inside));\n"
        f"    fetches: assert (nth < {frames} & bytes_left == left & left == scatters + {size} * beats_left);\n"
        f"    is_there: assert (left <= inside & (!there | (left == 0 & inside >= needs * {size})));\n"
        f"    kept: assert (!i_o_inside | word[{BYTE_BITS - 1}:0] == i_o_seen);\n  end\n",
    ]
    links = {name: f"dut.queue.{name}" for name in ("produce", "consume")}
    links |= {"level": "dut.queue.inner_level", "fetched": "dut.queue.r_rdy", "fetch": "dut.queue.r_data"}
    links |= {"scatters": "dut.scatter.left", "held": "dut.scatter.held", "its_beat": "dut.entered"}
    links |= {f"word_{i}": f"dut.queue.storage[{i}]" for i in range(slots)}
    links |= {name: f"dut.{name}" for name in ("beats_left", "bytes_left")}
    pins = [
        *(f".{name}({name})" for name in ("ends", "full", "number", "last")),
        ".\\final (final_)", ".\\release (releases)", *source.pins, *sink.pins,
    ]  # fmt: skip
    return Problem(emit(Outlet(lane), "dut"), harness(body, pins), "".join(lemmas), links)
