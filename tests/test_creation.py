"""Creation functions and products of vectors against NumPy."""

import itertools

import numpy
import pytest
from oracle import assert_parity, sample

import minpy.numpy as np

SHAPES = [
    3,
    (),
    (2, 3),
    [2, 2],
    (0, 3),
    -1,
    (2, -1),
    2.5,
    "ab",
    None,
    numpy.int64(4),
    (numpy.int32(2), 3),
    (1,) * 65,
]
DTYPE_ARGS = [
    None,
    int,
    "f4",
    bool,
    numpy.complex64,
    "O",
    "U3",
    "M8[s]",
    "nonsense",
    numpy.dtype(">f8"),
    [("a", int)],
]


@pytest.mark.parametrize("name", ["zeros", "ones"])
def test_shapes_and_dtypes(name):
    f, g = getattr(np, name), getattr(numpy, name)
    for shape, dtype in itertools.product(SHAPES, DTYPE_ARGS):
        assert_parity(lambda: f(shape, dtype), lambda: g(shape, dtype), where=f"{name} {shape} {dtype}")
        assert_parity(
            lambda: f(shape, dtype=dtype), lambda: g(shape, dtype=dtype), where=f"{name} {shape} {dtype}"
        )
    assert_parity(lambda: f((2, 3), order="F"), lambda: g((2, 3), order="F"))
    assert f((2, 3), order="F").strides == (8, 16)
    for bad in [(), (1, 2, 3, 4)]:
        assert_parity(lambda: f(*bad), lambda: g(*bad), where=str(bad))
    assert_parity(lambda: f(2**62), lambda: g(2**62))


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "full_like"])
def test_like(name):
    f, g = getattr(np, name), getattr(numpy, name)
    extra = (3,) if name == "full_like" else ()
    for dtype, layout in itertools.product(
        ("f4", "i8", "c16"), (lambda x: x, lambda x: x.T, lambda x: x[::2])
    ):
        x = layout(sample(dtype, (4, 6)))
        ours, theirs = f(np.asarray(x), *extra), g(x, *extra)
        assert (ours.shape, ours.strides, ours.dtype) == (theirs.shape, theirs.strides, theirs.dtype)
        if name != "empty_like":
            numpy.testing.assert_array_equal(ours, theirs)
        assert f(np.asarray(x), *extra, dtype="f8").dtype == "f8"


def test_full():
    for shape, value, dtype in itertools.product(
        (3, (2, 2), ()), (1, 2.5, True, 1j, 300, 2**70, "x", [1, 2], None), (None, "f4", "i1", "c8", "?")
    ):
        assert_parity(
            lambda: np.full(shape, value, dtype),
            lambda: numpy.full(shape, value, dtype),
            where=f"{shape} {value} {dtype}",
        )


def test_arange():
    numbers = [0, 1, 5, -3, 10, 2.5, True, numpy.int8(3), 2**62, 2**64, None]
    for args in itertools.chain(
        ((n,) for n in numbers[:8]),
        itertools.product(numbers[:8], repeat=2),
        itertools.product(numbers[:7], repeat=3),
    ):
        assert_parity(lambda: np.arange(*args), lambda: numpy.arange(*args), where=str(args))
    for kwargs in [
        {"stop": 5},
        {"start": 1, "stop": 4},
        {"start": 3},
        {},
        {"stop": 5, "dtype": "f4"},
        {"stop": 7, "step": 2},
    ]:
        assert_parity(lambda: np.arange(**kwargs), lambda: numpy.arange(**kwargs), where=str(kwargs))
    assert_parity(lambda: np.arange(5, step=2), lambda: numpy.arange(5, step=2))
    assert_parity(lambda: np.arange(2**62, 2**62 + 3), lambda: numpy.arange(2**62, 2**62 + 3))


def test_eye():
    for n, m, k, dtype in itertools.product((0, 1, 4), (None, 3, 6), (-5, -1, 0, 2, 7), (float, "i2", bool)):
        assert_parity(lambda: np.eye(n, m, k, dtype), lambda: numpy.eye(n, m, k, dtype), where=f"{n} {m} {k}")
    assert_parity(lambda: np.identity(3), lambda: numpy.identity(3))
    assert_parity(lambda: np.eye(-1), lambda: numpy.eye(-1))
    assert_parity(lambda: np.eye(2.5), lambda: numpy.eye(2.5))


def exact(x):
    """Values whose products and sums are exact in floating point, in whatever order they are added."""
    return numpy.round(x * 4) / x.dtype.type(4) if x.dtype.kind in "fc" else x


@pytest.mark.parametrize("name", ["outer", "inner", "vdot", "dot", "matmul", "kron", "tensordot"])
def test_products(name):
    f, g = getattr(np, name), getattr(numpy, name)
    shapes = [(), (3,), (4,), (2, 3), (3, 2), (3, 3), (2, 3, 4), (0,), (0, 3), (3, 0)]
    for sa, sb, (da, db) in itertools.product(
        shapes, shapes, [("f4", "f4"), ("f8", "i4"), ("c8", "f8"), ("?", "?"), ("i2", "u1")]
    ):
        a, b = exact(sample(da, sa, seed=30)), exact(sample(db, sb, seed=31))
        assert_parity(
            lambda: f(np.asarray(a), np.asarray(b)), lambda: g(a, b), where=f"{name} {sa} {sb} {da} {db}"
        )
    x = exact(sample("f8", (3, 3), seed=32))
    assert_parity(lambda: f(np.asarray(x).T, np.asarray(x)[::-1]), lambda: g(x.T, x[::-1]))
