"""CounterGenerator: random numbers that are a function of a key and a counter, drawn by kernels of our own.

See Note [Counter-based random numbers].
"""

import operator
import threading
from collections.abc import MutableSequence

import numpy
import numpy.random as _source

import minpy.numpy as np
from minpy import _core

# By dtype: the number of the draw in backend/cpu/random.h, and how it takes words from a block.
_WORDS = {numpy.dtype("u4"): (0, "word32"), numpy.dtype("u8"): (1, "word64")}
_UNIFORM = {numpy.dtype("f4"): (2, "word32"), numpy.dtype("f8"): (3, "word64")}
_NORMAL = {numpy.dtype("f4"): (4, "normal32"), numpy.dtype("f8"): (5, "normal64")}
_EXPONENTIAL = {numpy.dtype("f4"): (6, "word32"), numpy.dtype("f8"): (7, "word64")}
_DRAWS = {"random": _UNIFORM, "standard_normal": _NORMAL, "standard_exponential": _EXPONENTIAL}
_PER_BLOCK = {"word32": 4, "word64": 2, "normal32": 4, "normal64": 2, "block": 1}
_BOUNDS = {numpy.dtype(c): (int(numpy.iinfo(c).min), int(numpy.iinfo(c).max)) for c in "bBhHiIlL"}
_BOUNDS[numpy.dtype("?")] = (0, 1)
_MASK = 2**64 - 1

_judge = _source.default_rng(0)  # NumPy's generator, which says what is wrong with arguments


def _is_scalar(value):
    return not isinstance(value, (list, tuple)) and getattr(value, "ndim", 0) == 0


def _is_number(value):
    """Whether `value` is a scalar without a gradient that is being recorded."""
    return _is_scalar(value) and not (isinstance(value, _core.ndarray) and _core.is_recorded(value))


def _ask_numpy(method, *args, **kwargs):
    """NumPy's answer to a call of this method, which is its error when the arguments are bad."""
    return getattr(_judge, method)(*_core.to_numpy(args), **_core.to_numpy(kwargs))


def _fresh(method, size, dtype):
    """An array of that size, or NumPy's error about the size."""
    try:
        return np.empty(size, dtype)
    except (TypeError, ValueError):
        _ask_numpy(method, size=size)
        raise


def usable(out, dtype, size):
    """`out` as our array, or None when NumPy has to say what is wrong with it."""
    if not isinstance(out, np.ndarray):
        return None
    flags = out.flags
    if out.dtype != dtype or not (flags.aligned and flags.writeable and flags.forc):
        return None
    if size is not None and out.shape != (tuple(size) if hasattr(size, "__iter__") else (size,)):
        return None
    return _core.from_numpy(numpy.asarray(out)) if isinstance(out, numpy.ndarray) else out


def _modulo(values, shape):
    """Integers of any size as contiguous uint64, modulo 2**64."""
    values = numpy.broadcast_to(values, shape)
    if values.dtype.kind == "O":
        values = numpy.vectorize(lambda value: int(value) & _MASK, otypes=["u8"])(values)
    elif values.dtype.kind == "f":
        values = values.astype(numpy.int64)
    return _core.from_numpy(numpy.ascontiguousarray(values.astype(numpy.uint64)))


