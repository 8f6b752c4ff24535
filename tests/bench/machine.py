"""What the figures are taken on: its threads, load and memory bandwidth, and how figures are written."""

import math
import os
import pathlib
import platform
import threading
import time

import numpy


def thread_environment(threads):
    """Environment variables that hold every library to the same number of threads."""
    names = ("OMP", "OPENBLAS", "MKL", "MINPY", "NUMEXPR")
    environment = {f"{name}_NUM_THREADS": str(threads) for name in names}
    environment["NPROC"] = str(threads)  # XLA's pool
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return environment


def _processor_times():
    """Busy and total time of all cores, in ticks; time stolen by other machines counts as busy."""
    stat = pathlib.Path("/proc/stat")
    if not stat.exists():
        return None
    ticks = [int(field) for field in stat.read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def busy_share(seconds=1.0):
    """How much of the cores other processes use now, from 0 to 1."""
    first = _processor_times()
    if first is None:
        return min(os.getloadavg()[0] / os.cpu_count(), 1.0)
    time.sleep(seconds)
    busy, total = (after - before for before, after in zip(first, _processor_times(), strict=True))
    return busy / max(total, 1)


class Bandwidth:
    """The speed of memory under plain C loops (NumPy's copy and add), on arrays of so many float32 elements."""

    def __init__(self, elements, threads):
        self.source, self.other, self.target = (numpy.ones(elements, numpy.float32) for _ in range(3))
        self.elements, self.threads = elements, threads

    def measure(self, seconds):
        """Bytes per second: the fastest of copies and sums on any number of threads up to `threads`."""
        forms = ((self._copy, 2), (self._add, 3))
        share = seconds / (len(forms) * self.threads)
        return max(
            self._speed(loop, 4 * arrays * self.elements, count, share)
            for loop, arrays in forms
            for count in range(1, self.threads + 1)
        )

    def _copy(self, part):
        numpy.copyto(self.target[part], self.source[part])

    def _add(self, part):
        numpy.add(self.source[part], self.other[part], out=self.target[part])

    def _speed(self, loop, size, count, seconds):
        repeats = math.ceil(2e-3 * 10e9 / size)  # some milliseconds, so that starting threads does not matter
        edges = [self.elements * i // count for i in range(count + 1)]
        parts = [slice(low, high) for low, high in zip(edges[:-1], edges[1:], strict=True)]
        best, end = 0.0, time.perf_counter() + seconds
        while not best or time.perf_counter() < end:
            best = max(best, size * repeats / _in_threads(loop, parts, repeats))
        return best


def _in_threads(loop, parts, repeats):
    """Seconds until every thread has run `loop` on its part so often; NumPy's loops run without the GIL."""
    barrier = threading.Barrier(len(parts) + 1)

    def work(part):
        barrier.wait()
        for _ in range(repeats):
            loop(part)
        barrier.wait()

    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    barrier.wait()
    start = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - start
    for thread in threads:
        thread.join()
    return seconds


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


UNITS = {
    "ns": (("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)),
    "kB": (("kB", 1), ("MB", 1e3)),
    "×": (("×", 1),),
}


def readable(value, unit):
    """`value` in a unit that leaves three digits."""
    name, scale = next(((n, s) for n, s in reversed(UNITS[unit]) if value >= s), UNITS[unit][0])
    return f"{value / scale:.3g} {name}"
