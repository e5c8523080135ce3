// Devices with one fault each, under the monitors that must see it; fault 0 is none.

// Sends tensors of four beats to a reader that stalls.
module broken_stream #(parameter FAULT = 0) (
    input wire clk, input wire resetn, input wire ready, output wire valid, output wire [7:0] data, output wire last
);
    localparam DROPS = 1, CHANGES = 2, IN_RESET = 3, UNKNOWN = 4, EARLY = 5, NEVER = 6;
    reg full;
    reg [7:0] count;

    assign valid = FAULT == IN_RESET && !resetn || full;
    assign data = FAULT == UNKNOWN && count == 9 ? 8'bx : count;
    assign last = FAULT == NEVER ? 0 : FAULT == EARLY && count == 6 ? 1 : count[1:0] == 3;

    always @(posedge clk)
        if (!resetn) begin
            full <= 0;
            count <= 0;
        end else begin
            full <= FAULT == DROPS && count == 5 && !ready ? !full : 1;
            if (full && ready) count <= count + 1;
            else if (FAULT == CHANGES && full && count == 5) count <= 9;
        end
endmodule

// Answers reads and writes of a manager that stalls.
module broken_lite #(parameter FAULT = 0) (
    input wire clk, input wire resetn,
    input wire awvalid, output reg awready, input wire wvalid, output reg wready,
    output reg bvalid, input wire bready, output reg [1:0] bresp,
    input wire arvalid, output reg arready, output reg rvalid, input wire rready, output reg [31:0] rdata,
    output reg [1:0] rresp
);
    localparam B_EARLY = 1, R_EARLY = 2, B_LATE = 3, R_LATE = 4, B_CODE = 5, R_CODE = 6, B_DROPS = 7, R_CHANGES = 8;
    wire written = !awready && (!wready || FAULT == B_EARLY) && !bvalid;

    always @(posedge clk)
        if (!resetn) begin
            awready <= 1;
            wready <= 1;
            arready <= 1;
            bvalid <= 0;
            rvalid <= 0;
            bresp <= 0;
            rresp <= 0;
            rdata <= 0;
        end else begin
            if (awvalid && awready) awready <= 0;
            if (wvalid && wready) wready <= 0;
            if (arvalid && arready) arready <= 0;
            if (bready) bvalid <= 0;
            if (rready) rvalid <= 0;
            if (written && FAULT != B_LATE) begin
                bvalid <= 1;
                bresp <= FAULT == B_CODE ? 1 : 2;
                awready <= 1;
                wready <= 1;
            end
            if (FAULT == B_DROPS && bvalid) bvalid <= 0;
            if ((!arready || FAULT == R_EARLY) && !rvalid && FAULT != R_LATE) begin
                rvalid <= 1;
                rresp <= FAULT == R_CODE ? 1 : 0;
                rdata <= rdata + 1;
                arready <= 1;
            end
            if (FAULT == R_CHANGES && rvalid && !rready) rdata <= rdata + 1;
        end
endmodule

module broken;
    localparam STREAMS = 7, LITES = 9;
    reg clk, resetn;
    reg [15:0] noise;
    wire [5*STREAMS-1:0] streams;
    wire [26*LITES-1:0] lites;
    integer i;
    genvar f;

    generate
        for (f = 0; f < STREAMS; f = f + 1) begin : stream
            wire valid, last;
            wire [7:0] data;
            broken_stream #(f) device (clk, resetn, noise[0], valid, data, last);
            stream_monitor #("stream", 8, 4) monitor (
                clk, resetn, 1'b0, valid, noise[0], data, last, streams[5*f +: 5]
            );
        end
        for (f = 0; f < LITES; f = f + 1) begin : lite
            reg aw, w, ar;
            wire awready, wready, bvalid, arready, rvalid;
            wire [1:0] bresp, rresp;
            wire [31:0] rdata;
            always @(posedge clk)
                if (!resetn) begin
                    aw <= 0;
                    w <= 0;
                    ar <= 0;
                end else begin
                    if (!aw || awready) aw <= noise[3] && awready;
                    if (!w || wready) w <= noise[5] && wready && noise[4];
                    if (!ar || arready) ar <= noise[7] && arready;
                end
            broken_lite #(f) device (
                clk, resetn, aw, awready, w, wready, bvalid, noise[0], bresp, ar, arready, rvalid, noise[1], rdata, rresp
            );
            lite_monitor #(40) monitor (
                clk, resetn, aw, awready, 12'd0, 3'd0, w, wready, 32'd0, 4'd0, bvalid, noise[0], bresp,
                ar, arready, 12'd0, 3'd0, rvalid, noise[1], rdata, rresp, lites[26*f +: 26]
            );
        end
    endgenerate

    always #5 clk = !clk;
    always @(posedge clk) noise <= {noise[14:0], noise[15] ^ noise[14] ^ noise[12] ^ noise[3]};

    initial begin
        clk = 0;
        resetn = 0;
        noise = 16'hACE1;
        #42 resetn = 1;
        #5000 for (i = 0; i < STREAMS; i = i + 1) $display("stream %0d %b", i, streams[5*i +: 5]);
        for (i = 0; i < LITES; i = i + 1) $display("lite %0d %b", i, lites[26*i +: 26]);
        $finish;
    end
endmodule
