"""Whole-array CPU kernels through the public API, against NumPy: values, layouts, special values, bits."""

import itertools

import numpy as onp
import pytest

import minpy.numpy as np

DTYPES = "?bBhHiIlLefdFD"
LAYOUTS = ("c", "f", "step", "reversed", "swapped")


def sample(rng, dtype, shape, nan=False):
    dtype = onp.dtype(dtype)
    if dtype.kind in "iu":
        info = onp.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    if dtype.kind == "b":
        return rng.random(shape) > 0.5
    a = rng.standard_normal(shape)
    if nan and a.size:
        a.flat[rng.integers(a.size)] = onp.nan
    return (a + 1j * rng.standard_normal(shape)).astype(dtype) if dtype.kind == "c" else a.astype(dtype)


def laid_out(a, layout):
    if layout == "f":
        return onp.asfortranarray(a)
    if layout == "step" and a.ndim:
        return onp.repeat(a, 2, axis=-1)[..., ::2]
    if layout == "reversed" and a.ndim:
        return a[::-1].copy()[::-1]
    if layout == "swapped" and a.ndim > 1:
        return a.swapaxes(0, -1).copy().swapaxes(0, -1)
    return a


def same_bits(got, want):
    got, want = onp.asarray(got), onp.asarray(want)
    assert got.dtype == want.dtype and got.shape == want.shape
    onp.testing.assert_array_equal(got, want)


SHAPES = (
    (1,),
    (7,),
    (16,),
    (129,),
    (1000,),
    (4099,),
    (3, 5),
    (40, 33),
    (500, 3),
    (3, 500),
    (6, 7, 20),
    (3, 4, 5, 6),
)


