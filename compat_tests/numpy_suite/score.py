"""Score a target's results against those of NumPy itself, and print them.

A test function counts when NumPy itself passes it in the same harness: at least one of its cases
passed and none failed. The target passes it when as many cases passed and none failed, crashed or
ran out of time; cases that it skips or does not collect are therefore failures.
"""

import collections
import dataclasses
import re

from classify import CLASS_NAMES, classify

BAD = ("failed", "crashed", "timeout")


@dataclasses.dataclass
class Failure:
    """One test function that NumPy passes and the target does not."""

    id: str
    cls: str
    error: str
    known: str = ""  # the reason given in the skip file, if any


@dataclasses.dataclass
class Score:
    """Counts by file and class, and what failed."""

    counts: dict = dataclasses.field(default_factory=dict)  # (file, class) -> [passed, counted]
    failures: list = dataclasses.field(default_factory=list)
    passed_but_listed: list = dataclasses.field(default_factory=list)

    @property
    def new_failures(self):
        return [failure for failure in self.failures if not failure.known]

    def total(self, file=None, cls=None):
        """Return (passed, counted) summed over the given file or class."""
        chosen = [
            pair
            for (one_file, one_class), pair in self.counts.items()
            if file in (None, one_file) and cls in (None, one_class)
        ]
        return tuple(map(sum, zip(*chosen, strict=True))) if chosen else (0, 0)


def score(baseline, results, known):
    """Compare ``{file: FileResult}`` of the target with the baseline's ``{file: functions}``."""
    found = Score()
    for file, functions in sorted(baseline.items()):
        result = results[file]
        for function, base in functions.items():
            if not base.get("passed") or any(base.get(kind) for kind in BAD):
                continue
            cls = classify(function)
            pair = found.counts.setdefault((file, cls), [0, 0])
            pair[1] += 1
            error = _why_failed(base, result.functions.get(function), result)
            if error:
                found.failures.append(Failure(function, cls, error, known.get(function, "")))
            else:
                pair[0] += 1
                if function in known:
                    found.passed_but_listed.append(function)
    return found


def _why_failed(base, got, result):
    """One line about a failure, or '' for a pass."""
    if got is None:
        return "not run: " + ("; ".join(result.trouble) or "not collected")
    if got.get("errors"):
        return got["errors"][0][1]
    for kind in BAD:
        if got.get(kind):
            return kind
    missing = base["passed"] - got.get("passed", 0)
    if missing <= 0:
        return ""
    if got.get("skipped", 0) > base.get("skipped", 0):
        return f"skipped {got['skipped']} cases"
    return f"{missing} cases not run: " + ("; ".join(result.trouble) or "not collected")


def read_skips(path):
    """Read ``function id  # reason`` lines into a dictionary; a line without reason is an error."""
    known = {}
    with open(path, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            function, _, reason = (part.strip() for part in line.partition("  # "))
            if function and not function.startswith("#"):
                if not reason:
                    raise ValueError(f"{path}:{number}: no reason given (id  # reason)")
                if function in known:
                    raise ValueError(f"{path}:{number}: {function} is listed twice")
                known[function] = reason
    return known


def causes(failures):
    """Group failures by their message without numbers, quoted parts and places."""
    groups = collections.defaultdict(list)
    for failure in failures:
        text = re.sub(r" \([\w.]+:\d+\)$", "", failure.error)
        text = re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?(e[-+]?\d+)?", "#", text)
        groups[text[:110]].append(failure)
    return sorted(groups.items(), key=lambda item: -len(item[1]))


def print_tables(found, results):
    """Print a line per file, a line per class, and the total."""
    width = max((len(file) for file in results), default=0)
    print(f"\n{'file':{width}}  passed  of NumPy's       %   seconds")
    for file in sorted(results):
        passed, counted = found.total(file=file)
        note = "; ".join(results[file].trouble)
        line = f"{file:{width}}  {passed:6d}  {counted:10d}  {_percent(passed, counted)}"
        print(f"{line}  {results[file].seconds:8.1f}  {note[:80]}".rstrip())
    print(f"\n{'class':{width}}  passed  of NumPy's       %")
    for cls in CLASS_NAMES:
        passed, counted = found.total(cls=cls)
        if counted:
            print(f"{cls:{width}}  {passed:6d}  {counted:10d}  {_percent(passed, counted)}")
    passed, counted = found.total()
    print(f"{'total':{width}}  {passed:6d}  {counted:10d}  {_percent(passed, counted)}")


def _percent(passed, counted):
    return f"{100 * passed / counted:6.2f}" if counted else "     -"


def as_json(found, results, versions):
    """Everything the tables show, and the failures, for other programs."""

    def pair(numbers):
        return {"passed": numbers[0], "counted": numbers[1]}

    return {
        **versions,
        "total": pair(found.total()),
        "classes": {cls: pair(found.total(cls=cls)) for cls in CLASS_NAMES},
        "files": {
            file: {
                **pair(found.total(file=file)),
                "seconds": round(result.seconds, 1),
                "trouble": result.trouble,
            }
            for file, result in sorted(results.items())
        },
        "failures": [dataclasses.asdict(failure) for failure in found.failures],
    }
