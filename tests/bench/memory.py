"""Peak memory of a chain of 20 operations, each target in a fresh process."""

import pathlib

import numpy

OPERATIONS = 20
ELEMENTS = 10_000_000
INPUTS, OUTPUTS = 2, 1


def chain(np, a, b):
    x = a
    for _ in range(OPERATIONS // 4):
        x = np.sqrt(np.abs(x * b) + 0.5)
    return x


def process_bytes(field):
    status = pathlib.Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field)) * 1024


def peak_ratio(library, elements):
    """What the process holds at its peak, inputs included, relative to inputs and outputs alone.

    What the library needs however small the arrays are (modules, thread pools, generated code) does not count:
    the chain runs once on small arrays first.
    """
    program = library.compile_any_size(lambda a, b: chain(library.np, a, b))

    def arrays(n):
        rng = numpy.random.default_rng(3)
        values = [rng.random(n, numpy.float32) for _ in range(INPUTS)]
        inputs = [library.array(value) for value in values]
        library.wait(inputs)
        return inputs

    for warm_up in (4096, 8192):
        library.wait(program(*arrays(warm_up)))
    before = process_bytes("VmRSS")
    inputs = arrays(elements)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again at VmRSS
    library.wait(program(*inputs))
    return (process_bytes("VmHWM") - before) / ((INPUTS + OUTPUTS) * elements * 4)
