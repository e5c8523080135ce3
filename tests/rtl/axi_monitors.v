// Watches of AXI interfaces. A bit of `broken` is a rule, set for good when it is broken and said once.

// One channel: what is offered stays offered, unchanged, until it moves; nothing is offered in reset; nothing that
// matters is unknown.
module channel_monitor #(parameter NAME = "channel", parameter BITS = 1) (
    input wire clk, input wire resetn, input wire valid, input wire ready, input wire [BITS-1:0] payload,
    output reg [3:0] broken
);
    localparam DROPPED = 0, CHANGED = 1, IN_RESET = 2, UNKNOWN = 3;
    reg waiting, in_reset;
    reg [BITS-1:0] offered;

    initial begin
        broken = 0;
        waiting = 0;
        in_reset = 0;
    end

    task breaks(input integer rule, input [8*12-1:0] text);
        if (!broken[rule]) begin
            $display("%0t: %0s breaks the rule %0s", $time, NAME, text);
            broken[rule] <= 1;
        end
    endtask

    always @(posedge clk) begin
        in_reset <= !resetn;
        waiting <= resetn && valid && !ready;
        offered <= payload;
        if (!resetn) begin
            if (in_reset && valid) breaks(IN_RESET, "in reset");
        end else begin
            if (waiting && !valid) breaks(DROPPED, "dropped");
            if (waiting && valid && payload !== offered) breaks(CHANGED, "changed");
            if ((valid ^ valid) !== 0 || (ready ^ ready) !== 0) breaks(UNKNOWN, "unknown");
            if (valid === 1 && (^payload ^ ^payload) !== 0) breaks(UNKNOWN, "unknown");
        end
    end
endmodule

// An AXI4-Stream of tensors: the rules of a channel, and TLAST with every BEATS-th beat and no other.
module stream_monitor #(parameter NAME = "stream", parameter BITS = 8, parameter BEATS = 1) (
    input wire clk, input wire resetn, input wire restart, input wire valid, input wire ready,
    input wire [BITS-1:0] data, input wire last, output wire [4:0] broken
);
    reg misplaced;
    integer beat;

    channel_monitor #(NAME, BITS + 1) channel (clk, resetn, valid, ready, {last, data}, broken[3:0]);
    assign broken[4] = misplaced;

    initial begin
        misplaced = 0;
        beat = 0;
    end

    always @(posedge clk)
        if (!resetn || restart) beat <= 0;
        else if (valid && ready) begin
            beat <= beat == BEATS - 1 ? 0 : beat + 1;
            if (last !== (beat == BEATS - 1) && !misplaced) begin
                $display("%0t: %0s breaks the rule last", $time, NAME);
                misplaced <= 1;
            end
        end
endmodule

// An AXI4-Lite device: the rules of its five channels; no response before all of its request, none without one, none
// that takes for ever; no EXOKAY.
module lite_monitor #(parameter LIMIT = 64) (
    input wire clk, input wire resetn,
    input wire awvalid, input wire awready, input wire [11:0] awaddr, input wire [2:0] awprot,
    input wire wvalid, input wire wready, input wire [31:0] wdata, input wire [3:0] wstrb,
    input wire bvalid, input wire bready, input wire [1:0] bresp,
    input wire arvalid, input wire arready, input wire [11:0] araddr, input wire [2:0] arprot,
    input wire rvalid, input wire rready, input wire [31:0] rdata, input wire [1:0] rresp,
    output wire [25:0] broken
);
    localparam B_EARLY = 0, R_EARLY = 1, B_LATE = 2, R_LATE = 3, B_CODE = 4, R_CODE = 5;
    reg [5:0] rules;
    integer addresses, words, reads, b_wait, r_wait;

    channel_monitor #("AW", 15) aw (clk, resetn, awvalid, awready, {awaddr, awprot}, broken[3:0]);
    channel_monitor #("W", 36) w (clk, resetn, wvalid, wready, {wdata, wstrb}, broken[7:4]);
    channel_monitor #("B", 2) b (clk, resetn, bvalid, bready, bresp, broken[11:8]);
    channel_monitor #("AR", 15) ar (clk, resetn, arvalid, arready, {araddr, arprot}, broken[15:12]);
    channel_monitor #("R", 34) r (clk, resetn, rvalid, rready, {rdata, rresp}, broken[19:16]);
    assign broken[25:20] = rules;

    task breaks(input integer rule, input [8*12-1:0] text);
        if (!rules[rule]) begin
            $display("%0t: AXI4-Lite breaks the rule %0s", $time, text);
            rules[rule] <= 1;
        end
    endtask

    initial rules = 0;

    always @(posedge clk)
        if (!resetn) begin
            addresses <= 0;
            words <= 0;
            reads <= 0;
            b_wait <= 0;
            r_wait <= 0;
        end else begin
            addresses <= addresses + (awvalid && awready) - (bvalid && bready);
            words <= words + (wvalid && wready) - (bvalid && bready);
            reads <= reads + (arvalid && arready) - (rvalid && rready);
            b_wait <= addresses > 0 && words > 0 && !bvalid ? b_wait + 1 : 0;
            r_wait <= reads > 0 && !rvalid ? r_wait + 1 : 0;
            if (bvalid && (addresses < 1 || words < 1)) breaks(B_EARLY, "B early");
            if (rvalid && reads < 1) breaks(R_EARLY, "R early");
            if (b_wait == LIMIT) breaks(B_LATE, "B late");
            if (r_wait == LIMIT) breaks(R_LATE, "R late");
            if (bvalid && bresp == 1) breaks(B_CODE, "B code");
            if (rvalid && rresp == 1) breaks(R_CODE, "R code");
        end
endmodule
