"""Products and the fully connected layer against double precision."""

import ml_dtypes
import numpy
import pytest
from finite_differences import check_gradients, gradients

import minpy.numpy as np
from minpy import config, npx

ACTIVATIONS = {
    None: lambda x: x,
    "relu": lambda x: numpy.maximum(x, 0),
    "tanh": numpy.tanh,
    "sigmoid": lambda x: 1 / (1 + numpy.exp(-x)),
}
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-3, "bfloat16": 2e-2}


def cast(x, dtype):
    return np.array(x).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


def exact(x):
    return numpy.asarray(x).astype(numpy.float64)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("act_type", ACTIVATIONS)
@pytest.mark.parametrize(
    "shape, flatten, hidden",
    [((5, 7), True, 3), ((4, 3, 5), True, 65), ((2, 3, 33), False, 1), ((1, 1), True, 1)],
)
def test_fully_connected(shape, flatten, hidden, act_type, dtype):
    random = numpy.random.default_rng(0)
    features = int(numpy.prod(shape[1:])) if flatten else shape[-1]
    x = cast(random.normal(size=shape), dtype)
    weight, bias = (
        cast(random.normal(size=(hidden, features)), dtype),
        cast(random.normal(size=hidden), dtype),
    )
    got = npx.fully_connected(x, weight, bias, num_hidden=hidden, flatten=flatten, act_type=act_type)
    rows = exact(x).reshape(-1, features)
    want = ACTIVATIONS[act_type](rows @ exact(weight).T + exact(bias))
    assert str(got.dtype) == dtype
    assert got.shape == ((shape[0], hidden) if flatten else (*shape[:-1], hidden))
    tolerance = TOLERANCE[dtype]
    numpy.testing.assert_allclose(exact(got).reshape(want.shape), want, rtol=tolerance, atol=4 * tolerance)


def test_fully_connected_reads_strided_operands():
    random = numpy.random.default_rng(1)
    x, weight = random.normal(size=(6, 10)), random.normal(size=(6, 4))
    got = npx.fully_connected(np.array(x).T[::2], np.array(weight).T, no_bias=True)
    numpy.testing.assert_allclose(got, x.T[::2] @ weight, rtol=1e-12)


@pytest.mark.parametrize("shape, hidden", [((0, 4), 3), ((3, 0), 2), ((3, 4), 0)])
def test_fully_connected_of_nothing(shape, hidden):
    bias = np.arange(hidden, dtype="float32")
    got = npx.fully_connected(np.ones(shape, "float32"), np.ones((hidden, shape[1]), "float32"), bias)
    numpy.testing.assert_array_equal(got, numpy.full((shape[0], hidden), shape[1]) + numpy.arange(hidden))


