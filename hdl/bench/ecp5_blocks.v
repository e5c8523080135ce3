// Behavioural models of the ECP5 blocks that Yosys leaves empty, in the modes that its synthesis configures.
// A parameter with any other value ends elaboration with an error; so does a port or parameter that is not here.

// One 18 x 18 multiplier of a DSP slice, with all of its registers bypassed. Each operand has a sign of its own.
// Lattice FPGA-TN-02205, "ECP5 and ECP5-5G sysDSP Usage Guide", MULT18X18D. Operand C only passes through, to an ALU.
module MULT18X18D (
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
    P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
    parameter REG_INPUTA_CLK = "NONE";
    parameter REG_INPUTB_CLK = "NONE";
    parameter REG_INPUTC_CLK = "NONE";
    parameter REG_PIPELINE_CLK = "NONE";
    parameter REG_OUTPUT_CLK = "NONE";
    parameter MULT_BYPASS = "DISABLED";
    parameter GSR = "ENABLED";

    generate
        if (REG_INPUTA_CLK != "NONE" || REG_INPUTB_CLK != "NONE" || REG_INPUTC_CLK != "NONE"
            || REG_PIPELINE_CLK != "NONE" || REG_OUTPUT_CLK != "NONE")
            $error("the model of MULT18X18D has no registers");
        if (MULT_BYPASS != "DISABLED") $error("the model of MULT18X18D has no bypass");
    endgenerate

    wire [17:0] a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    wire [17:0] b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
    wire signed [18:0] wide_a = {SIGNEDA & a[17], a};
    wire signed [18:0] wide_b = {SIGNEDB & b[17], b};
    wire signed [37:0] product = wide_a * wide_b;
    // SOURCEA and SOURCEB choose the operand of a neighbour, and there is none: what that gives is not the product.
    wire chained = SOURCEA | SOURCEB;
    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15,
    P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = chained ? ~product[35:0] : product[35:0];
endmodule

// 18,432 bits of block RAM with two ports, each 1, 2, 4, 9 or 18 bits wide; or one port A that writes 36 bits, the
// upper 18 of them at DIB, beside a reading port B whose 36 bits have the upper 18 at DOB. No output registers.
// Lattice FPGA-TN-02204, "ECP5 and ECP5-5G Memory Usage Guide": an address counts bits, its lowest bits are byte
// enables at 18 and 36 bits, and a byte is 9 bits of which ports of 1, 2 and 4 bits reach 8.
module DP16KD (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1,
    DIA0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1,
    DOA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1,
    DIB0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1,
    DOB0
);
    parameter DATA_WIDTH_A = 18;
    parameter DATA_WIDTH_B = 18;
    parameter REGMODE_A = "NOREG";
    parameter REGMODE_B = "NOREG";
    parameter RESETMODE = "SYNC";
    parameter ASYNC_RESET_RELEASE = "SYNC";
    parameter CSDECODE_A = "0b000";
    parameter CSDECODE_B = "0b000";
    parameter WRITEMODE_A = "NORMAL";
    parameter WRITEMODE_B = "NORMAL";
    parameter CLKAMUX = "CLKA";
    parameter CLKBMUX = "CLKB";
    parameter GSR = "ENABLED";
    parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0;
    parameter [319:0] INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0;
    parameter [319:0] INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0;
    parameter [319:0] INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0;
    parameter [319:0] INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0;
    parameter [319:0] INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0;
    parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0;
    parameter [319:0] INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0;
    parameter [319:0] INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0;
    parameter [319:0] INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0;
    parameter [319:0] INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0;
    parameter [319:0] INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0;
    parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0;
    parameter [319:0] INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0;
    parameter [319:0] INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0;
    parameter [319:0] INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

    localparam [20479:0] INIT = {
        INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37,
        INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E,
        INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26, INITVAL_25,
        INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C,
        INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18, INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13,
        INITVAL_12, INITVAL_11, INITVAL_10, INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A,
        INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01,
        INITVAL_00
    };

    generate
        if (REGMODE_A != "NOREG" || REGMODE_B != "NOREG") $error("the model of DP16KD has no output registers");
        if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000") $error("the model of DP16KD is selected by zeros");
        if (CLKAMUX != "CLKA" || CLKBMUX != "CLKB") $error("the model of DP16KD does not invert clocks");
        if (RESETMODE != "SYNC" && RESETMODE != "ASYNC") $error("the model of DP16KD does not do this RESETMODE");
        if (WRITEMODE_A != "NORMAL" && WRITEMODE_A != "WRITETHROUGH" && WRITEMODE_A != "READBEFOREWRITE")
            $error("the model of DP16KD does not do this WRITEMODE_A");
        if (WRITEMODE_B != "NORMAL" && WRITEMODE_B != "WRITETHROUGH" && WRITEMODE_B != "READBEFOREWRITE")
            $error("the model of DP16KD does not do this WRITEMODE_B");
        if (!is_width(DATA_WIDTH_A) || !is_width(DATA_WIDTH_B) || (DATA_WIDTH_B == 36 && DATA_WIDTH_A != 36))
            $error("the model of DP16KD does widths 1, 2, 4, 9 and 18, and 36 at B only beside 36 at A");
    endgenerate

    function is_width(input integer width);
        is_width = width == 1 || width == 2 || width == 4 || width == 9 || width == 18 || width == 36;
    endfunction

    // Bit of a row of 36 at which an access begins.
    function [5:0] first(input integer width, input [4:0] address);
        case (width)
            1: first = address[4:3] * 9 + address[2:0];
            2: first = address[4:3] * 9 + {address[2:1], 1'b0};
            4: first = address[4:3] * 9 + {address[2], 2'b0};
            9: first = address[4:3] * 9;
            18: first = address[4] * 18;
            default: first = 0;
        endcase
    endfunction

    // Bits of a row that an access covers, and those of them that it writes.
    function [35:0] covered(input integer width, input [4:0] address);
        covered = ((37'd1 << width) - 1) << first(width, address);
    endfunction
    function [35:0] enabled(input integer width, input [3:0] bytes);
        case (width)
            18: enabled = {2{{9{bytes[1]}}, {9{bytes[0]}}}};
            36: enabled = {{9{bytes[3]}}, {9{bytes[2]}}, {9{bytes[1]}}, {9{bytes[0]}}};
            default: enabled = {36{1'b1}};
        endcase
    endfunction

    reg [35:0] rows [0:511];
    integer i;
    initial for (i = 0; i < 512; i = i + 1) rows[i] = {INIT[40 * i + 20 +: 18], INIT[40 * i +: 18]};

    wire [13:0] address_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [17:0] upper = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
    DIB3, DIB2, DIB1, DIB0};
    wire [35:0] given_a = {DATA_WIDTH_A == 36 ? upper : 18'd0, DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10,
    DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [35:0] data_a = given_a << first(DATA_WIDTH_A, address_a[4:0]);
    wire [35:0] covered_a = covered(DATA_WIDTH_A, address_a[4:0]);
    wire chosen_a = CEA & ~CSA2 & ~CSA1 & ~CSA0;
    wire [35:0] written_a = chosen_a & WEA & ~RSTA ? covered_a & enabled(DATA_WIDTH_A, address_a[3:0]) : 36'd0;

    wire [13:0] address_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    wire [35:0] given_b = upper;
    wire [35:0] data_b = given_b << first(DATA_WIDTH_B, address_b[4:0]);
    wire [35:0] covered_b = covered(DATA_WIDTH_B, address_b[4:0]);
    wire chosen_b = CEB & ~CSB2 & ~CSB1 & ~CSB0;
    wire [35:0] written_b = chosen_b & WEB & ~RSTB ? covered_b & enabled(DATA_WIDTH_B, address_b[3:0]) : 36'd0;

    // What a port reads while the other one writes it is undefined: it is the complement here, to be found out.
    wire same = address_a[13:5] == address_b[13:5];
    wire [35:0] old_a = rows[address_a[13:5]] ^ (same ? written_b : 36'd0);
    wire [35:0] seen_a = WRITEMODE_A == "WRITETHROUGH" ? (old_a & ~written_a) | (data_a & written_a) : old_a;
    wire reads_a = chosen_a & ~(WEA & WRITEMODE_A == "NORMAL");
    wire cleared_a = RESETMODE == "ASYNC" & RSTA;
    reg [35:0] read_a = 0;
    always @(posedge CLKA or posedge cleared_a)
        if (cleared_a) read_a <= 0;
        else if (RSTA) read_a <= 0;
        else if (reads_a) read_a <= (seen_a & covered_a) >> first(DATA_WIDTH_A, address_a[4:0]);
    integer bit_a;
    always @(posedge CLKA)
        for (bit_a = 0; bit_a < 36; bit_a = bit_a + 1)
            if (written_a[bit_a]) rows[address_a[13:5]][bit_a] <= data_a[bit_a];

    wire [35:0] old_b = rows[address_b[13:5]] ^ (same ? written_a : 36'd0);
    wire [35:0] seen_b = WRITEMODE_B == "WRITETHROUGH" ? (old_b & ~written_b) | (data_b & written_b) : old_b;
    wire reads_b = chosen_b & ~(WEB & WRITEMODE_B == "NORMAL");
    wire cleared_b = RESETMODE == "ASYNC" & RSTB;
    reg [35:0] read_b = 0;
    always @(posedge CLKB or posedge cleared_b)
        if (cleared_b) read_b <= 0;
        else if (RSTB) read_b <= 0;
        else if (reads_b) read_b <= (seen_b & covered_b) >> first(DATA_WIDTH_B, address_b[4:0]);
    integer bit_b;
    always @(posedge CLKB)
        for (bit_b = 0; bit_b < 36; bit_b = bit_b + 1)
            if (written_b[bit_b]) rows[address_b[13:5]][bit_b] <= data_b[bit_b];

    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2,
    DOA1, DOA0} = DATA_WIDTH_B == 36 ? read_b[17:0] : read_a[17:0];
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2,
    DOB1, DOB0} = DATA_WIDTH_B == 36 ? read_b[35:18] : read_b[17:0];
endmodule
