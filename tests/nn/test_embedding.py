"""Rows and elements by number against NumPy's indexing in double precision."""

import numpy
import pytest
from finite_differences import check_gradients, gradients

import minpy.numpy as np
from minpy import _core, config, npx


def normal(seed, *shape):
    return numpy.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("index_dtype", ["int64", "int32", "uint8", "float32"])
@pytest.mark.parametrize("table, shape", [((7, 5), (3, 4)), ((1, 1), (1,)), ((9, 33), ()), ((4, 3), (0,))])
def test_embedding(table, shape, index_dtype, dtype):
    weight = normal(0, *table).astype(dtype)
    rows = numpy.random.default_rng(1).integers(0, table[0], shape)
    got = npx.embedding(np.array(rows.astype(index_dtype)), np.array(weight), *table)
    assert got.dtype == dtype
    numpy.testing.assert_array_equal(got, weight[rows])


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 1e-5), ("float16", 2e-3)])
@pytest.mark.parametrize(
    "n, inner, count", [(5, 3, 40), (3000, 17, 900), (5000, 1, 7), (1, 4, 100), (6, 4, 0)]
)
def test_embedding_gradient_sums_equal_rows(n, inner, count, dtype, rtol):
    rows = numpy.random.default_rng(2).integers(0, n, count)
    head = normal(3, count, inner).astype(dtype)
    weight = np.array(numpy.ones((n, inner), dtype))
    weight.attach_grad()
    (got,) = gradients(lambda w: npx.embedding(np.array(rows), w), [weight], np.array(head))
    want = numpy.zeros((n, inner))
    numpy.add.at(want, rows, head.astype(numpy.float64))
    assert got.dtype == dtype
    numpy.testing.assert_allclose(got, want, rtol=rtol, atol=4 * rtol)

    found, sums = _core.kernels.take_grad_rows(np.array(head), np.array(rows), size=n)
    numpy.testing.assert_array_equal(found, numpy.unique(rows))
    numpy.testing.assert_allclose(sums, want[numpy.unique(rows)], rtol=rtol, atol=4 * rtol)


def test_threads_do_not_change_bits():
    rows = np.array(numpy.random.default_rng(4).integers(0, 700, 20000))
    weight, head = (
        np.array(normal(5, 700, 40).astype("float32")),
        np.array(normal(6, 20000, 40).astype("float32")),
    )
    weight.attach_grad()
    found = []
    for threads in (1, 2):
        config.num_threads = threads
        (got,) = gradients(lambda w: npx.embedding(rows, w), [weight], head)
        sparse = _core.kernels.take_grad_rows(head, rows, size=700)[1]
        found.append([numpy.asarray(r).tobytes() for r in (npx.embedding(rows, weight), got, sparse)])
    config.num_threads = None
    assert found[0] == found[1]


def test_embedding_errors():
    weight = np.ones((5, 3))
    with pytest.raises(
        IndexError, match=r"index 7 at position \(1, 0\) is out of bounds for axis 0 with size 5"
    ):
        npx.embedding(np.array([[0, 1], [7, 2]]), weight)
    with pytest.raises(IndexError, match=r"index -1 at position \(2,\)"):
        npx.embedding(np.array([0, 4, -1]), weight)
    with pytest.raises(IndexError, match="size 0"):
        npx.take(np.ones((0, 3)), np.array([0]))
    with pytest.raises(ValueError, match="input_dim is 6"):
        npx.embedding(np.array([0]), weight, 6, 3)
    with pytest.raises(TypeError, match="real numbers"):
        npx.embedding(np.array([1j]), weight)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("mode", ["clip", "wrap"])
def test_take(axis, mode, dtype):
    data = (10 * normal(7, 4, 3, 5)).astype(dtype)
    rows = numpy.array([[0, 2, -1], [9, 1, -7]])
    got = npx.take(np.array(data), np.array(rows), axis=axis, mode=mode)
    assert got.dtype == dtype
    numpy.testing.assert_array_equal(got, numpy.take(data, rows, axis=axis, mode=mode))


def test_take_of_strided_data():
    data = normal(8, 6, 8)
    got = npx.take(np.array(data).T[::2], np.array([3, 0]), axis=0)
    numpy.testing.assert_array_equal(got, data.T[::2][[3, 0]])


def test_take_gradients():
    rows = np.array([[0, 2, 2], [1, 0, 9]])
    for axis in (0, 1, 2):
        check_gradients(lambda x, axis=axis: npx.take(x, rows, axis=axis) ** 3, normal(9, 3, 4, 3))
    check_gradients(lambda x: npx.embedding(rows[:1], x) ** 3, normal(9, 3, 2))


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_pick(axis, keepdims, dtype):
    data = (10 * normal(10, 3, 4, 5)).astype(dtype)
    n = data.shape[axis]
    shape = numpy.delete(data.shape, axis)
    index = numpy.random.default_rng(11).integers(-2, n + 2, shape)
    clipped = numpy.expand_dims(numpy.clip(index, 0, n - 1), axis)
    want = numpy.take_along_axis(data, clipped, axis)
    got = npx.pick(np.array(data), np.array(index), axis=axis, keepdims=keepdims)
    assert got.dtype == dtype
    numpy.testing.assert_array_equal(got, want if keepdims else want.squeeze(axis))
    same = npx.pick(np.array(data), np.expand_dims(np.array(index), axis), axis, keepdims, mode="wrap")
    wrapped = numpy.take_along_axis(data, numpy.expand_dims(index % n, axis), axis)
    numpy.testing.assert_array_equal(same, wrapped if keepdims else wrapped.squeeze(axis))


