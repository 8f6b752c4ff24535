"""mx.np and mx.npx as programs for MXNet use them; the numbers are MXNet 1.9.1's."""

import threading

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd, npx
from minpy.gluon import loss as gloss
from minpy.gluon import nn
from minpy.mxnet import numpy as np


@pytest.fixture(autouse=True)
def _numpy_semantics():
    npx.set_np()
    yield
    npx.reset_np()


def test_the_module_is_mxnets_np():
    mx.mxnet.install()
    try:
        from mxnet import np as front
        from mxnet.numpy import random

        assert front is np and random is np.random and mx.mxnet.np is np
        from mxnet import npx as extension

        assert extension is npx
    finally:
        mx.mxnet.uninstall()
    assert mx.np is not np and mx.np.zeros(1).dtype == numpy.float64
    assert np.ndarray is mx.np.ndarray and np.sin is mx.np.sin


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.array([1, 2]),
        lambda: np.array(3),
        lambda: np.array([True, False]),
        lambda: np.array([numpy.ones(2), numpy.ones(2)]),
        lambda: np.array([np.arange(2, dtype="int32")]),
        lambda: np.array(range(3)),
        lambda: np.asarray([1.5]),
        lambda: np.array([1], ctx=npx.cpu(1)),
        lambda: np.arange(3),
        lambda: np.arange(1, 10, 2),
        lambda: np.arange(0, 5, 1, None),
        lambda: np.zeros(3),
        lambda: np.ones((2, 2), ctx=npx.cpu()),
        lambda: np.empty((1,)),
        lambda: np.full(3, 2),
        lambda: np.eye(2),
        lambda: np.identity(2),
        lambda: np.linspace(0, 1, 3),
        lambda: np.logspace(0, 1, 3),
        lambda: np.hanning(3),
        lambda: np.blackman(M=3),
        lambda: np.random.normal(0, 1, (2, 2)),
        lambda: np.random.uniform(size=2),
        lambda: np.random.rand(2),
        lambda: np.random.randn(),
        lambda: np.random.gamma(2.0, 3.0, 3),
        lambda: np.arange(4).mean(),
    ],
)
def test_float32_by_default(make):
    made = make()
    assert type(made) is np.ndarray and made.dtype == numpy.float32


def test_dtypes_that_stay():
    assert np.array(numpy.arange(3)).dtype == numpy.int64
    assert np.array(numpy.ones(3)).dtype == numpy.float64
    assert np.array(np.ones(3, dtype="float16")).dtype == numpy.float16
    assert np.ones(2, "int32").dtype == numpy.int32 and np.arange(3, dtype="int64").dtype == numpy.int64
    assert np.full(2, True).dtype == bool
    assert np.array(nd.array([1], dtype="int8")).dtype == numpy.int8
    assert np.hanning(3, dtype="float64").dtype == numpy.float64
    npx.set_np(dtype=True)
    assert np.zeros(2).dtype == np.array([1]).dtype == numpy.float64


def test_results_without_dimensions_are_arrays():
    x = np.arange(6).reshape(2, 3)
    for result in (x.sum(), x[0, 1], x[0][1], x.mean(), x.std(), x.argmax(), x.max(), np.linalg.norm(x), x.sum() == 15,
                   np.median(x), np.count_nonzero(x), x[0].dot(x[0]), x.sum() + 1, x.any()):  # fmt: skip
        assert type(result) is np.ndarray and result.shape == (), result
    assert x.sum().item() == 15 and float(x.sum()) == 15 and int(x.argmax()) == 5 and x.sum().asnumpy() == 15
    assert [10, 20, 30][x[0].argmax()] == 30 and f"{x.mean():.2f}" == "2.50"
    assert "%.1f" % x.sum() == "15.0"  # noqa: UP031
    assert x.sum() > 3 and not x.sum() < 3 and sum(x[0]) == 3
    assert float(x[:1, 1]) == 1.0
    with pytest.raises(TypeError):
        float(x)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(type(x.sum())))
    thread.start()
    thread.join()
    npx.reset_np()
    assert type(x.sum()) is numpy.float32 is seen[0] and type(x[0, 0]) is numpy.float32


