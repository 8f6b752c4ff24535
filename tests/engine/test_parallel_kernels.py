"""Eager kernels on large arrays: the same bits for every thread count, and NumPy's values."""

import numpy as np
import pytest

import minpy.numpy as mnp
from minpy import _core, config

pytestmark = pytest.mark.usefixtures("default_threads")


def for_thread_counts(f):
    results = []
    for n in (1, 2, 5):
        config.num_threads = n
        for _ in range(3):  # an operator's first large call only measures
            results.append(np.asarray(f()))
    assert len({r.tobytes() for r in results}) == 1
    return results[0]


def ours(a):
    """Our array over the same values and strides."""
    return mnp.asarray(a)


LAYOUTS = {
    "contiguous": lambda a: a,
    "transposed": lambda a: a.T,
    "strided": lambda a: a[:, ::2],
    "backwards": lambda a: a[::-1, ::-1],
    "flat": lambda a: a.ravel(),
    "flat strided": lambda a: a.ravel()[::-3],
}
DTYPES = ["bool", "int8", "int64", "uint32", "float16", "float32", "float64", "complex64", "complex128"]


def sample(dtype, shape=(700, 1001)):
    values = np.random.default_rng(0).standard_normal(shape) * 50
    if np.dtype(dtype).kind == "c":
        values = values + 1j * values[::-1]
    return values.astype(dtype) if np.dtype(dtype).kind != "u" else np.abs(values).astype(dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions(dtype, layout):
    a = LAYOUTS[layout](sample(dtype))
    axes = [None] if a.ndim == 1 else [None, 0, 1]
    names = ["sum", "max", "min", "any", "count_nonzero"] + (["var"] if a.dtype in ("f4", "f8") else [])
    for axis in axes:
        for name in names:
            expected = getattr(np, name)(a, axis=axis)
            result = for_thread_counts(lambda: getattr(mnp, name)(ours(a), axis=axis))
            if a.dtype.kind in "fc" and name in ("sum", "var"):
                tolerance = np.finfo(a.dtype).eps * 8
                scale = np.abs(a.astype("complex128")).sum(axis=axis)
                np.testing.assert_allclose(
                    result, expected, rtol=tolerance * 50, atol=tolerance * scale.max()
                )
            else:
                np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [65_535, 65_536, 65_537, 100_003, 1_000_000])
def test_long_sums_have_numpys_bits(n, dtype):
    a = sample(dtype, n)
    one_tree = tuple(map(int, np.__version__.split(".")[:2])) >= (
        2,
        3,
    )  # before, NumPy's buffer cut long rows
    for x in (a, a[::2], a[::-1]):
        found = for_thread_counts(lambda: mnp.sum(ours(x)))
        if one_tree:
            assert found.tobytes() == np.sum(x).tobytes()
        else:
            np.testing.assert_allclose(found, np.sum(x), rtol=1e-4 if dtype == "float32" else 1e-12)
    a[n // 3] = np.nan
    assert np.isnan(for_thread_counts(lambda: mnp.max(ours(a))))
    zeros = -np.zeros(n, dtype)
    assert for_thread_counts(lambda: mnp.sum(ours(zeros))).tobytes() == np.sum(zeros).tobytes()


@pytest.mark.filterwarnings("ignore")  # of complex numbers that lose their imaginary part, and overflow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_copies(dtype, layout):
    a = LAYOUTS[layout](sample(dtype))
    for order in "CF":
        result = for_thread_counts(lambda: mnp.array(ours(a), order=order))
        np.testing.assert_array_equal(result, a)
    for to in ("float64", "int32", "complex128", "float16"):
        expected = a.astype(to)
        np.testing.assert_array_equal(for_thread_counts(lambda: ours(a).astype(to)), expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_operators(layout):
    a, b = (LAYOUTS[layout](sample("complex128")) for _ in range(2))
    b = b[::-1]
    row = b[:1]
    for f in (np.add, np.multiply, np.equal):  # complex operators run NumPy's loops
        g = getattr(mnp, f.__name__)
        # NumPy's own loops differ by a rounding between strides.
        np.testing.assert_allclose(for_thread_counts(lambda: g(ours(a), ours(b))), f(a, b), rtol=1e-15)
        np.testing.assert_allclose(for_thread_counts(lambda: g(ours(a), ours(row))), f(a, row), rtol=1e-15)
    x = np.abs(a)
    np.testing.assert_array_equal(
        for_thread_counts(lambda: mnp.nextafter(ours(x), 3.0)), np.nextafter(x, 3.0)
    )


def test_errors_arrive_from_other_threads():
    config.num_threads = 4
    a = sample("complex128", 400_000)
    zero = np.zeros(400_000, "complex128")
    divide = lambda: ours(a) / ours(zero)
    for _ in range(4):
        with mnp.errstate(all="raise"), pytest.raises(FloatingPointError):
            np.asarray(divide())
        with mnp.errstate(all="ignore"):
            np.asarray(divide())
    with pytest.raises(ValueError, match="negative integer powers"):
        np.asarray(ours(np.full(400_000, 2)) ** ours(np.full(400_000, -1)))


def test_large_operators_go_parallel():
    config.num_threads = 2
    a = ours(sample("complex128", 4_000_000))
    np.asarray(a * a)
    before = _core.engine.pool_counters()["parallel_loops"]
    for f in (lambda: a * a, lambda: mnp.sum(a.real), lambda: a[::-1].copy()):
        np.asarray(f())
        after = _core.engine.pool_counters()["parallel_loops"]
        assert after > before
        before = after


@pytest.mark.parametrize("dtype", ["int8", "int32", "float64", "complex128"])
@pytest.mark.parametrize("density", [0.001, 0.5, 1])
def test_masks(dtype, density):
    a = sample(dtype, (900, 1001)).ravel()
    mask = np.random.default_rng(1).random(a.size) < density
    mask[300_000:400_000] = True
    for source in (a, a[::-1]):
        taken = for_thread_counts(lambda: ours(source)[ours(mask)])  # noqa: B023
        np.testing.assert_array_equal(taken, source[mask])
    values = a[: mask.sum()][::-1].copy()

    def put():
        target = ours(np.zeros_like(a))
        target[ours(mask)] = ours(values)
        return target

    want = np.zeros_like(a)
    want[mask] = values
    np.testing.assert_array_equal(for_thread_counts(put), want)


@pytest.mark.parametrize("width", [1, 3, 40])
def test_gathered_rows(width):
    a = sample("float32", (5000, width))
    index = np.random.default_rng(2).integers(0, 5000, 300_000)
    np.testing.assert_array_equal(for_thread_counts(lambda: ours(a)[ours(index)]), a[index])
    index[-5] = 5000
    with pytest.raises(IndexError, match="index 5000 is out of bounds"):
        ours(a)[ours(index)]


@pytest.mark.parametrize("dtype", ["int32", "float32", "float64"])
@pytest.mark.parametrize("axis", [0, 1])
def test_running_sums(dtype, axis):
    for a in (sample(dtype), sample(dtype).T, sample(dtype, (3, 40, 9000))):
        got = for_thread_counts(lambda: mnp.cumsum(ours(a), axis=axis))  # noqa: B023
        np.testing.assert_array_equal(got, np.cumsum(a, axis=axis))
