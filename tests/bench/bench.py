"""Time minpy against NumPy and its peers: python tests/bench/bench.py --targets minpy,numpy --json out.json

Each library runs in a process of its own with the same number of threads. The results of a case are compared
before it is timed. The libraries take turns in rounds, so that a busy machine hits all of them; a ratio is the
median over the rounds of the quotient of the round's minima.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile

import numpy

sys.path.insert(0, os.path.dirname(__file__))
import cases
import machine

HERE = pathlib.Path(__file__).parent
IMPORTS = {"numpy": "numpy", "minpy": "minpy.numpy", "autograd": "autograd.numpy", "jax": "jax.numpy"}
IMPORT_PROGRAM = """
import time
start = time.perf_counter()
import {}
seconds = time.perf_counter() - start
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seconds * 1e9, peak)
"""


class Target:
    """A worker process."""

    def __init__(self, name, threads):
        environment = {**os.environ, **machine.thread_environment(threads)}
        command = [sys.executable, str(HERE / "worker.py"), name, str(threads)]
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        first = self._read()
        self.error = first.get("error")
        self.version = first.get("version")

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def _read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "the process died"}


def agree(first, second):
    """Whether two libraries computed the same, to the accuracy of float32 sums in any order."""
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "iub":
        return bool((first == second).all())
    scale = max(1.0, float(numpy.abs(first).max(initial=0)))
    return numpy.allclose(first, second, rtol=2e-4, atol=2e-5 * scale)


def check(case_index, targets):
    """Which targets computed the case, and what went wrong in the others."""
    case, values, errors = cases.CASES[case_index], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for target in targets:
            if target.name in case.without:
                continue
            path = f"{folder}/{target.name}.npy"
            answer = target.ask(do="check", case=case_index, path=path)
            if "error" in answer:
                errors[target.name] = answer["error"]
            else:
                values[target.name] = numpy.load(path)
    reference = values.get("numpy", next(iter(values.values()), None))
    for name, value in list(values.items()):
        if not agree(reference, value):
            errors[name] = "the result differs from the others'"
            del values[name]
    return [target for target in targets if target.name in values], errors


def summary(rounds):
    """The figures of one target in one case, from its rounds of samples in nanoseconds."""
    samples = [sample for one in rounds for sample in one]
    low, middle = min(samples), statistics.median(samples)
    quartiles = statistics.quantiles(samples, n=4) if len(samples) > 1 else [low] * 3
    return {
        "min": low,
        "median": middle,
        "spread": (quartiles[2] - quartiles[0]) / middle,
        "round_minima": [min(one) for one in rounds],
    }


def ratio(figures, other):
    pairs = zip(figures["round_minima"], other["round_minima"], strict=True)
    return statistics.median(mine / theirs for mine, theirs in pairs)


def compare(results):
    """Add to every target its ratio to NumPy, and to minpy the one to its best peer."""
    for name, figures in results.items():
        if "numpy" in results and name != "numpy":
            figures["to_numpy"] = ratio(figures, results["numpy"])
    peers = [name for name in results if name not in ("minpy", "numpy")]
    if "minpy" in results and peers:
        best = min(peers, key=lambda name: results[name]["min"])
        results["minpy"]["best_peer"] = best
        results["minpy"]["to_best_peer"] = ratio(results["minpy"], results[best])
    return results


def show(name, results, errors):
    parts = []
    for target, figures in results.items():
        text = f"{target} {machine.readable(figures['min'], figures.get('unit', 'ns'))}"
        if "to_numpy" in figures:
            text += f" ({figures['to_numpy']:.2f}x)"
        parts.append(text)
    mine = results.get("minpy", {})
    if "best_peer" in mine:
        parts.append(f"to {mine['best_peer']}: {mine['to_best_peer']:.3f}x")
    parts += [f"{target}: {error}" for target, error in errors.items()]
    print(f"{name:26} {' | '.join(parts)}", flush=True)


def run_case(index, targets, options):
    case = cases.CASES[index]
    ready, errors = check(index, targets)
    rounds = {target.name: [] for target in ready}
    for number in range(options.rounds):
        for target in ready if number % 2 else reversed(ready):
            answer = target.ask(do="time", case=index, seconds=options.seconds)
            rounds[target.name].append(answer["samples"])
    results = compare({name: summary(samples) for name, samples in rounds.items()})
    show(case.name, results, errors)
    return {"group": case.group, "case": case.name, "results": results, "errors": errors}


def run_imports(names, options):
    """Time and peak memory of the import in a fresh process each."""
    times, peaks = ({name: [] for name in names} for _ in range(2))
    for _ in range(options.rounds):
        for name in names:
            program = IMPORT_PROGRAM.format(IMPORTS.get(name, name))
            output = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=True
            )
            nanoseconds, kilobytes = output.stdout.split()
            times[name].append([float(nanoseconds)])
            peaks[name].append([float(kilobytes)])
    rows = []
    for title, unit, figures in (("import time", "ns", times), ("import peak memory", "kB", peaks)):
        results = compare({name: {**summary(rounds), "unit": unit} for name, rounds in figures.items()})
        show(title, results, {})
        rows.append({"group": "import", "case": title, "results": results, "errors": {}})
    return rows


def geometric_means(rows):
    """minpy's mean ratio to NumPy by group."""
    means = {}
    for row in rows:
        value = row["results"].get("minpy", {}).get("to_numpy")
        if value:
            means.setdefault(row["group"], []).append(value)
    return {group: math.exp(statistics.mean(map(math.log, values))) for group, values in means.items()}


def parse(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--targets", default="minpy,numpy,autograd", help="of minpy,numpy,torch,jax,autograd")
    parser.add_argument("--groups", default="small,large,grad,import")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.03, help="time per case, target and round")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-load", type=float, default=0.5, help="load per core that earns a warning")
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    load = machine.check_load(options.max_load)
    groups = options.groups.split(",")
    targets = [Target(name, options.threads) for name in options.targets.split(",")]
    for target in targets:
        if target.error:
            print(f"{target.name} is left out: {target.error}")
    targets = [target for target in targets if not target.error]
    rows = [run_case(i, targets, options) for i, case in enumerate(cases.CASES) if case.group in groups]
    if "import" in groups:
        rows += run_imports([target.name for target in targets], options)
    means = geometric_means(rows)
    for group, mean in means.items():
        print(f"{group}: geometric mean {mean:.3f}x of numpy")
    for target in targets:
        target.close()
    report = {
        "date": datetime.date.today().isoformat(),
        "machine": machine.describe(),
        "load_before": load,
        "load_after": os.getloadavg()[0],
        "threads": options.threads,
        "python": platform.python_version(),
        "versions": {target.name: target.version for target in targets},
        "geometric_means": means,
        "rows": rows,
    }
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    return 1 if any("minpy" in row["errors"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