def test_members_of_arrays():
    x = np.arange(3)
    host = x.asnumpy()
    assert type(host) is numpy.ndarray and host.tolist() == [0, 1, 2]
    host[0] = 7
    assert x.tolist() == [0, 1, 2]
    assert x.ctx == x.context == npx.cpu(0) and x.as_in_ctx(npx.cpu()) is x and x.stype == "default"
    twin = x.as_in_context(npx.cpu(1))
    assert twin is not x and twin.tolist() == [0, 1, 2]
    target = np.zeros(3)
    assert x.copyto(target) is target and target.tolist() == [0, 1, 2]
    assert x.as_np_ndarray() is x
    old = x.as_nd_ndarray()
    assert type(old) is nd.NDArray and type(old.as_np_ndarray()) is np.ndarray
    old[:] = 5
    assert x.tolist() == [5, 5, 5]
    x.wait_to_read()
    with pytest.raises(mx.MXNetError, match="GPU is not enabled"):
        x.as_in_ctx(npx.gpu())
    with pytest.raises(mx.MXNetError, match="GPU is not enabled"):
        np.zeros(3, ctx=npx.gpu())
    with pytest.raises(TypeError, match="copyto does not support"):
        x.copyto(3)


def test_gradients():
    x = np.arange(4)
    x.attach_grad()
    with autograd.record():
        y = 2 * np.dot(x, x)
    y.backward()
    assert y.item() == 28 and x.grad.tolist() == [0, 4, 8, 12] and type(x.grad) is np.ndarray


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda: np.random.uniform(0, 1, 3), [0.5488135, 0.5928446, 0.71518934]),
        (lambda: np.random.rand(3), [0.5488135, 0.5928446, 0.71518934]),
        (lambda: np.random.randn(3), [2.2122064, 1.1630787, 0.7740038]),
        (lambda: np.random.normal(0, 1, (2, 2)), [[2.2122064, 1.1630787], [0.7740038, 0.4838046]]),
        (lambda: np.random.randint(0, 10, 5), [1, 4, 3, 9, 9]),
        (lambda: np.random.exponential(2.0, 3), [1.1999931, 1.045646, 0.67041594]),
        (lambda: np.random.gumbel(1.0, 2.0, 3), [2.0216627, 2.2970247, 3.1860082]),
        (lambda: np.random.logistic(1.0, 2.0, 3), [1.3917559, 1.7514749, 2.8414454]),
        (lambda: np.random.rayleigh(2.0, 3), [2.1908839, 2.0451367, 1.6375786]),
        (lambda: np.random.weibull(a=2.0, size=3), [0.7745944, 0.72306496, 0.57897145]),
        (lambda: np.random.pareto(2.0, 3), [0.3498565, 0.29876196, 0.18246824]),
        (lambda: np.random.power(2.0, 3), [0.6717042, 0.6380873, 0.53367656]),
        (lambda: np.random.lognormal(0.0, 1.0, 3), [9.135851, 3.1997693, 2.1684308]),
        (
            lambda: np.random.multivariate_normal(np.zeros(2), np.eye(2), 2),
            [[2.2122064, 1.1630787], [0.7740038, 0.4838046]],
        ),
    ],
)
def test_random_streams(draw, expected):
    mx.random.seed(0)
    drawn = draw()
    assert type(drawn) is np.ndarray
    numpy.testing.assert_allclose(drawn, expected, rtol=1e-6)


def test_random_shuffle_and_the_rest():
    mx.random.seed(0)
    x = np.arange(5)
    assert np.random.shuffle(x) is None and x.tolist() == [0, 2, 3, 1, 4]
    for draw in (
        lambda: np.random.choice(5, 3),
        lambda: np.random.permutation(6),
        lambda: np.random.gamma(2.0, 3.0, 3),
        lambda: np.random.beta(2.0, 3.0, size=4),
        lambda: np.random.multinomial(10, [0.2, 0.3, 0.5]),
        lambda: np.random.choice(np.arange(5), 2, p=np.array([0, 0, 0.5, 0.5, 0])),
    ):
        np.random.seed(3)
        first = draw()
        second = draw()
        mx.random.seed(3)
        assert (draw() == first).all() and type(first) is np.ndarray and second.shape == first.shape
    out = np.zeros(3)
    assert np.random.uniform(5, 6, 3, out=out) is out and (out >= 5).all()
    with pytest.raises(TypeError, match="unexpected keyword argument 'rate'"):
        np.random.exponential(rate=2)
    means = [
        float(np.random.laplace(1.0, 2.0, 20000).mean()),
        float(np.random.laplace(1.0, 2.0, 20000).std()),
    ]
    numpy.testing.assert_allclose(means, [1, 8**0.5], atol=0.1)


