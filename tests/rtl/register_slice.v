// A stream register that takes a beat every other cycle at most; the bench's own tests run on it.
module register_slice (
    input wire clk, input wire rst,
    input wire s_valid, output wire s_ready, input wire [15:0] s_data, input wire s_last,
    output reg m_valid, input wire m_ready, output reg [15:0] m_data, output reg m_last
);
    wire inner_valid = m_valid, inner_ready = m_ready;
    wire [15:0] inner_payload = m_data;
    assign s_ready = !m_valid;
    always @(posedge clk)
        if (rst) m_valid <= 0;
        else if (s_valid && s_ready) begin
            m_valid <= 1;
            m_data <= s_data;
            m_last <= s_last;
        end else if (m_ready) m_valid <= 0;
endmodule
