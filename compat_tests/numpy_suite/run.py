"""Run NumPy's own tests with ``numpy`` replaced by another module, and score the result.

See README.md beside this file. Exit status: 0 done, 1 new failures (with ``--check``), 2 wrong
usage, 3 a test module was run with the real ``numpy``.
"""

import argparse
import fnmatch
import json
import os
import platform
import sys

import jobs
import numpy
import pytest
import score as scoring
from classify import CLASS_NAMES, classify, excluded

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path.append(REPOSITORY)  # last: an installed package is preferred to the source tree


# Raise when the harness changes so that cached baselines no longer compare.
HARNESS_VERSION = 1


class Baseline:
    """NumPy's own results, per file, kept in a JSON file outside the repository."""

    def __init__(self, folder):
        versions = f"numpy-{numpy.__version__}_pytest-{pytest.__version__}"
        name = f"{versions}_python-{platform.python_version()}_harness-{HARNESS_VERSION}.json"
        self.path = os.path.join(folder, name)
        self.files = {}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as stream:
                self.files = json.load(stream)

    def missing(self, files, classes):
        """Files of which some class has not been run."""
        return [
            file
            for file in files
            if file not in self.files or not set(classes) <= set(self.files[file]["classes"])
        ]

    def add(self, results, classes):
        for file, result in results.items():
            self.files[file] = {
                "classes": list(classes),
                "functions": result.functions,
                "trouble": result.trouble,
            }
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path + ".new", "w", encoding="utf-8") as stream:
            json.dump(self.files, stream)
        os.replace(self.path + ".new", self.path)

    def functions(self, file, classes):
        """``{function: counts}`` of a file, of the given classes only."""
        found = self.files[file]["functions"]
        return {key: counts for key, counts in found.items() if classify(key) in classes}


def main():
    """Parse the command line and run; return the exit status."""
    options = parse_arguments()
    limits = jobs.Limits(options.test_limit, options.file_limit, options.memory)
    if options.select:
        return run_selected(options, limits)
    known = scoring.read_skips(options.skips)
    files = choose_files(options)
    baseline = Baseline(options.cache)
    measure_baseline(baseline, files, options, limits)
    counted = {file: baseline.functions(file, options.classes) for file in files}
    counted = {file: functions for file, functions in counted.items() if functions}
    print(f"{options.target}: {len(counted)} files")
    results = jobs.run_files(counted, options.target, limits, options.jobs, options.classes, progress)
    stop_on_leaks(results)
    found = scoring.score(counted, results, known)
    scoring.print_tables(found, results)
    return report(found, results, options)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    add("--target", default="minpy.numpy", help="module to put in NumPy's place")
    add("--files", action="append", help="only files that match, e.g. 'lib/tests/*' (repeatable)")
    add("--classes", help=f"only these classes, by comma: {', '.join(CLASS_NAMES)}")
    add("--quick", action="store_true", help="the public class only, for CI")
    add("--select", action="append", metavar="FILE[::TEST]", help="run these with full tracebacks")
    add("--check", action="store_true", help="exit with 1 when a failure is not in the skip file")
    add("--skips", default=os.path.join(HERE, "skips.txt"), help="failures known, with reasons")
    add("--json", metavar="PATH", help="write the scores and failures as JSON")
    add("--failures", metavar="PATH", help="write a line for each failure, grouped by cause")
    add("--cache", default=default_cache(), help="folder of NumPy's own results")
    add("--fresh-baseline", action="store_true", help="run NumPy itself again")
    add("-j", "--jobs", type=int, default=2, help="files at a time")
    add("--test-limit", type=int, default=60, help="seconds for a test case")
    add("--file-limit", type=int, default=900, help="seconds for a file")
    add("--memory", type=int, default=8192, help="address space of a test process, in MiB")
    options = parser.parse_args()
    classes = options.classes or ("public" if options.quick else ",".join(CLASS_NAMES))
    options.classes = [name.strip() for name in classes.split(",")]
    unknown = set(options.classes) - set(CLASS_NAMES)
    if unknown:
        parser.error(f"no such class: {', '.join(sorted(unknown))}")
    return options