def test_npx_files_and_shapes(tmp_path):
    name = str(tmp_path / "x")
    npx.save(name, [np.arange(4), np.zeros(2)])
    first, second = npx.load(name)
    assert type(first) is np.ndarray and first.tolist() == [0, 1, 2, 3] and second.tolist() == [0, 0]
    npx.save(name, {"x": np.array(2.5)})
    assert npx.load(name)["x"].shape == () and npx.load(name)["x"].item() == 2.5
    npx.save(name, np.arange(2))
    assert npx.load(name)[0].tolist() == [0, 1]
    with pytest.raises(TypeError, match="takes arrays"):
        npx.save(name, [3])
    x = np.arange(6).reshape(2, 3)
    assert npx.nonzero(x > 3).tolist() == [[1, 1], [1, 2]]
    assert npx.reshape_like(np.arange(6), x).shape == (2, 3)
    assert npx.arange_like(x).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert npx.arange_like(x, start=1, step=2, axis=1).tolist() == [1, 3, 5]


def test_linear_regression():
    mx.random.seed(0)
    w, b = np.array([2, -3.4]), 4.2
    x = np.random.normal(0, 1, (200, 2))
    y = (np.dot(x, w) + b + np.random.normal(0, 0.01, 200)).reshape(-1, 1)
    net = nn.Sequential()
    net.add(nn.Dense(1))
    net.initialize(mx.init.Normal(sigma=0.01))
    loss = gloss.L2Loss()
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03})
    losses = []
    for _ in range(3):
        for i in range(0, 200, 10):
            with autograd.record():
                value = loss(net(x[i : i + 10]), y[i : i + 10])
            value.backward()
            trainer.step(10)
        losses.append(loss(net(x), y).mean().item())
    numpy.testing.assert_allclose(losses, [4.650143, 1.175080, 0.306817], rtol=1e-5)
    weight = net[0].weight
    assert type(weight.data()) is np.ndarray is type(weight.grad()) and weight.grad().shape == (1, 2)


def test_convolutional_network():
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(6, kernel_size=5, padding=2, activation="sigmoid"),
        nn.AvgPool2D(pool_size=2, strides=2),
        nn.BatchNorm(),
        nn.MaxPool2D(2),
        nn.Dense(12, activation="relu"),
        nn.Dropout(0.5),
        nn.LayerNorm(),
        nn.Dense(3),
    )
    net.initialize(mx.init.Xavier(), ctx=npx.cpu())
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.1})
    x, label = np.random.uniform(size=(4, 1, 28, 28)), np.array([0, 1, 2, 1])
    before = None
    for _ in range(2):
        with autograd.record():
            out = net(x)
            value = gloss.SoftmaxCrossEntropyLoss()(out, label).mean()
        before = net[0].weight.data().copy() if before is None else before
        value.backward()
        trainer.step(4)
    assert type(out) is np.ndarray and type(value) is np.ndarray and out.shape == (4, 3) and value.shape == ()
    assert (net[0].weight.data() != before).any()


def test_blocks_of_ones_own(tmp_path):
    class Fixed(nn.HybridBlock):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.w = self.params.get_constant("w", np.ones((20, 20)))
            self.dense = nn.Dense(20, activation="relu")

        def hybrid_forward(self, F, x, w):
            return F.npx.relu(F.np.dot(self.dense(x), w) + 1).sum()

    class Dense(nn.Block):
        def __init__(self, units, in_units, **kwargs):
            super().__init__(**kwargs)
            self.weight = self.params.get("weight", shape=(in_units, units))

        def forward(self, x):
            return npx.relu(np.dot(x, self.weight.data(ctx=x.ctx)))

    fixed, dense = Fixed(), Dense(3, 5)
    fixed.initialize()
    dense.initialize()
    assert fixed(np.ones((2, 20))).shape == () and type(fixed(np.ones((2, 20)))) is np.ndarray
    out = dense(np.ones((2, 5)))
    assert type(out) is np.ndarray and out.shape == (2, 3)
    dense.save_parameters(str(tmp_path / "p"))
    twin = Dense(3, 5)
    twin.load_parameters(str(tmp_path / "p"))
    assert (twin(np.ones((2, 5))) == out).all() and type(twin.weight.data()) is np.ndarray


