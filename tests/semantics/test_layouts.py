"""Operators on memory that NumPy allows and vector instructions do not like: unaligned, overlapping."""

import numpy
import pytest

import minpy.numpy as np


def unaligned(dtype, step):
    """Twelve elements, `step` bytes apart, at an odd address."""
    values = numpy.ndarray((12,), dtype, numpy.zeros(400, numpy.uint8), 3, (step,))
    values[...] = numpy.arange(12) + 1.5
    return values


@pytest.mark.parametrize("step", [16, 17, 19])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "i4", "i8"])
def test_unaligned_operands(dtype, step):
    theirs, ours = unaligned(dtype, step), np.asarray(unaligned(dtype, step))
    assert type(ours) is np.ndarray and not ours.flags.aligned
    plain = theirs.copy()
    for operator in (numpy.square, numpy.absolute, numpy.negative):
        numpy.testing.assert_array_equal(getattr(np, operator.__name__)(ours), operator(plain))
    numpy.testing.assert_array_equal(ours + ours, plain + plain)
    numpy.testing.assert_array_equal(ours * 2, plain * 2)
    ours += 1
    numpy.testing.assert_array_equal(ours, plain + 1)
    np.multiply(np.asarray(plain), 3, out=ours)
    numpy.testing.assert_array_equal(ours, plain * 3)


def test_output_that_repeats_memory_reads_its_old_values():
    windows = np.lib.stride_tricks.as_strided(np.arange(8), (6, 3), (8, 8))
    expected = numpy.lib.stride_tricks.as_strided(numpy.arange(8), (6, 3), (8, 8))
    np.invert(windows, out=windows)
    numpy.invert(expected, out=expected)
    numpy.testing.assert_array_equal(windows, expected)
