"""Objects with `__array__`, and sequences that hold them, where NumPy's functions read them."""

import numpy
import pytest

import minpy.numpy as np


class Readable:
    """Its array is one of ours."""

    def __array__(self, dtype=None, copy=None):
        return np.arange(3.0)


def test_sequences_of_objects_that_give_our_arrays():
    rows = np.array([Readable(), Readable()])
    assert type(rows) is np.ndarray
    numpy.testing.assert_array_equal(rows, [[0, 1, 2], [0, 1, 2]])
    numpy.testing.assert_array_equal(np.concatenate([Readable(), np.ones(2)]), [0, 1, 2, 1, 1])
    assert np.sum(Readable(), axis=(0,)) == 3


def test_errors_inside_array_methods_are_raised():
    class Broken(Readable):
        def __array__(self, dtype=None, copy=None):
            raise KeyError("broken")

    with pytest.raises(KeyError):
        np.array([Readable(), Broken()])


def test_array_method_refuses_a_copy_that_it_needs():
    values = np.ones(3, dtype=int)
    with pytest.raises(ValueError, match="copy"):
        values.__array__(float, copy=False)
    assert np.shares_memory(values, values.__array__(int, copy=False))


def test_a_list_that_contains_itself_is_read_as_deep_as_an_array_can_be():
    nested = []
    nested.append(nested)
    assert np.array([nested, nested], dtype=object).shape == numpy.array([nested, nested], dtype=object).shape
