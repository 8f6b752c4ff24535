"""The elementwise inner loops: special values, floating-point flags and layouts, through the public functions, against
NumPy."""

import numpy
import pytest

import minpy.numpy as np

FUNCTIONS = """exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh
    arctanh cbrt arctan2 hypot power""".split()
SPECIAL = [
    0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 10, -10, 100,
    -100, 1000, -1000, 1e-30, -1e-30, 1e30, -1e30, 1e-42, -1e-42, 88.8, -88, 709.9, -745.2, 1e22,
]  # fmt: skip


def run(function, args):
    """The result, and the kinds of floating-point errors that were reported."""
    seen = set()
    with numpy.errstate(divide="call", over="call", invalid="call", under="ignore",
                        call=lambda kind, flag: seen.add(kind)):  # fmt: skip
        return numpy.asarray(function(*args)), seen


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", [*FUNCTIONS, "add", "multiply", "divide", "sqrt", "maximum", "fmin",
                                  "rint", "sign", "less", "isnan", "logaddexp"])  # fmt: skip
def test_special_values(name, dtype):
    """Value, sign of zero and reported errors equal NumPy's, one element at a time and padded."""
    with numpy.errstate(all="ignore"):
        special = numpy.unique(numpy.array(SPECIAL).astype(dtype).view(f"u{numpy.dtype(dtype).itemsize}"))
    special = special.view(dtype)
    theirs = getattr(numpy, name)
    ours = getattr(np, name)
    pairs = [(x,) for x in special] if theirs.nin == 1 else [(x, y) for x in special for y in special]
    for pair in pairs:
        for n in (1, 19):
            ins = [numpy.full(n, x) for x in pair]
            want, want_errors = run(theirs, ins)
            got, errors = run(ours, [np.array(x) for x in ins])
            if want.dtype.kind == "f":
                tolerance = 4 * numpy.finfo(dtype).eps
                numpy.testing.assert_allclose(got, want, rtol=tolerance, err_msg=str(pair))
                if name in ("maximum", "fmin") and pair[0] == pair[1]:
                    continue  # which of 0.0 and -0.0 is larger depends on NumPy's vector length
                nonan = ~numpy.isnan(want)
                assert (numpy.signbit(got) == numpy.signbit(want))[nonan].all(), pair
            else:
                numpy.testing.assert_array_equal(got, want)
            if name != "logaddexp":  # NumPy's reports "invalid" for a NaN operand
                assert errors == want_errors, (name, pair, n)


INTEGERS = ["add", "subtract", "multiply", "maximum", "minimum", "bitwise_and", "bitwise_xor",
            "left_shift", "right_shift", "floor_divide", "remainder", "less", "equal"]  # fmt: skip


@pytest.mark.parametrize("char", "bBhHiIlLefd")
@pytest.mark.parametrize("n", [1, 7, 16, 33, 300, 1000])
def test_layouts(n, char):
    """Contiguous, strided, reversed, scalar, unaligned and in-place operands give NumPy's values."""
    rng = numpy.random.default_rng(n)
    dtype = numpy.dtype(char)
    low = 0 if dtype.kind == "u" else -100
    names = INTEGERS if dtype.kind in "iu" else ["add", "divide", "maximum", "less", "multiply"]
    backing = numpy.ndarray(3 * n, dtype, bytearray(3 * n * dtype.itemsize + 1), 1)
    backing[:] = rng.integers(low, 100, 3 * n)
    other = rng.integers(low, 100, 3 * n).astype(dtype)
    views = [slice(0, n), slice(None, None, 3), slice(None, None, -3), slice(1, 2)]
    for name in names:
        for left in views:
            for right in views:
                a, b = backing[left], other[right]
                with numpy.errstate(all="ignore"):
                    want = getattr(numpy, name)(a, b)
                    got = getattr(np, name)(np.asarray(backing)[left], np.array(other)[right])
                numpy.testing.assert_array_equal(numpy.asarray(got), want, err_msg=name)
                assert numpy.asarray(got).dtype == want.dtype
        mine, reference = np.array(other[:n]), other[:n].copy()
        if name not in ("less", "equal"):
            with numpy.errstate(all="ignore"):
                getattr(numpy, name)(reference, reference[::-1].copy(), out=reference)
                getattr(np, name)(mine, np.array(other[:n][::-1].copy()), out=mine)
            numpy.testing.assert_array_equal(numpy.asarray(mine), reference, err_msg=name)


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum"])
@pytest.mark.parametrize("char", "bhilefd")
@pytest.mark.parametrize("n", [1, 5, 8, 100, 129, 1000])
def test_reduce_and_accumulate(name, char, n):
    """Reductions equal NumPy's to rounding; accumulate is in order, bit for bit."""
    values = (numpy.random.default_rng(n).integers(-9, 10, n) / 7).astype(char)
    with numpy.errstate(all="ignore"):
        for shaped in (values, numpy.repeat(values, 2)[::2]):
            want = getattr(numpy, name).accumulate(shaped)
            got = getattr(np, name).accumulate(np.asarray(shaped))
            numpy.testing.assert_array_equal(numpy.asarray(got), want)
            want = getattr(numpy, name).reduce(shaped)
            got = getattr(np, name).reduce(np.asarray(shaped))
            eps = numpy.finfo(char).eps if numpy.dtype(char).kind == "f" else 0
            numpy.testing.assert_allclose(numpy.asarray(got), want, rtol=32 * eps, atol=32 * eps)
