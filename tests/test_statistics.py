"""mean, var, std, running sums, counting, clipping, sorting and searching against NumPy, in every spelling."""

import itertools
import warnings

import numpy
import pytest
from oracle import DTYPES, assert_parity, sample

import minpy.numpy as np

AXES = (None, 0, 1, -1, (0, 1), (0, 2), 5)


def views(dtype):
    x = sample(dtype, (3, 4, 5), seed=20)
    yield from (x, x[:, ::2], x.T, x[::-1, :, ::-1], numpy.asfortranarray(x), x[:0], x[:1, :1, :1])


def check(name, x, *args, ulp=32, **kwargs):
    """The function and, where there is one, the method."""
    where = f"{name} {x.dtype} {x.shape} {args} {kwargs}"
    assert_parity(
        lambda: getattr(np, name)(np.asarray(x), *args, **kwargs),
        lambda: getattr(numpy, name)(x, *args, **kwargs),
        ulp,
        where,
    )
    if hasattr(x, name):
        assert_parity(
            lambda: getattr(np.asarray(x), name)(*args, **kwargs),
            lambda: getattr(x, name)(*args, **kwargs),
            ulp,
            where,
        )


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["mean", "var", "std"])
def test_moments(name, dtype):
    for x, axis in itertools.product(views(dtype), AXES):
        check(name, x, axis=axis, keepdims=True, ulp=200)
        check(name, x, axis, ulp=200)
    if name != "mean":
        check(name, sample(dtype, 9), ddof=1, ulp=200)
        check(name, sample(dtype, 1), ddof=1)


@pytest.mark.parametrize("name", ["mean", "var", "std"])
def test_moments_keywords(name):
    x = sample("f4", (4, 5), seed=21)
    for dtype in ("f8", "f4", "i4", "c16"):
        check(name, x, dtype=dtype, ulp=64)
    check(name, x, axis=1, where=x > 0, ulp=64)
    out, want = np.zeros(5, "f4"), numpy.zeros(5, "f4")
    assert getattr(np, name)(np.asarray(x), axis=0, out=out) is out
    getattr(numpy, name)(x, axis=0, out=want)
    numpy.testing.assert_allclose(numpy.asarray(out), want, rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "nancumsum"])