def test_pick_gradients_and_errors():
    data = normal(12, 3, 4, 2)
    check_gradients(lambda x: npx.pick(x, np.array([[0, 3], [1, 1], [2, 0]]), axis=1) ** 3, data)
    check_gradients(lambda x: npx.pick(x, np.array([3, 23]), axis=None) ** 3, data)
    numpy.testing.assert_array_equal(
        npx.batch_take(np.array(data[0]), np.array([1, 0, 1, 1])), data[0][range(4), [1, 0, 1, 1]]
    )
    with pytest.raises(IndexError, match=r"index 4 at position \(1,\) is out of bounds for axis 1"):
        npx.batch_take(np.ones((2, 4)), np.array([0, 4]))
    with pytest.raises(ValueError, match="shape of data without the axis"):
        npx.pick(np.ones((2, 4)), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="mode must be"):
        npx.pick(np.ones((2, 4)), np.array([0, 1]), mode="nearest")


def test_one_hot():
    rows = numpy.array([[0, 2], [5, -1]])
    got = npx.one_hot(np.array(rows), 4, on_value=3, off_value=-1, dtype="int32")
    want = numpy.full((2, 2, 4), -1)
    want[0, 0, 0] = want[0, 1, 2] = 3
    assert got.dtype == "int32"
    numpy.testing.assert_array_equal(got, want)
    assert npx.one_hot(np.array([1.0]), 2).dtype == "float32"
    assert str(npx.one_hot(np.array([1]), 2, dtype="bfloat16").dtype) == "bfloat16"


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_gather_nd(dtype):
    data = (10 * normal(13, 3, 4, 5)).astype(dtype)
    indices = numpy.array([[0, 2, -1], [3, -4, 1]])
    numpy.testing.assert_array_equal(npx.gather_nd(np.array(data), np.array(indices)), data[tuple(indices)])
    full = numpy.array([[[0, 2]], [[3, 1]], [[4, 0]]])
    numpy.testing.assert_array_equal(npx.gather_nd(np.array(data), np.array(full)), data[tuple(full)])
    with pytest.raises(
        IndexError, match=r"index 4 at position \(1, 0\) is out of bounds for axis 1 with size 4"
    ):
        npx.gather_nd(np.array(data), np.array([[0], [4]]))
    with pytest.raises(ValueError, match="from 1 to 3"):
        npx.gather_nd(np.array(data), np.array([[0]] * 4))


def test_scatter_nd():
    data, indices = normal(14, 3, 2), numpy.array([[1, 0, 1]])
    got = npx.scatter_nd(np.array(data), np.array(indices), (4, 2))
    want = numpy.zeros((4, 2))
    want[1], want[0] = data[2], data[1]
    numpy.testing.assert_array_equal(got, want)
    assert npx.scatter_nd(np.ones(2, "int32"), np.array([[0, 1], [1, -1]]), (2, 3)).tolist() == [
        [0, 1, 0],
        [0, 0, 1],
    ]
    with pytest.raises(ValueError, match=r"must have shape \(3, 2\)"):
        npx.scatter_nd(np.array(data[:2]), np.array(indices), (4, 2))


def test_nd_gradients():
    indices = np.array([[0, 2, 0], [3, 1, 3]])
    check_gradients(lambda x: npx.gather_nd(x, indices) ** 3, normal(15, 3, 4, 2))
    check_gradients(lambda x: npx.scatter_nd(x, indices, (3, 4, 2)) ** 3, normal(16, 3, 2))


LENGTHS = [2, 5, 1]


@pytest.mark.parametrize("axis", [0, 1])
def test_sequences(axis):
    data = normal(17, 5, 3, 2)
    last = numpy.stack([data[n - 1, b] for b, n in enumerate(LENGTHS)])
    masked, reversed_ = data.copy(), data.copy()
    for b, n in enumerate(LENGTHS):
        masked[n:, b] = -1
        reversed_[:n, b] = data[:n, b][::-1]
    x, lengths = np.array(numpy.moveaxis(data, 0, axis)), np.array(LENGTHS, "float32")
    for function, want, plain in (
        (npx.sequence_mask, masked, data),
        (npx.sequence_reverse, reversed_, data[::-1]),
        (npx.sequence_last, last, data[-1]),
    ):
        extra = {"value": -1.0} if function is npx.sequence_mask else {}
        same = want.ndim == 3
        got = function(x, lengths, use_sequence_length=True, axis=axis, **extra)
        numpy.testing.assert_array_equal(got, numpy.moveaxis(want, 0, axis) if same else want)
        got = function(x, axis=axis, **extra)
        numpy.testing.assert_array_equal(got, numpy.moveaxis(plain, 0, axis) if same else plain)
        check_gradients(lambda a: function(a, lengths, True, axis=axis, **extra) ** 3, numpy.asarray(x))  # noqa: B023


def test_sequence_errors():
    with pytest.raises(IndexError, match=r"sequence_length\[1\] is 0, it must be from 1 to 4"):
        npx.sequence_last(np.ones((4, 2)), np.array([1, 0]), True)
    with pytest.raises(IndexError, match=r"sequence_length\[0\] is 5"):
        npx.sequence_reverse(np.ones((4, 2)), np.array([5, 0]), True)
    with pytest.raises(ValueError, match=r"must have shape \(2,\)"):
        npx.sequence_mask(np.ones((4, 2)), np.ones(3), True)
    with pytest.raises(ValueError, match="axis must be 0 or 1"):
        npx.sequence_mask(np.ones((4, 2)), np.ones(2), True, axis=2)
