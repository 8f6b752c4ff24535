"""Blocks, parameters and layers: names, deferred shapes, files, what is printed."""

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd
from minpy.gluon import nn


class Net(gluon.Block):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.d0 = nn.Dense(3)
            self.d1 = nn.Dense(4)

    def forward(self, x):
        return self.d1(nd.relu(self.d0(x)))


def test_names():
    net = Net(prefix="net_")
    assert list(net.collect_params()) == [
        "net_dense0_weight",
        "net_dense0_bias",
        "net_dense1_weight",
        "net_dense1_bias",
    ]
    assert list(net.collect_params(".*weight")) == ["net_dense0_weight", "net_dense1_weight"]
    assert repr(net) == "Net(\n  (d0): Dense(None -> 3, linear)\n  (d1): Dense(None -> 4, linear)\n)"
    assert (net.name, net.prefix, net.d0.name) == ("net", "net_", "net_dense0")
    inner = nn.Sequential(prefix="foo_")
    with inner.name_scope():
        inner.add(nn.Dense(3), nn.Dense(2))
    assert inner[1].weight.name == "foo_dense1_weight"
    assert len(inner) == 2


def test_deferred_shapes():
    net = Net()
    net.initialize()
    with pytest.raises(gluon.DeferredInitializationError, match="initialization was deferred"):
        net.d0.weight.data()
    assert net.d0.weight.shape == (3, 0)
    assert net(nd.ones((2, 5))).shape == (2, 4)
    assert net.d0.weight.shape == (3, 5)
    with pytest.raises(RuntimeError, match="has not been initialized"):
        nn.Dense(2).weight.data()
    with pytest.raises(ValueError, match="invalid shape"):
        gluon.Parameter("z", shape=(0, 3)).initialize()


def test_files_of_both_layouts(tmp_path):
    net, twin = Net(prefix="a_"), Net(prefix="b_")
    net.initialize()
    x = nd.random.uniform(shape=(2, 5))
    expected = net(x).asnumpy()
    file = str(tmp_path / "net.params")
    net.save_parameters(file)
    assert set(nd.load(file)) == {"d0.weight", "d0.bias", "d1.weight", "d1.bias"}
    twin.load_parameters(file)
    numpy.testing.assert_array_equal(twin(x).asnumpy(), expected)
    with pytest.warns(UserWarning, match="save_params is deprecated"):
        net.save_params(file)
    assert "dense0_weight" in nd.load(file)
    third = Net(prefix="c_")
    third.load_parameters(file)
    numpy.testing.assert_array_equal(third(x).asnumpy(), expected)


def test_wrong_files(tmp_path):
    net = Net()
    net.initialize()
    net(nd.ones((1, 5)))
    file = str(tmp_path / "x.params")
    nd.save(file, {"d0.weight": nd.ones((3, 5))})
    with pytest.raises(AssertionError, match=r"Parameter 'd0.bias' is missing in file"):
        net.load_parameters(file)
    net.load_parameters(file, allow_missing=True)
    nd.save(file, {"d0.weight": nd.ones((3, 5)), "zz": nd.ones((1,))})
    with pytest.raises(ValueError, match="'zz' loaded from file .* is not present"):
        net.load_parameters(file, allow_missing=True)
    nd.save(file, {"d0.weight": nd.ones((3, 6))})
    with pytest.raises(AssertionError, match=r"shape incompatible expected \(3, 5\) vs saved \(3, 6\)"):
        net.load_parameters(file, allow_missing=True)
    with pytest.raises(mx.base.MXNetError, match="No such file"):
        net.load_parameters(str(tmp_path / "nope.params"))


def test_attributes_keep_their_kind():
    net = Net()
    with pytest.raises(TypeError, match="Changing attribute type for d0"):
        net.d0 = 5
    with pytest.raises(ValueError, match="Children of HybridBlock must also be HybridBlock"):
        nn.HybridSequential().add(net)
    with pytest.raises(ValueError, match="one NDArray or one Symbol"):
        nn.Dense(2)("text")


@pytest.mark.parametrize(
    "optimizer, options", [("sgd", {"learning_rate": 0.5}), ("adam", {"learning_rate": 0.05})]
)
def test_training_learns(optimizer, options, tmp_path):
    mx.random.seed(1)
    x = nd.random.uniform(-1, 1, shape=(64, 6))
    y = (x[:, 0] * x[:, 1] > 0).astype("float32")
    net = nn.HybridSequential()
    with net.name_scope():
        net.add(nn.Dense(32, activation="tanh"), nn.Dense(2))
    net.initialize(mx.init.Xavier())
    net.hybridize()
    trainer = gluon.Trainer(net.collect_params(), optimizer, options)
    loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()
    for _ in range(150):
        with autograd.record():
            loss = loss_fn(net(x), y)
        loss.backward()
        trainer.step(64)
    assert float(loss.mean()) < 0.45
    trainer.save_states(str(tmp_path / "t.states"))
    trainer.load_states(str(tmp_path / "t.states"))
    with pytest.raises(UserWarning, match="has not been updated by backward"):
        trainer.step(64)


