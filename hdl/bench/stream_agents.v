// The stream agents at a design's ports. A pattern of stalls repeats from the first cycle after reset, cycle 0. A reset
// in the midst starts them anew: what has been noted is forgotten. With +resets=N, sources send their beats inverted
// until N such resets have come.
// Files, in the folder the simulator runs in: NAME.stalls (a length, then that many bits), NAME.beats (a source's
// "data last" lines, in hexadecimal and binary), NAME.expected (the beats a sink waits for), NAME.log (written: the
// cycle of every transfer and, at a sink, what moved; an x for every cycle in which the design leaves ready, valid or
// what it offers undefined).

// Offers the next beat from a cycle on where the pattern holds until it moves.
module stream_source #(parameter NAME = "source", parameter BITS = 8) (
    input wire clk, input wire rst, output wire valid, input wire ready, output wire [BITS-1:0] data, output reg last
);
    integer beats, stalls, log, length, at, cycle, got, i, resets;
    reg pattern [0:8191];
    reg offered, empty, next_last;
    reg [BITS-1:0] word, next_word;

    assign valid = !empty && (offered || pattern[at]);
    assign data = resets > 0 ? ~word : word;

    initial begin
        stalls = $fopen({NAME, ".stalls"}, "r");
        got = $fscanf(stalls, "%d", length);
        for (i = 0; i < length; i = i + 1) got = $fscanf(stalls, "%b", pattern[i]);
        $fclose(stalls);
        log = $fopen({NAME, ".log"}, "w");
        beats = $fopen({NAME, ".beats"}, "r");
        got = $fscanf(beats, "%h %b", word, last);
        empty = got != 2;
        offered = 0;
        at = 0;
        cycle = 0;
        if (!$value$plusargs("resets=%d", resets)) resets = 0;
    end

    always @(posedge clk)
        if (rst) begin
            if (cycle != 0) begin
                $fclose(log);
                log = $fopen({NAME, ".log"}, "w");
                got = $rewind(beats);
                got = $fscanf(beats, "%h %b", next_word, next_last);
                empty <= got != 2;
                word <= next_word;
                last <= next_last;
                resets <= resets - 1;
            end
            offered <= 0;
            at <= 0;
            cycle <= 0;
        end else begin
            cycle <= cycle + 1;
            at <= at == length - 1 ? 0 : at + 1;
            offered <= valid && !ready;
            if (ready === 1'bx) $fwrite(log, "x\n");
            if (valid && ready) begin
                $fwrite(log, "%0d\n", cycle);
                got = $fscanf(beats, "%h %b", next_word, next_last);
                empty <= got != 2;
                word <= next_word;
                last <= next_last;
            end
        end
endmodule

// Is ready in exactly the cycles where the pattern holds.
module stream_sink #(parameter NAME = "sink", parameter BITS = 8) (
    input wire clk, input wire rst, input wire valid, output wire ready, input wire [BITS-1:0] data, input wire last,
    output reg done
);
    integer expected, stalls, log, length, at, cycle, total, left, got, i;
    reg pattern [0:8191];

    assign ready = pattern[at];

    initial begin
        stalls = $fopen({NAME, ".stalls"}, "r");
        got = $fscanf(stalls, "%d", length);
        for (i = 0; i < length; i = i + 1) got = $fscanf(stalls, "%b", pattern[i]);
        $fclose(stalls);
        expected = $fopen({NAME, ".expected"}, "r");
        got = $fscanf(expected, "%d", total);
        left = total;
        $fclose(expected);
        log = $fopen({NAME, ".log"}, "w");
        done = 0;
        at = 0;
        cycle = 0;
    end

    always @(posedge clk)
        if (rst) begin
            if (cycle != 0) begin
                $fclose(log);
                log = $fopen({NAME, ".log"}, "w");
                left <= total;
                done <= 0;
            end
            at <= 0;
            cycle <= 0;
        end else begin
            cycle <= cycle + 1;
            at <= at == length - 1 ? 0 : at + 1;
            if (valid !== 1'b0 && ^{valid, data, last} === 1'bx) $fwrite(log, "%0d %h x\n", cycle, data);
            else if (valid && ready) begin
                $fwrite(log, "%0d %h %b\n", cycle, data, last);
                left <= left - 1;
                if (left == 1) begin
                    $fflush(log);
                    done <= 1;
                end
            end
        end
endmodule

// Watches a stream inside a design and touches nothing; it writes NAME.log as a sink does.
module stream_probe #(parameter NAME = "probe", parameter BITS = 8) (
    input wire clk, input wire rst, input wire valid, input wire ready, input wire [BITS-1:0] data
);
    integer log, cycle;

    initial begin
        log = $fopen({NAME, ".log"}, "w");
        cycle = 0;
    end

    always @(posedge clk)
        if (rst) begin
            if (cycle != 0) begin
                $fclose(log);
                log = $fopen({NAME, ".log"}, "w");
            end
            cycle <= 0;
        end else begin
            cycle <= cycle + 1;
            if (valid && ready) $fwrite(log, "%0d %h\n", cycle, data);
        end
endmodule