def test_without_the_switch_blocks_take_ndarrays():
    npx.reset_np()
    net = nn.Dense(2)
    net.initialize()
    assert type(net(nd.ones((1, 3)))) is nd.NDArray is type(net.weight.data())


@pytest.mark.parametrize("codes", [(-3, -1), (-2, -2, -2), (-6, 4, 2, -2), (-7, 1), (-6, 2)])
def test_npx_reshape_refuses(codes):
    with pytest.raises(ValueError, match="axis|axes|code"):
        npx.reshape(np.zeros((2, 3)), codes)


def test_small_functions_of_npx():
    x = np.arange(12).reshape(3, 2, 2)
    assert npx.batch_flatten(x).shape == (3, 4) and npx.cast(x, "int32").dtype == numpy.int32
    assert npx.slice(x, (1, None), (3, None), (1, -1)).tolist() == x[1:3, ::-1].tolist()
    assert np.round_(np.array([1.6])).tolist() == [2] and np.product(np.array([2, 3])).item() == 6


def test_arrays_of_floats_are_positions():
    x = np.arange(12).reshape(3, 4)
    assert x[np.array([0, 2])].tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert x[:, np.array([1, -1])].tolist() == [[1, 3], [5, 7], [9, 11]]
    assert x[[0, 1], np.array([1, 2])].tolist() == [1, 6]
    x[np.array([0])] = 5
    assert x[0].tolist() == [5, 5, 5, 5] and x[np.array(1)].tolist() == [4, 5, 6, 7]
    with pytest.raises(IndexError):
        x[np.array([3])]
    npx.reset_np()
    with pytest.raises(IndexError, match="must be of integer"):
        x[np.array([0])]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: np.array([1, 2]), "array([1., 2.])"),
        (lambda: np.ones(()), "array(1.)"),
        (lambda: np.arange(2, dtype="int32"), "array([0, 1], dtype=int32)"),
        (lambda: np.arange(2, dtype="int64"), "array([0, 1], dtype=int64)"),
        (lambda: np.ones(2, dtype="float64"), "array([1., 1.], dtype=float64)"),
        (lambda: np.array([1, 2]) > 1, "array([False,  True])"),
        (lambda: np.zeros((0, 2)), "array([], shape=(0, 2))"),
        (
            lambda: np.arange(0, 1, 0.1),
            "array([0.        , 0.1       , 0.2       , 0.3       , 0.4       ,\n"
            "       0.5       , 0.6       , 0.7       , 0.8       , 0.90000004])",
        ),
    ],
)
def test_repr(make, text):
    assert repr(make()) == text
    x = np.ones(2)
    npx.reset_np()
    assert repr(x) == "array([1., 1.], dtype=float32)"


def test_recurrent_layers():
    layer = gluon.rnn.LSTM(8)
    layer.initialize()
    out, states = layer(np.random.uniform(size=(5, 2, 3)), layer.begin_state(batch_size=2))
    assert type(out) is np.ndarray and out.shape == (5, 2, 8)
    assert [type(s) for s in states] == [np.ndarray] * 2
    assert type(layer(np.ones((5, 2, 3)))) is np.ndarray
    cell = gluon.rnn.GRUCell(4)
    cell.initialize()
    out, _ = cell.unroll(3, np.ones((2, 3, 5)), merge_outputs=True)
    assert type(out) is np.ndarray and out.shape == (2, 3, 4)


def test_metrics_and_losses():
    accuracy = mx.metric.Accuracy()
    accuracy.update(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]))
    assert accuracy.get() == ("accuracy", 0.5)
    x, y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])
    values = {"L1Loss": [1.0, 2.5], "L2Loss": [1.0, 3.25], "SigmoidBCELoss": [1.220095, 2.180924]}
    for name, expected in values.items():
        value = getattr(gloss, name)()(x, y)
        assert type(value) is np.ndarray
        numpy.testing.assert_allclose(value, expected, rtol=1e-5)
