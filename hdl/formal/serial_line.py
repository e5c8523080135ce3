"""What lies between the host link and its line, each block with the properties that are proven of it."""

from __future__ import annotations

from accel.link import CRC_BYTES, ESCAPE, FLAG, FLIP
from hdl import frames
from hdl.formal.harness import Wires, harness
from hdl.formal.prover import Problem
from hdl.uart import Receiver, Transmitter
from hdl.verilog import emit


def framer() -> Problem:
    """`hdl.frames.Framer`: flag, body, four bytes more, flag; escaped as `accel.link` says, whatever the line's pace.

    The checksum is taken to be any four bytes: what it is worth is not part of the claim.
    """
    sink = Wires("o", 8, "coded__")
    body = [
        sink.declared, sink.accepted, sink.held,
        "  (* anyseq *) wire offers, ends; (* anyseq *) wire [7:0] octet; wire ready;\n"
        "  reg holds, final_, opened, escaped, complete, counts; reg [7:0] kept, nth;\n"
        f"  wire closes = complete & nth == {CRC_BYTES}, flag = !opened | closes;\n"
        f"  wire shows_flag = o_data == {FLAG}, shows_escape = o_data == {ESCAPE}, takes = o_valid & o_ready;\n"
        f"  wire [7:0] plain = escaped ? o_data ^ {FLIP} : o_data; wire moves = takes & !flag & !shows_escape;\n"
        "  always @(posedge clk)\n"
        "    if (rst) begin holds <= 0; opened <= 0; escaped <= 0; complete <= 0; counts <= 0; nth <= 0; end\n"
        "    else begin\n"
        "      if (offers & ready) begin kept <= octet; final_ <= ends; holds <= 1; end\n"
        "      if (takes & !opened) opened <= 1;\n"
        "      if (takes) escaped <= shows_escape;\n"
        "      if (moves & !complete) begin holds <= 0; complete <= final_; end\n"
        "      counts <= moves & !complete & final_;\n"
        "      if (moves & complete) nth <= nth + 1;\n"
        "      if (takes & closes) begin opened <= 0; complete <= 0; nth <= 0; end\n"
        "    end\n"
        "  always @* if (!rst) begin\n"
        "    a_byte_at_a_time: assert (ready == !holds);\n"
        "    as_soon_as_it_can: assert (o_valid == (complete ? !counts : holds));\n"
        "    flags_at_the_ends: assert (!o_valid | shows_flag == flag);\n"
        f"    escapes_what_must_be: assert (!escaped | (!shows_escape & (plain == {FLAG} | plain == {ESCAPE})));\n"
        "    in_order: assert (!moves | complete | plain == kept);\n  end\n",
    ]  # fmt: skip
    lemmas = (
        "  wire [2:0] state; wire [7:0] its_kept; wire [31:0] remainder; wire [1:0] left;\n"
        "  wire its_final, its_escaped; wire [7:0] code = complete ? remainder : kept;\n"
        "  always @* if (!rst) begin\n"
        "    states: assert (state == (!opened ? 0 : !complete ? 1 : counts ? 2 : closes ? 4 : 3));\n"
        f"    in_turn: assert (nth <= {CRC_BYTES} & (complete | nth == 0) & (opened | !complete) &\n"
        "      (!counts | (complete & nth == 0 & !escaped)));\n"
        f"    escapes: assert (!escaped | (!flag & o_valid & (code == {FLAG} | code == {ESCAPE})));\n"
        "    kept_too: assert (its_escaped == escaped & (!holds | (its_kept == kept & its_final == final_)));\n"
        f"    remains: assert (state != 3 | left == {CRC_BYTES - 1} - nth);\n  end\n"
    )
    links = {"state": "dut.fsm_state", "its_kept": "dut.checksum.data", "remainder": "dut.remainder"}
    links |= {"left": "dut.left", "its_final": "dut.last$21", "its_escaped": "dut.$signal$14"}
    pins = [".body__valid(offers)", ".body__ready(ready)", ".body__payload(octet)", ".last(ends)", *sink.pins]
    return Problem(emit(frames.Framer(), "dut"), harness(body, pins), lemmas, links, ("checksum.crc_reg",))


