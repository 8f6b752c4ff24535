"""NDArray: MXNet's policy on the one array type."""

import copy
import pickle
import sys

import numpy
import pytest

import minpy as mx
import minpy.numpy as np
from minpy import autograd, nd


def test_repr():
    assert repr(nd.array([1, 2])) == str(nd.array([1, 2])) == "\n[1. 2.]\n<NDArray 2 @cpu(0)>"
    assert repr(nd.zeros((2, 3), mx.cpu(2))).endswith("<NDArray 2x3 @cpu(2)>")


@pytest.mark.parametrize(
    "source", [[1, 2], (1, 2), numpy.array([1, 2]), numpy.array([True, False]), np.array([1.5])]
)
def test_new_arrays_are_float32(source):
    assert nd.array(source).dtype is numpy.float32
    assert type(nd.array(source)) is nd.NDArray


def test_an_ndarray_keeps_its_dtype():
    assert nd.array(nd.array([1], dtype="int32")).dtype is numpy.int32


def test_numbers_take_the_dtype_of_the_array():
    i = nd.array([1, -7], dtype="int32")
    for result, values in [
        (i * 0.5, [0, 0]),
        (i + 1.5, [2, -6]),
        (i / 2, [0, -3]),
        (7 / i, [7, -1]),
        (i**2, [1, 49]),
    ]:
        assert result.dtype is numpy.int32
        assert result.tolist() == values
    f = nd.array([1])
    assert (f * numpy.float64(2)).dtype is numpy.float32
    assert (i + f).dtype is numpy.float32
    assert (f + i).dtype is numpy.float32


def test_in_place_keeps_dtype_and_object():
    i = nd.array([1, 2], dtype="int32")
    same = i
    i += 1.7
    i *= nd.array([2, 3])
    i /= 2
    assert same is i
    assert i.dtype is numpy.int32
    assert i.tolist() == [2, 4]


def test_comparisons_give_numbers_that_still_mask():
    x = nd.array([1, 2, 3])
    mask = x > 1
    assert mask.dtype is numpy.float32
    assert (mask * x).tolist() == [0, 2, 3]
    assert x[mask].tolist() == [2, 3]
    x[x == 2] = 9
    assert x.tolist() == [1, 9, 3]
    assert x[nd.array([2, 0])].tolist() == [3, 1]  # floating numbers are positions
    assert (x == None) is False  # noqa: E711


def test_one_element_is_an_array():
    x = nd.array([[1, 2], [3, 4]])
    assert x[1, 0].shape == (1,)
    assert [row.shape for row in x[0]] == [(1,), (1,)]
    assert (float(x[1, 0]), int(x[-1, -1]), x[0, 1].asscalar()) == (3.0, 4, 2.0)
    x[0, 1] = nd.array([5])
    assert x.tolist() == [[1, 5], [3, 4]]
    with pytest.raises(IndexError):
        x[2]
    with pytest.raises(ValueError, match="not a scalar"):
        x.asscalar()
    with pytest.raises(ValueError, match="truth value of an NDArray"):
        bool(x)


def test_views_share_memory():
    x = nd.zeros((2, 3))
    x[0][:] = 1
    x[1, 1:3][:] = 2
    x.reshape((3, 2))[2] = 7
    assert x.tolist() == [[1, 1, 1], [0, 7, 7]]
    x.T[:] = 0
    assert x.sum().asscalar() == 17


def test_mixing_gives_an_ndarray_of_nd():
    x, plain = nd.ones((2,)), np.ones(2, dtype="float32")
    for result in (
        x + plain,
        plain + x,
        np.exp(x),
        np.concatenate([x, plain]),
        np.add(plain, x),
        x + numpy.ones(2),
    ):
        assert type(result) is nd.NDArray
    out = np.zeros(2, dtype="float32")
    assert type(np.add(x, x, out=out)) is np.ndarray


def test_contexts():
    x = nd.ones((2,), ctx=mx.cpu(3))
    assert x.context == mx.cpu(3)
    assert (x * 2).context == x[:1].context == nd.exp(x).context == mx.cpu(3)
    assert x.as_in_context(mx.cpu(3)) is x
    assert x.copyto(mx.cpu(1)).context == mx.cpu(1)
    with mx.cpu(4):
        assert nd.zeros((1,)).context == mx.cpu(4)
    with pytest.raises(mx.base.MXNetError, match="GPU is not enabled"):
        nd.zeros((1,), ctx=mx.gpu())


def test_gradients():
    x = nd.array([[1, 2], [3, 4]])
    assert x.grad is None
    x.attach_grad()
    with autograd.record():
        y = (x * x * 2).sum()
    assert y.shape == (1,)
    y.backward()
    assert type(x.grad) is nd.NDArray
    assert x.grad.tolist() == [[4, 8], [12, 16]]
    x.grad[:] = 0
    assert x.grad.sum().asscalar() == 0


