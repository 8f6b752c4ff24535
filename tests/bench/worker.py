"""One library in one process: answers the requests of bench.py, a line of JSON each way.

{"do": "check", "case": 3, "size": 1000, "path": "..."}  prepares the case and saves its value to `path`
{"do": "time", "seconds": 0.03}  times what was prepared last: nanoseconds per call, one figure per sample
{"do": "memory", "elements": 10000000}  the peak memory of a chain (memory.py)
"""

import json
import os
import sys
import timeit

import numpy

sys.path.insert(0, os.path.dirname(__file__))
import groups
import memory
from libraries import LIBRARIES

SAMPLE_NS = 200_000


class Worker:
    def __init__(self, target, threads):
        self.library = LIBRARIES[target](threads)
        self.timer, self.repeats = None, 0

    def check(self, case, size, path):
        self.timer = None  # frees the arrays of the case before
        prepared = groups.CASES[case].prepare(self.library, size)
        numpy.savez(path, *map(self.library.to_numpy, prepared.value()))
        self.timer = timeit.Timer(prepared.statement, globals=prepared.namespace)
        self.repeats = self.repeats_per_sample()

    def repeats_per_sample(self):
        number = 1
        while (taken := self.timer.timeit(number) * 1e9) < SAMPLE_NS and number < 1 << 20:
            number = max(number * 2, int(number * SAMPLE_NS / (taken + 1)))
        return number

    def time(self, seconds):
        samples, spent = [], 0.0
        while spent < seconds or not samples:
            taken = self.timer.timeit(self.repeats)
            spent += taken
            samples.append(taken * 1e9 / self.repeats)
        return samples

    def memory(self, elements):
        return memory.peak_ratio(self.library, elements)


def main():
    target, threads = sys.argv[1], int(sys.argv[2])
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not mix with the replies

    def reply(**message):
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    try:
        worker = Worker(target, threads)
    except ImportError as error:
        return reply(error=f"not installed: {error}")
    reply(version=worker.library.version())
    actions = {"check": worker.check, "time": worker.time, "memory": worker.memory}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply(done=actions[request.pop("do")](**request))
        except Exception as error:
            reply(error=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")


if __name__ == "__main__":
    main()
