"""Gradients of gradients through layers, as the penalty of a Wasserstein critic needs them; MXNet raises for them."""

import numpy
import pytest

import minpy as mx
from minpy import autograd, nd
from minpy.gluon import nn

CRITICS = {
    "dense": lambda: [nn.Dense(4, activation="tanh"), nn.Dense(1)],
    "convolution": lambda: [
        nn.Conv2D(3, 3),
        nn.LeakyReLU(0.2),
        nn.Conv2D(2, 2, strides=2),
        nn.Flatten(),
        nn.Dense(1),
    ],
    "batch norm": lambda: [nn.Conv2D(3, 3), nn.BatchNorm(), nn.HybridLambda("tanh"), nn.Dense(1)],
    "layer norm": lambda: [nn.Dense(4), nn.LayerNorm(), nn.HybridLambda("tanh"), nn.Dense(1)],
    "pooling": lambda: [nn.Conv2D(3, 2, activation="sigmoid"), nn.AvgPool2D(), nn.Dense(1)],
}


@pytest.mark.parametrize("training", [True, False], ids=["train", "predict"])
@pytest.mark.parametrize("name", CRITICS)
def test_gradient_penalty(name, training):
    """d/dw of (|dD/dx| - 1)^2 for every parameter and for x, against finite differences in float64."""
    net = nn.HybridSequential()
    net.add(*CRITICS[name]())
    net.initialize(mx.init.Normal(0.5))
    net.cast("float64")
    rng = numpy.random.RandomState(0)
    x = nd.array(rng.rand(3, 1, 5, 5), dtype="float64")
    net(x)
    x.attach_grad()
    parameters = [p for p in net.collect_params().values() if p.grad_req != "null"]

    def penalty():
        with autograd.record(train_mode=training):
            slope = autograd.grad(net(x).sum(), [x], create_graph=True)[0]
            norm = nd.sqrt((slope**2).sum(axis=(1, 2, 3)) + 1e-12)
            return ((norm - 1) ** 2).mean()

    penalty().backward()
    pairs = [(x, x.grad.asnumpy()), *((p.data(), p.grad().asnumpy()) for p in parameters)]
    largest = max(numpy.abs(found).max() for _, found in pairs)
    assert largest > 1e-3
    eps = 1e-5
    for array, found in pairs:
        values = array.asnumpy()
        for place in rng.choice(values.size, min(4, values.size), replace=False):
            sums = []
            for step in (eps, -eps):
                moved = values.copy()
                moved.reshape(-1)[place] += step
                array[:] = nd.array(moved, dtype="float64")
                sums.append(float(penalty().asscalar()))
            array[:] = nd.array(values, dtype="float64")
            numeric = (sums[0] - sums[1]) / (2 * eps)
            assert found.reshape(-1)[place] == pytest.approx(numeric, rel=1e-4, abs=1e-6 * max(1, largest))


def test_a_critic_trains():
    """WGAN-GP on two Gaussians: the critic tells them apart, and its slope goes to 1."""
    mx.random.seed(0)
    numpy.random.seed(0)
    net = nn.HybridSequential()
    net.add(nn.Dense(16, activation="tanh"), nn.Dense(16, activation="tanh"), nn.Dense(1))
    net.initialize(mx.init.Xavier())
    trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 5e-3})
    for _ in range(150):
        real = nd.array(numpy.random.randn(32, 2) + [2, 0])
        fake = nd.array(numpy.random.randn(32, 2) - [2, 0])
        share = nd.array(numpy.random.rand(32, 1))
        between = share * real + (1 - share) * fake
        between.attach_grad()
        with autograd.record():
            slope = autograd.grad(net(between).sum(), [between], create_graph=True)[0]
            norm = nd.sqrt((slope**2).sum(axis=1) + 1e-12)
            loss = (net(fake) - net(real)).mean() + 10 * ((norm - 1) ** 2).mean()
        loss.backward()
        trainer.step(1)
    assert 2 < (net(real) - net(fake)).mean().asscalar() < 5
    assert abs(norm.mean().asscalar() - 1) < 0.25
