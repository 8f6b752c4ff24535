"""Child process of the suite: one test file under pytest, each step reported as a JSON line.

Called by `jobs` with the path of a JSON file. What is written to the report file before a crash is all
the parent needs to go on with the next test.
"""

import json
import os
import resource
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


class Reporter:
    """pytest plugin: installs the replacement, filters the items and reports every outcome."""

    def __init__(self, job):
        self.job = job
        self.done = set(job["done"])
        self.report = os.open(job["report"], os.O_WRONLY | os.O_APPEND)
        self.replacement = None
        self.outcome = {}

    def write(self, **record):
        os.write(self.report, json.dumps(record).encode() + b"\n")  # at once: we may crash next

    def pytest_configure(self, config):
        # Here and not earlier: pytest puts its assertion rewriter first, we go before it.
        import replace

        self.replacement = replace.install(self.job["target"], self.job["roots"])

    def pytest_collectreport(self, report):
        if report.failed:
            self.write(event="collect_error", message=one_line(report.longrepr))
        elif report.skipped:
            self.write(event="collect_skip", message=str(report.longrepr))

    def pytest_collection_modifyitems(self, config, items):
        path = os.path.realpath(self.job["path"])
        if path not in self.replacement.loaded:
            self.write(event="leak", names=["(the file was not loaded by the replacement)"])
        else:
            for loaded in self.replacement.loaded:
                names = self.replacement.leaks(loaded)
                if names:
                    self.write(event="leak", file=loaded, names=names)
            self.write(event="loaded")
        items[:] = [item for item in items if self.keeps(item.nodeid)]

    def keeps(self, nodeid):
        """Whether a test belongs to the part of the file that is to be run."""
        from classify import classify

        function, select, classes = function_id(nodeid), self.job["select"], self.job["classes"]
        if nodeid in self.done or (classes and classify(function) not in classes):
            return False
        qualified = function.partition("::")[2]
        return not select or nodeid.endswith(f"::{select}") or f"{qualified}::".startswith(f"{select}::")

    def pytest_runtest_logstart(self, nodeid):
        self.outcome = {"outcome": "passed"}
        self.write(event="start", id=nodeid)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            if report.when == "call" and report.longrepr == "[XPASS(strict)] ":
                return
            self.outcome = {"outcome": "failed", "message": one_line(report.longrepr)}
        elif report.skipped and self.outcome["outcome"] == "passed":
            expected = hasattr(report, "wasxfail")
            self.outcome = {"outcome": "xfailed" if expected else "skipped"}

    def pytest_runtest_logfinish(self, nodeid):
        self.write(event="end", id=nodeid, **self.outcome)

    def pytest_sessionfinish(self, exitstatus):
        self.write(event="finished", status=int(exitstatus))


def function_id(nodeid):
    """The node id without its parameters (which may themselves hold brackets or colons)."""
    return nodeid.split("[", 1)[0]


def one_line(longrepr):
    """Exception text and the innermost place it was raised at, on one line."""
    crash = getattr(longrepr, "reprcrash", None)
    text = crash.message if crash else str(longrepr).strip() or "no message"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not crash:
        errors = [line for line in lines if line.startswith("E ")]
        return (errors[-1] if errors else lines[-1]).removeprefix("E ").strip()[:300]
    if lines and lines[0] in ("AssertionError:", "AssertionError") and len(lines) > 1:
        lines = [" ".join(lines[:4])]
    place = f"{os.path.basename(crash.path)}:{crash.lineno}"
    return f"{lines[0] if lines else 'no message'}"[:300] + f" ({place})"


def main():
    with open(sys.argv[1], encoding="utf-8") as stream:
        job = json.load(stream)
    sys.path[:0] = [HERE, *job["sys_path"]]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = job["memory"] << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    os.environ["NPY_AVAILABLE_MEM"] = "1 GB"  # tests that ask for more are skipped everywhere
    import pytest

    options = [
        *("-c", job["ini"], "--rootdir", job["rootdir"], "--confcutdir", job["rootdir"]),
        *("-p", "no:cacheprovider", "-p", "no:xdist", "-rN", "--timeout-method=signal"),
        f"--timeout={job['test_limit']}",
    ]
    options += ["--tb=long", "-s"] if job["verbose"] else ["-q", "--tb=short", "--no-header"]
    return pytest.main([*options, job["path"]], plugins=[Reporter(job)])


if __name__ == "__main__":
    sys.exit(main())
