"""Comparing arrays within tolerances that depend on their dtypes."""

import contextlib
import io
import numbers

import numpy

from minpy.base import as_numpy
from minpy.context import Context, current_context

__all__ = [
    "almost_equal",
    "assert_allclose",
    "assert_almost_equal",
    "assert_almost_equal_ignore_nan",
    "assert_almost_equal_with_err",
    "assert_exception",
    "checkShapes",
    "compare_ndarray_tuple",
    "default_atols",
    "default_context",
    "default_dtype",
    "default_numeric_eps",
    "default_rtols",
    "effective_dtype",
    "get_atol",
    "get_etol",
    "get_rtol",
    "get_tolerance",
    "get_tols",
    "locationError",
    "same",
    "same_array",
    "set_default_context",
]

_EXACT = ("bool", "int8", "uint8", "int32", "uint32", "int64", "uint64")


def default_context():
    """The device that tests use: the current one."""
    return current_context()


def set_default_context(ctx):
    """Make a device the current one, for tests and all else."""
    Context._default_ctx.value = ctx


def default_dtype():
    """The dtype of random test data: float32."""
    return numpy.float32


def _table(float16, float32, float64, exact=None):
    found = dict(
        zip(map(numpy.dtype, ("float16", "float32", "float64")), (float16, float32, float64), strict=True)
    )
    return found if exact is None else {**found, **{numpy.dtype(name): exact for name in _EXACT}}


def default_rtols():
    """Relative tolerances by dtype."""
    return _table(1e-2, 1e-4, 1e-5, 0)


def default_atols():
    """Absolute tolerances by dtype."""
    return _table(1e-1, 1e-3, 1e-20, 0)


def default_numeric_eps():
    """Steps of finite differences by dtype: powers of two, so that adding one loses no bits."""
    return _table(2.0**-6, 2.0**-9, 2.0**-14)


def effective_dtype(dat):
    """The dtype whose tolerances hold for an array."""
    return numpy.dtype(dat.dtype)


def get_tolerance(dat, tol, default_tol):
    """The tolerance for an array.

    Parameters
    ----------
    dat : array_like
    tol : float, dict from dtype to float, or None
    default_tol : dict
        From all dtypes to floats.
    """
    if isinstance(tol, numbers.Number):
        return tol
    dtype = effective_dtype(dat)
    return (tol or {}).get(dtype, default_tol.get(dtype, 0))


def get_tols(x, y, rtol, atol):
    """The relative and absolute tolerance for two arrays: the larger ones of both."""
    pair = [numpy.array(z) if isinstance(z, (numbers.Number, list, tuple)) else z for z in (x, y)]
    return tuple(
        max(get_tolerance(z, tol, defaults()) for z in pair)
        for tol, defaults in ((rtol, default_rtols), (atol, default_atols))
    )


def get_atol(atol=None, dtype=numpy.float64):
    """The absolute tolerance, by default that of a dtype."""
    return default_atols()[numpy.dtype(dtype)] if atol is None else atol


def get_rtol(rtol=None, dtype=numpy.float64):
    """The relative tolerance, by default that of a dtype."""
    return default_rtols()[numpy.dtype(dtype)] if rtol is None else rtol


def get_etol(etol=None):
    """The share of elements that may differ, by default 0."""
    return 0 if etol is None else etol


def same(a, b):
    """Whether two arrays have the same shape and equal elements."""
    return numpy.array_equal(as_numpy(a), as_numpy(b))


def same_array(array1, array2):
    """Whether two arrays share their memory; tried by writing to one."""
    array1[:] += 1
    shared = same(array1, array2)
    array1[:] -= 1
    return shared and same(array1, array2)


def checkShapes(a, b):
    """Raise AssertionError unless two arrays have the same shape."""
    if a.shape != b.shape:
        message = f"a.shape = {a.shape} and b.shape = {b.shape} are not equal"
        raise AssertionError(numpy.testing.build_err_msg([a, b], err_msg=message))


def almost_equal(a, b, rtol=None, atol=None, equal_nan=False, use_broadcast=True):
    """Whether ``|a - b| <= atol + rtol * |b|`` everywhere; by default with the tolerances of float64.

    Parameters
    ----------
    a, b : array_like
    rtol, atol : float
    equal_nan : bool
        Whether NaN equals NaN.
    use_broadcast : bool
        Whether the shapes may differ.
    """
    if not use_broadcast:
        checkShapes(a, b)
    return bool(numpy.allclose(as_numpy(a), as_numpy(b), get_rtol(rtol), get_atol(atol), equal_nan))


def locationError(a, b, index, names, maxError=False):
    """Text with the elements of two arrays at an index."""
    return (
        f"Location of {'maximum ' if maxError else ''}error: {index}, {names[0]}={a[index]:.8f}, "
        f"{names[1]}={b[index]:.8f}"
    )