@pytest.mark.parametrize("act_type", ACTIVATIONS)
def test_fully_connected_gradients(act_type):
    random = numpy.random.default_rng(2)
    values = random.normal(size=(4, 2, 3)), random.normal(size=(5, 6)), random.normal(size=5)
    check_gradients(lambda x, w, b: npx.fully_connected(x, w, b, act_type=act_type), *values)
    check_gradients(
        lambda x, w: npx.fully_connected(x, w, no_bias=True, flatten=False), values[0], values[1][:, :3]
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_fully_connected_half_gradients_accumulate_in_float(dtype):
    rows = 5000  # ones summed in 16 bits would stop at 2048 or 256
    x, weight, bias = (cast(numpy.ones(s), dtype) for s in ((rows, 2), (3, 2), (3,)))
    for a in (x, weight, bias):
        a.attach_grad()
    grads = gradients(npx.fully_connected, (x, weight, bias), cast(numpy.ones((rows, 3)), dtype))
    for g, a, want in zip(grads, (x, weight, bias), (3, rows, rows)):
        assert g.dtype == a.dtype
        numpy.testing.assert_allclose(exact(g), numpy.full(a.shape, want), rtol=2**-8)


def test_threads_do_not_change_bits():
    random = numpy.random.default_rng(3)
    arrays = [np.array(random.normal(size=s).astype("float32")) for s in ((300, 500), (700, 500), (700,))]
    for a in arrays:
        a.attach_grad()
    head = np.array(random.normal(size=(300, 700)).astype("float32"))
    found = []
    for threads in (1, 2):
        config.num_threads = threads
        out = npx.fully_connected(*arrays, act_type="tanh")
        grads = gradients(lambda *a: npx.fully_connected(*a, act_type="tanh"), arrays, head)
        found.append([numpy.asarray(r).tobytes() for r in (out, *grads)])
    config.num_threads = None
    assert found[0] == found[1]


def test_fully_connected_errors():
    x, weight, bias = np.ones((2, 4)), np.ones((3, 4)), np.ones(3)
    with pytest.raises(TypeError, match="no_bias=True"):
        npx.fully_connected(x, weight)
    with pytest.raises(ValueError, match="num_hidden=5 rows"):
        npx.fully_connected(x, weight, bias, num_hidden=5)
    with pytest.raises(ValueError, match=r"\(num_hidden, 4\)"):
        npx.fully_connected(x, np.ones((3, 5)), bias)
    with pytest.raises(ValueError, match=r"bias must have shape \(3,\)"):
        npx.fully_connected(x, weight, np.ones(4))
    with pytest.raises(ValueError, match="act_type must be"):
        npx.fully_connected(x, weight, bias, act_type="softplus")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize(
    "stack, m, n, k",
    [
        ((), 3, 4, 5),
        ((6,), 1, 9, 17),
        ((2, 3), 8, 8, 8),
        ((2,), 40, 1, 30),
        ((2,), 33, 37, 20),
        ((), 70, 90, 130),
    ],
)
def test_batch_dot(stack, m, n, k, transpose_a, transpose_b, dtype):
    random = numpy.random.default_rng(4)
    a = cast(random.normal(size=(*stack, *((k, m) if transpose_a else (m, k)))), dtype)
    b = cast(random.normal(size=(*stack, *((n, k) if transpose_b else (k, n)))), dtype)
    got = npx.batch_dot(a, b, transpose_a=transpose_a, transpose_b=transpose_b)
    x, y = exact(a), exact(b)
    want = (x.swapaxes(-1, -2) if transpose_a else x) @ (y.swapaxes(-1, -2) if transpose_b else y)
    assert str(got.dtype) == dtype
    numpy.testing.assert_allclose(exact(got), want, rtol=TOLERANCE[dtype], atol=8 * TOLERANCE[dtype])


def test_batch_dot_of_strided_and_empty_stacks():
    random = numpy.random.default_rng(5)
    a, b = random.normal(size=(4, 3, 6, 5)), random.normal(size=(3, 4, 5, 2))
    got = npx.batch_dot(np.array(a).transpose(1, 0, 2, 3)[:, ::2], np.array(b)[:, ::-2])
    numpy.testing.assert_allclose(got, a.transpose(1, 0, 2, 3)[:, ::2] @ b[:, ::-2], rtol=1e-12)
    a, b = random.normal(size=(2, 22, 18)), random.normal(size=(2, 27, 40))
    got = npx.batch_dot(np.array(a)[:, ::-2, ::2], np.array(b)[:, ::3, ::-2])
    numpy.testing.assert_allclose(got, a[:, ::-2, ::2] @ b[:, ::3, ::-2], rtol=1e-12)
    got = npx.batch_dot(np.array(a)[:, :, ::2], np.array(b)[:, ::3, ::-2])
    numpy.testing.assert_allclose(got, a[:, :, ::2] @ b[:, ::3, ::-2], rtol=1e-12)
    assert npx.batch_dot(np.ones((0, 2, 3)), np.ones((0, 3, 4))).shape == (0, 2, 4)
    numpy.testing.assert_array_equal(
        npx.batch_dot(np.ones((2, 3, 0)), np.ones((2, 0, 4))), numpy.zeros((2, 3, 4))
    )


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_product_gradients(transpose_a, transpose_b):
    random = numpy.random.default_rng(6)
    a = random.normal(size=(2, 3, 4) if transpose_a else (2, 4, 3))
    b = random.normal(size=(2, 5, 3) if transpose_b else (2, 3, 5))
    flags = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    check_gradients(lambda x, y: npx.batch_dot(x, y, **flags), a, b)
    check_gradients(lambda x, y: npx.dot(x, y, **flags), a[0], b[1])
    c = random.normal(size=(2, 4, 5))
    check_gradients(lambda x, y, z: npx.linalg_gemm(x, y, z, **flags, alpha=2.5, beta=-1.5), a, b, c)


@pytest.mark.parametrize("a, b", [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 4, 3), (3, 5, 2))])
def test_dot_sums_last_and_first_axes(a, b):
    random = numpy.random.default_rng(7)
    x, y = random.normal(size=a), random.normal(size=b)
    want = numpy.tensordot(x, y, axes=(-1, 0))
    for transpose_a in (False, True):
        for transpose_b in (False, True):
            left = np.array(numpy.moveaxis(x, -1, 0) if transpose_a else x)
            right = np.array(numpy.moveaxis(y, 0, -1) if transpose_b else y)
            got = npx.dot(left, right, transpose_a, transpose_b)
            assert got.shape == want.shape
            numpy.testing.assert_allclose(got, want, rtol=1e-12)


def test_gemm_axis():
    random = numpy.random.default_rng(8)
    a, b, c = random.normal(size=(4, 2, 3)), random.normal(size=(3, 2, 5)), random.normal(size=(4, 2, 5))
    want = 2 * numpy.einsum("mbk,kbn->mbn", a, b) - c
    got = npx.linalg_gemm(np.array(a), np.array(b), np.array(c), alpha=2, beta=-1, axis=0)
    numpy.testing.assert_allclose(got, want, rtol=1e-12)


def test_product_errors():
    with pytest.raises(ValueError, match="4 columns of the first"):
        npx.batch_dot(np.ones((2, 3, 4)), np.ones((2, 3, 4)))
    with pytest.raises(ValueError, match="same axes before the last two"):
        npx.batch_dot(np.ones((2, 3, 4)), np.ones((3, 4, 4)))
    with pytest.raises(ValueError, match="4 != 3"):
        npx.dot(np.ones((2, 4)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="C must have the shape"):
        npx.linalg_gemm(np.ones((2, 3)), np.ones((3, 2)), np.ones((1, 2)))
    with pytest.raises(ValueError, match="forward_stype"):
        npx.dot(np.ones((2, 3)), np.ones((3, 2)), forward_stype="csr")
    with pytest.raises(TypeError, match="real numbers"):
        npx.batch_dot(np.ones((2, 3), "complex64"), np.ones((3, 2), "complex64"))
