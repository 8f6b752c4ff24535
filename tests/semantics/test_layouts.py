"""Memory in all its layouts: unaligned and overlapping operands, pickles with and without copies."""

import pickle

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


def test_pickle_protocol_5_shares_memory_out_of_band():
    values, buffers = np.arange(10), []
    stream = pickle.dumps(values, protocol=5, buffer_callback=buffers.append)
    copy = pickle.loads(stream, buffers=buffers)
    values[0] = -1
    assert type(copy) is np.ndarray and copy[0] == -1


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_keeps_values_of_any_layout(protocol):
    for values in (np.arange(12).reshape(3, 4).T, np.arange(12).reshape(3, 4)[:, ::2], np.array(3.0)):
        copy = pickle.loads(pickle.dumps(values, protocol))
        assert type(copy) is np.ndarray and copy.flags.writeable
        numpy.testing.assert_array_equal(copy, values)


def test_pickled_generators_continue_their_streams():
    for generator in (np.random.RandomState(3), np.random.default_rng(3)):
        generator.standard_normal()
        copy = pickle.loads(pickle.dumps(generator))
        assert type(copy) is type(generator)
        assert copy.standard_normal() == generator.standard_normal()


def test_generators_of_numpy_count_as_generators():
    assert isinstance(numpy.random.default_rng(1), np.random.Generator)
    assert isinstance(numpy.random.RandomState(1), np.random.RandomState)
    assert not isinstance(numpy.random.RandomState(1), np.random.Generator)
