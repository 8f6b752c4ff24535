"""What the figures were taken on, and how they are written."""

import os
import pathlib
import platform


def thread_environment(threads):
    """Environment variables that hold every library to the same number of threads."""
    names = ("OMP", "OPENBLAS", "MKL", "MINPY", "NUMEXPR")
    environment = {f"{name}_NUM_THREADS": str(threads) for name in names}
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return environment


def check_load(limit):
    """The load average, with a warning where it spoils the figures."""
    load = os.getloadavg()[0]
    if load > limit * os.cpu_count():
        print(f"warning: load {load:.1f} on {os.cpu_count()} cores; trust the minima and ratios only")
    return load


def describe():
    """Processor, cores and system, in words."""
    model = platform.processor() or platform.machine()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def readable(value, unit):
    """`value` in a unit that leaves three digits."""
    steps = {"ns": (("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)), "kB": (("kB", 1), ("MB", 1e3))}[unit]
    name, scale = next(((n, s) for n, s in reversed(steps) if value >= s), steps[0])
    return f"{value / scale:.3g} {name}"
