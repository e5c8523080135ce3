// A device, a manager, a source and a sink on the bench of AxiWrapper's ports. They keep every rule of the interfaces but
// for the fault that a plusarg names.

// The sending end of a channel. Faults: +NAME_dropped and +NAME_changed=BIT, of what waits, while it is not taken;
// +NAME_reset; +NAME_unknown_valid; +NAME_unknown=BIT.
module sender #(parameter NAME = "channel", parameter BITS = 1) (
    input wire clk, input wire resetn, input wire offers, input wire [BITS-1:0] offered, input wire ready,
    output wire valid, output wire [BITS-1:0] payload
);
    reg dropped, in_reset, unknown_valid, waiting;
    reg [BITS-1:0] changed, unknown;
    integer place;
    wire waits_on = waiting && !ready;

    initial begin
        dropped = $test$plusargs({NAME, "_dropped"});
        in_reset = $test$plusargs({NAME, "_reset"});
        unknown_valid = $test$plusargs({NAME, "_unknown_valid"});
        changed = 0;
        unknown = 0;
        if ($value$plusargs({NAME, "_changed=%d"}, place)) changed[place] = 1;
        if ($value$plusargs({NAME, "_unknown=%d"}, place)) unknown[place] = 1'bx;
    end

    assign valid = unknown_valid ? 1'bx : resetn ? offers && !(dropped && waits_on) : in_reset;
    assign payload = offered ^ unknown ^ (waits_on ? changed : {BITS{1'b0}});

    always @(posedge clk) waiting <= resetn && offers && !ready;
endmodule

// The receiving end of a channel. Fault: +NAME_unknown_ready.
module receiver #(parameter NAME = "channel") (input wire takes, output wire ready);
    reg unknown;
    initial unknown = $test$plusargs({NAME, "_unknown_ready"});
    assign ready = unknown ? 1'bx : takes;
endmodule

// Sends tensors. Faults, beside the channel's: +NAME_early and +NAME_missing, of TLAST.
module stream_sender #(parameter NAME = "stream", parameter BITS = 8, parameter BEATS = 8) (
    input wire clk, input wire resetn, input wire ready, output wire valid, output wire [BITS-1:0] data, output wire last
);
    reg early, missing;
    reg [BITS-1:0] count;
    wire ends = count % BEATS == BEATS - 1;

    initial begin
        early = $test$plusargs({NAME, "_early"});
        missing = $test$plusargs({NAME, "_missing"});
    end

    sender #(NAME, BITS + 1) channel (
        clk, resetn, 1'b1, {early && count % BEATS == 1 || ends && !missing, count}, ready, valid, {last, data}
    );

    always @(posedge clk)
        if (!resetn) count <= 0;
        else if (ready) count <= count + 1;
endmodule

// A device that answers a write and a read at a time. Faults of its own: +B_early_AW, +B_early_W and +R_early, which
// once wait for no address, word or request; +B_late; +R_late; +B_exokay; +R_exokay.
module accel_axi (
    input wire aclk, input wire aresetn, output wire irq,
    input wire s_axi_awvalid, output wire s_axi_awready, input wire [11:0] s_axi_awaddr, input wire [2:0] s_axi_awprot,
    input wire s_axi_wvalid, output wire s_axi_wready, input wire [31:0] s_axi_wdata, input wire [3:0] s_axi_wstrb,
    output wire s_axi_bvalid, input wire s_axi_bready, output wire [1:0] s_axi_bresp,
    input wire s_axi_arvalid, output wire s_axi_arready, input wire [11:0] s_axi_araddr, input wire [2:0] s_axi_arprot,
    output wire s_axi_rvalid, input wire s_axi_rready, output wire [31:0] s_axi_rdata, output wire [1:0] s_axi_rresp,
    input wire s_axis_tvalid, output wire s_axis_tready, input wire [15:0] s_axis_tdata, input wire s_axis_tlast,
    output wire m_axis_tvalid, input wire m_axis_tready, output wire [15:0] m_axis_tdata, output wire m_axis_tlast
);
    localparam EXOKAY = 1, SLVERR = 2;
    reg early_address, early_word, early_request, b_late, r_late, b_exokay, r_exokay;
    reg address, word, request, written, read;
    reg [1:0] pace;
    reg [31:0] count;
    wire has_address = address || early_address && !s_axi_awvalid;
    wire has_word = word || early_word && !s_axi_wvalid;
    wire has_request = request || early_request && !s_axi_arvalid;

    initial begin
        early_address = $test$plusargs("B_early_AW");
        early_word = $test$plusargs("B_early_W");
        early_request = $test$plusargs("R_early");
        b_late = $test$plusargs("B_late");
        r_late = $test$plusargs("R_late");
        b_exokay = $test$plusargs("B_exokay");
        r_exokay = $test$plusargs("R_exokay");
    end

    assign irq = 0;
    receiver #("AW") aw (!address, s_axi_awready);
    receiver #("W") w (!word, s_axi_wready);
    receiver #("AR") ar (!request, s_axi_arready);
    receiver #("s_axis") s (pace == 0, s_axis_tready);
    wire [1:0] bresp = b_exokay ? EXOKAY : SLVERR, rresp = r_exokay ? EXOKAY : SLVERR;
    sender #("B", 2) b (aclk, aresetn, written, bresp, s_axi_bready, s_axi_bvalid, s_axi_bresp);
    sender #("R", 34) r (
        aclk, aresetn, read, {count, rresp}, s_axi_rready, s_axi_rvalid, {s_axi_rdata, s_axi_rresp}
    );
    stream_sender #("m_axis", 16) m (aclk, aresetn, m_axis_tready, m_axis_tvalid, m_axis_tdata, m_axis_tlast);

    always @(posedge aclk)
        if (!aresetn) begin
            address <= 0;
            word <= 0;
            request <= 0;
            written <= 0;
            read <= 0;
            pace <= 0;
            count <= 0;
        end else begin
            pace <= pace + 1;
            if (s_axi_awvalid && s_axi_awready) address <= 1;
            if (s_axi_wvalid && s_axi_wready) word <= 1;
            if (s_axi_arvalid && s_axi_arready) request <= 1;
            if (s_axi_bready) written <= 0;
            if (s_axi_rready) read <= 0;
            if (has_address && has_word && !written && !b_late) begin
                written <= 1;
                if (!address) early_address <= 0;
                if (!word) early_word <= 0;
                address <= 0;
                word <= 0;
            end
            if (has_request && !read && !r_late) begin
                read <= 1;
                if (!request) early_request <= 0;
                request <= 0;
                count <= count + 1;
            end
        end
