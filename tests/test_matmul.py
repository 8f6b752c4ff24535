"""Products of real matrices: every path of cpu/gemm.h against double precision, bits, NaNs and flags."""

import itertools
import os
import subprocess
import sys
import warnings

import ml_dtypes
import numpy
import pytest

import minpy.numpy as np
from minpy.core import grad

pytestmark = pytest.mark.usefixtures("default_threads")


# Few rows and many, less than a tile and a panel, several parts of the depth, more columns than are packed at once.
SHAPES = [
    (2, 2, 130), (3, 17, 5), (5, 33, 300), (7, 8, 513), (11, 50, 129), (64, 100, 257), (97, 31, 64), (191, 200, 33),
    (193, 15, 700), (200, 50, 1000), (401, 333, 260), (1000, 3, 90), (100, 10, 3000), (30, 4500, 40), (250, 4300, 300),
]  # fmt: skip
LAYOUTS = ["rows", "columns", "strided"]


def laid_out(values, layout):
    """The same values as a view whose rows, columns, or neither are adjacent."""
    if layout == "rows":
        return np.array(values)
    if layout == "columns":
        return np.array(numpy.ascontiguousarray(values.T)).T
    spread = numpy.zeros((values.shape[0] * 2, values.shape[1] * 3), values.dtype)
    spread[::-2, 1::3] = values
    return np.array(spread)[::-2, 1::3]


def assert_product(got, a, b):
    exact = a.astype("f8") @ b.astype("f8")
    # The largest sum of magnitudes, which rounding errors are relative to.
    bound = numpy.abs(a).astype("f8") @ numpy.abs(b).astype("f8")
    error = numpy.abs(numpy.asarray(got) - exact) / bound
    assert error.max() < 8 * numpy.finfo(a.dtype).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_layouts_agree_bit_for_bit(shape, dtype):
    m, n, k = shape
    rng = numpy.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    first = np.array(a) @ np.array(b)
    assert_product(first, a, b)
    for left in LAYOUTS:
        for right in LAYOUTS:
            got = laid_out(a, left) @ laid_out(b, right)
            assert got.tobytes() == first.tobytes(), (left, right)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_and_columns_do_not_depend_on_their_neighbours(dtype):
    rng = numpy.random.default_rng(1)
    a, b = rng.standard_normal((501, 300)).astype(dtype), rng.standard_normal((300, 170)).astype(dtype)
    whole = numpy.asarray(np.array(a) @ np.array(b))
    for rows in (slice(0, 100), slice(33, 40), slice(499, 501)):
        part = np.array(a)[rows] @ np.array(b)[:, 5:90]
        assert part.tobytes() == numpy.ascontiguousarray(whole[rows, 5:90]).tobytes()


@pytest.mark.parametrize("shape", [(20, 19, 30), (300, 33, 300), (7, 1000, 9)], ids=str)
def test_infinities_and_nans_reach_their_elements_alone(shape):
    m, n, k = shape
    a, b = numpy.ones((m, k), "float32"), numpy.ones((k, n), "float32")
    a[1, 2], a[3, 4], b[5, n - 1] = numpy.inf, numpy.nan, -numpy.inf
    want = numpy.full((m, n), k, "float32")
    want[:, n - 1], want[1], want[3] = -numpy.inf, numpy.inf, numpy.nan
    want[1, n - 1] = numpy.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for right in LAYOUTS:
            part = laid_out(a, right) @ laid_out(b, right)[:, : n - 1]  # no operation is invalid here
            numpy.testing.assert_array_equal(part, want[:, : n - 1])
    with pytest.warns(RuntimeWarning, match="invalid value encountered in matmul"):
        numpy.testing.assert_array_equal(np.array(a) @ np.array(b), want)


def test_odd_addresses():
    raw = numpy.zeros(40 * 30 * 8 + 1, "uint8")
    values = numpy.random.default_rng(2).standard_normal((40, 30))
    odd = raw[1:].view("float64").reshape(40, 30)
    odd[:] = values
    packed = numpy.zeros(20, numpy.dtype([("skipped", "i1"), ("row", "f8", 25)]))
    packed["row"] = values[:20, :25]
    numpy.testing.assert_allclose(np.asarray(odd) @ np.array(values.T), values @ values.T, rtol=1e-12)
    got = np.asarray(packed["row"]) @ np.array(values[:25])
    numpy.testing.assert_allclose(got, values[:20, :25] @ values[:25], rtol=1e-12)


