"""A worker process as bench.py sees it, and whether the workers agree about a case."""

import json
import os
import pathlib
import select
import subprocess
import tempfile
import time

import groups
import machine
import numpy

WORKER = pathlib.Path(__file__).parent / "worker.py"

SETTLED_SLEEP, SETTLED_PART, LONGEST_SETTLE = (
    0.005,
    0.1,
    0.5,
)  # seconds; the part of them that a thread may run


class Target:
    """A worker, started anew when it dies or does not answer within `patience` seconds."""

    def __init__(self, name, python, threads, patience):
        self.name, self.python, self.threads, self.patience = name, python, threads, patience
        self._start()

    def _start(self):
        environment = {**os.environ, **machine.thread_environment(self.threads)}
        command = [self.python, str(WORKER), self.name, str(self.threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        first = self._read() or {"error": "the process died"}
        self.error = first.get("error")
        self.version = first.get("version")

    def ask(self, **request):
        """The worker's answer: a dict with "done", or with "error"."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self._read()
        except BrokenPipeError:
            answer = None
        return answer or self._restart()

    def settle(self):
        """Wait until its threads have gone to sleep: OpenBLAS's look for more work for 0.1 s after a product."""
        clock = ~self.process.pid << 3 | 2  # the processor time of that process, see clock_getcpuclockid(3)
        end = time.monotonic() + LONGEST_SETTLE
        while time.monotonic() < end and self.process.poll() is None:
            before = time.clock_gettime(clock)
            time.sleep(SETTLED_SLEEP)
            if time.clock_gettime(clock) - before < SETTLED_PART * SETTLED_SLEEP:
                return

    def _restart(self):
        try:
            self.process.wait(timeout=1)
            error = "the process died"
        except subprocess.TimeoutExpired:
            error = f"no answer in {self.patience:g} s"
            self.process.kill()
            self.process.wait()
        self._start()
        return {"error": error}

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def _read(self):
        ready, _, _ = select.select([self.process.stdout], [], [], self.patience)
        line = self.process.stdout.readline() if ready else ""
        return json.loads(line) if line else None


def agree(first, second, loose=0.0):
    """Whether two libraries computed the same, to the accuracy of float32 sums in any order."""
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "iub":
        equal = first == second
    else:
        scale = max(1.0, float(numpy.abs(first).max(initial=0)))
        equal = numpy.isclose(first, second, rtol=2e-4, atol=2e-5 * scale, equal_nan=False)
    return bool(equal.size - numpy.count_nonzero(equal) <= loose * equal.size)


def check(index, size, targets):
    """Prepare the case everywhere: which targets computed it, and what went wrong in the others."""
    case, values, errors = groups.CASES[index], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for target in targets:
            if target.name in case.without:
                continue
            path = f"{folder}/{target.name}.npz"
            answer = target.ask(do="check", case=index, size=size, path=path)
            if "error" in answer:
                errors[target.name] = answer["error"]
            else:
                with numpy.load(path) as saved:
                    values[target.name] = list(saved.values())
    if values:
        reference = values.get("numpy") or next(iter(values.values()))
        for name, arrays in values.items():
            same_number = len(arrays) == len(reference)
            pairs = zip(reference, arrays, strict=same_number)
            if not same_number or not all(agree(mine, other, case.loose) for mine, other in pairs):
                errors[name] = "the result differs from the others'"
    return [target for target in targets if target.name in values and target.name not in errors], errors
