"""How many designs of a whole network `accel.explore` prices a second, beside SCALE-Sim.

    python benchmarks/explore_rate.py [NETWORK] [--seconds S] [--scale-sim PYTHON]

A design is priced on every layer: cycles, main-memory traffic and energy. SCALE-Sim is timed on one design of the same
network, as its users run it; the ratio is of designs a second. It models another machine in other detail, so the ratio
says what a sweep costs, not which is right.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numba

import accel
import sim
from accel.app.explore import Exploration
from accel.network import Network

SPACES = {
    "fpga-tiled": {
        "tm": range(8, 72),
        "tn": [1, 2, 3, 4, 5, 6, 7],
        "input_buffer_bytes": [2**k for k in range(14, 19)],
        "weight_buffer_bytes": [2**k for k in range(14, 19)],
        "output_buffer_bytes": [2**k for k in range(14, 19)],
        "bandwidth_gbs": [0.5 * k for k in range(1, 25)],
    },
    "diannao": {
        "tn": [4 * k for k in range(1, 17)],
        "ti": [4 * k for k in range(1, 17)],
        "nbin_bytes": [2**k for k in range(9, 17)],
        "sb_bytes": [2**k for k in range(12, 20)],
        "nbout_bytes": [2**k for k in range(9, 17)],
        "bandwidth_gbs": [25.0 * k for k in range(1, 11)],
    },
}
"""Every design of these spaces is feasible."""


def timed(network: Network, machine: str, seconds: float) -> tuple[Exploration, float, float]:
    """Return an exploration of about ``seconds``, its time, and the share of the cores it had."""
    axes = dict(SPACES[machine])
    accel.explore(network, machine, {name: list(values)[:1] for name, values in axes.items()})  # compiles
    probe = dict(axes, bandwidth_gbs=axes["bandwidth_gbs"][:1])
    start = time.perf_counter()
    size = accel.explore(network, machine, probe).size
    rate = size / (time.perf_counter() - start)
    wanted = max(1, round(seconds * rate / size))
    axes["bandwidth_gbs"] = [1.0 + 0.01 * k for k in range(wanted)]
    start, cpu = time.perf_counter(), time.process_time()
    explored = accel.explore(network, machine, axes)
    wall = time.perf_counter() - start
    return explored, wall, (time.process_time() - cpu) / wall / numba.get_num_threads()


SCALE_SIM = """
import sys, time
from scalesim.scale_sim import scalesim
config, topology, layout, folder = sys.argv[1:]
start = time.perf_counter()
simulator = scalesim(save_disk_space=True, verbose=False, config=config, topology=topology, layout=layout)
simulator.run_scale(top_path=folder)
print("seconds", time.perf_counter() - start)
"""


def scale_sim_seconds(network: Network, python: str) -> float:
    """Return the time SCALE-Sim 3 takes for one design of 16 x 16 units in an interpreter that has it."""
    with tempfile.TemporaryDirectory() as folder:
        topology = Path(folder) / f"{network.name}.csv"
        rows = ["Layer,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,"]
        for node in network:
            for w in network.work(node):
                if w.kind == 0 and w.g == 1:
                    high, wide = (w.p - 1) * w.stride_h + w.r, (w.q - 1) * w.stride_w + w.s
                    rows.append(f"{node.name},{high},{wide},{w.r},{w.s},{w.c},{w.m},{w.stride_h},")
        topology.write_text("\n".join(rows) + "\n")
        layout = Path(folder) / "layout.csv"
        layout.write_text("Layer\n" + "".join(row.split(",")[0] + ",1" * 20 + ",\n" for row in rows[1:]))
        config = Path(folder) / "design.cfg"
        config.write_text(
            "[general]\nrun_name = design\n\n[architecture_presets]\nArrayHeight: 16\nArrayWidth: 16\n"
            "IfmapSramSzkB: 64\nFilterSramSzkB: 64\nOfmapSramSzkB: 64\nIfmapOffset: 0\nFilterOffset: 10000000\n"
            "OfmapOffset: 20000000\nDataflow: os\nBandwidth: 10\nReadRequestBuffer: 32\nWriteRequestBuffer: 32\n\n"
            "[layout]\nIfmapCustomLayout: False\nIfmapSRAMBankBandwidth: 10\nIfmapSRAMBankNum: 10\n"
            "IfmapSRAMBankPort: 2\nFilterCustomLayout: False\nFilterSRAMBankBandwidth: 10\nFilterSRAMBankNum: 10\n"
            "FilterSRAMBankPort: 2\n\n[sparsity]\nSparsitySupport: false\nOptimizedMapping: false\n\n"
            "[run_presets]\nInterfaceBandwidth: CALC\nUseRamulatorTrace: False\n"
        )
        files = [str(path) for path in (config, topology, layout, folder)]
        done = subprocess.run([python, "-c", SCALE_SIM, *files], capture_output=True, text=True, check=True)
        return float(done.stdout.rsplit("seconds", 1)[1])


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", default="resnet50")
    parser.add_argument("--seconds", type=float, default=5.0, help="about how long each exploration runs")
    parser.add_argument(
        "--scale-sim", metavar="PYTHON", help="an interpreter that has SCALE-Sim 3 and a numpy it works with"
    )
    arguments = parser.parse_args()
    network = accel.load(arguments.network)
    print(f"{network.name}: {network.macs:,} MACs; {numba.get_num_threads()} threads on {os.cpu_count()} cores")
    rates: dict[str, float] = {}
    for machine in SPACES:
        explored, wall, share = timed(network, machine, arguments.seconds)
        assert explored.feasible_size == explored.size
        rates[machine] = explored.size / wall
        print(
            f"{machine:12} {explored.size:>12,} designs in {wall:6.2f} s: {rates[machine]:>12,.0f} a second, "
            f"with {share:.0%} of its cores; {len(explored.pareto()):,} on the front"
        )
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    start = time.perf_counter()
    sim.run(network, "diannao")
    print(f"one design through sim.run: {1e3 * (time.perf_counter() - start):.1f} ms")
    if arguments.scale_sim:
        seconds = scale_sim_seconds(network, arguments.scale_sim)
        print(f"SCALE-Sim: {seconds:.1f} s a design; ratio of rates {rates['diannao'] * seconds:,.0f}")


if __name__ == "__main__":
    main()
