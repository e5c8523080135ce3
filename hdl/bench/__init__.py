"""What runs inside the Verilog simulator: stream agents on the emitted files, started and stopped by cocotb.

`Bench` compiles emitted Verilog once, with a source or sink at every stream port, and then runs it with any data and
any stall patterns. The agents keep to `accel.stalls`; they note the cycle of every transfer, cycle 0 being the first
after reset, so a `Recording` is compared with `accel.stepper.Run` as it is.
"""

from hdl.bench.agents import Design, Drive, Port, PortRecord, Recording
from hdl.bench.simulators import Bench

__all__ = ["Bench", "Design", "Drive", "Port", "PortRecord", "Recording"]
