
// Offers the beats of a file, each from a cycle on in which the noise says so until it moves.
module accel_tb_source #(
    parameter FILE = "", parameter BITS = 8, parameter BEATS = 1, parameter TOTAL = 1, parameter [12:0] SEED = 1
) (
    input wire clk, input wire rst, output wire valid, input wire ready, output wire [BITS-1:0] data, output wire last
);
    reg [BITS-1:0] beats [0:TOTAL-1];
    reg [12:0] noise;
    reg offered;
    integer next;

    assign valid = next < TOTAL && (offered || noise[0]);
    assign data = valid ? beats[next] : 0;
    assign last = next % BEATS == BEATS - 1;

    initial $readmemh(FILE, beats);

    always @(posedge clk)
        if (rst) begin
            noise <= SEED;
            offered <= 0;
            next <= 0;
        end else begin
            noise <= {noise[11:0], noise[12] ^ noise[11] ^ noise[10] ^ noise[7]};
            offered <= valid && !ready;
            if (valid && ready) next <= next + 1;
        end
endmodule

// Takes beats in the cycles that the noise picks and compares them with those of a file. What waits must not change.
module accel_tb_sink #(
    parameter NAME = "", parameter FILE = "", parameter LANES = 1, parameter LANE_BITS = 8, parameter BEATS = 1,
    parameter TOTAL = 1, parameter [12:0] SEED = 1
) (
    input wire clk, input wire rst, input wire valid, output wire ready, input wire [LANES*LANE_BITS-1:0] data,
    input wire last, output wire done, output reg [31:0] mismatches
);
    localparam SHOWN = 10;
    reg [LANES*LANE_BITS-1:0] beats [0:TOTAL-1];
    reg [LANES*LANE_BITS:0] waiting;
    reg [12:0] noise;
    reg waited;
    integer next, lane, wrong;

    assign ready = noise[0];
    assign done = next >= TOTAL;

    initial $readmemh(FILE, beats);

    always @(posedge clk)
        if (rst) begin
            noise <= SEED;
            waited <= 0;
            next <= 0;
            mismatches <= 0;
        end else begin
            noise <= {noise[11:0], noise[12] ^ noise[11] ^ noise[10] ^ noise[7]};
            waited <= valid && !ready;
            waiting <= {last, data};
            wrong = 0;
            if (waited && (valid !== 1 || {last, data} !== waiting)) begin
                $display("%0s: a beat that waited was taken back or changed", NAME);
                wrong = wrong + 1;
            end
            if (valid === 1'bx) begin
                $display("%0s: valid is unknown", NAME);
                wrong = wrong + 1;
            end
            if (valid === 1 && ready) begin
                next <= next + 1;
                if (done) begin
                    $display("%0s: a beat too many", NAME);
                    wrong = wrong + 1;
                end else begin
                    if (last !== (next % BEATS == BEATS - 1)) begin
                        $display("%0s, tensor %0d, beat %0d: last is %b", NAME, next / BEATS, next % BEATS, last);
                        wrong = wrong + 1;
                    end
                    for (lane = 0; lane < LANES; lane = lane + 1)
                        if (data[lane*LANE_BITS +: LANE_BITS] !== beats[next][lane*LANE_BITS +: LANE_BITS]) begin
                            wrong = wrong + 1;
                            if (mismatches < SHOWN)
                                $display(
                                    "%0s, tensor %0d, beat %0d, lane %0d: expected %h, got %h", NAME, next / BEATS,
                                    next % BEATS, lane, beats[next][lane*LANE_BITS +: LANE_BITS],
                                    data[lane*LANE_BITS +: LANE_BITS]
                                );
                        end
                end
            end
            mismatches <= mismatches + wrong;
        end
endmodule