endmodule

// The other side: a manager that writes and reads by chance, a source and a sink.
module broken;
    reg clk, resetn, aw, w, ar;
    reg [15:0] noise;
    wire awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;
    wire [11:0] awaddr, araddr;
    wire [2:0] awprot, arprot;
    wire [31:0] wdata, rdata;
    wire [3:0] wstrb;
    wire [1:0] bresp, rresp;
    wire s_valid, s_ready, s_last, m_valid, m_ready, m_last;
    wire [15:0] s_data, m_data;

    sender #("AW", 15) sends_aw (clk, resetn, aw, 15'd0, awready, awvalid, {awaddr, awprot});
    sender #("W", 36) sends_w (clk, resetn, w, 36'd0, wready, wvalid, {wdata, wstrb});
    sender #("AR", 15) sends_ar (clk, resetn, ar, 15'd0, arready, arvalid, {araddr, arprot});
    receiver #("B") takes_b (noise[0], bready);
    receiver #("R") takes_r (noise[1], rready);
    stream_sender #("s_axis", 16) source (clk, resetn, s_ready, s_valid, s_data, s_last);
    receiver #("m_axis") sink (noise[2], m_ready);

    axi_bench bench (
        .aclk(clk), .aresetn(resetn), .restart(1'b0), .irq(), .lite_broken(), .s_axis_broken(), .m_axis_broken(),
        .s_axi_awvalid(awvalid), .s_axi_awready(awready), .s_axi_awaddr(awaddr), .s_axi_awprot(awprot),
        .s_axi_wvalid(wvalid), .s_axi_wready(wready), .s_axi_wdata(wdata), .s_axi_wstrb(wstrb),
        .s_axi_bvalid(bvalid), .s_axi_bready(bready), .s_axi_bresp(bresp),
        .s_axi_arvalid(arvalid), .s_axi_arready(arready), .s_axi_araddr(araddr), .s_axi_arprot(arprot),
        .s_axi_rvalid(rvalid), .s_axi_rready(rready), .s_axi_rdata(rdata), .s_axi_rresp(rresp),
        .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tdata(s_data), .s_axis_tlast(s_last),
        .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tdata(m_data), .m_axis_tlast(m_last)
    );

    always #5 clk = !clk;
    always @(posedge clk) begin
        noise <= {noise[14:0], noise[15] ^ noise[14] ^ noise[12] ^ noise[3]};
        if (!resetn) begin
            aw <= 0;
            w <= 0;
            ar <= 0;
        end else begin
            if (!aw || awready) aw <= noise[3] && noise[8];
            if (!w || wready) w <= noise[5] && noise[4];
            if (!ar || arready) ar <= noise[7];
        end
    end

    initial begin
        clk = 0;
        resetn = 0;
        noise = 16'hACE1;
        #42 resetn = 1;
        #5000 $display("lite %b", bench.watch_lite.broken);
        $display("s_axis %b", bench.watch_s_axis.broken);
        $display("m_axis %b", bench.watch_m_axis.broken);
        $finish;
    end
endmodule
