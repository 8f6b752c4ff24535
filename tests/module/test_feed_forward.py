"""FeedForward: values, lines and errors as recorded with MXNet 1.9.1."""

import logging
import warnings

import numpy
import pytest

import minpy as mx
from minpy import sym


def regression():
    net = sym.FullyConnected(sym.Variable("data"), num_hidden=1, name="pre")
    return sym.LinearRegressionOutput(net, sym.Variable("softmax_label"), name="loss")


def model(**kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return mx.model.FeedForward(regression(), **kwargs)


def line():
    x = numpy.linspace(-1, 1, 100)
    return x, 5 * x + numpy.random.normal(0, 0.5, 100)


def test_linear_regression_is_mxnets(caplog):
    caplog.set_level(logging.INFO)
    numpy.random.seed(0)
    mx.random.seed(0)
    x, y = line()
    found = model(ctx=mx.cpu(), num_epoch=100, learning_rate=0.001, numpy_batch_size=1)
    found.fit(X=x, y=y)
    predicted = found.predict(x)
    assert predicted.shape == (100, 1) and predicted.dtype == numpy.float32
    numpy.testing.assert_allclose(predicted[:3, 0], [-4.7322683, -4.6360683, -4.539869], atol=1e-5)
    numpy.testing.assert_allclose(found.arg_params["pre_weight"].asnumpy(), [[4.761894]], atol=1e-5)
    numpy.testing.assert_allclose(found.arg_params["pre_bias"].asnumpy(), [0.02962611], atol=1e-6)
    lines = [record.getMessage() for record in caplog.records]
    assert lines[:2] == ["Start training with [cpu(0)]", "Epoch[0] Resetting Data Iterator"]
    assert lines[2].startswith("Epoch[0] Time cost=")


def test_validation_score_files_and_data_returned(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    x, y = line()
    found = model(num_epoch=3, learning_rate=1.0, numpy_batch_size=32)
    found.fit(x, y, eval_data=(x, y), eval_metric="mse")
    assert any(r.getMessage().startswith("Epoch[2] Validation-mse=") for r in caplog.records)
    assert 0 < found.score(mx.io.NDArrayIter(x, y, 10), "mse") < 3
    found.save(str(tmp_path / "line"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        again = mx.model.FeedForward.load(str(tmp_path / "line"), 3)
    outputs, data, labels = again.predict(mx.io.NDArrayIter(x, y, 32), return_data=True)
    assert (outputs == found.predict(x)).all() and again.begin_epoch == 3
    numpy.testing.assert_array_equal(data, x.astype("f"))
    numpy.testing.assert_array_equal(labels, y.astype("f"))


def test_errors():
    x, y = line()
    with pytest.warns(DeprecationWarning, match="use mxnet.mod.Module"):
        untrained = mx.model.FeedForward(regression(), num_epoch=1)
    with pytest.raises(ValueError, match="y must be specified when X is numpy.ndarray"):
        untrained.fit(x)
    with pytest.raises(ValueError, match="The numbers of data points and labels not equal"):
        untrained.fit(x, y[1:])
    with pytest.raises(TypeError, match="X must be DataIter"):
        untrained.fit([1.0], y)
    with pytest.raises(AttributeError):
        untrained.predict(x)
    untrained.fit(x, y.reshape(-1, 1))