@pytest.mark.filterwarnings("ignore:(overflow|invalid):RuntimeWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_reductions_equal_numpy(dtype, layout):
    rng = onp.random.default_rng(1)
    exact = onp.dtype(dtype).kind in "biu"
    for shape in SHAPES:
        a = laid_out(sample(rng, dtype, shape), layout)
        m = np.asarray(a)
        axes = [None, *range(a.ndim), *itertools.combinations(range(a.ndim), 2)]
        for axis in axes:
            for name in ("sum", "prod", "any", "all"):
                got, want = getattr(np, name)(m, axis=axis), getattr(onp, name)(a, axis=axis)
                if exact or name in ("any", "all"):
                    same_bits(got, want)
                else:
                    eps = onp.finfo(want.dtype).eps
                    scale = eps * a.size if name == "sum" else onp.finfo(want.dtype).smallest_subnormal * 4
                    onp.testing.assert_allclose(onp.asarray(got), want, rtol=eps * a.size, atol=scale)
            same_bits(np.count_nonzero(m, axis=axis), onp.count_nonzero(a, axis=axis))
            if onp.dtype(dtype).kind != "c":
                same_bits(np.max(m, axis=axis), onp.max(a, axis=axis))
                same_bits(np.min(m, axis=axis), onp.min(a, axis=axis))


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize(
    "n", [1, 7, 8, 9, 127, 128, 129, 136, 255, 257, 511, 512, 513, 1000, 1037, 4096, 99991]
)
def test_sum_of_a_row_has_numpys_bits(dtype, n):
    if n > 8192 and tuple(map(int, onp.__version__.split(".")[:2])) < (2, 3):
        pytest.skip("NumPy before 2.3 adds rows longer than its buffer in another order")
    rng = onp.random.default_rng(n)
    a = (rng.standard_normal((3, n)) * 10.0 ** rng.integers(-6, 6, (3, n))).astype(dtype)
    same_bits(np.asarray(a).sum(axis=1), a.sum(axis=1))
    same_bits(np.asarray(a).sum(axis=0), a.sum(axis=0))
    same_bits(np.asarray(a)[1].sum(), a[1].sum())
    same_bits(np.asarray(a)[:, ::-2].sum(axis=1), a[:, ::-2].sum(axis=1))


def test_sum_is_never_minus_zero():
    for shape in ((1,), (5,), (40,), (1000,), (7, 3), (3, 7)):
        a = onp.full(shape, -0.0)
        for axis in range(len(shape)):
            assert not onp.signbit(onp.asarray(np.asarray(a).sum(axis=axis))).any()


@pytest.mark.parametrize("dtype", "efd")
@pytest.mark.parametrize("n", [1, 5, 31, 64, 65, 400, 5000])
def test_nan_wins_everywhere_without_warning(dtype, n):
    rng = onp.random.default_rng(0)
    for position in {0, n // 2, n - 1}:
        for sign in (1, -1):
            a = sample(rng, dtype, n)
            a[position] = sign * onp.nan
            m = np.asarray(a)
            with np.errstate(all="raise"):
                assert onp.isnan(m.max()) and onp.isnan(m.min())
                assert m.argmax() == position and m.argmin() == position
                table = np.asarray(onp.stack([a, a[::-1]]))
                assert onp.isnan(onp.asarray(table.max(axis=0))).sum() == len({position, n - 1 - position})


@pytest.mark.parametrize("dtype", "?bBhHiIlLefd")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_arg_extremes_take_the_first(dtype, layout):
    rng = onp.random.default_rng(2)
    for shape in SHAPES:
        for values in (sample(rng, dtype, shape), rng.integers(0, 2, shape).astype(dtype)):
            a = laid_out(values, layout)
            for axis in (None, *range(a.ndim)):
                same_bits(np.argmax(np.asarray(a), axis=axis), onp.argmax(a, axis=axis))
                same_bits(np.argmin(np.asarray(a), axis=axis), onp.argmin(a, axis=axis))


@pytest.mark.parametrize("dtype", "?bBhHiIlLefd")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_scans_round_like_numpy(dtype, layout):
    rng = onp.random.default_rng(3)
    for shape in SHAPES:
        a = laid_out(sample(rng, dtype, shape), layout)
        for axis in range(a.ndim):
            same_bits(np.cumsum(np.asarray(a), axis=axis), onp.cumsum(a, axis=axis))
            same_bits(np.cumprod(np.asarray(a), axis=axis), onp.cumprod(a, axis=axis))


SPECIAL = [0.0, -0.0, 1.5, 2.5, -0.5, 127.0, -128.9, 255.9, 65504.0, 65519.0, 65520.0, 1e-8, 5.96e-8, 2.98e-8, 2.99e-8,
           1.00048828125, 1.00048828125 + 1e-12, 1.00048828125 - 1e-12, 1e-40, 3.4e38, 1e300]  # fmt: skip


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.filterwarnings("ignore")
def test_casts_have_numpys_bits(source, target):
    rng = onp.random.default_rng(4)
    for n in (0, 1, 3, 64, 201):
        a = sample(rng, source, n)
        if onp.dtype(source).kind in "fc":
            a = a if onp.dtype(target).kind in "fc?" else onp.abs(a).astype(source) * 50
            if onp.dtype(target).kind in "fc":
                a = onp.concatenate([onp.array(SPECIAL + [onp.inf, -onp.inf]).astype(source), a])
        for layout in ("c", "step", "reversed"):
            b = laid_out(a, layout)
            got, want = onp.asarray(np.asarray(b).astype(target)), b.astype(target)
            assert got.dtype == want.dtype and got.tobytes() == want.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_transposed_copies(dtype):
    rng = onp.random.default_rng(5)
    for shape in ((1, 1), (3, 70), (64, 64), (65, 130), (17, 16), (200, 9), (5, 33, 18), (2, 3, 40, 37)):
        a = sample(rng, dtype, shape)
        for axes in itertools.permutations(range(a.ndim)):
            got = np.asarray(a).transpose(axes).copy()
            want = a.transpose(axes).copy()
            assert got.strides == want.strides and onp.asarray(got).tobytes() == want.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("density", [0.0, 0.01, 0.5, 1.0])
def test_masks_where_and_indices(dtype, density):
    rng = onp.random.default_rng(6)
    for n in (0, 1, 63, 64, 65, 1000):
        a, b = sample(rng, dtype, n), sample(rng, dtype, n)
        mask = rng.random(n) < density
        m, mm = np.asarray(a.copy()), np.asarray(mask)
        same_bits(m[mm], a[mask])
        same_bits(np.where(mm, m, np.asarray(b)), onp.where(mask, a, b))
        index = rng.integers(-n, n, n) if n else onp.zeros(0, int)
        same_bits(m[np.asarray(index)], a[index])
        m[mm] = b[mask]
        want = a.copy()
        want[mask] = b[mask]
        same_bits(m, want)


@pytest.mark.parametrize("dtype", "bBhHiIlLefd")
def test_sort_and_search(dtype):
    rng = onp.random.default_rng(7)
    for n in (0, 1, 2, 15, 16, 17, 300):
        a = sample(rng, dtype, n, nan=True)
        same_bits(np.sort(np.asarray(a)), onp.sort(a))
        ordered, keys = onp.sort(a), onp.concatenate([a, sample(rng, dtype, 9)])
        for side in ("left", "right"):
            same_bits(
                np.searchsorted(np.asarray(ordered), np.asarray(keys), side=side),
                onp.searchsorted(ordered, keys, side),
            )
