"""Train a two-layer network on handwritten digits, in plain NumPy style: python -m minpy.examples.mnist."""

import argparse
import time

import numpy

import minpy.numpy as np
from minpy.core import grad_and_loss
from minpy.examples import _mnist_data
from minpy.examples._progress import progress_bar

MOMENTUM = 0.9


def scores(params, x):
    """Class scores (n, 10) of the images `x` (n, 784)."""
    w1, b1, w2, b2 = params
    return np.dot(np.maximum(np.dot(x, w1) + b1, 0), w2) + b2


def loss(w1, b1, w2, b2, x, y):
    """Mean softmax cross-entropy of the labels `y` (n,)."""
    s = scores((w1, b1, w2, b2), x)
    s = s - np.max(s, axis=1, keepdims=True)
    log_probability = s - np.log(np.sum(np.exp(s), axis=1, keepdims=True))
    return -np.mean(log_probability[np.arange(len(y)), y])


def initial_params(rng, pixels, hidden, classes=10):
    """Weights of a two-layer network (He initialisation) and zero biases, float32."""
    shapes = (pixels, hidden), (hidden, classes)
    params = []
    for rows, columns in shapes:
        weights = rng.standard_normal((rows, columns)) * numpy.sqrt(2 / rows)
        params += [np.array(weights, dtype=np.float32), np.zeros(columns, dtype=np.float32)]
    return params


def accuracy(params, x, y):
    """The share of the images `x` whose highest score is their label."""
    return float(np.mean(np.argmax(scores(params, x), axis=1) == y))


def train(params, x, y, rng, *, epochs, batch_size, lr):
    """Stochastic gradient descent with momentum; changes `params` in place and returns the losses."""
    gradient = grad_and_loss(loss, argnum=(0, 1, 2, 3))
    velocities = [np.zeros_like(p) for p in params]
    losses = []
    batches = len(x) // batch_size
    with progress_bar(epochs * batches, "training") as bar:
        for _ in range(epochs):
            order = np.array(rng.permutation(len(x)))
            for start in range(0, batches * batch_size, batch_size):
                rows = order[start : start + batch_size]
                gradients, value = gradient(*params, x[rows], y[rows])
                for p, v, g in zip(params, velocities, gradients, strict=True):
                    v *= MOMENTUM
                    v -= lr * g
                    p += v
                losses.append(float(value))
                bar.set_postfix_str(f"loss {losses[-1]:.3f}", refresh=False)
                bar.update(1)
    return losses


def plot(losses, path):
    """Save the loss curve and its running mean as a picture."""
    try:
        import matplotlib
    except ImportError:
        raise SystemExit("--plot needs matplotlib: pip install matplotlib") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    window = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.semilogy(losses, color="0.8", label="batch")
    axes.semilogy(np.arange(len(smooth)) + window // 2, smooth, label=f"mean of {window}")
    axes.set(xlabel="batch", ylabel="cross-entropy", title="Two-layer network on handwritten digits")
    axes.legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def parse(argv=None):
    parser = argparse.ArgumentParser(prog="python -m minpy.examples.mnist", description=__doc__)
    parser.add_argument("--epochs", type=int, help="default: enough to see about 60 000 images, at least 2")
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--hidden", type=int, default=128, help="units of the hidden layer")
    parser.add_argument("--lr", type=float, default=0.05, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="save the loss curve as a picture")
    options = parser.parse_args(argv)
    for name in ("epochs", "batch_size", "hidden"):
        value = getattr(options, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    return options


def main(argv=None):
    """Train, print the test accuracy, and return it."""
    options = parse(argv)
    rng = numpy.random.RandomState(options.seed)
    train_x, train_y, test_x, test_y = map(np.array, _mnist_data.load(rng))
    if options.batch_size > len(train_x):
        raise SystemExit(f"--batch-size must be at most {len(train_x)}, the number of training images")
    epochs = options.epochs or max(2, round(60_000 / len(train_x)))
    params = initial_params(rng, train_x.shape[1], options.hidden)
    print(f"{len(train_x)} images to train on, {len(test_x)} held out; {epochs} epochs")
    started = time.perf_counter()
    losses = train(params, train_x, train_y, rng, epochs=epochs, batch_size=options.batch_size, lr=options.lr)
    seconds = time.perf_counter() - started
    result = accuracy(params, test_x, test_y)
    print(f"test accuracy {result:.2%} after {seconds:.1f} s of training, last loss {losses[-1]:.4f}")
    if options.plot:
        plot(losses, options.plot)
        print(f"loss curve saved to {options.plot}")
    return result


if __name__ == "__main__":
    main()
