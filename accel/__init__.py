"""One neural network, priced on many accelerators and generated as proven Verilog for one of them."""
