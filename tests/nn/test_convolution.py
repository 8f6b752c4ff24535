"""Convolutions against direct sums in double precision, each algorithm for itself."""

import itertools

import ml_dtypes
import numpy
import pytest
from finite_differences import check_gradients

import minpy.numpy as np
from minpy import _core, autograd, config, npx

kernels = _core.kernels
ALGORITHMS = ["depthwise", "winograd", "scatter", "direct", "implicit_gemm", "reference"]


def taps(kernel, stride, dilate, pad, data, out):
    """For each tap: its index, and the slices of results and of data that it joins, axis by axis."""
    for tap in numpy.ndindex(*kernel):
        results, elements = [], []
        for t, s, d, p, n, m in zip(tap, stride, dilate, pad, data, out):
            inside = [q for q in range(m) if 0 <= q * s + t * d - p < n]
            results.append(inside)
            elements.append([q * s + t * d - p for q in inside])
        yield tap, numpy.ix_(*results), numpy.ix_(*elements)


def extents(data, kernel, stride, dilate, pad):
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, d, p in zip(data, kernel, stride, dilate, pad)
    )


class Direct:
    """One convolution in float64, channels first: the sums as they are written in the textbook."""

    def __init__(self, data, kernel, stride, dilate, pad, groups, out=None):
        self.data, self.kernel, self.groups = data, kernel, groups
        self.out = extents(data, kernel, stride, dilate, pad) if out is None else out
        self.taps = list(taps(kernel, stride, dilate, pad, data, self.out))

    def split(self, x, axis):
        return numpy.split(x.astype(numpy.float64), self.groups, axis)

    def forward(self, x, w):
        parts = []
        for x, w in zip(self.split(x, 1), self.split(w, 0)):
            y = numpy.zeros((len(x), len(w), *self.out))
            for tap, results, elements in self.taps:
                y[(..., *results)] += numpy.einsum("nc...,mc->nm...", x[(..., *elements)], w[(..., *tap)])
            parts.append(y)
        return numpy.concatenate(parts, 1)

    def data_gradient(self, g, w):
        parts = []
        for g, w in zip(self.split(g, 1), self.split(w, 0)):
            x = numpy.zeros((len(g), w.shape[1], *self.data))
            for tap, results, elements in self.taps:
                x[(..., *elements)] += numpy.einsum("nm...,mc->nc...", g[(..., *results)], w[(..., *tap)])
            parts.append(x)
        return numpy.concatenate(parts, 1)

    def weight_gradient(self, x, g):
        parts = []
        for x, g in zip(self.split(x, 1), self.split(g, 1)):
            w = numpy.zeros((g.shape[1], x.shape[1], *self.kernel))
            for tap, results, elements in self.taps:
                a, b = x[(..., *elements)], g[(..., *results)]
                w[(..., *tap)] = numpy.tensordot(b, a, [[0, *range(2, b.ndim)], [0, *range(2, a.ndim)]])
            parts.append(w)
        return numpy.concatenate(parts, 0)


