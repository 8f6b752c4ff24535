"""Sorting, partitioning and their positions against NumPy: every dtype, length, layout, axis and kind."""

import hypothesis
import numpy
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracle import DTYPES, assert_parity, assert_same, sample

import minpy.numpy as np

LENGTHS = (1, 2, 15, 16, 17, 63, 64, 65, 300, 700)


def keys(dtype, shape, seed):
    """Any bit pattern of the dtype: NaNs of both signs, infinities, subnormal numbers, both zeros."""
    rng = numpy.random.default_rng(seed)
    bits = rng.integers(0, 256, (*shape, numpy.dtype(dtype).itemsize), dtype="u1")
    return (bits & 1 if dtype == numpy.bool_ else bits).view(dtype)[..., 0]


def assert_stable_order(order, x, axis=-1):
    numpy.testing.assert_array_equal(numpy.asarray(order), numpy.argsort(x, axis=axis, kind="stable"))


REAL = [d for d in DTYPES if d.kind != "c"]


@pytest.mark.parametrize("dtype", REAL, ids=str)
@pytest.mark.parametrize("n", LENGTHS)
def test_any_bits(dtype, n):
    x = keys(dtype, (3, n), n)
    ours = numpy.asarray(np.sort(np.asarray(x)))
    numpy.testing.assert_array_equal(ours, numpy.sort(x))
    # No key of ours may get lost, whatever its bits are; NumPy's kernels make all NaNs the same.
    if dtype.itemsize <= 2 or n <= 16:
        assert sorted(map(bytes, ours.view("u1").reshape(-1, dtype.itemsize))) == sorted(
            map(bytes, x.view("u1").reshape(-1, dtype.itemsize))
        )
    order = np.argsort(np.asarray(x))
    assert isinstance(order, np.ndarray)
    assert_stable_order(order, x)


@pytest.mark.parametrize("dtype", REAL, ids=str)
def test_long(dtype):
    x = keys(dtype, (1, 140_000), 1)[0]
    for y in (x, x[::-3], numpy.sort(x)):
        numpy.testing.assert_array_equal(numpy.asarray(np.sort(np.asarray(y))), numpy.sort(y))
        assert_stable_order(np.argsort(np.asarray(y)), y)


@pytest.mark.parametrize("low, high", [(0, 3), (-(2**40), 2**40), (2**62, 2**62 + 9), (-1, 2**33)])
def test_argsort_of_long_keys_with_equal_parts(low, high):
    """Eight-byte keys that agree in their upper or lower bits, in runs of all lengths."""
    rng = numpy.random.default_rng(7)
    for n in (40, 3000):
        x = rng.integers(low, high, n)
        x[n // 2 :] = (x[n // 2 :] >> 30) << 30
        for y in (x, x.astype("f8"), -x.astype("f8") * 1e-300, numpy.repeat(x, 3)):
            assert_stable_order(np.argsort(np.asarray(y)), y)


def test_argsort_treats_zeros_as_equal():
    for dtype in "efd":
        x = numpy.array([0.0, -0.0, 1, -0.0, 0.0, -1, numpy.nan, -numpy.nan] * 9, dtype)
        assert_stable_order(np.argsort(np.asarray(x)), x)


KINDS = [{}, {"kind": "quicksort"}, {"kind": "stable"}, {"kind": "mergesort"}, {"kind": "heapsort"}]
KINDS += [{"stable": True}, {"stable": False}, {"kind": "stable", "stable": True}, {"kind": "bogus"}]
KINDS += [{"kind": "q"}, {"order": "x"}, {"stable": 3}]


@pytest.mark.parametrize("keywords", KINDS, ids=str)
@pytest.mark.parametrize("dtype", ["f4", "i8", "i2"])
def test_keywords(dtype, keywords):
    x = numpy.unique(sample(dtype, (40,), seed=2))  # distinct keys, so that all kinds agree
    x = numpy.random.default_rng(3).permutation(x)
    for name in ("sort", "argsort"):
        assert_parity(
            lambda: getattr(np, name)(np.asarray(x), **keywords),
            lambda: getattr(numpy, name)(x, **keywords),
        )
        a, b = np.array(x), x.copy()
        assert_parity(lambda: getattr(a, name)(**keywords), lambda: getattr(b, name)(**keywords))
        assert_same(a, b)


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=20))
    x = sample(dtype, shape, draw(st.integers(0, 99)), special=True)
    x[x == 0] = 0  # unstable sorting may leave zeros of different sign in any order
    view = draw(st.sampled_from(["plain", "transposed", "reversed", "strided", "fortran"]))
    if view == "transposed":
        return x.T
    if view == "fortran":
        return numpy.asfortranarray(x)
    if view != "plain" and x.ndim:
        return x[..., ::-1] if view == "reversed" else numpy.repeat(x, 2, axis=-1)[..., ::2]
    return x