def test_copies():
    x = nd.array([1, 2])
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.copy(), nd.array(x)):
        twin[:] = 0
        assert x.tolist() == [1, 2]
        assert type(twin) is nd.NDArray


@pytest.mark.parametrize(
    "codes, reverse, want",
    [
        ((4, 0, 2), False, (4, 3, 2)),
        ((2, 0, 0), False, (2, 3, 4)),
        ((6, 1, -1), False, (6, 1, 4)),
        ((3, -1, 8), False, (3, 1, 8)),
        ((-2,), False, (2, 3, 4)),
        ((2, -2), False, (2, 3, 4)),
        ((-2, 1, 1), False, (2, 3, 4, 1, 1)),
        ((-3, 4), False, (6, 4)),
        ((0, -3), False, (2, 12)),
        ((-3, -2), False, (6, 4)),
        ((-4, 1, 2, -2), False, (1, 2, 3, 4)),
        ((2, -4, -1, 3, -2), False, (2, 1, 3, 4)),
        ((-1, 0), True, (6, 4)),
        ((0, -3), True, (2, 12)),
    ],
)
def test_reshape_codes(codes, reverse, want):
    if codes == (4, 0, 2):
        with pytest.raises(ValueError, match="reshape"):
            nd.zeros((2, 3, 5)).reshape(codes)
    assert nd.zeros((2, 3, 4)).reshape(codes, reverse=reverse).shape == want


def test_reductions():
    x = nd.array([[1, 5, 2], [4, 3, 6]])
    assert x.sum().shape == x.mean().shape == nd.norm(x).shape == (1,)
    assert nd.sum(x, axis=0, exclude=True).tolist() == [8, 13]
    assert nd.max(x, axis=1, keepdims=True).shape == (2, 1)
    assert nd.argmax(x, axis=1).tolist() == [1, 2]
    assert nd.argmax(x, axis=1).dtype is numpy.float32
    assert type(nd.argmax(x)) is nd.NDArray
    out = nd.zeros((3,))
    assert nd.sum(x, axis=0, out=out) is out
    assert out.tolist() == [5, 8, 8]


def test_dead_arrays_come_back_as_their_own_kind():
    """Arrays are made from the memory of dead ones, whichever kind those were."""
    for _ in range(3000):
        legacy = [nd.zeros((2,)) for _ in range(3)]
        assert all(type(x) is nd.NDArray for x in legacy)
        del legacy
        plain = [np.zeros(2) for _ in range(3)]
        assert all(type(x) is np.ndarray for x in plain)


def test_the_class_is_counted_once_per_array():
    before = sys.getrefcount(nd.NDArray)
    for _ in range(300):
        x = nd.zeros((2,))
        x = np.copy(x)
        assert type(np.zeros(2)) is np.ndarray
    del x
    assert abs(sys.getrefcount(nd.NDArray) - before) < 10