def test_gradients_of_higher_order():
    """The penalty of a Wasserstein critic: a gradient of a gradient."""
    net = nn.HybridSequential()
    with net.name_scope():
        net.add(nn.Conv2D(3, 3), nn.Flatten(), nn.Dense(4), nn.HybridLambda("tanh"), nn.Dense(1))
    net.initialize(mx.init.Xavier())
    x = nd.random.uniform(shape=(2, 1, 5, 5))
    net(x)
    x.attach_grad()

    def penalty():
        with autograd.record():
            slope = autograd.grad(net(x).sum(), [x], create_graph=True, retain_graph=True)[0]
            return (slope * slope).sum()

    value = penalty()
    value.backward()
    weight = net[0].weight
    found = weight.grad().asnumpy()
    eps, place = 1e-2, (0, 0, 1, 1)
    sums = []
    for step in (eps, -eps):
        moved = weight.data().asnumpy().copy()
        moved[place] += step
        kept = weight.data().copy()
        weight.set_data(nd.array(moved))
        sums.append(float(penalty()))
        weight.set_data(kept)
    assert found[place] == pytest.approx((sums[0] - sums[1]) / (2 * eps), rel=2e-2, abs=1e-4)


def test_printed_layers():
    assert repr(nn.Dense(3, activation="relu")) == "Dense(None -> 3, Activation(relu))"
    assert repr(nn.Conv2D(20, 5)) == "Conv2D(None -> 20, kernel_size=(5, 5), stride=(1, 1))"
    assert repr(
        nn.Conv1D(2, 3, groups=1, in_channels=2, strides=2, padding=1, dilation=2, use_bias=False)
    ) == ("Conv1D(2 -> 2, kernel_size=(3,), stride=(2,), padding=(1,), dilation=(2,), bias=False)")
    assert repr(nn.MaxPool2D()) == (
        "MaxPool2D(size=(2, 2), stride=(2, 2), padding=(0, 0), ceil_mode=False, global_pool=False, pool_type=max,"
        " layout=NCHW)"
    )
    assert repr(nn.BatchNorm()) == (
        "BatchNorm(axis=1, eps=1e-05, momentum=0.9, fix_gamma=False, use_global_stats=False, in_channels=None)"
    )
    assert repr(nn.Embedding(3, 4)) == "Embedding(3 -> 4, float32)"


def test_shared_and_several_devices():
    a = nn.Dense(3, in_units=2, prefix="shared_")
    b = nn.Dense(3, in_units=2, prefix="other_", params=a.collect_params())
    a.initialize(ctx=[mx.cpu(0), mx.cpu(1)])
    assert b.weight is a.weight
    assert a.weight.list_ctx() == [mx.cpu(0), mx.cpu(1)]
    out = a(nd.ones((1, 2), ctx=mx.cpu(1)))
    assert out.context == mx.cpu(1)
    with pytest.raises(RuntimeError, match="was not initialized on context"):
        a.weight.data(mx.cpu(2))


@pytest.mark.parametrize("kind", ["relu", "tanh", "sigmoid", "softsign"])
def test_activations_in_the_same_pass_are_the_same(kind):
    x = nd.random.normal(shape=(2, 3, 7, 7))
    for layer in (nn.Conv2D(4, 3, activation=kind), nn.Dense(5, activation=kind)):
        layer.initialize(mx.init.Normal(0.3))
        results = []
        for watched in (False, True):
            handle = layer.act.register_forward_hook(lambda *_: None) if watched else None
            x.attach_grad()
            with autograd.record():
                y = layer(x)
            y.backward()
            results.append([a.asnumpy() for a in (y, x.grad, layer.weight.grad(), layer.bias.grad())])
            if handle:
                handle.detach()
        for fused, apart in zip(*results):
            numpy.testing.assert_allclose(fused, apart, rtol=1e-5, atol=1e-5)


def test_hooks_are_called_once_however_often_registered():
    net, seen = nn.Dense(2), []
    net.initialize()

    def before(block, inputs):
        seen.append("before")

    def after(block, inputs, outputs):
        seen.append("after")

    with net.register_forward_pre_hook(before), net.register_forward_hook(after) as handle:
        again = net.register_forward_hook(after)
        net(nd.ones((1, 3)))
        assert seen == ["before", "after"] and type(handle) is gluon.utils.HookHandle
        again.detach()
        net(nd.ones((1, 3)))
        assert seen == ["before", "after", "before"]
    net(nd.ones((1, 3)))
    assert len(seen) == 3