@hypothesis.given(arrays(), st.one_of(st.none(), st.integers(-5, 4)))
def test_along_any_axis(x, axis):
    assert_parity(lambda: np.sort(np.asarray(x), axis), lambda: numpy.sort(x, axis))
    ours, theirs = np.array(x, order="K"), x.copy("K")
    assert_parity(lambda: ours.sort(axis), lambda: theirs.sort(axis))
    assert_same(ours, theirs)
    assert_parity(
        lambda: np.argsort(np.asarray(x), axis, kind="stable"), lambda: numpy.argsort(x, axis, kind="stable")
    )
    for result, expected in (
        (lambda: np.sort(np.asarray(x), axis), lambda: numpy.sort(x, axis)),
        (lambda: np.argsort(np.asarray(x), axis), lambda: numpy.argsort(x, axis)),
    ):
        try:
            expected = expected()
        except ValueError:
            continue
        result = result()
        assert result.size == 0 or result.strides == expected.strides


def test_in_place_through_views():
    base = numpy.arange(60.0)[::-1].reshape(3, 20).copy()
    ours = np.array(base)
    for cut in (numpy.s_[1, ::2], numpy.s_[:, 3], numpy.s_[::-1, 5:1:-1], numpy.s_[0]):
        ours[cut].sort()
        base[cut].sort()
        assert_same(ours, base)
    ours, theirs = np.asarray(base), base.copy()
    theirs.flags.writeable = False
    ours = np.asarray(theirs)
    assert_parity(ours.sort, theirs.sort)
    repeated, expected = np.array(base.ravel()), base.ravel()
    window = numpy.lib.stride_tricks.sliding_window_view
    assert_parity(
        lambda: np.lib.stride_tricks.sliding_window_view(repeated, 5, writeable=True).sort(),
        lambda: window(expected, 5, writeable=True).sort(),
    )
    assert_same(repeated, expected)


def check_partition(x, kth, axis):
    """The definition: what stands at kth is what sorting puts there, smaller before, larger after."""
    try:
        numpy.partition(x, kth, axis)
    except (ValueError, TypeError):
        for name in ("partition", "argpartition"):
            assert_parity(
                lambda: getattr(np, name)(np.asarray(x), kth, axis),
                lambda: getattr(numpy, name)(x, kth, axis),
            )
        return
    ours = numpy.asarray(np.partition(np.asarray(x), kth, axis))
    order = numpy.asarray(np.argpartition(np.asarray(x), kth, axis))
    flat, along = (x.ravel(), 0) if axis is None else (x, axis)
    expected = numpy.sort(flat, along)
    assert ours.dtype == x.dtype and ours.shape == expected.shape and order.shape == expected.shape
    for found in (ours, numpy.take_along_axis(flat, order, along)):
        numpy.testing.assert_array_equal(numpy.sort(found, along), expected)
        n = expected.shape[along]
        for k in numpy.atleast_1d(kth) % max(n, 1):
            below, at, above = numpy.split(found, [k, k + 1], along)
            wanted = numpy.split(expected, [k, k + 1], along)
            numpy.testing.assert_array_equal(at, wanted[1])
            numpy.testing.assert_array_equal(numpy.sort(below, along), wanted[0])
            numpy.testing.assert_array_equal(numpy.sort(above, along), wanted[2])


@hypothesis.given(
    arrays(), st.one_of(st.integers(-22, 22), st.lists(st.integers(0, 5), max_size=3)), st.data()
)
def test_partition(x, kth, data):
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim - 1, x.ndim)))
    check_partition(x, kth, axis)


@pytest.mark.parametrize("kth", [1.5, True, [0, 99], None, "1"])
def test_partition_errors(kth):
    x = sample("f4", (30,), seed=4)
    for name in ("partition", "argpartition"):
        for keywords in ({}, {"kind": "bogus"}, {"order": "x"}):
            assert_parity(
                lambda: numpy.sort(getattr(np, name)(np.asarray(x), kth, **keywords)),
                lambda: numpy.sort(getattr(numpy, name)(x, kth, **keywords)),
            )
