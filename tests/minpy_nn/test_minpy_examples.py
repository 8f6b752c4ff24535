"""The examples of minpy.examples.nn run and learn, on small data."""

import pathlib

import numpy
import pytest

import minpy.numpy as np
from minpy.examples.nn import _data, cnn, cnn_symbol, lstm, mlp, mlp_batchnorm_dropout, resnet, rnn

IMAGE = (1, 8, 8)


@pytest.fixture
def digits():
    stored = numpy.load(pathlib.Path(__file__).parents[1] / "module" / "data" / "digits8x8.npz")
    images, labels = stored["images"].reshape(-1, 64).astype("float32") / 16, stored["target"]
    np.random.seed(0)
    held = numpy.arange(len(images)) % 5 == 4
    return _data.iterators((images[~held], labels[~held]), (images[held], labels[held]), batch_size=50)


@pytest.mark.parametrize(
    ("build", "least"),
    [
        (lambda: mlp.TwoLayerNet(64, 32), 0.88),
        (lambda: mlp_batchnorm_dropout.NormalizedNet(64, 64, drop=0.2), 0.88),
        (lambda: cnn.ConvolutionNet(50, IMAGE, filters=4, hidden=32), 0.88),
        (lambda: cnn_symbol.SymbolicNet(50, IMAGE, filters=4, hidden=32), 0.88),
    ],
    ids=["mlp", "batchnorm and dropout", "cnn", "cnn as symbol"],
)
def test_digits(digits, build, least, capsys):
    solver = mlp.train(build(), *digits, num_epochs=8, print_every=20)
    assert solver.best_val_acc > least and solver.train_acc_history[-1] > least
    assert len(solver.loss_history) == 8 * 29 and solver.loss_history[-1] < 0.5
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("(Iteration 1 / 232) loss: 2.3") and len(lines) == 12 + 8
    assert solver.check_accuracy(solver.test_dataiter) == solver.best_val_acc


@pytest.mark.parametrize(
    "build", [lambda: rnn.RNNNet(hidden=16), lambda: lstm.LSTMNet(hidden=16)], ids=["rnn", "lstm"]
)
def test_adding_problem(build):
    train, test = _data.adding_problem(1000, 4, 0), _data.adding_problem(200, 4, 1)
    np.random.seed(0)
    solver = rnn.train(
        build(),
        *_data.iterators(train, test, batch_size=50),
        num_epochs=12,
        optim_config={"learning_rate": 0.02},
        verbose=False,
    )
    assert solver.best_val_acc == min(solver.val_acc_history) < 0.02 < numpy.var(test[1]) / 5


def test_residual_network(digits):
    model = resnet.ResNet(blocks=1, filters=(8, 16), image=IMAGE)
    assert resnet.train(model, *digits, epochs=4, learning_rate=0.1, verbose=False)[-1] > 0.88
