"""Softmax and cross-entropy against their formulas in double precision."""

import numpy
import pytest
from finite_differences import check_gradients, gradients

import minpy.numpy as np
from minpy import autograd, npx

SHAPES = [
    ((3, 5), -1),
    ((2, 3, 17), 1),
    ((2, 70, 3), 0),
    ((0, 4), -1),
    ((1, 1), 0),
    ((5, 1000), -1),
    ((4,), 0),
]
SHAPES += [((2, 300, 33), 1), ((3, 130), -1)]
TOLERANCE = {"float64": 1e-14, "float32": 1e-6, "float16": 2e-3}


def random_data(shape, dtype, seed=0):
    return numpy.random.default_rng(seed).normal(0, 4, shape).astype(dtype)


def log_softmax(x, axis=-1):
    x = x.astype(numpy.float64)
    z = x - x.max(axis, keepdims=True, initial=-numpy.inf)
    return z - numpy.log(numpy.exp(z).sum(axis, keepdims=True))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape, axis", SHAPES)
def test_softmax(shape, axis, dtype):
    x, rtol = random_data(shape, dtype), TOLERANCE[dtype]
    want = log_softmax(x, axis)
    for got, reference in [
        (npx.softmax(np.array(x), axis=axis), numpy.exp(want)),
        (npx.log_softmax(np.array(x), axis=axis), want),
        (npx.softmin(np.array(x), axis=axis), numpy.exp(log_softmax(-x, axis))),
        (npx.softmax(np.array(x), axis=axis, temperature=2.5), numpy.exp(log_softmax(x / 2.5, axis))),
    ]:
        assert got.dtype == dtype and got.shape == shape
        numpy.testing.assert_allclose(got, reference, rtol=4 * rtol, atol=4 * rtol)


def test_softmax_of_extremes():
    x = numpy.array([[1e30, 0, -1e30], [-numpy.inf, 0, 0], [numpy.nan, 0, 0]], numpy.float32)
    got = npx.softmax(np.array(x))
    numpy.testing.assert_array_equal(got, [[1, 0, 0], [0, 0.5, 0.5], [numpy.nan] * 3])
    assert npx.softmax(np.array([-200.0, 0.0], dtype="float32"))[0] == 0


def test_softmax_dtype_and_views():
    x = random_data((6, 8), "float16")
    got = npx.softmax(np.array(x), dtype="float64")
    assert got.dtype == "float64"
    numpy.testing.assert_allclose(got, numpy.exp(log_softmax(x)), rtol=1e-14)
    y = random_data((6, 8), "float64")
    numpy.testing.assert_array_equal(npx.softmax(np.array(y).T[::2]), npx.softmax(np.array(y.T[::2].copy())))
    assert npx.softmax(np.array([[1, 2], [3, 4]])).dtype == "float32"


@pytest.mark.parametrize("axis", [-1, 1])
def test_lengths(axis):
    x = random_data((3, 7, 5), "float64")
    rows = numpy.moveaxis(x, axis, -1)
    length = numpy.random.default_rng(1).integers(1, rows.shape[-1] + 1, rows.shape[:-1])
    for function, value in ((npx.softmax, numpy.exp), (npx.log_softmax, lambda z: z)):
        got = function(np.array(x), length=np.array(length), use_length=True, axis=axis)
        want = numpy.zeros(rows.shape)
        for i in numpy.ndindex(length.shape):
            want[i][: length[i]] = value(log_softmax(rows[i][: length[i]]))
        numpy.testing.assert_allclose(
            numpy.moveaxis(numpy.asarray(got), axis, -1), want, rtol=1e-13, atol=1e-14
        )


def test_masks():
    x, mask = random_data((2, 3, 4), "float64"), numpy.random.default_rng(2).random((3, 4)) > 0.4
    mask[0] = True
    mask[1] = False
    got = numpy.asarray(npx.masked_softmax(np.array(x), np.array(mask)))
    assert not got[:, 1].any() and not got[:, ~mask].any()
    low = numpy.where(mask, x, -1e300)
    numpy.testing.assert_allclose(got[:, [0, 2]], numpy.exp(log_softmax(low))[:, [0, 2]], rtol=1e-13)
    logs = numpy.asarray(npx.masked_log_softmax(np.array(x), np.array(mask)))
    assert numpy.isneginf(logs[:, ~mask]).all()
    numpy.testing.assert_allclose(logs[:, mask], log_softmax(low)[:, mask], rtol=1e-13)
    a = np.array(x)
    a.attach_grad()
    grad = gradients(
        lambda v: npx.masked_softmax(v, np.array(mask)), [a], np.array(random_data(x.shape, "float64"))
    )
    assert numpy.isfinite(numpy.asarray(grad[0])).all()
    some = numpy.array([True, False, True, True])
    check_gradients(lambda v: npx.masked_softmax(v, np.array(some)), x)