# batch, channels and filters of a group, groups, data, kernel, stride, dilate, pad
SHAPES = {
    "1d": (2, 3, 4, 1, (11,), (3,), (1,), (1,), (1,)),
    "1d strided": (1, 1, 1, 1, (23,), (4,), (3,), (2,), (2,)),
    "long rows": (1, 2, 5, 1, (1602,), (3,), (1,), (1,), (0,)),
    "few channels": (3, 1, 20, 1, (28, 28), (5, 5), (1, 1), (1, 1), (0, 0)),
    "rows of 8": (2, 5, 50, 1, (12, 12), (5, 5), (1, 1), (1, 1), (0, 0)),
    "scatter": (9, 9, 13, 1, (12, 13), (5, 6), (1, 1), (1, 1), (0, 0)),
    "scatter, padded": (4, 200, 11, 2, (6, 13), (5, 5), (1, 1), (1, 2), (0, 1)),
    "rows of 14": (2, 17, 33, 1, (14, 14), (3, 3), (1, 1), (1, 1), (1, 1)),
    "odd": (2, 7, 13, 1, (9, 19), (3, 2), (1, 1), (1, 1), (1, 0)),
    "large": (1, 40, 37, 1, (31, 24), (3, 3), (1, 1), (1, 1), (1, 1)),
    "winograd in groups": (2, 48, 64, 2, (15, 17), (3, 3), (1, 1), (1, 1), (1, 0)),
    "7x7 stride 2": (1, 3, 9, 1, (32, 33), (7, 7), (2, 2), (1, 1), (3, 3)),
    "stride over kernel": (2, 3, 2, 1, (17, 10), (2, 1), (3, 4), (1, 1), (1, 0)),
    "dilated": (2, 4, 5, 1, (16, 15), (3, 3), (1, 2), (2, 3), (2, 1)),
    "dilation and stride share a factor": (1, 2, 3, 1, (19, 18), (3, 4), (4, 2), (2, 4), (3, 5)),
    "groups": (2, 3, 4, 3, (10, 8), (3, 3), (1, 1), (1, 1), (1, 1)),
    "depthwise": (2, 1, 1, 19, (24, 24), (3, 3), (1, 1), (1, 1), (1, 1)),
    "depthwise, strided": (2, 1, 1, 37, (13, 11), (3, 4), (2, 1), (1, 2), (1, 2)),
    "depthwise, many channels": (2, 1, 1, 300, (6, 7), (2, 3), (1, 3), (1, 1), (1, 1)),
    "depthwise, 1d": (3, 1, 1, 16, (70,), (5,), (1,), (1,), (2,)),
    "depthwise, 3d": (2, 1, 1, 9, (5, 6, 7), (3, 2, 3), (2, 1, 1), (1, 1, 2), (1, 0, 1)),
    "depthwise, two filters": (1, 1, 2, 5, (9, 9), (3, 3), (2, 2), (1, 1), (1, 1)),
    "pointwise": (2, 16, 24, 1, (7, 5), (1, 1), (1, 1), (1, 1), (0, 0)),
    "1x1 images": (5, 8, 6, 1, (1, 1), (1, 1), (1, 1), (1, 1), (0, 0)),
    "1x1 images, padded": (3, 4, 7, 1, (1, 1), (3, 3), (1, 1), (1, 1), (1, 1)),
    "kernel of the image's size": (9, 4, 10, 1, (4, 5), (4, 5), (1, 1), (1, 1), (0, 0)),
    "empty batch": (0, 3, 4, 1, (8, 8), (3, 3), (1, 1), (1, 1), (1, 1)),
    "pad over kernel": (1, 2, 2, 1, (3, 4), (2, 2), (1, 1), (1, 1), (3, 2)),
    "3d": (2, 3, 5, 1, (5, 6, 7), (3, 2, 3), (1, 1, 1), (1, 1, 1), (1, 0, 1)),
    "3d strided": (1, 2, 3, 2, (7, 6, 9), (2, 3, 3), (2, 1, 2), (1, 2, 1), (0, 1, 1)),
}


def make(name, seed=0):
    batch, c, m, groups, data, kernel, stride, dilate, pad = SHAPES[name]
    direct = Direct(data, kernel, stride, dilate, pad, groups)
    random = numpy.random.default_rng(seed)
    x = random.normal(size=(batch, groups * c, *data))
    w = random.normal(size=(groups * m, c, *kernel))
    g = random.normal(size=(batch, groups * m, *direct.out))
    return direct, x, w, g, {"stride": stride, "dilate": dilate, "pad": pad, "groups": groups}


def last(a):
    return numpy.ascontiguousarray(numpy.moveaxis(a, 1, -1))


def check(got, want, dtype, depth):
    assert got.dtype == dtype and got.shape == want.shape
    if want.size == 0:
        return
    got = numpy.asarray(got).astype(numpy.float64)
    single = numpy.dtype(dtype).itemsize < 8
    # Partial sums of `depth` products are as large as sqrt(depth) and as many: their roundings add up to an
    # error of 0.2 * depth * eps, of which 4.5 times occur somewhere, on both sides.
    bound = 2 * (depth + 8) * numpy.finfo("float32" if single else "float64").eps
    numpy.testing.assert_allclose(got, want, rtol=2 * float(ml_dtypes.finfo(dtype).eps), atol=bound)


def run_all(x, w, g, attributes, direct, algorithm):
    """The three operators' results by an algorithm; None where it does not take the shape."""
    calls = (
        lambda **k: kernels.convolution(x, w, None, **attributes, **k),
        lambda **k: kernels.deconvolution(g, w, None, size=direct.data, **attributes, **k),
        lambda **k: kernels.conv_weight_gradient(x, g, kernel=direct.kernel, **attributes, **k),
    )
    for call in calls:
        try:
            yield call(algorithm=algorithm)
        except ValueError as error:
            assert "no algorithm" in str(error)
            assert algorithm not in ("reference", "implicit_gemm", "")
            yield None


