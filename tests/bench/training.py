"""Training steps in plain NumPy style: loss, gradient, update in place. NumPy itself runs gradients written by hand.

Sizes are fixed; every step starts where the last one ended, with a learning rate that keeps the values tame.
"""

import dataclasses
from collections.abc import Callable

import numpy
from cases import Case, Prepared, flat

CHECKED_STEPS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Case):
    group: str = "training"
    loss: Callable  # (np, *parameters, *data) -> a number
    by_hand: Callable  # the same arguments -> the loss and the gradients by the parameters
    parameters: Callable  # (rng) -> arrays
    data: Callable  # (rng) -> arrays
    rate: float = 0.01

    def prepare(self, library, size):
        rng = numpy.random.default_rng(2)
        parameters = [library.array(value) for value in self.parameters(rng)]
        data = [library.array(value) for value in self.data(rng)]
        step = library.training_step(self, len(parameters))

        def run():
            loss, parameters[:] = step(parameters, data)
            library.wait((loss, parameters))
            return loss

        def value():
            return [*(run() for _ in range(CHECKED_STEPS)), *parameters]

        return Prepared("run()", {"run": run}, value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalarLoop(Case):
    """A loop of dependent operations on a number, with its gradient; NumPy is timed without."""

    group: str = "training"
    without: tuple = ("torch_compile",)  # which unrolls it and compiles for minutes
    steps: int = 100

    def prepare(self, library, size):
        np, start = library.np, library.array(numpy.float32(0.5))

        def forward(x):
            for _ in range(self.steps):
                x = x + 0.01 * np.sin(x)
            return x

        run = forward if library.name == "numpy" else library.compile(library.gradient(forward))

        def value():
            return [self.derivative(0.5) if run is forward else run(start)]

        namespace = {"run": run, "start": start, "wait": library.wait}
        return Prepared(library.finished("run(start)", tiny=True), namespace, value)

    def derivative(self, x):
        slope = 1.0
        for _ in range(self.steps):
            slope *= 1.0 + 0.01 * numpy.cos(x)
            x = x + 0.01 * numpy.sin(x)
        return numpy.float32(slope)


def weights(rng, *shape):
    return rng.standard_normal(shape, numpy.float32) * numpy.float32(shape[0] ** -0.5)


def zeros(n):
    return numpy.zeros(n, numpy.float32)


def labelled(rng, n, features, classes=10):
    return [rng.random((n, features), numpy.float32), rng.integers(0, classes, n)]


def cross_entropy(np, scores, labels):
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    log_p = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


def cross_entropy_by_hand(np, scores, labels):
    """The loss and its gradient by the scores."""
    n, each = len(labels), np.arange(len(labels))
    p = np.exp(scores - np.max(scores, axis=1, keepdims=True))
    p /= np.sum(p, axis=1, keepdims=True)
    loss = -np.mean(np.log(p[each, labels]))
    p[each, labels] -= 1
    p /= n
    return loss, p


def mlp_loss(np, w1, b1, w2, b2, w3, b3, x, labels):
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    return cross_entropy(np, h2 @ w3 + b3, labels)


def mlp_by_hand(np, w1, b1, w2, b2, w3, b3, x, labels):
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    loss, d3 = cross_entropy_by_hand(np, h2 @ w3 + b3, labels)
    d2 = (d3 @ w3.T) * (h2 > 0)
    d1 = (d2 @ w2.T) * (h1 > 0)
    gradients = (x.T @ d1, d1.sum(axis=0), h1.T @ d2, d2.sum(axis=0), h2.T @ d3, d3.sum(axis=0))
    return loss, gradients


def mlp_parameters(rng):
    sizes = (784, 256, 256, 10)
    return flat([[weights(rng, m, n), zeros(n)] for m, n in zip(sizes[:-1], sizes[1:], strict=True)])


def rnn_loss(np, wx, wh, b, wo, bo, x, labels):
    h = np.zeros_like(x[0] @ wx)
    for t in range(len(x)):
        h = np.tanh(x[t] @ wx + h @ wh + b)
    return cross_entropy(np, h @ wo + bo, labels)


def rnn_by_hand(np, wx, wh, b, wo, bo, x, labels):
    states = [np.zeros_like(x[0] @ wx)]
    for t in range(len(x)):
        states.append(np.tanh(x[t] @ wx + states[-1] @ wh + b))
    loss, scores = cross_entropy_by_hand(np, states[-1] @ wo + bo, labels)
    d_wx, d_wh, d_b = np.zeros_like(wx), np.zeros_like(wh), np.zeros_like(b)
    d_h = scores @ wo.T
    for t in reversed(range(len(x))):
        d = d_h * (1.0 - states[t + 1] ** 2)
        d_wx += x[t].T @ d
        d_wh += states[t].T @ d
        d_b += d.sum(axis=0)
        d_h = d @ wh.T
    return loss, (d_wx, d_wh, d_b, states[-1].T @ scores, scores.sum(axis=0))


def rnn_parameters(rng):
    return [weights(rng, 32, 64), weights(rng, 64, 64), zeros(64), weights(rng, 64, 10), zeros(10)]


def rnn_data(rng):
    return [rng.standard_normal((100, 32, 32), numpy.float32), rng.integers(0, 10, 32)]


REGULARISATION = 0.25


def two_layer_loss(np, w1, b1, w2, b2, x, labels):
    hidden = np.maximum(x @ w1 + b1, 0)
    penalty = REGULARISATION * (np.sum(w1 * w1) + np.sum(w2 * w2))
    return cross_entropy(np, hidden @ w2 + b2, labels) + penalty


def two_layer_by_hand(np, w1, b1, w2, b2, x, labels):
    hidden = np.maximum(x @ w1 + b1, 0)
    loss, d2 = cross_entropy_by_hand(np, hidden @ w2 + b2, labels)
    d1 = (d2 @ w2.T) * (hidden > 0)
    loss += REGULARISATION * (np.sum(w1 * w1) + np.sum(w2 * w2))
    d_w1, d_w2 = x.T @ d1, hidden.T @ d2
    d_w1 += 2 * REGULARISATION * w1
    d_w2 += 2 * REGULARISATION * w2
    return loss, (d_w1, d1.sum(axis=0), d_w2, d2.sum(axis=0))


def two_layer_parameters(rng):
    return [weights(rng, 3072, 50), zeros(50), weights(rng, 50, 10), zeros(10)]


def logistic_loss(np, w, b, x, signs):
    return np.mean(np.log(1.0 + np.exp(-signs * (x @ w + b))))


def logistic_by_hand(np, w, b, x, signs):
    e = np.exp(-signs * (x @ w + b))
    d = -signs * e / (1.0 + e)
    d /= len(signs)
    return np.mean(np.log(1.0 + e)), (x.T @ d, np.sum(d, keepdims=True))


def logistic_data(rng):
    x = rng.standard_normal((10_000, 100), numpy.float32)
    signs = numpy.where(x @ weights(rng, 100) > 0, 1, -1)
    return [x, signs.astype(numpy.float32)]


CASES = [
    Training(
        name="MLP 784-256-256-10",
        loss=mlp_loss,
        by_hand=mlp_by_hand,
        parameters=mlp_parameters,
        data=lambda rng: labelled(rng, 128, 784),
    ),
    Training(
        name="RNN, 100 steps",
        loss=rnn_loss,
        by_hand=rnn_by_hand,
        parameters=rnn_parameters,
        data=rnn_data,
    ),
    Training(
        name="CS231n two-layer net",
        loss=two_layer_loss,
        by_hand=two_layer_by_hand,
        parameters=two_layer_parameters,
        data=lambda rng: labelled(rng, 200, 3072),
    ),
    Training(
        name="logistic regression",
        loss=logistic_loss,
        by_hand=logistic_by_hand,
        parameters=lambda rng: [weights(rng, 100), zeros(1)],
        data=logistic_data,
    ),
    ScalarLoop(name="100 dependent scalar steps"),
]
