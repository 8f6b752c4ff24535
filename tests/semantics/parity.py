"""Comparing one step done by minpy with the same step done by NumPy."""

import warnings

import numpy as np

import minpy.numpy as mnp


def outcome(action):
    """Runs ``action`` and returns (value, error class, error text, warning classes)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value, error = action(), (None, None)
        except Exception as e:
            value, error = None, (type(e), str(e).replace("minpy.numpy", "numpy"))
    return value, *error, sorted(w.category.__name__ for w in caught)


def as_numpy(x):
    """The NumPy array over a minpy array's memory; anything else as it is."""
    return np.asarray(x) if isinstance(x, mnp.ndarray) else x


def significant_strides(x):
    """Strides of the axes whose stride can matter."""
    return tuple(s for n, s in zip(x.shape, x.strides) if n > 1) if x.size else ()


def assert_same_value(ours, theirs, layout=True):
    """Same kind of object, dtype, shape and elements; with ``layout`` also strides, flags and ownership."""
    if isinstance(theirs, (tuple, list)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for x, y in zip(ours, theirs):
            assert_same_value(x, y, layout)
        return
    if not isinstance(theirs, np.ndarray):
        assert type(ours) is type(theirs), (type(ours), type(theirs))
        np.testing.assert_array_equal(ours, theirs)
        return
    native = theirs.dtype.kind in "biufc" and theirs.dtype.isnative and theirs.dtype.char not in "gG"
    assert isinstance(ours, mnp.ndarray if native else np.ndarray), type(ours)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    np.testing.assert_array_equal(as_numpy(ours), theirs)
    if layout:
        assert significant_strides(ours) == significant_strides(theirs)
        for flag in ("C_CONTIGUOUS", "F_CONTIGUOUS", "WRITEABLE"):
            assert as_numpy(ours).flags[flag] == theirs.flags[flag], flag
        assert (ours.base is None) == (theirs.base is None), (ours.base, theirs.base)


def assert_same_outcome(ours, theirs, layout=True):
    """Both actions give the same result, or raise the same error, with the same warnings."""
    x, y = outcome(ours), outcome(theirs)
    assert x[1:] == y[1:], (x[1:], y[1:])
    if y[1] is None:
        assert_same_value(x[0], y[0], layout)
    return x[0], y[0]
