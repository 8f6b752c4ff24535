"""Long uniform draws of NumPy's Philox bit generator, by kernels of our own: the same numbers, the same state after.

See Note [NumPy's Philox].
"""

import math

import numpy
import numpy.random as _source

import minpy.numpy as np
from minpy import _core
from minpy.numpy.random._counter import usable

_LEAST = 2**17  # bytes; below, reading and writing the state takes longer than is won
_ARGUMENTS = {"size": None, "dtype": numpy.float64, "out": None}
_PER_WORD = {numpy.dtype("f8"): 1, numpy.dtype("f4"): 2}
_MASK = 2**64 - 1


def random(bit_generator, args, kwargs):
    """What `Generator.random` of a bit generator draws, or None where NumPy has to.

    Parameters
    ----------
    bit_generator : numpy.random.BitGenerator
    args, kwargs
        The method's arguments.

    Returns
    -------
    ndarray or None
    """
    if type(bit_generator) is not _source.Philox:
        return None
    given = dict(zip(_ARGUMENTS, args))
    if len(args) > 3 or given.keys() & kwargs or not kwargs.keys() <= _ARGUMENTS.keys():
        return None
    given = _ARGUMENTS | given | kwargs
    array = _target(**given)
    if array is None or array.nbytes < _LEAST:
        return None
    with bit_generator.lock:
        state = bit_generator.state
        _fill(array.reshape(-1), state)
        bit_generator.state = state
    return array if given["out"] is None else given["out"]


def _target(size, dtype, out):
    """A contiguous array to fill, or None for what NumPy refuses, or need not be quick."""
    try:
        dtype = numpy.dtype(dtype)
        if dtype not in _PER_WORD:
            return None
        if out is not None:
            array = usable(out, dtype, size)
            return array if array is not None and array.flags.c_contiguous else None
        shape = () if size is None else tuple(size) if hasattr(size, "__iter__") else (size,)
        return np.empty(shape, dtype) if math.prod(shape) * dtype.itemsize >= _LEAST else None
    except (TypeError, ValueError, MemoryError):
        return None


def _fill(flat, state):
    """Fill a vector by the generator in that state, a dict, and change the dict into the state after it."""
    head = _left(state, flat.dtype)
    flat[: len(head)] = head
    key, counter = state["state"]["key"].tolist(), state["state"]["counter"].tolist()
    start = sum(word << 64 * i for i, word in enumerate(counter)) + 1
    rest = flat[len(head) :]
    _core.random_philox64(rest, *key, *_words_of(start))
    per_word = _PER_WORD[flat.dtype]
    words = -(-rest.size // per_word)
    blocks = -(-words // 4)
    last = np.empty(4, numpy.uint64)
    _core.random_philox64(last, *key, *_words_of(start + blocks - 1))
    state["state"]["counter"] = numpy.array(_words_of(start + blocks - 1), numpy.uint64)
    state["buffer"] = numpy.array(last)
    state["buffer_pos"] = used = words - 4 * (blocks - 1)
    if per_word == 2:
        state["has_uint32"] = rest.size % 2
        state["uinteger"] = int(state["buffer"][used - 1]) >> 32


def _left(state, dtype):
    """The floats that are made of what is left of the words drawn before."""
    words = state["buffer"][state["buffer_pos"] :]
    if _PER_WORD[dtype] == 1:
        return (words >> numpy.uint64(11)) * 2.0**-53
    halves = [state["uinteger"]] if state["has_uint32"] else []
    for word in words.tolist():
        halves += [word & 0xFFFFFFFF, word >> 32]
    return (numpy.array(halves, numpy.uint32) >> numpy.uint32(8)).astype(numpy.float32) * numpy.float32(
        2**-24
    )


def _words_of(counter):
    return [counter >> 64 * i & _MASK for i in range(4)]