def default_cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "minpy", "numpy_suite")


def choose_files(options):
    files = [file for file in jobs.test_files() if not excluded(file)]
    if options.files:
        files = [f for f in files if any(fnmatch.fnmatch(f, p) for p in options.files)]
    if not files:
        sys.exit("no test file matches")
    # The longest first, so that two processes end together.
    return sorted(files, key=lambda f: -os.path.getsize(os.path.join(jobs.NUMPY_ROOT, f)))


def measure_baseline(baseline, files, options, limits):
    """Run NumPy itself where the cache has no results of the classes asked for."""
    missing = files if options.fresh_baseline else baseline.missing(files, options.classes)
    if missing:
        print(f"numpy itself: {len(missing)} files (kept in {baseline.path})")
        results = jobs.run_files(missing, "numpy", limits, options.jobs, options.classes, progress)
        stop_on_leaks(results)
        baseline.add(results, options.classes)


def progress(result):
    """Print one line for each finished file."""
    outcomes = {}
    for counts in result.functions.values():
        for kind, number in counts.items():
            if kind != "errors":
                outcomes[kind] = outcomes.get(kind, 0) + number
    text = ", ".join(f"{number} {kind}" for kind, number in outcomes.items()) or "nothing ran"
    trouble = f"  ! {result.trouble[0][:120]}" if result.trouble else ""
    print(f"  {result.file}  {text}  {result.seconds:.0f} s{trouble}", flush=True)


def stop_on_leaks(results):
    """A score of the wrong module is worse than none."""
    leaks = [f"{file}: {leak}" for file, result in results.items() for leak in result.leaks]
    unreported = [
        file
        for file, result in results.items()
        if not result.leaks and not result.loaded and not result.trouble
    ]
    leaks += [f"{file}: was not loaded by the replacement" for file in unreported]
    if leaks:
        print("numpy was not replaced in:", *leaks, sep="\n  ", file=sys.stderr)
        sys.exit(3)


def run_selected(options, limits):
    """Run single files or tests with the output of pytest; no score."""
    failed = 0
    for choice in options.select:
        file, _, test = choice.partition("::")
        if file not in jobs.test_files():
            sys.exit(f"{file}: no such test file below {jobs.NUMPY_ROOT}")
        result = jobs.run_file(file, options.target, limits, select=test, verbose=True)
        stop_on_leaks({file: result})
        failed += bool(result.trouble) or any(
            counts.get(kind) for counts in result.functions.values() for kind in scoring.BAD
        )
        if not result.functions:
            sys.exit(f"{choice}: no such test")
    return 1 if failed else 0


def report(found, results, options):
    """Print the failures' causes, write the files asked for, and return the exit status."""
    new = found.new_failures
    known = len(found.failures) - len(new)
    print(f"\n{len(found.failures)} failures: {known} known from the skip file, {len(new)} new")
    for function in found.passed_but_listed:
        print(f"  listed in the skip file, but passes: {function}")
    for cause, failures in scoring.causes(new)[:20]:
        print(f"{len(failures):5d}  {cause}")
    if options.json:
        versions = {"target": options.target, "numpy": numpy.__version__}
        with open(options.json, "w", encoding="utf-8") as stream:
            json.dump(scoring.as_json(found, results, versions), stream, indent=1)
    if options.failures:
        write_failures(found, options.failures)
    return 1 if options.check and new else 0


def write_failures(found, path):
    with open(path, "w", encoding="utf-8") as stream:
        for cause, failures in scoring.causes(found.failures):
            stream.write(f"## {len(failures)} × {cause}\n")
            for failure in failures:
                known = f"  [known: {failure.known}]" if failure.known else ""
                stream.write(f"{failure.id}  [{failure.cls}]  {failure.error}{known}\n")
            stream.write("\n")


if __name__ == "__main__":
    sys.exit(main())
