"""Prints how many functions of the table have right values, gradients and second derivatives.

Run as ``python tests/gradients/report_coverage.py [name ...]`` with the names of entries, or without for all.
"""

import sys
import warnings

from derivatives import Check, make_inputs
from function_table import CASES

STAGES = ("value", "first", "second")


def passed_stages(name):
    """How many of the stages an entry passes, and what stopped it."""
    function, letters = CASES[name]
    check = Check(function, make_inputs(letters))
    for count, stage in enumerate((check.check_values, check.check_first, check.check_second)):
        try:
            stage()
        except Exception as error:  # a report of whatever goes wrong
            return count, f"{type(error).__name__}: {error}"
    return len(STAGES), ""


def stage_counts(names=(), report=lambda line: None):
    """How many of the entries pass each stage, and how many there are."""
    passed = []
    for name in names or CASES:
        count, reason = passed_stages(name)
        passed.append(count)
        if reason:
            report(f"{name:24} {STAGES[count]:7} {' '.join(reason.split())[:110]}")
    return [sum(count > k for count in passed) for k in range(len(STAGES))], len(passed)


def main(names):
    warnings.simplefilter("ignore")
    counts, total = stage_counts(names, print)
    for stage, count in zip(STAGES, counts):
        print(f"{stage}: {count} of {total}")


if __name__ == "__main__":
    main(sys.argv[1:])
