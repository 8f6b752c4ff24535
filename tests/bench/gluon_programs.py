"""Gluon and Module programs under minpy, MXNet 1.9.1 and PyTorch, each in a process of its own, in interleaved rounds.

    python tests/bench/gluon_programs.py --mxnet PYTHON --torch PYTHON [--threads 1,2] [--json docs/programs.json]

The networks: `lenet`, the convolutional network of the Gluon documents (batch 64), its training step and inference on
64 images and on one; `block`, a residual block of 64 channels on 32 x 32 (batch 32); `deep`, forward
and backward of 20 layers of 512 (batch 128). minpy runs the very program that MXNet runs, through `python -m minpy.mxnet`.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys

import machine

HERE = pathlib.Path(__file__).parent
CASES = ("lenet-train", "lenet-infer64", "lenet-infer1", "block-train", "deep-pass")
STYLES = {
    "minpy": ("imperative", "hybridized", "module"),
    "mxnet": ("imperative", "hybridized", "module"),
    "torch": ("torch", "torch.compile"),
}


class Child:
    """A program that waits for orders."""

    def __init__(self, command, case, style, threads):
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MINPY_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, str(threads))}
        environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent.parent)]) if "-m" in command else ""
        self._process = subprocess.Popen([*command, str(HERE / "gluon_program.py"), case, style], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                         env=environment)  # fmt: skip
        self.works = self._process.stdout.readline().strip() == "ready"

    def run(self, count):
        """Wall clock and CPU time of one repetition, in seconds."""
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        wall, cpu = map(float, self._process.stdout.readline().split())
        return wall / count, cpu / count

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def measure(case, commands, threads, rounds):
    """The medians of wall clock and CPU time of every way to run the case, by "library style"."""
    children = {}
    for library, command in commands.items():
        for style in STYLES[library]:
            if style == "torch.compile" and case == "deep-pass":
                continue
            child = Child(command, case, style, threads)
            if child.works:
                children[library if style == library else f"{library} {style}"] = child
            else:
                print(f"{case}: {library} {style} does not run", file=sys.stderr)
    times = {name: [] for name in children}
    counts = {name: max(1, round(0.15 / max(child.run(2)[0], 1e-5))) for name, child in children.items()}
    for _ in range(rounds):
        for name, child in children.items():
            times[name].append(child.run(counts[name]))
    for child in children.values():
        child.close()
    return {name: {"wall": statistics.median(w for w, _ in rows), "cpu": statistics.median(c for _, c in rows),
                   "least": min(w for w, _ in rows)} for name, rows in times.items()}  # fmt: skip


def report(case, results):
    """A table, the fastest first."""
    best = min((r["wall"] for name, r in results.items() if not name.startswith("minpy")), default=None)
    print(f"\n{case}: ms wall, ms CPU, ratio of the wall clock to the best of the others")
    for name, r in sorted(results.items(), key=lambda item: item[1]["wall"]):
        ratio = f"{r['wall'] / best:6.2f}" if best else ""
        print(f"  {name:20} {r['wall'] * 1e3:9.3f} {r['cpu'] * 1e3:9.3f} {ratio}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mxnet", help="a Python with MXNet 1.9.1")
    parser.add_argument("--torch", help="a Python with PyTorch")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, one run for each")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--json")
    options = parser.parse_args()
    commands = {"minpy": [sys.executable, "-m", "minpy.mxnet"]}
    commands |= {name: [path] for name, path in (("mxnet", options.mxnet), ("torch", options.torch)) if path}
    found = {
        "date": str(datetime.date.today()),
        "machine": machine.describe(),
        "busy": [machine.busy_share()],
        "runs": {},
    }
    for threads in map(int, options.threads.split(",")):
        print(f"\n{threads} threads" if threads > 1 else "one thread")
        cases = found["runs"][threads] = {}
        for case in options.cases.split(","):
            cases[case] = measure(case, commands, threads, options.rounds)
            report(case, cases[case])
    found["busy"].append(machine.busy_share())
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
