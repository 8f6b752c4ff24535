"""What `mx.random` draws from: MXNet's own streams, or a counter-based generator (`minpy.config.random`).

Both sources fill arrays that are contiguous and of a dtype in `dtypes`; see Notes [MXNet's random streams] and
[Counter-based random numbers].
"""

import os
import threading

import minpy.numpy as np
from minpy import _core, config

# The distributions' numbers in backend/cpu/streams.h.
UNIFORM, NORMAL, EXPONENTIAL, GAMMA, POISSON, NEGATIVE_BINOMIAL, GENERALIZED_NEGATIVE_BINOMIAL = range(7)


class SeededGenerator:
    """A counter-based generator that `minpy.random.seed` starts anew, first with 0; made when it is first needed.

    Parameters
    ----------
    stream : int
        Which of the streams of a seed. Those of different numbers are independent.
    """

    def __init__(self, stream):
        self._stream = stream
        self._seed = 0
        self._generator = None
        self._renew_lock()
        os.register_at_fork(after_in_child=self._after_fork)

    def _renew_lock(self):
        self._lock = threading.Lock()

    def _after_fork(self):
        """Another thread may have held a lock when the process was copied."""
        self._renew_lock()
        if self._generator is not None:
            self._generator._renew_lock()

    def seed(self, seed):
        """Start the stream anew."""
        with self._lock:
            self._seed, self._generator = seed, None

    @property
    def generator(self):
        """CounterGenerator: what draws."""
        found = self._generator
        if found is None:
            with self._lock:
                if self._generator is None:
                    self._generator = np.random.CounterGenerator(self._seed).jumped(self._stream)
                found = self._generator
        return found


class _MxnetStreams:
    """The streams of MXNet 1.9.1, bit for bit."""

    float16_from = np.float64
    fill = staticmethod(_core.stream_fill)
    integers = staticmethod(_core.stream_integers)
    uniform = staticmethod(_core.serial_uniform)
    normal = staticmethod(_core.serial_normal)

    @staticmethod
    def order(n, vector):
        """The numbers below n in the order of a shuffle; MXNet has one for vectors, another for rows."""
        order = np.empty(n, dtype="int64")
        _core.serial_order(order, vector)
        return order


class _CounterStreams:
    """The same draws from a counter-based generator: other numbers, in parallel."""

    float16_from = np.float32
    # The method that draws, and by the parameters what its numbers are multiplied by and moved by.
    _AFFINE = {
        UNIFORM: ("random", lambda a, b: (b - a, a)),
        NORMAL: ("standard_normal", lambda a, b: (b, a)),
        EXPONENTIAL: ("standard_exponential", lambda a, b: (1 / a, 0 * a)),
    }

    def __init__(self, seeded):
        self._seeded = seeded

    def fill(self, draw, array, a, b, single):
        """Fill by a distribution whose parameters are floats, or arrays with one for each part of the result."""
        generator = self._seeded.generator
        if draw >= GAMMA:
            generator._fill_by_attempts(draw - GAMMA, array, a, b)
            return
        method, scale_and_shift = self._AFFINE[draw]
        scale, shift = scale_and_shift(a, b)
        if isinstance(a, float):
            generator._fill(method, array, scale, shift)
            return
        generator._fill(method, array)
        parts = array.reshape(scale.size, -1)
        parts *= scale.astype(array.dtype)[:, None]
        parts += shift.astype(array.dtype)[:, None]

    def integers(self, array, low, high):
        """Fill with integers from `low` to `high` - 1."""
        self._seeded.generator._fill_integers(array, low, high - 1)

    def uniform(self, array):
        """Fill with numbers in [0, 1)."""
        self._seeded.generator._fill("random", array)

    def normal(self, array):
        """Fill with standard normal numbers."""
        self._seeded.generator._fill("standard_normal", array)

    def order(self, n, vector):
        """The numbers below n in the order of a shuffle."""
        return self._seeded.generator.permutation(n)


dropping = SeededGenerator(0)  # what dropout and random slopes draw from, whatever the setting
_drawing = SeededGenerator(1)
_SOURCES = {"mxnet": _MxnetStreams(), "counter": _CounterStreams(_drawing)}


def source():
    """What to draw from, by the setting."""
    return _SOURCES[config.random]


def seed(state, serial):
    """Start all streams anew: the lower 32 bits of `state` count, `serial` is MXNet's seed of its one in turn."""
    _core.stream_seed(state, serial)
    for seeded in (dropping, _drawing):
        seeded.seed(state & 0xFFFFFFFF)