@pytest.mark.parametrize("algorithm", ["", *ALGORITHMS])
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values(name, algorithm, dtype, channels_last):
    direct, x, w, g, attributes = make(name)
    x, w, g = (a.astype(dtype) for a in (x, w, g))
    want = direct.forward(x, w), direct.data_gradient(g, w), direct.weight_gradient(x, g)
    order = last if channels_last else (lambda a: a)
    got = run_all(
        *(np.array(order(a)) for a in (x, w, g)),
        attributes | {"channels_last": channels_last},
        direct,
        algorithm,
    )
    for result, value, depth in zip(got, want, (w[0].size, w[:, 0].size, g[:, 0].size)):
        if result is not None:
            check(result, order(value), dtype, depth)


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:])
def test_errors_of_deep_sums(algorithm):
    """Within twice PyTorch's 4.4e-7 (of the largest result) for this data gradient, the smallest of the three."""
    random = numpy.random.default_rng(5)
    x, w, g = (
        random.standard_normal(s, "float32") for s in ((2, 256, 14, 14), (256, 256, 3, 3), (2, 256, 14, 14))
    )
    attributes = {"stride": (1, 1), "dilate": (1, 1), "pad": (1, 1), "groups": 1}
    direct = Direct((14, 14), (3, 3), *(attributes[k] for k in ("stride", "dilate", "pad", "groups")))
    want = direct.forward(x, w), direct.data_gradient(g, w), direct.weight_gradient(x, g)
    for result, value in zip(run_all(*map(np.array, (x, w, g)), attributes, direct, algorithm), want):
        if result is not None:
            assert numpy.abs(numpy.asarray(result) - value).max() < 8.8e-7 * numpy.abs(value).max()