def _violations(a, b, rtol, atol, equal_nan):
    """How many tolerances the elements are apart."""
    with numpy.errstate(all="ignore"):
        difference = numpy.where(a == b, 0, abs(a - b))
        found = difference / (atol + rtol * abs(b) + 1e-20)
    lost = numpy.isnan(found)
    if equal_nan:
        found[lost & numpy.isnan(a) & numpy.isnan(b)] = 0
    found[numpy.isnan(found)] = numpy.inf
    return found


def assert_almost_equal(
    a,
    b,
    rtol=None,
    atol=None,
    names=("a", "b"),
    equal_nan=False,
    use_broadcast=True,
    mismatches=(10, 10),
):
    """Raise AssertionError unless ``|a - b| <= atol + rtol * |b|`` everywhere.

    Parameters
    ----------
    a, b : array_like
    rtol, atol : float or dict from dtype to float
        By default those of the dtypes.
    names : tuple of str
        What the message calls the arrays.
    equal_nan : bool
        Whether NaN equals NaN.
    use_broadcast : bool
        Whether the shapes may differ.
    mismatches : tuple of int
        How many of the worst differences to print.
    """
    if not use_broadcast:
        checkShapes(a, b)
    rtol, atol = get_tols(a, b, rtol, atol)
    a, b = as_numpy(a), as_numpy(b)
    if a.dtype == b.dtype == numpy.bool_:
        numpy.testing.assert_equal(a, b)
        return
    if almost_equal(a, b, rtol, atol, equal_nan=equal_nan):
        return
    wide_a, wide_b = numpy.broadcast_arrays(a.astype(float), b.astype(float))
    wrong = _violations(wide_a, wide_b, rtol, atol, equal_nan)
    worst = numpy.argsort(-wrong, axis=None)
    first = numpy.unravel_index(worst[0], wrong.shape)
    print(f"\n*** Maximum errors for vector of size {wrong.size}:  rtol={rtol}, atol={atol}\n")
    count = numpy.count_nonzero(wrong > 1)
    for number, place in enumerate(worst[: min(count, mismatches[0])], 1):
        index = tuple(int(i) for i in numpy.unravel_index(place, wrong.shape))
        print(f"{number:3d}: Error {wrong[index]:f}  {locationError(wide_a, wide_b, index, names)}")
    index = tuple(int(i) for i in first)
    message = (
        f"Error {wrong[index]:f} exceeds tolerance rtol={rtol:e}, atol={atol:e} (mismatch "
        f"{100 * count / wrong.size:f}%).\n{locationError(wide_a, wide_b, index, names, maxError=True)}"
    )
    raise AssertionError(numpy.testing.build_err_msg([a, b], err_msg=message, names=names))


def assert_allclose(a, b, rtol=1e-07, atol=0, equal_nan=True):
    """`assert_almost_equal` with the tolerances of numpy.testing.assert_allclose."""
    assert_almost_equal(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def assert_almost_equal_with_err(
    a, b, rtol=None, atol=None, etol=None, names=("a", "b"), equal_nan=False, mismatches=(10, 10)
):
    """As `assert_almost_equal`, but a share of `etol` of the elements may differ more."""
    if get_etol(etol) > 0:
        tols = get_tols(a, b, rtol, atol)
        if 1 - numpy.isclose(as_numpy(a), as_numpy(b), *tols, equal_nan=equal_nan).mean() <= etol:
            return
    assert_almost_equal(a, b, rtol, atol, names, equal_nan, mismatches=mismatches)


def assert_almost_equal_ignore_nan(a, b, rtol=None, atol=None, names=("a", "b")):
    """As `assert_almost_equal`, of the elements that are NaN in neither array."""
    a, b = numpy.copy(as_numpy(a)), numpy.copy(as_numpy(b))
    lost = numpy.isnan(a) | numpy.isnan(b)
    a[lost] = b[lost] = 0
    assert_almost_equal(a, b, rtol, atol, names)


def assert_exception(f, exception_type, *args, **kwargs):
    """Raise AssertionError unless ``f(*args, **kwargs)`` raises that exception."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            f(*args, **kwargs)
    except exception_type:
        return
    raise AssertionError(f"{exception_type.__name__} was not raised")


def compare_ndarray_tuple(t1, t2, rtol=None, atol=None):
    """`assert_almost_equal` of arrays in nested tuples; None equals anything."""
    if t1 is None or t2 is None:
        return
    if isinstance(t1, tuple):
        for first, second in zip(t1, t2, strict=True):
            compare_ndarray_tuple(first, second, rtol, atol)
    else:
        assert_almost_equal(t1, t2, rtol=rtol, atol=atol)
