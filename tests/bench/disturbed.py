"""How much longer training steps take while another process keeps one core busy.

    python tests/bench/disturbed.py --targets minpy,torch --python torch=/venv/bin/python

Quiet and disturbed rounds take turns; a figure is the quotient of the medians. A step that waits for a thread which
the system does not run takes many times as long; sharing a core of two alone costs at most a factor of two.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
import groups
import machine
from bench import python_of
from target import Target, check

WANTED = ("LeNet training step, batch 64", "ResNet block, 32x64x32x32", "MLP 784-256-256-10")
SPIN = "while True: pass"


class BusyCore:
    """A process that computes for ever, for the length of a with statement."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", SPIN])
        time.sleep(0.1)

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()


def samples(target, options):
    answer = target.ask(do="time", seconds=options.seconds)
    if "error" in answer:
        raise RuntimeError(f"{target.name}: {answer['error']}")
    return answer["done"]


def quotient(target, options):
    """The disturbed time by the quiet one, and both medians in nanoseconds."""
    quiet, disturbed = [], []
    for _ in range(options.rounds):
        quiet += samples(target, options)
        with BusyCore():
            disturbed += samples(target, options)
    middle = statistics.median(quiet), statistics.median(disturbed)
    return middle[1] / middle[0], *middle


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--targets", type=lambda text: text.split(","), default=["minpy"])
    add("--python", type=python_of, action="append", default=[], metavar="TARGET=PYTHON")
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=1.0, help="time per round, quiet and disturbed each")
    add("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    pythons = dict(options.python)
    print(f"{machine.busy_share():.0%} of the cores are in use by others")
    for name in options.targets:
        target = Target(name, pythons.get(name, sys.executable), options.threads, patience=120)
        for index, case in enumerate(groups.CASES):
            if case.name not in WANTED:
                continue
            ready, errors = check(index, 0, [target])
            if not ready:
                print(f"{name}, {case.name}: {errors or 'left out'}")
                continue
            times, quiet, disturbed = quotient(target, options)
            print(
                f"{name}, {case.name}: {quiet / 1e6:.1f} ms, disturbed {disturbed / 1e6:.1f} ms, {times:.2f}x"
            )
        target.close()


if __name__ == "__main__":
    main()
