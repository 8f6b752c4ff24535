"""Results must not depend on the number of threads."""

import numpy

from minpy import config


def assert_same_bits(run):
    """Runs `run`, which returns arrays, with one thread and with two, several times each."""
    found = []
    try:
        for count in (1, 2, 2, 2):
            config.num_threads = count
            found.append([numpy.asarray(a) for a in run()])
    finally:
        config.num_threads = None
    for other in found[1:]:
        for one, two in zip(found[0], other):
            assert one.dtype == two.dtype and one.tobytes() == two.tobytes()