def test_running(name, dtype):
    for x, axis in itertools.product(views(dtype), (None, 0, 2, -2, 7)):
        check(name, x, axis=axis)
    check(name, sample(dtype, ()))
    check(name, sample("i2", 7), dtype="f4")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_count_nonzero(dtype):
    for x, axis, keepdims in itertools.product(views(dtype), AXES, (False, True)):
        check("count_nonzero", x, axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("dtype", ["F", "D", "f", "e", "?", "i8"])
@pytest.mark.parametrize("n", [1, 7, 8, 63, 64, 65, 200, 3000])
def test_one_element_decides_any_and_all(dtype, n):
    parts = [1, 1j, -0.0 + 1j] if dtype in "FD" else [1]
    for zero, at in itertools.product((0, -0.0), {0, n // 2, n - 1}):
        x = numpy.full(n, zero).astype(dtype)
        for value in parts:
            one, others = x.copy(), numpy.full(n, value).astype(dtype)
            one[at], others[at] = value, zero
            for module, a, b in ((numpy, one, others), (np, np.array(one), np.array(others))):
                assert module.any(a) and not module.all(b)
                assert module.all(b[:at]) and not module.any(a[:at]) and not module.any(a[at + 1 :])
                assert module.any(a[::-1]) and not module.all(b[::-1])


@pytest.mark.parametrize("dtype", ["F", "D"])
def test_complex_sums_have_numpys_bits(dtype):
    rng = numpy.random.default_rng(3)
    for n in [*range(1, 140), 1000, 4097]:
        x = (rng.standard_normal(n) + 1j * rng.standard_normal(n)).astype(dtype)
        assert np.array(x).sum() == x.sum(), n
        assert np.array(x)[::-2].sum() == x[::-2].sum(), n


@pytest.mark.parametrize("density", [0, 0.01, 0.5, 0.97, 1])
def test_nonzero_by_density(density):
    rng = numpy.random.default_rng(4)
    for n in [*range(70), 1000, 5003]:
        mask = rng.random(n) < density
        bytes_ = (mask * rng.integers(1, 256, n)).astype("u1").view(bool)  # true is any byte but 0
        for x in (mask, bytes_, mask[::-1], mask.astype("f4")):
            assert_parity(lambda x=x: np.nonzero(np.array(x)), lambda x=x: numpy.nonzero(x), 0, n)
        check("flatnonzero", mask.reshape(-1, 1).T)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_clip(dtype):
    x = sample(dtype, (4, 6), seed=22, special=True)
    for low, high in [
        (0, 2),
        (1, None),
        (None, 3),
        (0.5, 1.5),
        (2, 0),
        (sample(dtype, 6), 3),
        (None, None),
        (numpy.nan, 1),
    ]:
        ours = [np.array(v) if isinstance(v, numpy.ndarray) else v for v in (low, high)]
        where = f"{dtype} {low} {high}"
        assert_parity(lambda: np.clip(np.asarray(x), *ours), lambda: numpy.clip(x, low, high), where=where)
        assert_parity(lambda: np.asarray(x).clip(*ours), lambda: x.clip(low, high), where=where)
    assert_parity(lambda: np.clip(np.asarray(x), min=1), lambda: numpy.clip(x, min=1))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", [0, 1, 7, 16, 17, 300])
def test_sorting(dtype, n):
    x = sample(dtype, (3, n), seed=23, special=True)
    x[x == 0] = 0  # sorting may leave -0.0 and 0.0 in any order
    for axis in (-1, 0, 1, None, 2):
        check("sort", x, axis=axis) if axis is not None else assert_parity(
            lambda: np.sort(np.asarray(x), axis=None), lambda: numpy.sort(x, axis=None)
        )
        # The order of equal keys is free unless it is asked to be stable.
        assert_parity(
            lambda: np.argsort(np.asarray(x), axis=axis, kind="stable"),
            lambda: numpy.argsort(x, axis=axis, kind="stable"),
        )
    keys = np.asarray(x)
    numpy.testing.assert_array_equal(np.take_along_axis(keys, np.argsort(keys), -1), numpy.sort(x))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_searchsorted(dtype):
    a, v = numpy.sort(sample(dtype, 40, seed=24)), sample(dtype, (5, 6), seed=25)
    for side in ("left", "right", "middle"):
        assert_parity(
            lambda: np.searchsorted(np.asarray(a), np.asarray(v), side),
            lambda: numpy.searchsorted(a, v, side),
        )
    assert_parity(lambda: np.asarray(a).searchsorted(1), lambda: a.searchsorted(1))
    order = numpy.argsort(a[::-1])
    assert_parity(
        lambda: np.searchsorted(np.asarray(a[::-1]), np.asarray(v), sorter=order),
        lambda: numpy.searchsorted(a[::-1], v, sorter=order),
    )


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "F", "i4", "u1", "?"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_with_ties_zeros_and_nans(dtype, side):
    rng = numpy.random.default_rng(5)
    special = numpy.array([0.0, -0.0, 1, 2, -3, 0.5, numpy.nan, numpy.inf, -numpy.inf])
    values = special if dtype in ("f4", "f8", "f2", "F") else numpy.array([0, 1, 5])
    for n, m in itertools.product((0, 1, 2, 3, 7, 8, 9, 100, 1000), (1, 8, 37)):
        keys, sought = (rng.choice(values, k).astype(dtype) for k in (n, m))
        if dtype == "F":
            keys, sought = (x + 1j * rng.choice(special[[0, 2, 6]], x.shape) for x in (keys, sought))
        keys = numpy.sort(keys.astype(dtype))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = np.searchsorted(np.array(keys), np.array(sought.astype(dtype)), side)
        numpy.testing.assert_array_equal(
            numpy.asarray(got), numpy.searchsorted(keys, sought.astype(dtype), side)
        )


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_variance_of_short_strided_rows_is_summed_pairwise(dtype):
    x = (numpy.random.default_rng(0).integers(-8, 9, (9001, 3)) / 4).astype(dtype)
    for view in (lambda x: x.T[::2], lambda x: x[:, ::-1], lambda x: x[::-1, 1:], lambda x: x.T[:, ::2]):
        want = view(x).astype(numpy.longdouble).var()
        assert abs(np.array(view(np.array(x))).var() - want) <= 8 * numpy.finfo(dtype).eps * want
        assert abs(view(np.array(x)).var() - want) <= 8 * numpy.finfo(dtype).eps * want