def test_every_algorithm_is_used():
    taken = dict.fromkeys(ALGORITHMS, 0)
    for name, algorithm, order in itertools.product(SHAPES, ALGORITHMS, (None, last)):
        direct, x, w, g, attributes = make(name)
        attributes["channels_last"] = order is not None
        arrays = (np.array((order(a) if order else a).astype("float32")) for a in (x, w, g))
        taken[algorithm] += sum(r is not None for r in run_all(*arrays, attributes, direct, algorithm))
    assert all(taken.values()), taken


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["rows of 8", "large", "dilated", "depthwise", "1x1 images", "3d"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_half(name, dtype, channels_last):
    dtype = numpy.dtype(getattr(ml_dtypes, dtype) if dtype == "bfloat16" else dtype)
    direct, x, w, g, attributes = make(name)
    x, w, g = (a.astype(dtype) for a in (x, w, g))
    want = direct.forward(x, w), direct.data_gradient(g, w), direct.weight_gradient(x, g)
    attributes["channels_last"] = channels_last
    order = last if channels_last else (lambda a: a)
    got = run_all(*(np.array(order(a)) for a in (x, w, g)), attributes, direct, "")
    for result, value, depth in zip(got, want, (w[0].size, w[:, 0].size, g[:, 0].size)):
        check(result, order(value), dtype, depth)


@pytest.mark.parametrize(
    "name", ["few channels", "large", "rows of 8", "rows of 14", "depthwise", "7x7 stride 2", "1x1 images"]
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_threads_do_not_change_bits(name, algorithm):
    direct, x, w, g, attributes = make(name)
    attributes["channels_last"] = algorithm == "depthwise"
    order = last if attributes["channels_last"] else (lambda a: a)
    arrays = [np.array(order(numpy.concatenate([a] * 8)).astype("float32")) for a in (x, g)]
    weight = np.array(order(w).astype("float32"))
    results = []
    try:
        for threads in (1, 2, 3):
            config.num_threads = threads
            results.append(list(run_all(arrays[0], weight, arrays[1], attributes, direct, algorithm)))
    finally:
        config.num_threads = None
    for one, *others in zip(*results):
        for other in others:
            assert (one is None and other is None) or numpy.array_equal(one, other)


def test_padding_is_not_multiplied_with_other_data():
    """Infinities meet only the results and weights that they belong to."""
    for shape, kernel in itertools.product([(1, 3, 9, 13), (2, 33, 14, 14), (1, 40, 1, 8)], [(1, 3), (1, 1)]):
        x = numpy.ones(shape)
        x[..., -1] = numpy.inf
        w = numpy.ones((32, shape[1], *kernel))
        direct = Direct(shape[2:], kernel, (1, 1), (1, 1), (0, 0), 1)
        g = numpy.ones((shape[0], 32, *direct.out))
        attributes = {"stride": (1, 1), "dilate": (1, 1), "pad": (0, 0), "groups": 1}
        want = direct.forward(x, w), direct.data_gradient(g, w), direct.weight_gradient(x, g)
        for algorithm in ["", "direct", "implicit_gemm", "reference"]:
            arrays = (np.array(a.astype("float32")) for a in (x, w, g))
            for result, value in zip(run_all(*arrays, attributes, direct, algorithm), want):
                if result is not None:
                    numpy.testing.assert_array_equal(result, value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["large", "rows of 8", "rows of 14", "1x1 images"])
def test_relu(name, algorithm):
    direct, x, w, _, attributes = make(name)
    bias = numpy.random.default_rng(1).normal(size=len(w))
    want = numpy.maximum(direct.forward(x, w) + bias.reshape(-1, 1, 1), 0)
    try:
        got = kernels.convolution_relu(
            np.array(x), np.array(w), np.array(bias), algorithm=algorithm, **attributes
        )
    except ValueError as error:
        assert "no algorithm" in str(error) and algorithm in ("depthwise", "winograd", "scatter", "direct")
    else:
        check(got, want, "float64", w[0].size)


def test_depthwise_relu():
    direct, x, w, _, attributes = make("depthwise, many channels")
    bias = numpy.random.default_rng(1).normal(size=len(w))
    want = numpy.maximum(direct.forward(x, w) + bias.reshape(-1, 1, 1), 0)
    arrays = np.array(last(x)), np.array(last(w)), np.array(bias)
    got = kernels.convolution_relu(*arrays, algorithm="depthwise", channels_last=True, **attributes)
    check(got, last(want), "float64", w[0].size)


def test_relu_gradients():
    random = numpy.random.default_rng(3)
    x, w, b = random.normal(size=(2, 2, 5, 4)), random.normal(size=(3, 2, 3, 2)), random.normal(size=3)
    check_gradients(lambda x, w, b: kernels.convolution_relu(x, w, b, stride=(2, 1), pad=(1, 1)), x, w, b)


@pytest.mark.parametrize("name", ["1d", "1d strided", "dilated", "groups", "3d strided"])
def test_public_functions(name):
    direct, x, w, g, attributes = make(name)
    attributes["num_group"] = attributes.pop("groups")
    bias = numpy.random.default_rng(1).normal(size=len(w))
    got = npx.convolution(
        np.array(x), np.array(w), np.array(bias), kernel=direct.kernel, num_filter=len(w), **attributes
    )
    shift = bias.reshape(-1, *[1] * len(direct.data))
    numpy.testing.assert_allclose(got, direct.forward(x, w) + shift, rtol=1e-10, atol=1e-10)
    axes = len(direct.data)
    stride, dilate, pad = (attributes[k] for k in ("stride", "dilate", "pad"))
    small = [
        s * (o - 1) + d * (k - 1) + 1 - 2 * p
        for s, o, d, k, p in zip(stride, direct.out, dilate, direct.kernel, pad)
    ]
    adj = [n - m for n, m in zip(direct.data, small)]
    got = npx.deconvolution(np.array(g), np.array(w), adj=adj, **attributes)
    numpy.testing.assert_allclose(got, direct.data_gradient(g, w), rtol=1e-10, atol=1e-10)
    bias = numpy.arange(x.shape[1])
    shifted = npx.deconvolution(
        np.array(g), np.array(w), np.array(bias), adj=adj, no_bias=False, **attributes
    )
    numpy.testing.assert_allclose(
        shifted, numpy.asarray(got) + bias.reshape(-1, *[1] * axes), rtol=1e-10, atol=1e-10
    )


def test_target_shape():
    x, w = np.ones((1, 2, 4, 5)), np.ones((2, 3, 3, 3))
    got = npx.deconvolution(x, w, stride=(2, 2), target_shape=(8, 9))
    assert got.shape == (1, 3, 8, 9)
    numpy.testing.assert_array_equal(got, npx.deconvolution(x, w, stride=(2, 2), pad=(1, 1), adj=(1, 0)))
    # One more than fits is cut at the front alone, whatever the stride.
    got = npx.deconvolution(x, w, target_shape=(5, 7))
    numpy.testing.assert_array_equal(got, npx.deconvolution(x, w)[..., 1:, :])


def test_layouts_and_scalars():
    direct, x, w, _, _ = make("odd")
    want = npx.convolution(np.array(x), np.array(w), stride=2, pad=1)
    got = npx.convolution(np.array(last(x)), np.array(last(w)), stride=(2, 2), pad=(1, 1), layout="NHWC")
    numpy.testing.assert_allclose(np.moveaxis(got, -1, 1), want, rtol=1e-12, atol=1e-12)
    views = npx.convolution(np.array(x.T.copy()).T, np.array(last(w)).transpose(0, 3, 1, 2), stride=2, pad=1)
    numpy.testing.assert_array_equal(views, want)


@pytest.mark.parametrize("channels_last", [False, True])
def test_gradients(channels_last):
    random = numpy.random.default_rng(2)
    order = last if channels_last else (lambda a: a)
    x, w, b = random.normal(size=(2, 4, 5, 4)), random.normal(size=(4, 2, 3, 2)), random.normal(size=4)
    layout = "NHWC" if channels_last else None

    def convolution(x, w, b):
        return npx.convolution(x, w, b, stride=(2, 1), dilate=(1, 2), pad=(1, 1), num_group=2, layout=layout)

    def deconvolution(x, w, b):
        return npx.deconvolution(
            x, w, b, stride=(2, 1), pad=(1, 0), adj=(1, 0), num_group=2, no_bias=False, layout=layout
        )

    check_gradients(convolution, order(x), order(w), b)
    check_gradients(deconvolution, order(x), order(w), b)

    def weight_gradient(x, g):
        y = kernels.conv_weight_gradient(
            x, g, kernel=(3, 2), stride=(2, 1), pad=(1, 1), groups=2, channels_last=channels_last
        )
        return y * y

    check_gradients(
        weight_gradient, order(random.normal(size=(2, 2, 5, 4))), order(random.normal(size=(2, 4, 3, 5)))
    )


def test_gradients_keep_the_dtype():
    x, w = np.ones((2, 3, 6, 6), dtype="float16"), np.ones((4, 3, 3, 3), dtype="float16")
    for a in (x, w):
        a.attach_grad()
    with autograd.record():
        y = npx.convolution(x, w)
    y.backward()
    assert y.dtype == x.grad.dtype == w.grad.dtype == np.float16
    assert float(w.grad[0, 0, 0, 0]) == 32 and float(x.grad[0, 0, 2, 2]) == 36


def message(call, *args, **kwargs):
    with pytest.raises(ValueError) as error:
        call(*args, **kwargs)
    return str(error.value)


def test_errors():
    x, w = np.ones((2, 4, 8, 8)), np.ones((6, 4, 3, 3))
    convolution, deconvolution = npx.convolution, npx.deconvolution
    assert "data has 3 channels" in message(convolution, np.ones((2, 3, 8, 8)), w)
    assert "weight of shape (6, 4, 3, 3)" in message(convolution, x, w, num_group=2)
    assert "3 groups" in message(convolution, x, w, num_group=3)
    assert "must be positive" in message(convolution, x, w, num_group=0)
    assert "takes 9 of 8 elements" in message(convolution, x, np.ones((6, 4, 3, 9)))
    assert "takes 9 of 8 elements" in message(convolution, x, w, dilate=(4, 4))
    assert "3, 4 or 5 axes" in message(convolution, np.ones((2, 4)), np.ones((6, 4)))
    assert "4 axes like the data" in message(convolution, x, np.ones((6, 4, 3)))
    assert "bias must have shape (6,)" in message(convolution, x, w, np.ones(4))
    assert "stride must be at least 1" in message(convolution, x, w, stride=0)
    assert "one value for each of 2" in message(convolution, x, w, pad=(1, 1, 1))
    assert "kernel=(5, 5)" in message(convolution, x, w, kernel=(5, 5))
    assert "num_filter=7" in message(convolution, x, w, num_filter=7)
    assert "layout must be 'NCHW' or 'NHWC'" in message(convolution, x, w, layout="NCDHW")
    assert "not be empty" in message(convolution, x, np.ones((6, 4, 0, 3)))
    assert "no algorithm fft" in message(kernels.convolution, x, w, algorithm="fft")
    assert "data has 4 channels" in message(deconvolution, x, w)
    back = np.ones((4, 6, 3, 3))
    assert "adj must be less than stride" in message(deconvolution, x, back, adj=1)
    assert "larger than the result" in message(deconvolution, x, back, target_shape=(11, 10))
    assert "leaves nothing" in message(deconvolution, x, back, pad=5)
    assert "a batch of 2, grad of 3" in message(
        kernels.conv_weight_gradient, x, np.ones((3, 6, 6, 6)), kernel=(3, 3)
    )
