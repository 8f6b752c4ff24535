"""Sorting on several threads: the same bits as on one, NumPy's values, and no key lost, around all cuts."""

import threading

import numpy
import pytest

import minpy.numpy as np
from minpy import config

WIDE = ["int32", "uint32", "int64", "uint64", "float32", "float64"]
# 32768 keys are the fewest that threads share; a piece has at least 8192, and so has a part of a merge.
LENGTHS = [32767, 32768, 32769, 5 * 8192 + 1, 65537, 100_003]


@pytest.fixture(autouse=True)
def default_threads():
    yield
    config.num_threads = None


def any_bits(dtype, shape, seed):
    """Any bit pattern: NaNs of both signs and many payloads, infinities, subnormal numbers."""
    bits = numpy.random.default_rng(seed).integers(
        0, 256, (*numpy.atleast_1d(shape), numpy.dtype(dtype).itemsize), "u1"
    )
    return bits.view(dtype)[..., 0]


def patterns(dtype, n):
    rng = numpy.random.default_rng(n)
    x = any_bits(dtype, n, n)
    yield "bits", x
    yield "ordered", numpy.sort(x)
    yield "reversed", numpy.sort(x)[::-1].copy()
    yield "constant", numpy.full(n, 3, dtype)
    yield "few", rng.integers(0, 4, n).astype(dtype)
    yield "two ramps", numpy.resize(numpy.arange(n // 2), n).astype(dtype)
    if numpy.dtype(dtype).kind == "f":
        zeros = rng.choice(numpy.array([0.0, -0.0, 1, -1], dtype), n)
        yield "zeros", zeros
        zeros[rng.random(n) < 0.4] = numpy.nan
        zeros[rng.random(n) < 0.4] = -numpy.nan
        zeros[rng.random(n) < 0.1] = -numpy.inf
        yield "nan", zeros
        payloads = any_bits(dtype, n, 1)
        yield "only nan", numpy.where(numpy.isnan(payloads), payloads, numpy.array(numpy.nan, dtype))


def on_threads(function):
    """The result, which has to be the same in every bit on 1, 2, 3 and 5 threads."""
    results = []
    for count in (1, 2, 3, 5):
        config.num_threads = count
        results.append(numpy.asarray(function()))
    for result in results[1:]:
        assert result.tobytes() == results[0].tobytes()
    return results[0]


@pytest.mark.parametrize("dtype", WIDE)
@pytest.mark.parametrize("n", LENGTHS)
def test_long_rows(dtype, n):
    for name, x in patterns(dtype, n):
        ours = on_threads(lambda x=x: np.sort(np.array(x)))
        numpy.testing.assert_array_equal(ours, numpy.sort(x), name)
        unsigned = f"u{x.itemsize}"
        assert (numpy.sort(ours.view(unsigned)) == numpy.sort(x.view(unsigned))).all(), name
        if x.dtype.kind == "f":
            zeros = numpy.signbit(ours[ours == 0])
            assert (zeros == numpy.sort(zeros)[::-1]).all(), name
        order = on_threads(lambda x=x: np.argsort(np.array(x)))
        numpy.testing.assert_array_equal(order, numpy.argsort(x, kind="stable"), name)


def test_keys_that_agree_in_their_upper_halves():
    """Positions of eight-byte keys, of which 32 bits are sorted first, in runs across the parts."""
    n = 150_001
    rng = numpy.random.default_rng(2)
    x = rng.integers(-(2**62), 2**62, n)
    for shift in (30, 45, 61):
        y = (x >> shift << shift) + rng.integers(0, 3, n)
        for z in (y, y.astype("f8"), numpy.where(rng.random(n) < 0.2, numpy.nan, y)):
            order = on_threads(lambda z=z: np.argsort(np.array(z)))
            numpy.testing.assert_array_equal(order, numpy.argsort(z, kind="stable"))


@pytest.mark.parametrize("dtype", [*WIDE, "int8", "float16", "uint16", "complex64"])
@pytest.mark.parametrize("shape", [(2, 40_000), (7, 33_000), (900, 70), (40_000, 3), (3, 50_000, 2)])
def test_stacks(dtype, shape):
    x = (numpy.random.default_rng(5).standard_normal(shape) * 100).astype(dtype)
    x[x == 0] = 0
    for axis in range(-1, x.ndim):
        numpy.testing.assert_array_equal(
            on_threads(lambda axis=axis: np.sort(np.array(x), axis)), numpy.sort(x, axis)
        )
        if x.dtype.kind != "c":
            numpy.testing.assert_array_equal(
                on_threads(lambda axis=axis: np.argsort(np.array(x), axis)),
                numpy.argsort(x, axis, kind="stable"),
            )


@pytest.mark.parametrize("dtype", WIDE)
def test_in_place_and_strided(dtype):
    x = any_bits(dtype, (2, 80_000), 9)
    unaligned = numpy.frombuffer(bytearray(b"\0" + x.tobytes()), dtype, offset=1)
    for view in (lambda a: a[0], lambda a: a[1, ::2], lambda a: a[::-1, ::-2], lambda a: a.T[:70_000]):
        expected = x.copy()
        view(expected).sort(axis=0)
        config.num_threads = 3
        ours = np.array(x)
        view(ours).sort(axis=0)
        numpy.testing.assert_array_equal(numpy.asarray(ours), expected)
    for ours in (np.asarray(unaligned.copy()), np.asarray(unaligned)):
        expected = numpy.sort(numpy.asarray(ours))
        order = numpy.argsort(numpy.asarray(ours), kind="stable")
        numpy.testing.assert_array_equal(numpy.asarray(np.argsort(ours)), order)
        numpy.testing.assert_array_equal(numpy.asarray(np.sort(ours)), expected)
        ours.sort()
        numpy.testing.assert_array_equal(numpy.asarray(ours), expected)


@pytest.mark.parametrize("dtype", WIDE)
def test_unique(dtype):
    x = any_bits(dtype, 90_000, 11)
    for y in (x, numpy.random.default_rng(4).integers(0, 999, 90_000).astype(dtype)):
        ours = on_threads(lambda y=y: np.unique(np.array(y)))
        numpy.testing.assert_array_equal(ours, numpy.unique(y))
        for k, part in enumerate(numpy.unique(y, return_index=True, return_inverse=True, return_counts=True)):
            numpy.testing.assert_array_equal(
                on_threads(lambda y=y, k=k: np.unique(np.array(y), True, True, True)[k]), part
            )


def test_searchsorted():
    rng = numpy.random.default_rng(8)
    for dtype in WIDE:
        keys = numpy.sort(any_bits(dtype, 5000, 1))
        sought = numpy.concatenate([any_bits(dtype, 60_000, 2), rng.choice(keys, 60_000)])
        for side in ("left", "right"):
            numpy.testing.assert_array_equal(
                on_threads(
                    lambda k=keys, s=sought, side=side: np.searchsorted(np.asarray(k), np.asarray(s), side)
                ),
                numpy.searchsorted(keys, sought, side),
            )


def test_several_python_threads():
    """Sorts that run at the same time: one has the pool, the others go on alone."""
    config.num_threads = 4
    arrays = [any_bits("float32", 120_000, seed) for seed in range(6)]
    results = [None] * 6

    def work(i):
        results[i] = [np.sort(np.array(arrays[i])), np.argsort(np.array(arrays[i]))]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for x, (ordered, order) in zip(arrays, results, strict=True):
        numpy.testing.assert_array_equal(numpy.asarray(ordered), numpy.sort(x))
        numpy.testing.assert_array_equal(numpy.asarray(order), numpy.argsort(x, kind="stable"))
