"""Time minpy against NumPy and its peers, and write the figures to a file.

    python tests/bench/bench.py --groups chains,training --threads 2 --json out.json \\
        --python torch=/venv/bin/python --python torch_compile=/venv/bin/python

Each library runs in a process of its own with the same number of threads; those that are not installed are left out.
The results of a case are compared before it is timed. The libraries take turns in rounds, so that a busy machine
hits all of them; a ratio is the median over the rounds of the quotient of the round's minima.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import groups
import machine
import memory
import report
from libraries import LIBRARIES
from target import Target, check

IMPORT_PROGRAM = """
import time
start = time.perf_counter()
import {}
seconds = time.perf_counter() - start
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds * 1e9, peak)
"""


def in_turns(targets, rounds):
    """The targets round by round, in alternating order."""
    for number in range(rounds):
        yield from targets if number % 2 else reversed(targets)


class MemoryLimit:
    """Takes part in the rounds like a target: how long memory needs for so many float32 elements."""

    name = "limit"

    def __init__(self, size, arrays, threads):
        self.bandwidth, self.bytes = machine.Bandwidth(size, threads), arrays * 4 * size

    def ask(self, do, seconds):
        return {"done": [self.bytes / self.bandwidth.measure(seconds) * 1e9]}

    def settle(self):
        """Its threads end with each measurement."""


def run_case(index, size, targets, options):
    case = groups.CASES[index]
    name = f"{case.name}, {size:.0e}".replace("e+0", "e") if case.sized else case.name
    ready, errors = check(index, size, targets)
    if case.traffic:
        ready.append(MemoryLimit(size, case.traffic, options.threads))
    samples = {target.name: [] for target in ready}
    for target in in_turns(ready, options.rounds):
        if target.name in errors:
            continue
        answer = target.ask(do="time", seconds=options.seconds)
        target.settle()
        if "error" in answer:
            errors[target.name] = answer["error"]
            del samples[target.name]
        else:
            samples[target.name].append(answer["done"])
    limit = samples.pop(MemoryLimit.name, None)
    row = report.row(case.group, name, samples, errors)
    if limit:
        report.add_bandwidth(row, case.traffic * 4 * size, limit)
    return row


def run_imports(targets, options):
    """Time and peak memory of the import in a fresh process each."""
    targets = [target for target in targets if target.name != "torch_compile"]
    times, peaks = ({target.name: [] for target in targets} for _ in range(2))
    for target in in_turns(targets, options.rounds):
        command = [target.python, "-c", IMPORT_PROGRAM.format(LIBRARIES[target.name].module_name)]
        output = subprocess.run(command, capture_output=True, text=True, check=True)
        nanoseconds, kilobytes = output.stdout.split()
        times[target.name].append([float(nanoseconds)])
        peaks[target.name].append([float(kilobytes)])
    yield report.row("import", "import time", times, {})
    yield report.row("import", "import peak memory", peaks, {}, unit="kB")


def run_memory(targets, options):
    """Peak memory of a chain, in fresh processes, relative to its inputs and outputs."""
    peaks, errors = {}, {}
    for target in in_turns(
        [target for target in targets if target.name != "autograd"], min(options.rounds, 3)
    ):
        fresh = Target(target.name, target.python, options.threads, options.patience)
        answer = fresh.ask(do="memory", elements=options.memory_elements)
        fresh.close()
        if "error" in answer:
            errors[target.name] = answer["error"]
        else:
            peaks.setdefault(target.name, []).append([answer["done"]])
    peaks = {name: rounds for name, rounds in peaks.items() if name not in errors}
    name = f"{memory.OPERATIONS} operations, {options.memory_elements:.0e}".replace("e+0", "e")
    yield report.row("memory", name, peaks, errors, unit="×")


def run_all(targets, options):
    """The rows of all cases that were asked for, printed as they come."""
    for index, case in enumerate(groups.CASES):
        if case.group in options.groups and options.only.lower() in case.name.lower():
            for size in options.sizes if case.sized else [0]:
                yield run_case(index, size, targets, options)
    if "memory" in options.groups:
        yield from run_memory(targets, options)
    if "import" in options.groups:
        yield from run_imports(targets, options)


def start(options):
    """The targets that are installed, by process."""
    targets = []
    for name in options.targets:
        target = Target(name, options.python.get(name, sys.executable), options.threads, options.patience)
        if target.error:
            print(f"{name} is left out: {target.error}")
        else:
            targets.append(target)
    return targets


def names_of(allowed):
    def parse(text):
        names = text.split(",")
        unknown = [name for name in names if name not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(allowed)}")
        return names

    return parse


def sizes(text):
    return [int(float(size)) for size in text.split(",")]


def python_of(text):
    name, _, path = text.partition("=")
    if name not in LIBRARIES or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not TARGET=PYTHON")
    return name, path


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    everything = list(LIBRARIES)
    add("--targets", type=names_of(everything), default=everything, help=f"of {','.join(everything)}")
    add("--groups", type=names_of(groups.NAMES), default=groups.NAMES, help=f"of {','.join(groups.NAMES)}")
    add("--only", default="", metavar="TEXT", help="only cases whose name contains it")
    add("--sizes", type=sizes, default=[10**6, 10**7], help="elements in the group chains (1e6,1e7)")
    add("--memory-elements", type=lambda text: int(float(text)), default=memory.ELEMENTS)
    add("--python", type=python_of, action="append", default=[], metavar="TARGET=PYTHON")
    add("--json", metavar="FILE", type=pathlib.Path, help="write all figures there")
    add("--rounds", type=int, default=11)
    add("--seconds", type=float, default=0.03, help="time per case, target and round")
    add("--threads", type=int, default=2, help="for each library")
    add("--patience", type=float, default=120, help="seconds for one answer, compilation included")
    add("--max-load", type=float, default=0.1, help="refuse when more than this part of the cores is in use")
    add("--busy", action="store_true", help="warn in place of refusing")
    options = parser.parse_args(argv)
    options.python = dict(options.python)
    return options


def main(argv=None):
    options = parse(argv)
    load = machine.busy_share()
    if load > options.max_load:
        print(f"{load:.0%} of the cores are in use: trust ratios only, and long runs")
        if not options.busy:
            print("stopped; --busy measures all the same")
            return 2
    targets = start(options)
    rows = []
    for row in run_all(targets, options):
        rows.append(row)
        print(report.line(row), flush=True)
    for target in targets:
        target.close()
    means = report.means(rows)
    for group, kinds in means.items():
        for kind, title in (("to_numpy", "to numpy"), ("minpy_to", "minpy to")):
            text = ", ".join(f"{target} {mean:.3f}x" for target, mean in kinds[kind].items())
            print(f"{group}: geometric mean {title}: {text}")
    if options.json:
        figures = {
            "date": datetime.date.today().isoformat(),
            "machine": machine.describe(),
            "busy_before": load,
            "busy_after": machine.busy_share(),
            "threads": options.threads,
            "python": platform.python_version(),
            "versions": {target.name: target.version for target in targets},
            "means": means,
            "rows": rows,
        }
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 1 if any("minpy" in row["errors"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
