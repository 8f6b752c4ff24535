"""Pooling against loops over windows in double precision."""

import itertools
import math

import ml_dtypes
import numpy
import pytest
from finite_differences import check_gradients
from threads import assert_same_bits

import minpy.numpy as np
from minpy import autograd, npx
from minpy._operators.pooling import adaptive_pooling

RTOL = {"float64": 1e-13, "float32": 2e-6}


def outputs(size, kernel, stride, pad, convention):
    if convention == "same":
        return math.ceil((size + 2 * pad) / stride)
    return {"valid": math.floor, "full": math.ceil}[convention]((size + 2 * pad - kernel) / stride) + 1


def reduce_windows(x, windows, f):
    """f(window's values, uncut sizes) for each combination of (start, stop, cut stop) along the spatial axes."""
    out = numpy.empty(x.shape[:2] + tuple(len(w) for w in windows))
    for place in numpy.ndindex(*out.shape[2:]):
        chosen = [w[i] for w, i in zip(windows, place)]
        box = x[(slice(None), slice(None), *(slice(max(a, 0), max(b, 0)) for a, b, _ in chosen))]
        padded = math.prod(c - a for a, _, c in chosen)
        out[(..., *place)] = f(box.reshape(*x.shape[:2], math.prod(box.shape[2:])), padded)
    return out


def expected(x, kernel, pool_type, pooling_convention, stride, pad, p_value=2, count_include_pad=True):
    windows = []
    for n, k, s, p in zip(x.shape[2:], kernel, stride, pad):
        starts = [o * s - p for o in range(outputs(n, k, s, p, pooling_convention))]
        windows.append([(a, a + k, min(a + k, n + p)) for a in starts])

    def one(box, padded):
        if pool_type == "max":
            return box.max(-1) if box.shape[-1] else numpy.finfo("float64").min
        if pool_type == "lp":
            return (abs(box) ** p_value).sum(-1) ** (1 / p_value)
        divisor = padded if count_include_pad else max(box.shape[-1], 1)
        return box.sum(-1) / (divisor if pool_type == "avg" else 1)

    return reduce_windows(x.astype(numpy.float64), windows, one)


