"""Trainer over two devices: replicas get what one device gets from the whole batch."""

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd

X = numpy.random.RandomState(0).randn(8, 5).astype("f")
Y = numpy.random.RandomState(1).randn(8, 3).astype("f")


def make(contexts):
    net = gluon.nn.Dense(3, in_units=5)
    net.initialize(mx.init.Zero(), ctx=contexts)
    for i, parameter in enumerate(net.collect_params().values()):
        values = numpy.random.RandomState(i + 2).randn(*parameter.shape).astype("f")
        parameter.set_data(nd.array(values))
    return net


def backward(net, contexts):
    loss = gluon.loss.L2Loss()
    parts = numpy.split(numpy.arange(8), len(contexts))
    with autograd.record():
        losses = [loss(net(nd.array(X[p], ctx=c)), nd.array(Y[p], ctx=c)) for p, c in zip(parts, contexts)]
    for value in losses:
        value.backward()


def trained(contexts, steps=3, **kwargs):
    net = make(contexts)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9}, **kwargs)
    for _ in range(steps):
        backward(net, contexts)
        trainer.step(8)
    return net, trainer


def values(net, context):
    return [p.data(context).asnumpy() for p in net.collect_params().values()]


TWO = [mx.cpu(0), mx.cpu(1)]


@pytest.mark.parametrize("kvstore", ["device", "local"])
@pytest.mark.parametrize("update_on_kvstore", [True, False, None])
def test_two_devices_are_one(kvstore, update_on_kvstore):
    net, trainer = trained(TWO, kvstore=kvstore, update_on_kvstore=update_on_kvstore)
    alone, _ = trained([mx.cpu(0)])
    for first, second, expected in zip(values(net, TWO[0]), values(net, TWO[1]), values(alone, TWO[0])):
        assert numpy.array_equal(first, second)
        numpy.testing.assert_allclose(first, expected, rtol=1e-5)
    assert trainer._kvstore.type == kvstore


def test_a_kvstore_object():
    kv = mx.kv.create("device")
    net, trainer = trained(TWO, kvstore=kv)
    assert trainer._kvstore is kv
    assert numpy.array_equal(values(net, TWO[0])[0], values(net, TWO[1])[0])


def test_without_a_kvstore_replicas_diverge():
    net, _ = trained(TWO, kvstore=None)
    assert not numpy.array_equal(values(net, TWO[0])[0], values(net, TWO[1])[0])


@pytest.mark.parametrize("on_store", [True, False])
def test_gradients_after_a_step(on_store):
    """The sum is in the gradients only where the Trainer updates."""
    net = make(TWO)
    backward(net, TWO)
    before = [g.asnumpy() for g in net.weight.list_grad()]
    gluon.Trainer(net.collect_params(), "sgd", update_on_kvstore=on_store).step(8)
    after = [g.asnumpy() for g in net.weight.list_grad()]
    expected = before if on_store else [before[0] + before[1]] * 2
    assert all(map(numpy.array_equal, after, expected))


def test_allreduce_and_update():
    net = make(TWO)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1}, update_on_kvstore=False)
    backward(net, TWO)
    trainer.allreduce_grads()
    first, second = (g.asnumpy() for g in net.weight.list_grad())
    assert numpy.array_equal(first, second)
    trainer.update(8)
    assert numpy.array_equal(values(net, TWO[0])[0], values(net, TWO[1])[0])
    trainer = gluon.Trainer(net.collect_params(), "sgd", update_on_kvstore=True)
    backward(net, TWO)
    with pytest.raises(AssertionError, match="allreduce_grads\\(\\) when parameters are updated on kvstore"):
        trainer.allreduce_grads()
    with pytest.raises(AssertionError, match="update\\(\\) when parameters are updated on kvstore"):
        trainer.update(8)


@pytest.mark.parametrize("on_store", [True, False])
def test_states(on_store, tmp_path):
    path = str(tmp_path / "trainer.states")
    net, trainer = trained(TWO, update_on_kvstore=on_store)
    trainer.save_states(path)
    weights = str(tmp_path / "net.params")
    net.save_parameters(weights)
    other = make(TWO)
    resumed = gluon.Trainer(
        other.collect_params(), "sgd", {"learning_rate": 0.1, "momentum": 0.9}, update_on_kvstore=on_store
    )
    other.load_parameters(weights, ctx=TWO)
    resumed.load_states(path)
    for n, t in ((net, trainer), (other, resumed)):
        backward(n, TWO)
        t.step(8)
    for ours, theirs in zip(values(net, TWO[1]), values(other, TWO[1])):
        numpy.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_compression():
    """Steps of at most the threshold: the weights move by multiples of it."""
    net = make(TWO)
    before = values(net, TWO[0])[0]
    trainer = gluon.Trainer(
        net.collect_params(),
        "sgd",
        {"learning_rate": 1},
        compression_params={"type": "2bit", "threshold": 0.5},
    )
    backward(net, TWO)
    trainer.step(1)
    moved = (before - values(net, TWO[0])[0]) / 0.5
    numpy.testing.assert_allclose(moved, numpy.round(moved), atol=1e-5)
    assert set(numpy.round(moved).ravel()) <= {-2, -1, 0, 1, 2} and moved.any()