class CounterGenerator:
    """Random numbers from a counter: fast, drawn in parallel, and the same everywhere.

    The bits are Philox4x32-10's, and every element of a draw is a function of the seed and of its place in the
    stream. A result does not depend on the number of threads, on the processor, or on whether an array is drawn at
    once or in pieces by calls of one method and dtype. The streams are other ones than those of NumPy's generators.

    Parameters
    ----------
    seed : None, int, array_like of ints or SeedSequence, optional
        As for `numpy.random.default_rng`; None takes entropy from the system.
    key : int, optional
        The 64-bit key itself, instead of a seed.

    Notes
    -----
    A stream has 2**64 blocks of 128 bits, a generator has 2**32 streams (`jumped`). The methods have the arguments
    and errors of `numpy.random.Generator`; `uniform` and `normal` also take a dtype.

    Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import minpy.numpy as np
    >>> rng = np.random.CounterGenerator(7)
    >>> rng.standard_normal((2, 3), dtype=np.float32).shape
    (2, 3)
    """

    def __init__(self, seed=None, *, key=None):
        if key is None:
            given = hasattr(seed, "generate_state")
            self._seeds = seed if given else _source.SeedSequence(_core.to_numpy(seed))
            key = int(self._seeds.generate_state(1, numpy.uint64)[0])
        elif seed is not None:
            raise ValueError("seed and key cannot be both used")
        else:
            self._seeds = None
            key = operator.index(key)
            if not 0 <= key <= _MASK:
                raise ValueError("key must be positive and less than 2**64.")
        self._key, self._stream, self._block = key, 0, 0
        self._unit, self._used = "word32", 0
        self._renew_lock()

    def _renew_lock(self):
        self._lock = threading.Lock()

    def __repr__(self):
        return f"CounterGenerator(Philox4x32) at 0x{id(self):X}"

    def __getstate__(self):
        return self.state, self._seeds

    def __setstate__(self, saved):
        self._renew_lock()
        self.state, self._seeds = saved

    @property
    def state(self):
        """dict: the key, the 128-bit counter of the next block, and what was used of that block already."""
        with self._lock:
            counter = self._stream << 64 | self._block
            return {
                "bit_generator": "Philox4x32",
                "state": {"key": self._key, "counter": counter},
                "unit": self._unit,
                "used": self._used,
            }

    @state.setter
    def state(self, value):
        if not isinstance(value, dict):
            raise TypeError("state must be a dict")
        if value.get("bit_generator") != "Philox4x32":
            raise ValueError("state must be for a Philox4x32 PRNG")
        key, counter = operator.index(value["state"]["key"]), operator.index(value["state"]["counter"])
        unit, used = value["unit"], operator.index(value["used"])
        if not (0 <= key <= _MASK and 0 <= counter < 2**128):
            raise ValueError("key and counter must be unsigned integers of 64 and 128 bits")
        if unit not in _PER_BLOCK or not 0 <= used < _PER_BLOCK[unit]:
            raise ValueError(f"{used} of a block by {unit!r} cannot have been used")
        with getattr(self, "_lock", threading.Lock()):
            self._key, self._stream, self._block = key, counter >> 64, counter & _MASK
            self._unit, self._used = unit, used

    def _take(self, unit, count):
        """Reserve the next `count` elements: key, stream, block, and what to skip of that block."""
        per_block = _PER_BLOCK[unit]
        with self._lock:
            if unit != self._unit and self._used:
                self._block, self._used = (self._block + 1) & _MASK, 0
            block, skip = self._block, self._used
            blocks, self._used = divmod(skip + count, per_block)
            self._unit, self._block = unit, (block + blocks) & _MASK
            return self._key, self._stream, block, skip

    def _floats(self, method, draws, size, dtype, out=None, scale=1.0, shift=0.0):
        dtype = numpy.dtype(dtype)
        found = draws.get(dtype)
        if found is None:
            _ask_numpy(method, size, dtype, out)
            raise TypeError(f"Unsupported dtype {dtype!r} for {method}")
        draw, unit = found
        if out is not None:
            array = usable(out, dtype, size)
            if array is None:
                _ask_numpy(method, size, dtype, out)
                raise ValueError("Supplied output array cannot be filled")
        else:
            array = np.empty(1, dtype) if size is None else _fresh(method, size, dtype)
        _core.random_fill(draw, array, *self._take(unit, array.size), scale, shift)
        return array.item() if size is None and out is None else array if out is None else out

    def _fill(self, method, array, scale=1.0, shift=0.0):
        """Fill a contiguous array of floats with the method's numbers, times `scale`, plus `shift`."""
        draw, unit = _DRAWS[method][numpy.dtype(array.dtype)]
        _core.random_fill(draw, array, *self._take(unit, array.size), scale, shift)

    def _fill_integers(self, array, first, last):
        """Fill a contiguous array of integers with those from `first` to `last`, each equally likely."""
        unit = "word32" if last - first < 2**32 else "word64"
        _core.random_integers(array, *self._take(unit, array.size), first, last - first)

    def _fill_by_attempts(self, kind, array, a, b):
        """Fill a contiguous array of floats by a distribution of backend/cpu/random_rejection.h."""
        _core.random_rejection(kind, array, *self._take("block", array.size), a, b)

    def random_raw(self, size=None, dtype=numpy.uint64):
        """The generator's words.

        Parameters
        ----------
        size : int or tuple of ints, optional
            Shape of the result; None gives a Python int.
        dtype : {uint64, uint32}, optional
            Words of 64 bits, of which the low half comes first, or of 32.

        Returns
        -------
        int or ndarray of shape `size`
        """
        return self._floats("random", _WORDS, size, dtype)

    def random(self, size=None, dtype=numpy.float64, out=None):
        """Uniform floats in [0, 1), multiples of 2**-53 (float64) or 2**-24 (float32).

        Parameters
        ----------
        size : int or tuple of ints, optional
            Shape of the result; None gives a Python float.
        dtype : {float64, float32}, optional
            The dtype.
        out : ndarray, optional
            Contiguous array to fill and return.

        Returns
        -------
        float or ndarray of shape `size`
        """
        return self._floats("random", _UNIFORM, size, dtype, out)

    def standard_normal(self, size=None, dtype=numpy.float64, out=None):
        """Normal deviates of mean 0 and deviation 1, by Box and Muller's method.

        Parameters
        ----------
        size : int or tuple of ints, optional
            Shape of the result; None gives a Python float.
        dtype : {float64, float32}, optional
            The dtype. The largest magnitudes are 8.65 and 6.66.
        out : ndarray, optional
            Contiguous array to fill and return.

        Returns
        -------
        float or ndarray of shape `size`
        """
        return self._floats("standard_normal", _NORMAL, size, dtype, out)

    def _moved(self, method, parameters, size, dtype, draw):
        """A draw for array parameters; draw(shape) gives it. NumPy checks them and tells the shape.

        Gradients go through the parameters.
        """
        shape = numpy.shape(_ask_numpy(method, *parameters, size))
        first, second = (np.asarray(p) for p in parameters)
        return (first + (second - first if method == "uniform" else second) * draw(shape)).astype(
            dtype, copy=False
        )

    def uniform(self, low=0.0, high=1.0, size=None, *, dtype=numpy.float64):
        """Uniform floats in [low, high).

        Parameters
        ----------
        low, high : float or array_like of floats, optional
            Bounds, broadcast with each other. Rounding may give `high` itself.
        size : int or tuple of ints, optional
            Shape of the result; None gives a Python float for scalar bounds.
        dtype : {float64, float32}, optional
            The dtype.

        Returns
        -------
        float or ndarray

        Raises
        ------
        OverflowError
            When `high - low` is not finite.
        ValueError
            When `high < low`.
        """
        if not (_is_number(low) and _is_number(high)):
            return self._moved("uniform", (low, high), size, dtype, lambda s: self.random(s, dtype))
        try:
            scale, shift = float(high) - float(low), float(low)
        except (TypeError, ValueError):
            _ask_numpy("uniform", low, high)
            raise
        if not 0 <= scale < numpy.inf:
            _ask_numpy("uniform", low, high)
        return self._floats("random", _UNIFORM, size, dtype, None, scale, shift)

    def normal(self, loc=0.0, scale=1.0, size=None, *, dtype=numpy.float64):
        """Normal deviates of mean `loc` and standard deviation `scale`.

        Parameters
        ----------
        loc, scale : float or array_like of floats, optional
            Mean and deviation, broadcast with each other.
        size : int or tuple of ints, optional
            Shape of the result; None gives a Python float for scalar parameters.
        dtype : {float64, float32}, optional
            The dtype.

        Returns
        -------
        float or ndarray

        Raises
        ------
        ValueError
            When `scale < 0`.
        """
        if not (_is_number(loc) and _is_number(scale)):
            return self._moved("normal", (loc, scale), size, dtype, lambda s: self.standard_normal(s, dtype))
        try:
            shift, factor = float(loc), float(scale)
        except (TypeError, ValueError):
            _ask_numpy("normal", loc, scale)
            raise
        if not factor > 0:
            _ask_numpy("normal", loc, scale)
        return self._floats("standard_normal", _NORMAL, size, dtype, None, factor, shift)

    def integers(self, low, high=None, size=None, dtype=numpy.int64, endpoint=False):
        """Integers from `low` to `high`, each equally likely.

        Parameters
        ----------
        low : int or array_like of ints
            The lowest, or, when `high` is None, the bound of a range that starts at 0.
        high : int or array_like of ints, optional
            The bound, not among the results unless `endpoint`.
        size : int or tuple of ints, optional
            Shape of the result; None gives a scalar for scalar bounds.
        dtype : dtype, optional
            bool, or an integer dtype.
        endpoint : bool, optional
            Whether `high` is among the results.

        Returns
        -------
        int or ndarray

        Notes
        -----
        Lemire's method: of the product of a word and the number of possible results the high half is the result. A
        word that would favour some results is replaced by one of the same place in another stream, so that other
        elements do not move. Scalar bounds take 32-bit words where they suffice; array bounds take 64-bit words.
        """
        bounds = _BOUNDS.get(numpy.dtype(dtype))
        if bounds is None:
            _ask_numpy("integers", low, high, None, dtype, endpoint)
            raise TypeError(f"Unsupported dtype {numpy.dtype(dtype)!r} for integers")
        asked = low, high, None, dtype, endpoint
        if high is None:
            low, high = 0, low
        if not (_is_scalar(low) and _is_scalar(high)):
            return self._integers_between(low, high, size, dtype, endpoint)
        try:
            first, last = int(low), int(high) - (not endpoint)
        except (TypeError, ValueError, OverflowError):
            _ask_numpy("integers", *asked)
            raise
        array = np.empty(1, dtype) if size is None else _fresh("random", size, dtype)
        if array.size and not bounds[0] <= first <= last <= bounds[1]:
            _ask_numpy("integers", *asked)
        self._fill_integers(array, first, last)
        if size is not None:
            return array
        return dtype(array[0]) if dtype in (bool, int) else array[0]

    def _integers_between(self, low, high, size, dtype, endpoint):
        """Integers with bounds for each element."""
        low, high = (numpy.asarray(_core.to_numpy(bound)) for bound in (low, high))
        shape = _ask_numpy("integers", low, high, size, dtype, endpoint).shape
        first = _modulo(low, shape)
        last = _modulo(high, shape) - first - np.uint64(not endpoint)
        array = np.empty(shape, dtype)
        _core.random_integers(array, *self._take("word64", array.size), first, last)
        return array

    def permutation(self, x, axis=0):
        """A shuffled copy, or the shuffled numbers below `x`.

        Parameters
        ----------
        x : int or array_like
            What to shuffle.
        axis : int, optional
            The axis along which slices change places.

        Returns
        -------
        ndarray
        """
        if isinstance(x, (int, numpy.integer)):
            return self._order(max(x, 0))
        x = np.asarray(x)
        if x.ndim == 0 or not -x.ndim <= axis < x.ndim:
            return _ask_numpy("permutation", x, axis)
        return np.take(x, self._order(x.shape[axis]), axis=axis)

    def shuffle(self, x, axis=0):
        """Shuffle in place.

        Parameters
        ----------
        x : ndarray or mutable sequence
            What to shuffle.
        axis : int, optional
            The axis along which slices change places; 0 for sequences.
        """
        if isinstance(x, np.ndarray) and x.ndim and -x.ndim <= axis < x.ndim:
            x[...] = np.take(x, self._order(x.shape[axis]), axis=axis)
        elif isinstance(x, MutableSequence) and axis == 0:
            x[:] = [x[i] for i in self._order(len(x))]
        else:
            _ask_numpy("shuffle", x, axis)
            raise TypeError(f"cannot shuffle a {type(x).__name__}")

    def _order(self, n):
        """The numbers below n in random order."""
        if n >= 2**32:
            return np.argsort(self.random_raw(n), kind="stable")
        order = np.empty(n, numpy.int64)
        _core.random_order(order, *self._take("word32", n))
        return order

    def jumped(self, jumps=1):
        """A generator further on by `jumps` streams of 2**64 blocks, for work of its own.

        Parameters
        ----------
        jumps : int, optional
            How many streams, modulo 2**32.

        Returns
        -------
        CounterGenerator
        """
        state = self.state
        counter = state["state"]["counter"]
        stream = ((counter >> 64) + operator.index(jumps)) % 2**32
        state["state"]["counter"] = stream << 64 | counter & _MASK
        other = type(self)(key=self._key)
        other.state, other._seeds = state, self._seeds
        return other

    def spawn(self, n_children):
        """Generators with independent seeds.

        Parameters
        ----------
        n_children : int
            How many.

        Returns
        -------
        list of CounterGenerator

        Raises
        ------
        TypeError
            When the generator was made from a key, or from a seed sequence that has no children.
        """
        if not hasattr(self._seeds, "spawn"):
            raise TypeError("The underlying SeedSequence does not implement spawning.")
        return [type(self)(child) for child in self._seeds.spawn(n_children)]


CounterGenerator.__module__ = "minpy.numpy.random"