def test_functions_with_own_gradients_return_what_they_were_given():
    class Double(autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            return dy * 3

    x = nd.array([1, 2])
    x.attach_grad()
    with autograd.record():
        y = Double()(x)
    assert type(y) is nd.NDArray
    y.backward()
    assert x.grad.tolist() == [3, 3]


def test_dlpack_shares_memory():
    x = nd.array([1, 2])
    y = nd.from_dlpack(x.to_dlpack_for_write())
    y[0] = 7
    assert x.tolist() == [7, 2]
    assert nd.from_dlpack(nd.to_dlpack_for_read(x)).dtype is numpy.float32


@pytest.mark.parametrize("shape", [(2, 3), (2, 1, 2, 1, 3), (0, 2), (), (7,)])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint16"])
def test_pickles(shape, dtype):
    x = nd.array(numpy.arange(numpy.prod(shape)).reshape(shape), dtype=dtype)
    twin = pickle.loads(pickle.dumps(x))
    assert type(twin) is nd.NDArray and twin.dtype == x.dtype and twin.shape == shape
    assert twin.asnumpy().tolist() == x.asnumpy().tolist()
    twin += 1
    assert (twin - 1).asnumpy().tolist() == x.asnumpy().tolist()
    assert pickle.loads(pickle.dumps([x, x]))[0].shape == shape


def test_a_pickle_as_mxnet_writes_it():
    x = nd.ones((2, 3)) * 2
    made, arguments, state = x.__reduce__()
    blob = bytes.fromhex(
        "c9fa93f9000000000200000002000000000000000300000000000000010000000000000000000000" + "00000040" * 6
    )
    assert made is nd.NDArray and arguments == (None,) and state == {"handle": bytearray(blob)}
    twin = nd.NDArray(None)
    twin.__setstate__({"handle": bytearray(blob)})
    assert twin.asnumpy().tolist() == [[2, 2, 2], [2, 2, 2]]
    x.attach_grad()
    with pytest.raises(TypeError, match="without gradients"):
        x.__setstate__(state)


def test_short_names_of_network_operators():
    x = nd.array([-1, 0, 2])
    assert nd.nn.relu(x).asnumpy().tolist() == [0, 0, 2] and type(nd.nn.relu(x)) is nd.NDArray
    for name in nd.nn.__all__:
        assert callable(getattr(nd.nn, name))
    assert x.zeros_like().asnumpy().tolist() == [0, 0, 0] and x.ones_like().shape == (3,)


def test_ranges_are_assigned_in_place_or_in_a_copy():
    x = nd.array([[1, 2, 3], [4, 5, 6]])
    assert x.slice_assign_scalar(9, (0, 1), (1, 3), (None, None)) is x
    assert x.tolist() == [[1, 9, 9], [4, 5, 6]]
    y = nd.op._slice_assign(x, nd.array([[7], [8]]), begin=(0, 0), end=(2, 1))
    assert y.tolist() == [[7, 9, 9], [8, 5, 6]]
    assert x.slice_assign(nd.zeros((1, 3)), (1, 0), (2, 3), ()).tolist() == [[1, 9, 9], [0, 0, 0]]


def test_functions_of_mx_sym_sparse_make_nodes():
    out = mx.sym.sparse.dot(mx.sym.var("a"), mx.sym.var("b"))
    assert sorted(out.list_arguments()) == ["a", "b"]


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8"])
def test_rounding_and_tests_keep_the_dtype(dtype):
    x = nd.array([1, 2, 3], dtype=dtype)
    functions = (
        nd.round,
        nd.rint,
        nd.contrib.round_ste,
        nd.contrib.isnan,
        nd.contrib.isinf,
        nd.contrib.isfinite,
    )
    for function in functions:
        assert function(x).dtype is numpy.dtype(dtype).type
    assert nd.round(x).tolist() == nd.rint(x).tolist() == nd.contrib.round_ste(x).tolist() == [1, 2, 3]
    assert nd.contrib.isfinite(x).tolist() == [1, 1, 1]


def test_rounding_of_bfloat16():
    x = nd.array([0.5, 1.5, -2.5]).astype("bfloat16")
    assert nd.round(x).astype("float32").tolist() == [1, 2, -3]


def test_results_are_not_broadcast_to_out():
    out = nd.zeros((2, 3))
    with pytest.raises(mx.MXNetError, match=r"Provided = \[2, 3\], inferred shape=\[3\]"):
        nd.relu(nd.ones((3,)), out=out)
    assert nd.relu(nd.ones((2, 3)), out=out) is out
    assert out.tolist() == [[1, 1, 1]] * 2


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_types_stay(dtype):
    """Numbers take the dtype of the array, and functions keep it."""
    x = nd.array([0.5, -0.25]).astype(dtype)
    for y in (
        x * 0.1,
        1 - x,
        x / 3,
        x + 2,
        2**x,
        x**2,
        nd.relu(x),
        nd.sigmoid(x),
        nd.Activation(x, act_type="softsign"),
        nd.erf(x),
    ):
        assert numpy.dtype(y.dtype).name == dtype
    x += 1.5
    assert numpy.dtype(x.dtype).name == dtype and x.astype("float32").asnumpy().tolist() == [2, 1.25]
    assert numpy.dtype((x + nd.ones(2)).dtype).name == "float32"


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_numpys_numbers_on_the_left(dtype):
    """`numpy.float64(2) * x` keeps the dtype of x, as `x * numpy.float64(2)` does; comparisons too."""
    x = nd.array([1, 2], dtype=dtype)
    x.attach_grad() if dtype == "float32" else None
    for number in (numpy.float64(2), numpy.float32(2), numpy.int64(2), numpy.bool_(True)):
        for left, right in (
            (number * x, x * number),
            (number + x, x + number),
            (number - x, -(x - number)),
            (number > x, x < number),
            (number == x, x == number),
        ):
            assert numpy.dtype(left.dtype) == dtype and isinstance(left, nd.NDArray)
            assert left.asnumpy().tolist() == right.asnumpy().tolist()
    if dtype == "float32":
        with autograd.record():
            y = numpy.sqrt(4.0) * x
        y.backward()
        assert x.grad.asnumpy().tolist() == [2, 2]
        assert numpy.dtype((numpy.array([2.0, 3.0]) * x).dtype) == "float64"  # an array is no number
