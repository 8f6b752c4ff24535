"""minpy.nn.layers, optim, init and io: values of MinPy 0.3.4, and gradients by finite differences."""

import pathlib

import numpy
import pytest

import minpy.numpy as np
from minpy.core import grad
from minpy.nn import init, io, layers, optim
from minpy.utils.gradient_checker import check_grad

GOLDEN = numpy.load(pathlib.Path(__file__).parent / "data" / "minpy034.npz")
OPTIONS = {
    "batchnorm_running": {"mode": "train", "eps": 1e-3, "momentum": 0.8},
    "batchnorm_test": {"mode": "test", "eps": 1e-3, "momentum": 0.8},
    "dropout_test": {"prob": 0.3, "mode": "test"},
    "dropout_train": {"prob": 0.3, "seed": 7},
}
CASES = sorted({key.split("/")[0] for key in GOLDEN.files if "/in0" in key})


def recorded(name, kind):
    return [GOLDEN[f"{name}/{kind}{i}"] for i in range(9) if f"{name}/{kind}{i}" in GOLDEN]


def function(name):
    named = next(n for n in layers.__all__ if name == n) if name in layers.__all__ else name.rsplit("_", 1)[0]
    call = getattr(layers, named)

    def run(*args):
        if name.startswith("batchnorm_"):
            x, gamma, beta, mean, var = args
            return call(x, gamma, beta, running_mean=mean, running_var=var, **OPTIONS[name])
        return call(*args, **OPTIONS.get(name, {}))

    return run


@pytest.mark.parametrize("name", CASES)
def test_values_of_minpy(name):
    results = function(name)(*map(np.array, recorded(name, "in")))
    results = results if isinstance(results, tuple) else (results,)
    expected = recorded(name, "out")
    assert len(results) == len(expected)
    for result, value in zip(results, expected):
        assert np.shape(result) == (() if value.shape == (1,) else value.shape)
        numpy.testing.assert_allclose(result, value.reshape(np.shape(result)), rtol=3e-6, atol=1e-6)


def differentiable(name):
    for place, value in enumerate(recorded(name, "in")):
        constant = (
            name.endswith("running") and place > 2
        )  # what a mode 'train' returns of them has no history
        if (
            value.dtype.kind == "f"
            and not constant
            and not (name.startswith("temporal_softmax") and place == 2)
        ):
            yield place


@pytest.mark.parametrize(("name", "place"), [(n, p) for n in CASES for p in differentiable(n)])
def test_gradients(name, place):
    args = [np.array(a, dtype=float) if a.dtype.kind == "f" else np.array(a) for a in recorded(name, "in")]
    run = function(name)

    def total(x):
        results = run(*args[:place], x, *args[place + 1 :])
        results = results if isinstance(results, tuple) else (results,)
        if name.startswith("batchnorm"):
            results = results[:1]
        # A weight for each element, so that no gradient vanishes by symmetry.
        return sum(np.sum(np.sin(r) * np.cos(np.arange(np.size(r)).reshape(np.shape(r)))) for r in results)

    assert check_grad(total, args[place], rtol=1e-5)
    assert np.any(grad(total)(args[place]) != 0)


def test_svm_loss():
    x = np.array([[1.0, 2.0, 0.5], [0.0, 0.2, 3.0]])
    y = np.array([0, 2])
    assert float(layers.svm_loss(x, y)) == pytest.approx((2.0 + 0.5) / 2)
    assert check_grad(layers.svm_loss, x, extra_args=(y,))


def test_softmax_loss_of_large_scores_is_finite():
    x = np.array([[1000.0, 0.0], [0.0, -1000.0]])
    assert layers.softmax_loss(x, np.array([1, 0])) == 500
    assert grad(layers.softmax_loss)(x, np.array([1, 0])).tolist() == [[0.5, -0.5], [0, 0]]


def test_losses_of_ones_own():
    label, x = np.array([2.0, 0.0]), np.array([[1.0, 2.0, 3.0], [0.0, 0.5, 2.0]])
    code = np.zeros([2, 3])
    assert np.onehot_encode(label, code) is code and code.tolist() == [[0, 0, 1], [1, 0, 0]]

    def loss(x):
        return -np.sum(np.log(np.softmax_output(x, code)) * code) / 2

    assert float(loss(x)) == pytest.approx(float(layers.softmax_loss(x, label)), rel=1e-12)
    numpy.testing.assert_allclose(grad(loss)(x), grad(layers.softmax_loss)(x, label), rtol=1e-12)


