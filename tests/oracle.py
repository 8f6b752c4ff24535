"""What the tests compare with: NumPy itself, run on the same values."""

import warnings

import numpy

import minpy.numpy as np

NUMPY_1 = numpy.lib.NumpyVersion(numpy.__version__) < "2.0.0"
DTYPES = [numpy.dtype(c) for c in "?bBhHiIlLefdFD"]

# Interesting values per kind of dtype; every test array is drawn from these.
_VALUES = {
    "b": [False, True, True, False],
    "i": [0, 1, -1, 2, -3, 5, 7, 100],
    "u": [0, 1, 2, 3, 5, 7, 100, 255],
    "f": [0.0, -0.0, 1.0, -1.5, 0.5, 2.0, -3.25, 7.0, 0.1, 1e-3],
    "c": [0j, 1 + 1j, -1.5 + 0.5j, 2 - 3j, 0.25j, 1.0 + 0j],
}
SPECIAL = [numpy.inf, -numpy.inf, numpy.nan]


def sample(dtype, shape, seed=0, special=False):
    """A numpy array of `shape` with interesting values of `dtype`, in a shuffled order fixed by `seed`."""
    dtype = numpy.dtype(dtype)
    values = list(_VALUES[dtype.kind])
    if dtype.kind in "iu":
        info = numpy.iinfo(dtype)
        values += [info.max, info.min]
    if special and dtype.kind in "fc":
        values += SPECIAL
    rng = numpy.random.default_rng(seed)
    return rng.choice(numpy.array(values, dtype=dtype), size=shape)


def outcome(f):
    """(result, None) or (None, exception) of calling `f`, with warnings off."""
    with warnings.catch_warnings(), numpy.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return f(), None
        except Exception as error:  # noqa: BLE001 - parity of any exception is what is tested
            return None, error


def to_numpy(x):
    """Our arrays, also inside tuples and lists, as NumPy's."""
    if isinstance(x, (tuple, list)):
        return type(x)(to_numpy(item) for item in x)
    return numpy.asarray(x) if type(x) is np.ndarray else x


def assert_same(ours, theirs, ulp=0, where=""):
    """Equal values (within `ulp` units in the last place for inexact dtypes), dtype, shape and scalar-ness."""
    if isinstance(theirs, (tuple, list)):
        assert isinstance(ours, (tuple, list)) and len(ours) == len(theirs), where
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b, ulp, where)
        return
    if isinstance(theirs, numpy.ndarray) and theirs.dtype in DTYPES:
        assert type(ours) is np.ndarray, f"{where}: got {type(ours)} for an array"
    else:
        assert type(ours) is type(theirs), f"{where}: {type(ours)} != {type(theirs)}"
    a, b = numpy.asarray(ours), numpy.asarray(theirs)
    assert a.dtype == b.dtype, f"{where}: dtype {a.dtype} != {b.dtype}"
    assert a.shape == b.shape, f"{where}: shape {a.shape} != {b.shape}"
    if ulp and a.dtype.kind in "fc":
        eps = numpy.finfo(a.dtype).eps
        numpy.testing.assert_allclose(
            a, b, rtol=2 * ulp * eps, atol=4 * ulp * numpy.finfo(a.dtype).tiny, err_msg=where
        )
        if a.dtype.kind == "f":
            zeros = (b == 0) & (a == 0)
            numpy.testing.assert_array_equal(numpy.signbit(a[zeros]), numpy.signbit(b[zeros]), err_msg=where)
    else:
        numpy.testing.assert_array_equal(a, b, err_msg=where)


def assert_parity(ours, theirs, ulp=0, where=""):
    """Both callables give the same result, or raise the same class with the same message."""
    a, error_a = outcome(ours)
    b, error_b = outcome(theirs)
    if error_b is None:
        if error_a is not None:
            raise AssertionError(f"{where}: raised {error_a!r}, NumPy gives {b!r}") from error_a
        assert_same(a, b, ulp, where)
    else:
        assert type(error_a) is type(error_b), f"{where}: {error_a!r} instead of {error_b!r}"
        assert str(error_a) == str(error_b), f"{where}: {error_a} != {error_b}"