def deframer() -> Problem:
    """`hdl.frames.Deframer`: the bytes of a body in order, each once, and one verdict on every frame, for any bytes.

    Good are only frames of a byte and a checksum or more, without loss. The checksum is taken to be right or wrong as
    it likes: what it is worth is not part of the claim.
    """
    body = [
        "  (* anyseq *) wire comes, loses; (* anyseq *) wire [7:0] coded; wire given, good, bad; wire [7:0] octet;\n"
        "  reg [2:0] rest; wire taken = comes & rest == 0, broken = loses & !comes & rest == 0;\n"
        f"  wire flag = taken & coded == {FLAG}, escape = taken & coded == {ESCAPE}, plain = taken & !flag & !escape;\n"
        f"  reg escaped, damaged, many, goes, ended; wire [7:0] value = escaped ? coded ^ {FLIP} : coded;\n"
        "  (* anyconst *) reg [3:0] number; reg [3:0] in, out; reg [7:0] seen; reg judged, whole;\n"
        f"  wire enough = many | in >= {CRC_BYTES};\n"
        "  always @(posedge clk) begin\n"
        "    rest <= rst ? 0 : taken | broken ? 4 : rest == 0 ? 0 : rest - 1;\n"
        "    goes <= !rst & plain & enough; ended <= !rst & flag;\n"
        "    judged <= !rst & ended & (many | in != 0 | escaped | damaged);\n"
        f"    whole <= (many | in > {CRC_BYTES}) & !escaped & !damaged;\n"
        "    if (rst | ended) begin\n"
        "      in <= 0; out <= 0; many <= 0; escaped <= 0; damaged <= 0;\n"
        "    end else begin\n"
        "      if (plain & in == number) seen <= value;\n"
        f"      if (plain) begin in <= in + 1; many <= many | in > {CRC_BYTES}; escaped <= 0; end\n"
        "      if (escape) escaped <= 1;\n"
        "      if (broken) damaged <= 1;\n"
        "      out <= out + given;\n    end\n  end\n"
        "  always @* if (!rst) begin\n"
        "    all_but_the_last_four: assert (given == goes);\n"
        "    in_order: assert (!given | out != number | octet == seen);\n"
        "    one_verdict: assert ((good | bad) == judged & !(good & bad));\n"
        "    good_if_whole: assert (!good | whole);\n  end\n",
    ]
    lemmas = (
        "  wire [31:0] held; wire [2:0] count; wire its_escaped, its_damaged, its_end;\n"
        "  wire [3:0] back = in - 1 - number;\n"
        f"  wire [7:0] nth = {CRC_BYTES - 1} - back; wire [3:0] ahead = in - out - given;\n"
        "  always @* if (!rst) begin\n"
        f"    counted: assert (count == (many | in > {CRC_BYTES} ? {CRC_BYTES + 1} : in) &\n"
        "      (!ended | rest == 4) & rest < 5);\n"
        "    noted: assert (its_escaped == escaped & its_damaged == damaged & its_end == ended);\n"
        f"    given_so_far: assert (ahead == (count >= {CRC_BYTES} ? {CRC_BYTES} : count) & (many | in <= 5) &\n"
        "      (!given | (rest == 4 & !ended)));\n"
        "    kept: assert (back >= ahead | held[nth * 8 +: 8] == seen);\n  end\n"
    )
    links = {"held": "dut.held", "count": "dut.count"}
    links |= {"its_escaped": "dut.$signal$13", "its_damaged": "dut.$signal$19", "its_end": "dut.ended"}
    pins = [".taken(taken)", ".coded(coded)", ".broken(broken)", ".given(given)", ".\\byte (octet)"]
    pins += [".good(good)", ".bad(bad)"]
    return Problem(emit(frames.Deframer(), "dut"), harness(body, pins), lemmas, links, ("match_detected",))