@pytest.mark.parametrize("shape, axis", [((3, 5), -1), ((2, 3, 4), 1)])
def test_gradients(shape, axis):
    x = numpy.random.default_rng(3).normal(size=shape)
    for function in (npx.softmax, npx.log_softmax, npx.softmin):
        check_gradients(lambda v: function(v, axis=axis, temperature=0.7), x)
    length = np.array(numpy.random.default_rng(4).integers(1, shape[axis] + 1, np.sum(x, axis).shape))
    for function in (npx.softmax, npx.log_softmax):
        check_gradients(lambda v: function(v, length=length, use_length=True, axis=axis), x)


def test_softmax_activation():
    x = random_data((2, 3, 4, 5), "float64")
    got = npx.softmax_activation(np.array(x), mode="channel")
    numpy.testing.assert_allclose(got, numpy.exp(log_softmax(x, 1)), rtol=1e-13)
    got = npx.softmax_activation(np.array(x))
    numpy.testing.assert_allclose(got.reshape(2, -1), numpy.exp(log_softmax(x.reshape(2, -1))), rtol=1e-13)
    with pytest.raises(ValueError, match="mode must be"):
        npx.softmax_activation(np.array(x), mode="row")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape, axis", [s for s in SHAPES if len(s[0]) > 1])
def test_cross_entropy(shape, axis, dtype):
    x, rtol = random_data(shape, dtype), TOLERANCE[dtype]
    logs = numpy.moveaxis(log_softmax(x, axis), axis, -1)
    label = numpy.random.default_rng(5).integers(0, shape[axis], logs.shape[:-1])
    want = -numpy.take_along_axis(logs, label[..., None], -1)[..., 0]
    for kind in ("int64", "uint8", dtype):
        if shape[axis] < 256 or kind == "int64":
            got = npx.cross_entropy(np.array(x), np.array(label.astype(kind)), axis=axis)
            assert got.dtype == dtype
            numpy.testing.assert_allclose(got, want, rtol=4 * rtol, atol=4 * rtol)
    weight = numpy.random.default_rng(6).random(shape).astype(dtype)
    got = npx.cross_entropy(np.array(x), np.array(weight), axis=axis, sparse_label=False)
    want = -numpy.sum(log_softmax(x, axis) * weight, axis)
    numpy.testing.assert_allclose(got, want, rtol=8 * rtol, atol=8 * rtol)


def test_cross_entropy_keeps_small_losses():
    got = npx.cross_entropy(np.array([[20.0, 0.0]], dtype="float32"), np.array([0]))
    numpy.testing.assert_allclose(got, [numpy.log1p(numpy.exp(-20.0))], rtol=1e-6)


def test_cross_entropy_gradients():
    random = numpy.random.default_rng(7)
    x, label = random.normal(size=(4, 6)), np.array([0, 5, 2, -1])
    check_gradients(lambda v: npx.cross_entropy(v, label, ignore_label=-1), x)
    check_gradients(lambda v: npx.cross_entropy(v, np.array([1, 0, 3, 2, 3, 1]), axis=0), x)
    check_gradients(lambda v, t: npx.cross_entropy(v, t, sparse_label=False), x, random.random((4, 6)))


def test_softmax_cross_entropy():
    x, label = random_data((5, 4), "float32"), numpy.array([0, 1, 2, 3, 0])
    got = npx.softmax_cross_entropy(np.array(x), np.array(label))
    assert got.shape == (1,)
    numpy.testing.assert_allclose(got, [-log_softmax(x)[numpy.arange(5), label].sum()], rtol=1e-6)


def test_threads_do_not_matter():
    from minpy import config

    x, label = np.array(random_data((300, 1500), "float32")), np.array(numpy.arange(300))
    x.attach_grad()

    def run():
        with autograd.record():
            out = npx.cross_entropy(x, label)
        out.backward()
        return [numpy.asarray(v).tobytes() for v in (out, x.grad, npx.softmax(x, axis=0), npx.log_softmax(x))]

    before = config.num_threads
    try:
        results = []
        for count in (1, 2):
            config.num_threads = count
            results.append(run())
    finally:
        config.num_threads = before
    assert results[0] == results[1]


def test_errors():
    x = np.ones((2, 3))
    with pytest.raises(IndexError, match=r"label 3 at position \(1,\) is out of bounds for 3 classes"):
        npx.cross_entropy(x, np.array([0, 3]))
    with pytest.raises(IndexError, match=r"label -1 at position \(1, 0\) is out of bounds for 3 classes"):
        npx.cross_entropy(np.ones((2, 2, 3)), np.array([[0, 1], [-1, 0]]))
    with pytest.raises(ValueError, match="label must have the shape of data"):
        npx.cross_entropy(x, np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="label must have the shape of data"):
        npx.cross_entropy(x, np.ones((2, 2)), sparse_label=False)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        npx.softmax(x, axis=2)
    with pytest.raises(ValueError, match="length must have the shape"):
        npx.softmax(x, np.array([1, 2, 3]), use_length=True)
    with pytest.raises(TypeError, match="must be of real numbers"):
        npx.softmax(x * 1j)