CASES = [
    # shape, kernel, stride, pad
    ((2, 3, 8, 24), (2, 2), (2, 2), (0, 0)),
    ((2, 3, 9, 37), (3, 3), (2, 2), (1, 1)),
    ((1, 2, 7, 5), (2, 3), (1, 1), (1, 0)),
    ((2, 1, 5, 23), (2, 2), (2, 2), (0, 0)),
    ((2, 1, 11, 13), (5, 4), (3, 4), (2, 1)),
    ((1, 1, 40, 41), (20, 17), (7, 5), (0, 3)),
    ((3, 2, 17), (3,), (2,), (1,)),
    ((2, 3, 9, 27), (3, 3), (1, 1), (1, 1)),
    ((1, 2, 6, 19), (5, 2), (1, 1), (2, 0)),
    ((2, 2, 4, 5, 21), (2, 3, 5), (1, 1, 1), (1, 2, 4)),
    ((2, 1, 33), (4,), (1,), (3,)),
    ((2, 2, 5, 6, 19), (2, 3, 2), (2, 1, 2), (1, 0, 0)),
    ((1, 2, 4, 4, 8), (2, 2, 2), (2, 2, 2), (0, 0, 0)),
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0)),
    ((1, 1, 2, 1500), (2, 1100), (1, 300), (1, 100)),
    ((1, 1, 3, 700), (2, 3), (1, 2), (0, 1)),
    ((0, 3, 4, 4), (2, 2), (2, 2), (0, 0)),
    ((2, 0, 4, 4), (2, 2), (2, 2), (0, 0)),
]
KINDS = [
    ("max", None, "valid"),
    ("max", None, "full"),
    ("avg", None, "valid"),
    ("avg", False, "full"),
    ("avg", True, "full"),
    ("sum", None, "same"),
    ("lp", None, "valid"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("pool_type, count_include_pad, convention", KINDS)
@pytest.mark.parametrize("shape, kernel, stride, pad", CASES)
def test_pooling(shape, kernel, stride, pad, pool_type, count_include_pad, convention, dtype):
    x = numpy.random.default_rng(0).normal(size=shape).astype(dtype)
    attributes = {
        "pool_type": pool_type,
        "pooling_convention": convention,
        "stride": stride,
        "pad": pad,
        "p_value": 2,
    }
    got = npx.pooling(np.array(x), kernel, count_include_pad=count_include_pad, **attributes)
    want = expected(x, kernel, count_include_pad=count_include_pad is not False, **attributes)
    if pool_type == "max":
        want = numpy.maximum(want, numpy.finfo(dtype).min)
    assert got.dtype == dtype
    numpy.testing.assert_allclose(got, want, rtol=RTOL[dtype], atol=8 * RTOL[dtype])
    letters = {1: "NWC", 2: "NHWC", 3: "NDHWC"}[len(kernel)]
    last = npx.pooling(
        np.moveaxis(np.array(x), 1, -1),
        kernel,
        count_include_pad=count_include_pad,
        layout=letters,
        **attributes,
    )
    numpy.testing.assert_allclose(np.moveaxis(last, -1, 1), want, rtol=RTOL[dtype], atol=8 * RTOL[dtype])


@pytest.mark.parametrize("dtype, rtol", [("float16", 2e-3), (ml_dtypes.bfloat16, 2e-2)])
@pytest.mark.parametrize("pool_type", ["max", "avg", "lp"])
def test_half(pool_type, dtype, rtol):
    x = np.array(numpy.random.default_rng(0).normal(size=(2, 3, 7, 9))).astype(dtype)
    got = npx.pooling(x, (3, 3), pool_type, stride=(2, 2), p_value=2)
    want = expected(numpy.asarray(x).astype("float64"), (3, 3), pool_type, "valid", (2, 2), (0, 0))
    assert got.dtype == x.dtype
    numpy.testing.assert_allclose(numpy.asarray(got).astype("float64"), want, rtol=rtol, atol=rtol)


def max_gradient(x, head, kernel, stride, pad, convention):
    """The head's elements at the first maximum of their windows."""
    found = numpy.zeros(x.shape)
    for place in numpy.ndindex(head.shape):
        starts = [o * s - p for o, s, p in zip(place[2:], stride, pad)]
        box = [range(max(a, 0), min(a + k, n)) for a, k, n in zip(starts, kernel, x.shape[2:])]
        points = list(itertools.product(*box))
        if points:
            first = max(points, key=lambda point: x[(*place[:2], *point)])
            found[(*place[:2], *first)] += head[place]
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize("shape, kernel, stride, pad", CASES)
def test_gradient_of_maxima_with_ties(shape, kernel, stride, pad, convention, dtype):
    random = numpy.random.default_rng(0)
    values = random.integers(0, 3, shape)
    want = None
    for letters in (None, {1: "NWC", 2: "NHWC", 3: "NDHWC"}[len(kernel)]):
        move = (lambda a: a) if letters is None else lambda a: numpy.moveaxis(a, 1, -1)
        back = (lambda a: a) if letters is None else lambda a: numpy.moveaxis(a, -1, 1)
        x = np.array(move(values).astype(dtype))
        x.attach_grad()
        with autograd.record():
            y = npx.pooling(x, kernel, stride=stride, pad=pad, pooling_convention=convention, layout=letters)
        if want is None:
            head = random.integers(-4, 5, y.shape)
            want = max_gradient(values, head, kernel, stride, pad, convention)
        y.backward(np.array(move(head).astype(dtype)))
        numpy.testing.assert_array_equal(back(numpy.asarray(x.grad)), want)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convention", ["valid", "full"])
@pytest.mark.parametrize("shape, kernel, stride, pad", CASES)
def test_gradient_of_sums_is_their_adjoint(shape, kernel, stride, pad, convention, dtype):
    random = numpy.random.default_rng(0)
    x = np.array(random.integers(-8, 9, shape).astype(dtype))
    for letters in (None, {1: "NWC", 2: "NHWC", 3: "NDHWC"}[len(kernel)]):
        a = x if letters is None else np.array(np.moveaxis(x, 1, -1))
        a.attach_grad()
        with autograd.record():
            y = npx.pooling(a, kernel, "sum", False, False, convention, stride, pad, layout=letters)
        head = np.array(random.integers(-8, 9, y.shape).astype(dtype))
        y.backward(head)
        assert float(np.sum(a * a.grad)) == float(np.sum(y * head))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("pool_type", ["max", "avg", "sum", "lp"])
@pytest.mark.parametrize("kernel, stride, pad", [((2, 2), (2, 2), (0, 0)), ((3, 2), (2, 1), (1, 1))])
def test_gradients(kernel, stride, pad, pool_type, layout):
    x = numpy.random.default_rng(1).normal(size=(2, 5, 6, 2) if layout == "NHWC" else (1, 2, 5, 6))

    def f(x):
        y = npx.pooling(x, kernel, pool_type, stride=stride, pad=pad, p_value=2, layout=layout)
        return y * y

    check_gradients(f, x, rtol=1e-4, atol=1e-6)


def test_second_derivative_of_a_maximum():
    x = np.array([[[1.0, 3.0, 2.0, 5.0]]])
    x.attach_grad()
    with autograd.record():
        y = npx.pooling(x, (2,), stride=(2,)) ** 3
        (first,) = autograd.grad(y, [x], create_graph=True, retain_graph=True)
        (second,) = autograd.grad(first, [x], create_graph=True, retain_graph=True)
        (third,) = autograd.grad(second, [x])
    numpy.testing.assert_array_equal(second, [[[0, 18, 0, 30]]])
    numpy.testing.assert_array_equal(third, [[[0, 6, 0, 6]]])


def test_no_window_has_a_gradient_of_zero():
    x = np.zeros((1, 1, 4))
    x.attach_grad()
    with autograd.record():
        y = npx.pooling(x, (2,), "lp", stride=(2,), p_value=2)
    y.backward()
    numpy.testing.assert_array_equal(x.grad, np.zeros((1, 1, 4)))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("pool_type", ["max", "avg", "sum", "lp"])
def test_global(pool_type, layout):
    x = numpy.random.default_rng(0).normal(size=(2, 5, 6, 4))
    spatial = (2, 3) if layout == "NCHW" else (1, 2)
    got = npx.pooling(np.array(x), pool_type=pool_type, global_pool=True, p_value=3, layout=layout)
    want = {
        "max": x.max(spatial, keepdims=True),
        "avg": x.mean(spatial, keepdims=True),
        "sum": x.sum(spatial, keepdims=True),
        "lp": (abs(x) ** 3).sum(spatial, keepdims=True) ** (1 / 3),
    }[pool_type]
    numpy.testing.assert_allclose(got, want, rtol=1e-12)
    check_gradients(
        lambda x: npx.pooling(x, pool_type=pool_type, global_pool=True, p_value=3, layout=layout) ** 2,
        x[:1, :3, :3, :2],
        rtol=1e-4,
        atol=1e-6,
    )


def test_special_values():
    inf, nan = numpy.inf, numpy.nan
    x = np.array([[[1, nan, 3, -inf, -inf, 2, inf, 0.0]]] * 3)
    x.attach_grad()
    with autograd.record():
        y = npx.pooling(x, (2,))
    numpy.testing.assert_array_equal(y[0, 0], [nan, nan, 3, -inf, 2, inf, inf])
    y.backward()
    numpy.testing.assert_array_equal(x.grad[0, 0], [0, 2, 1, 1, 0, 1, 2, 0])


def test_every_second_element_and_reversed():
    x = numpy.random.default_rng(0).normal(size=(4, 3, 12, 20))
    view = np.array(x)[::2, :, ::-1, 1::2]
    got = npx.pooling(view, (2, 2), stride=(2, 2))
    numpy.testing.assert_array_equal(got, npx.pooling(np.array(numpy.asarray(view)), (2, 2), stride=(2, 2)))


@pytest.mark.parametrize("pool_type", ["avg", "max"])
@pytest.mark.parametrize(
    "size, out", [((5, 6), (3, 4)), ((7, 7), (1, 1)), ((6, 8), (3, 4)), ((3, 2), (5, 7)), ((9, 40), (4, 30))]
)
def test_adaptive(size, out, pool_type):
    x = numpy.random.default_rng(0).normal(size=(2, 3, *size))
    windows = [
        [(o * n // m, -(-(o + 1) * n // m), -(-(o + 1) * n // m)) for o in range(m)]
        for n, m in zip(size, out)
    ]
    want = reduce_windows(x, windows, lambda box, _: box.mean(-1) if pool_type == "avg" else box.max(-1))
    numpy.testing.assert_allclose(adaptive_pooling(np.array(x), out, pool_type), want, rtol=1e-12)
    if pool_type == "avg":
        numpy.testing.assert_allclose(npx.adaptive_avg_pooling2d(np.array(x), out), want, rtol=1e-12)
    small = x[:1, :1]
    if small.size < 60:
        check_gradients(lambda x: adaptive_pooling(x, out, pool_type) ** 2, small, rtol=1e-4, atol=1e-6)


def test_adaptive_of_several_axes():
    x = numpy.random.default_rng(0).normal(size=(2, 3, 5, 4, 6))
    got = adaptive_pooling(np.array(x), (2, 4, 3), "avg")
    assert got.shape == (2, 3, 2, 4, 3)
    numpy.testing.assert_allclose(got[:, :, 0, 0, 0], x[:, :, :3, 0, :2].mean((2, 3)))
    numpy.testing.assert_allclose(
        adaptive_pooling(np.array(x[:, :, :, 0, 0]), 2, "max")[..., 1], x[:, :, 2:, 0, 0].max(-1)
    )
    assert npx.adaptive_avg_pooling2d(np.ones((1, 2, 4, 4))).shape == (1, 2, 1, 1)


def test_threads_do_not_matter():
    x = numpy.random.default_rng(0).normal(size=(8, 16, 57, 61)).astype("float32")

    def run():
        results = []
        for pool_type, stride in (("max", (2, 2)), ("max", (1, 1)), ("avg", (2, 2))):
            a = np.array(x)
            a.attach_grad()
            with autograd.record():
                y = npx.pooling(a, (3, 3), pool_type, stride=stride, pad=(1, 1))
            y.backward()
            results += [y, a.grad]
        return results

    assert_same_bits(run)


@pytest.mark.parametrize(
    "error, text, attributes",
    [
        (ValueError, "kernel is required", {}),
        (ValueError, "kernel size 9 exceeds axis 2 of size 4", {"kernel": (9, 2)}),
        (ValueError, "pool_type must be one of", {"kernel": (2, 2), "pool_type": "median"}),
        (ValueError, "pooling_convention must be one of", {"kernel": (2, 2), "pooling_convention": "half"}),
        (ValueError, "layout must be one of", {"kernel": (2, 2), "layout": "HWCN"}),
        (ValueError, "needs 5 axes", {"kernel": (2, 2), "layout": "NCDHW"}),
        (ValueError, "kernel must be 2 integers of at least 1", {"kernel": (2, 0)}),
        (ValueError, "stride must be 2 integers", {"kernel": (2, 2), "stride": (1, 1, 1)}),
        (TypeError, "kernel must be 2 integers", {"kernel": (2, 1.5)}),
        (ValueError, "p_value is required", {"kernel": (2, 2), "pool_type": "lp"}),
    ],
)
def test_errors(error, text, attributes):
    with pytest.raises(error, match=text):
        npx.pooling(np.ones((1, 1, 4, 4)), **attributes)


def test_errors_of_the_data():
    with pytest.raises(ValueError, match="3, 4 or 5 axes"):
        npx.pooling(np.ones((4, 4)), (2, 2))
    with pytest.raises(TypeError, match="real numbers"):
        npx.pooling(np.ones((1, 1, 4), dtype=complex), (2,))