def transmitter(divisor: int = 2) -> Problem:
    """`hdl.uart.Transmitter`: a start bit, the byte's bits, a stop bit, each as long as a bit is, and then the next."""
    length = 10 * divisor
    body = [
        "  (* anyseq *) wire offers; (* anyseq *) wire [7:0] octet; wire ready, line;\n"
        "  reg [7:0] age; reg [9:0] word; reg shows; // age counts from the cycle after a byte was taken\n"
        f"  wire [7:0] nth = (age - 1) / {divisor}; wire level = age == 0 | word[nth];\n"
        "  always @(posedge clk) begin\n"
        f"    age <= rst ? 0 : offers & ready ? 1 : age == 0 | age == {length} ? 0 : age + 1;\n"
        "    if (offers & ready) word <= {1'b1, octet, 1'b0};\n"
        "    shows <= rst | level;\n  end\n"
        "  always @* if (!rst) begin\n"
        "    a_byte_at_a_time: assert (ready == (age == 0));\n"
        "    bits_in_turn: assert (line == shows);\n  end\n",
    ]
    bits = (divisor - 1).bit_length()
    lemmas = (
        f"  wire [3:0] left; wire [{bits - 1}:0] wait_; wire [8:0] bits;\n"
        "  wire [19:0] shifted = {10'h3ff, word} >> nth;\n"
        "  always @* if (!rst) begin\n"
        f"    in_range: assert (age <= {length} & (age == 0 | (word[9] & !word[0])));\n"
        "    counts_bits: assert (left == (age == 0 ? 0 : 10 - nth));\n"
        f"    counts_cycles: assert (age == 0 | wait_ == {divisor - 1} - (age - 1) % {divisor});\n"
        "    shifts: assert (bits == (age == 0 ? 9'h1ff : shifted[8:0]));\n  end\n"
    )
    links = {"left": "dut.left", "wait_": "dut.wait", "bits": "dut.bits"}
    pins = [".bytes__valid(offers)", ".bytes__ready(ready)", ".bytes__payload(octet)", ".line(line)"]
    return Problem(emit(Transmitter(divisor), "dut"), harness(body, pins), lemmas, links)


def receiver(divisor: int = 4) -> Problem:
    """`hdl.uart.Receiver`: every byte on the line once, none broken, where edges come up to a cycle late or early."""
    middle = divisor // 2 - 1
    body = [
        "  (* anyseq *) wire starts, blur; (* anyseq *) wire [7:0] sends; wire given, broken; wire [7:0] octet;\n"
        "  reg [7:0] age; reg [9:0] word; reg waits; // age counts from the start bit on\n"
        f"  wire ends = age == {10 * divisor}, begins = starts & (age == 0 | ends);\n"
        f"  wire [7:0] nth = (age - 1) / {divisor}, phase = (age - 1) % {divisor};\n"
        f"  wire edge_ = phase == 0 | (phase == {divisor - 1} & nth != 9);\n"
        "  wire line = age == 0 ? 1 : edge_ ? blur : word[nth];\n"
        "  always @(posedge clk) begin\n"
        "    age <= rst ? 0 : begins ? 1 : age == 0 | ends ? 0 : age + 1;\n"
        "    if (begins) word <= {1'b1, sends, 1'b0};\n"
        "    waits <= !rst & (begins | (waits & !given));\n  end\n"
        "  always @* if (!rst) begin\n"
        "    as_sent: assert (!given | (waits & nth == 9 & octet == word[8:1]));\n"
        "    none_lost: assert (!begins | !waits | given);\n"
        "    unbroken: assert (!broken);\n  end\n",
    ]
    lemmas = (
        f"  wire [1:0] state; wire [3:0] left; wire [{(divisor + divisor // 2 - 1).bit_length() - 1}:0] wait_;\n"
        "  reg late; always @(posedge clk) late <= age == 1 ? line : late;\n"
        f"  wire [7:0] heard = word[8:1] & ((1 << 8 - left) - 1), read = 9 * {divisor} + {middle} + late;\n"
        "  always @* if (!rst) begin\n"
        f"    in_range: assert (age <= {10 * divisor} & (age == 0 | (word[9] & !word[0])) & state < 3);\n"
        "    idle: assert (state != 0 | age <= 1 | (age == 2 & late) | age - 1 > read + 1);\n"
        "    hears: assert (state != 1 | (left <= 8 & age >= 2 + late &\n"
        f"      age - 1 + wait_ == late + {middle} + (9 - left) * {divisor} & octet >> left == heard));\n"
        "    stops: assert (state != 2 | (age - 1 == read + 1 & octet == word[8:1]));\n"
        "    gives_once: assert (given == (state == 2) & waits == (age != 0 & age - 1 <= read + 1));\n  end\n"
    )
    links = {"state": "dut.fsm_state", "left": "dut.left", "wait_": "dut.wait"}
    pins = [".line(line)", ".given(given)", ".broken(broken)", ".\\byte (octet)"]
    return Problem(emit(Receiver(divisor), "dut"), harness(body, pins), lemmas, links)
