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


def main(names):
    warnings.simplefilter("ignore")
    counts = [0] * (len(STAGES) + 1)
    for name in names or CASES:
        count, reason = passed_stages(name)
        counts[count] += 1
        if reason:
            print(f"{name:24} {STAGES[count]:7}", " ".join(reason.split())[:110])
    for k, stage in enumerate(STAGES):
        print(f"{stage}: {sum(counts[k + 1 :])} of {sum(counts)}")


if __name__ == "__main__":
    main(sys.argv[1:])
