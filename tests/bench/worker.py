"""One library in one process: answers the requests of bench.py, a line of JSON each way.

{"do": "check", "case": 3, "path": "..."}  saves the statement's value, as NumPy sees it, to `path`
{"do": "time", "case": 3, "seconds": 0.03} times it: nanoseconds per call, one figure per sample
"""

import importlib
import json
import os
import sys
import timeit

import numpy

sys.path.insert(0, os.path.dirname(__file__))
import cases

SAMPLE_NS = 200_000


class Library:
    """How to reach one library: its namespace, its arrays, its gradient, and when a result is there."""

    module = "numpy"
    finish = "{}"  # how to wait for the value of a statement

    def __init__(self, threads):
        self.np = importlib.import_module(self.module)

    def array(self, value):
        return self.np.array(value)

    def to_numpy(self, value):
        return numpy.asarray(value)

    def gradient(self, function):
        raise NotImplementedError(f"{type(self).__name__} has no gradients")

    def version(self):
        return importlib.import_module(self.module.partition(".")[0]).__version__


class Minpy(Library):
    module = "minpy.numpy"

    def gradient(self, function):
        return importlib.import_module("minpy.core").grad(function)


class Autograd(Library):
    module = "autograd.numpy"

    def gradient(self, function):
        return importlib.import_module("autograd").grad(function)

    def version(self):
        return importlib.import_module("importlib.metadata").version("autograd")


class Jax(Library):
    module = "jax.numpy"
    finish = "({}).block_until_ready()"

    def gradient(self, function):
        return importlib.import_module("jax").grad(function)


class Torch(Library):
    module = "torch"

    def __init__(self, threads):
        super().__init__(threads)
        self.np.set_num_threads(threads)

    def array(self, value):
        return self.np.from_numpy(value.copy())

    def gradient(self, function):
        torch = self.np

        def gradient(x):
            x = x.detach().requires_grad_()
            return torch.autograd.grad(function(x), x)[0]

        return gradient


LIBRARIES = {"numpy": Library, "minpy": Minpy, "autograd": Autograd, "jax": Jax, "torch": Torch}


class Worker:
    def __init__(self, target, threads):
        self.target = target
        self.library = LIBRARIES[target](threads)
        self.namespaces, self.timers = {}, {}

    def namespace(self, group):
        if group not in self.namespaces:
            arrays = {name: self.library.array(value) for name, value in cases.inputs(group).items()}
            self.namespaces[group] = {"np": self.library.np, **arrays}
            if group == "grad":
                chain = cases.chain(self.library.np)
                self.namespaces[group]["gradient"] = self.library.gradient(chain)
        return self.namespaces[group]

    def statement(self, case):
        return self.library.finish.format(case.other.get(self.target, case.statement))

    def check(self, case, path):
        value = eval(self.statement(case), self.namespace(case.group))
        numpy.save(path, self.library.to_numpy(value))

    def time(self, case, seconds):
        if case.name not in self.timers:
            timer = timeit.Timer(self.statement(case), globals=self.namespace(case.group))
            number = 1
            while (taken := timer.timeit(number)) * 1e9 < SAMPLE_NS and number < 1 << 20:
                number = max(number * 2, int(number * SAMPLE_NS / (taken * 1e9 + 1)))
            self.timers[case.name] = timer, number
        timer, number = self.timers[case.name]
        samples, spent = [], 0.0
        while spent < seconds or len(samples) < 3:
            taken = timer.timeit(number)
            spent += taken
            samples.append(taken * 1e9 / number)
        return samples


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
    for line in sys.stdin:
        request = json.loads(line)
        case = cases.CASES[request["case"]]
        try:
            if request["do"] == "check":
                reply(done=worker.check(case, request["path"]))
            else:
                reply(samples=worker.time(case, request["seconds"]))
        except Exception as error:
            reply(error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