def test_batchnorm_leaves_no_history_in_running_statistics():
    from minpy import _core

    kept = {}

    def loss(x):
        out, kept["mean"], kept["var"] = layers.batchnorm(x, np.ones(3), np.zeros(3))
        return np.sum(out**3)

    grad(loss)(np.array(numpy.random.default_rng(0).normal(size=(5, 3))))
    assert not _core.is_taped(kept["mean"]) and not _core.is_taped(kept["var"])
    with pytest.raises(ValueError, match="Invalid forward batchnorm mode"):
        layers.batchnorm(np.ones((2, 2)), 1, 0, mode="predict")


def test_dropout_is_repeatable_and_its_gradient_is_its_mask():
    x = np.ones((50, 20))
    first = layers.dropout(x, 0.4, seed=1)
    assert (first == layers.dropout(x, 0.4, seed=1)).all() and 0.5 < first.mean() < 0.7
    assert (grad(lambda x: np.sum(layers.dropout(x, 0.4, seed=1)))(x) == first).all()


@pytest.mark.parametrize("name", ["sgd", "sgd_momentum", "rmsprop", "adam"])
@pytest.mark.parametrize("default", ["", "_default"])
def test_optimizers(name, default):
    config = {
        "sgd": {"learning_rate": 0.1},
        "sgd_momentum": {"learning_rate": 0.1, "momentum": 0.8},
        "rmsprop": {"learning_rate": 0.05, "decay_rate": 0.9},
        "adam": {"learning_rate": 0.02},
    }[name]
    if default:
        if name == "sgd":
            assert optim.sgd(np.ones(1), np.ones(1))[1] == {"learning_rate": 0.01}
            return
        config = None
    w = np.array(GOLDEN["optim/w"])
    for step, gradient in enumerate(GOLDEN["optim/g"]):
        w, config = getattr(optim, name)(w, np.array(gradient), config)
        assert w.dtype == np.float32
        numpy.testing.assert_allclose(w, GOLDEN[f"optim/{name}{default}/{step}"], rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("key", [key for key in GOLDEN.files if key.startswith("init/")])
def test_initial_values(key):
    _, rule, shape, settings = key.split("/")
    config = {"xavier": {}, "constant": {"value": 3.0}}.get(
        rule, {"mu": 0.5, "stdvar": 0.2} if settings == "2" else {}
    )
    np.random.seed(11)
    value = getattr(init, rule)(tuple(map(int, shape.split("-"))), config)
    assert value.dtype == np.float32
    numpy.testing.assert_allclose(value, GOLDEN[key], rtol=1e-6)


def test_custom_initial_values():
    assert init.custom((2,), {"function": lambda shape: np.full(shape, 7)}).tolist() == [7, 7]
    assert init.custom((2,), {}).tolist() == [0, 0]


@pytest.mark.parametrize("handle", ["pad", "roll_over"])
def test_iterators(handle):
    x = numpy.arange(20, dtype="float32").reshape(10, 2)
    batches = io.NDArrayIter(x, numpy.arange(10), batch_size=4, last_batch_handle=handle)
    rows, pads = [], []
    for _ in range(3):
        for batch in batches:
            assert (batch.data[0][:, 0] == 2 * batch.label[0]).all()
            rows.append(batch.label[0].asnumpy())
            pads.append(batch.pad)
        rows.append(numpy.full(4, -1))
        batches.reset()
    assert numpy.array_equal(rows, GOLDEN[f"iter/{handle}"]) and pads == GOLDEN[f"iter_pad/{handle}"].tolist()


def test_iterator_options():
    x = numpy.arange(10.0)
    batches = io.NDArrayIter([x, x], x, batch_size=4, last_batch_handle="discard")
    assert [batch.label[0].tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert batches.provide_data == [("_0_data", (4,)), ("_1_data", (4,))]
    assert batches.provide_label == [("softmax_label", (4,))] and batches.getnumiterations() == 2
    assert batches.num_data == 8
    shuffled = io.NDArrayIter({"a": x}, {"b": x.astype(int)}, batch_size=5, shuffle=True)
    first = [batch.data[0] for batch in shuffled]
    assert first[0].dtype == np.float32 and sorted(np.concatenate(first).tolist()) == x.tolist()
    part = shuffled.getsubiter(5)
    batch = next(part)
    assert part.num_data == 5 and (batch.data[0] == batch.label[0]).all() and batch.label[0].dtype == np.int64
    with pytest.raises(TypeError, match="should be a NumPy or minpy array"):
        io.NDArrayIter(["text"])
    with pytest.raises(AssertionError, match="smaller than data size"):
        io.NDArrayIter(x, batch_size=11)


def test_mxnet_iterators_are_there(tmp_path):
    import minpy

    assert io.CSVIter is minpy.io.CSVIter
    with pytest.raises(AttributeError):
        io.NoSuchIter  # noqa: B018
    io.save_data_labels([1], [2], tmp_path / "saved")
    assert io.load_data_labels(tmp_path / "saved") == ([1], [2])
