"""Run test files, one process each, through crashes, hangs and time limits.

`run_file` starts `worker.py` and follows its report file. When the process dies, or a test outlives
its limit without pytest-timeout stopping it (a loop inside C code), that test is recorded and a new
process goes on with the tests not yet done, until the file is finished or its time is over.
"""

import concurrent.futures
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from replace import NUMPY_ROOT
from worker import function_id

HERE = os.path.dirname(os.path.abspath(__file__))
GRACE_SECONDS = 10  # what pytest-timeout gets to end a test before the process is killed
IMPORT_SECONDS = 120  # to start and collect


@dataclasses.dataclass
class Limits:
    """Limits of one run, the same for the target and the baseline."""

    test_seconds: int = 60
    file_seconds: int = 900
    memory_mib: int = 8192


@dataclasses.dataclass
class FileResult:
    """Outcome of one file: per test function the counts of its cases and the first failures."""

    file: str
    functions: dict = dataclasses.field(default_factory=dict)
    leaks: list = dataclasses.field(default_factory=list)
    trouble: list = dataclasses.field(default_factory=list)  # collection errors, time over
    loaded: bool = False  # the test module was executed by the replacement
    finished: bool = False
    seconds: float = 0.0

    def add(self, nodeid, outcome, message=None):
        entry = self.functions.setdefault(function_id(nodeid), {})
        entry[outcome] = entry.get(outcome, 0) + 1
        if message and len(entry.setdefault("errors", [])) < 3:
            entry["errors"].append([nodeid, message])


def test_files(root=NUMPY_ROOT):
    """All test files below ``root``, relative to it."""
    found = []
    for folder, _, names in os.walk(root):
        if os.path.basename(folder) == "tests":
            names = [n for n in names if n.startswith("test_") and n.endswith(".py")]
            found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


class _FileRun:
    def __init__(self, file, target, limits, root, classes, select, verbose):
        self.result = FileResult(file)
        self.limits, self.verbose = limits, verbose
        self.folder = tempfile.mkdtemp(prefix="numpy_suite_")
        self.report = os.path.join(self.folder, "report.jsonl")
        ini = os.path.join(self.folder, "pytest.ini")
        for path, text in ((self.report, ""), (ini, "[pytest]\n")):
            with open(path, "w") as stream:
                stream.write(text)
        self.job = {
            "target": target,
            "path": os.path.join(root, file),
            "roots": [root],
            "rootdir": root,
            "ini": ini,
            "report": self.report,
            "classes": classes,
            "select": select,
            "test_limit": limits.test_seconds,
            "memory": limits.memory_mib,
            "verbose": verbose,
            "sys_path": [os.path.abspath(path or ".") for path in sys.path],
        }
        self.done, self.running, self.offset = [], None, 0

    def run(self):
        begin = time.monotonic()
        deadline = begin + self.limits.file_seconds
        try:
            while not self.result.finished and self.one_process(deadline):
                pass
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.result.seconds = time.monotonic() - begin
        return self.result

    def one_process(self, deadline):
        """Run a process to its end; return whether another one may go on after it."""
        work = tempfile.mkdtemp(dir=self.folder)
        log = os.path.join(self.folder, "log")
        job = os.path.join(work, "job.json")
        with open(job, "w", encoding="utf-8") as stream:
            json.dump({**self.job, "done": self.done}, stream)
        self.running, done_before = None, len(self.done)
        env = {**os.environ, "PYTHONHASHSEED": "0", "TMPDIR": work, "OPENBLAS_NUM_THREADS": "1"}
        with open(log, "w") as out:
            process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", os.path.join(HERE, "worker.py"), job],
                cwd=work,
                env=env,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=None if self.verbose else out,
                stderr=None if self.verbose else subprocess.STDOUT,
            )
            killed = self.follow(process, deadline)
        shutil.rmtree(work, ignore_errors=True)
        if self.result.finished:
            return False
        why = killed or f"crash: {_death(process.returncode)}{_last_frame(log)}"
        if self.running:
            self.end(self.running, "timeout" if killed else "crashed", why)
        elif not killed or len(self.done) == done_before:
            self.result.trouble.append(why)
            return False
        return time.monotonic() < deadline

    def follow(self, process, deadline):
        """Read the report until the process ends; kill it when late. Return the reason or None."""
        patience = IMPORT_SECONDS
        last = time.monotonic()
        while True:
            ended = process.poll() is not None
            if self.read_report():
                last = time.monotonic()
                patience = self.limits.test_seconds + GRACE_SECONDS
            if ended:
                return None
            now = time.monotonic()
            late = now - last > patience and "test time limit"
            late = late or (now > deadline and "file time limit")
            if late:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self.read_report()
                if now > deadline:
                    self.result.trouble.append(late)
                return late
            time.sleep(0.1)

    def read_report(self):
        with open(self.report, encoding="utf-8") as stream:
            stream.seek(self.offset)
            text = stream.read()
        whole = text[: text.rfind("\n") + 1]
        self.offset += len(whole.encode())
        for line in whole.splitlines():
            self.take(json.loads(line))
        return bool(whole)

    def take(self, record):
        event = record["event"]
        if event == "start":
            self.running = record["id"]
        elif event == "end":
            self.end(record["id"], record["outcome"], record.get("message"))
        elif event == "loaded":
            self.result.loaded = True
        elif event == "leak":
            self.result.leaks.append(f"{record.get('file', '')}: {', '.join(record['names'])}")
        elif event == "collect_error":
            self.result.trouble.append(record["message"])
        elif event == "finished":
            # pytest ends with 2 after a collection error, with 3 after an internal error.
            self.result.finished = record["status"] in (0, 1, 2, 5) and not self.running

    def end(self, nodeid, outcome, message=None):
        self.result.add(nodeid, outcome, message)
        self.done.append(nodeid)
        self.running = None


def run_file(file, target, limits, root=NUMPY_ROOT, classes=None, select=None, verbose=False):
    """Run one test file against ``target``.

    ``classes`` keeps the functions of some classes only, ``select`` one function or test class.
    """
    return _FileRun(file, target, limits, root, classes, select, verbose).run()


def run_files(files, target, limits, jobs=2, classes=None, progress=None):
    """Run many files, ``jobs`` at a time, and return ``{file: FileResult}``."""
    results = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run_file, file, target, limits, classes=classes) for file in files]
        for future in concurrent.futures.as_completed(futures):
            result = future.result()
            results[result.file] = result
            if progress:
                progress(result)
    return results


def _death(code):
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _last_frame(log):
    """Where faulthandler saw the crash, or the last line of output."""
    with open(log, encoding="utf-8", errors="replace") as stream:
        lines = [line.strip() for line in stream if line.strip()]
    frames = [line for line in lines if line.startswith('File "') and "/tests/test_" in line]
    return f" at {(frames or lines)[0 if frames else -1]}" if lines else ""