@pytest.mark.parametrize("isa", ["v2", "v3"])
def test_each_instruction_set(isa):
    code = """
import numpy, minpy.numpy as np
rng = numpy.random.default_rng(3)
for dtype in "fd":
    for m, n, k in [(13, 21, 300), (230, 70, 520), (100, 10, 1000)]:
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        exact, bound = (x.astype("f8") @ y.astype("f8") for x, y in [(a, b), (abs(a), abs(b))])
        at, bt = (np.array(numpy.ascontiguousarray(x.T)).T for x in (a, b))
        for left, right in [(np.array(a), np.array(b)), (at, bt)]:
            assert (abs(numpy.asarray(left @ right) - exact) / bound).max() < 8 * numpy.finfo(dtype).eps
print("ok")
"""
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"MINPY_ISA": isa},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stdout == "ok\n", result.stderr


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("shapes", [((5, 300), (300, 7)), ((300,), (300,)), ((3, 4, 70), (70, 9))], ids=str)
def test_sixteen_bit_numbers_are_summed_in_float32(shapes, dtype):
    rng = numpy.random.default_rng(4)
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    a, b = (rng.standard_normal(s).astype(kind) for s in shapes)
    want = (a.astype("f4") @ b.astype("f4")).astype("f8")
    got = np.array(a) @ np.array(b)
    assert got.dtype == kind
    step = float(ml_dtypes.finfo(kind).eps)
    numpy.testing.assert_allclose(numpy.asarray(got).astype("f8"), want, rtol=step, atol=1e-3)
    if numpy.ndim(want):
        out = np.zeros(want.shape, kind)
        assert np.matmul(np.array(a), np.array(b), out=out) is out
        assert out.tobytes() == got.tobytes()


def test_sixteen_bit_sums_do_not_stop_growing():
    ones = np.ones((1, 5000), "float16")
    assert float((ones @ ones.T)[0, 0]) == 5000
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert np.isinf((np.full((2, 9), 200, "float16") @ np.full((9, 2), 200, "float16"))[0, 0])


def test_gradients_of_sixteen_bit_products():
    a, b = np.arange(6, dtype="float16").reshape(2, 3), np.arange(12, dtype="float16").reshape(3, 4)
    da = grad(lambda x: np.sum(x @ b))(a)
    assert da.dtype == np.float16
    numpy.testing.assert_array_equal(da, numpy.broadcast_to(numpy.asarray(b).sum(1), (2, 3)))


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
@pytest.mark.parametrize(
    "shape", [(1, 5, 7), (7, 5, 1), (1, 5, 1), (300, 200, 1), (1, 300, 200), (1, 1, 5), (1, 4000, 1)]
)
def test_products_with_vectors_in_all_layouts(shape, dtype):
    m, k, n = shape
    rng = numpy.random.default_rng(6)
    step = numpy.finfo(dtype).eps

    def matrix(rows, columns):
        values = rng.standard_normal((rows, columns)) + (
            1j * rng.standard_normal((rows, columns)) if dtype in "FD" else 0
        )
        return values.astype(dtype)

    layouts = (lambda x: x, lambda x: x[::-1], lambda x: x[:, ::-1], lambda x: x.T.copy().T)
    for first, second in itertools.product(layouts, layouts):
        a, b = matrix(m, k), matrix(k, n)
        want = first(a).astype("D") @ second(b).astype("D")
        got = numpy.asarray(first(np.array(a)) @ second(np.array(b)))
        assert got.dtype == dtype
        numpy.testing.assert_allclose(got, want, rtol=0, atol=8 * step * k * max(1, abs(want).max()))
        dot = np.dot(np.array(first(a)[0]), np.array(second(b)[:, 0]))
        numpy.testing.assert_allclose(
            numpy.asarray(dot), want[0, 0], rtol=0, atol=8 * step * k * max(1, abs(want[0, 0]))
        )
