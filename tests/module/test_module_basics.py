"""Module: training and prediction with symbols, against what MXNet 1.9.1 recorded."""

import logging
import pathlib
import re
import shutil

import numpy
import pytest

import minpy as mx
from minpy import nd, sym

DATA = pathlib.Path(__file__).parents[1] / "symbol" / "data"


def network(hidden=16, classes=5):
    net = sym.FullyConnected(sym.Variable("data"), name="fc1", num_hidden=hidden)
    net = sym.FullyConnected(
        sym.Activation(net, act_type="relu", name="relu1"), name="fc2", num_hidden=classes
    )
    return sym.SoftmaxOutput(net, name="softmax")


def toy(rows=30, batch_size=8, **kwargs):
    rng = numpy.random.default_rng(3)
    labels = rng.integers(0, 5, rows)
    data = numpy.eye(5, 12)[labels] * 3 + rng.normal(size=(rows, 12)) * 0.1
    return mx.io.NDArrayIter(data, labels, batch_size, **kwargs)


def bound(net=None, batch_size=8, **kwargs):
    module = mx.mod.Module(network() if net is None else net, **kwargs)
    module.bind([("data", (batch_size, 12))], [("softmax_label", (batch_size,))])
    module.init_params(mx.init.Xavier())
    return module


def batch(rows, seed=0):
    rng = numpy.random.default_rng(seed)
    return mx.io.DataBatch([nd.array(rng.normal(size=(rows, 12)))], [nd.array(rng.integers(0, 5, rows))])


def test_parameters_after_a_seed_are_mxnets():
    io = numpy.load(DATA / "mlp_io.npz")
    mx.random.seed(42)
    numpy.random.seed(42)
    for name, array in bound().get_params()[0].items():
        assert (array.asnumpy() == io["init:" + name]).all(), name


def test_mxnets_checkpoint_goes_on(tmp_path):
    io = numpy.load(DATA / "mlp_io.npz")
    for name in ("mlp-symbol.json", "mlp-0003.params", "mlp-0003.states"):
        shutil.copy(DATA / name, tmp_path)
    module = mx.mod.Module.load(str(tmp_path / "mlp"), 3, load_optimizer_states=True)
    module.bind([("data", (8, 12))], [("softmax_label", (8,))])
    module.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3})
    module.forward(mx.io.DataBatch([nd.array(io["x"])], None), is_train=False)
    numpy.testing.assert_allclose(module.get_outputs()[0].asnumpy(), io["out3"], atol=1e-5)
    assert sorted(module._updater.states) == [0, 1, 2, 3]


def test_checkpoints_continue_training_exactly(tmp_path):
    module = bound()
    module.init_optimizer(optimizer="adam")
    for step in range(2):
        module.forward_backward(batch(8, step))
        module.update()
    module.save_checkpoint(str(tmp_path / "x"), 2, save_optimizer_states=True)
    again = mx.mod.Module.load(str(tmp_path / "x"), 2, load_optimizer_states=True)
    again.bind([("data", (8, 12))], [("softmax_label", (8,))])
    again.init_optimizer(optimizer="adam")
    again._optimizer.begin_num_update = 2
    again._optimizer._index_update_count = dict(module._optimizer._index_update_count)
    for one in (module, again):
        one.forward_backward(batch(8, 9))
        one.update()
    for name, array in module.get_params()[0].items():
        assert (array.asnumpy() == again.get_params()[0][name].asnumpy()).all()


def test_fit_learns_and_logs_mxnets_lines(caplog):
    caplog.set_level(logging.INFO)
    numpy.random.seed(0)
    mx.random.seed(0)
    module = mx.mod.Module(network())
    seen = []
    module.fit(
        toy(),
        toy(),
        optimizer_params={"learning_rate": 0.5},
        initializer=mx.init.Xavier(),
        num_epoch=8,
        batch_end_callback=lambda p: seen.append((p.epoch, p.nbatch)),
        epoch_end_callback=lambda epoch, symbol, arg, aux: seen.append(sorted(arg)),
    )
    lines = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(r"Epoch\[0\] Train-accuracy=0\.\d{6}", lines[0])
    assert re.fullmatch(r"Epoch\[0\] Time cost=\d+\.\d{3}", lines[1])
    assert re.fullmatch(r"Epoch\[0\] Validation-accuracy=\d\.\d{6}", lines[2])
    assert seen[:5] == [(0, 0), (0, 1), (0, 2), (0, 3), ["fc1_bias", "fc1_weight", "fc2_bias", "fc2_weight"]]
    assert module.score(toy(), "acc")[0][1] > 0.95
    module.fit(toy(), num_epoch=1)
    lines = [record.getMessage() for record in caplog.records]
    assert "Already bound, ignoring bind()" in lines and "optimizer already initialized, ignoring..." in lines


def test_predict_drops_what_only_filled_the_last_batch():
    module = bound()
    found = module.predict(toy(rows=30, batch_size=8))
    assert found.shape == (30, 5)
    whole = module.predict(toy(rows=30, batch_size=30))
    numpy.testing.assert_allclose(found.asnumpy(), whole.asnumpy(), atol=1e-6)
    parts = module.predict(toy(rows=30, batch_size=8), merge_batches=False)
    assert [len(p) for p in parts] == [1] * 4 and parts[-1][0].shape == (6, 5)
    numbers = [(n, out[0].shape[0]) for out, n, _ in module.iter_predict(toy(), num_batch=2)]
    assert numbers == [(0, 8), (1, 8)]


def test_batches_of_another_size_and_back():
    module = bound()
    first = batch(8)
    module.forward(first, is_train=False)
    before = module.get_outputs()[0].asnumpy()
    for rows in (5, 11, 8):
        module.forward(batch(rows), is_train=False)
        assert module.get_outputs()[0].shape == (rows, 5)
    module.forward(first, is_train=False)
    assert (module.get_outputs()[0].asnumpy() == before).all()


@pytest.mark.parametrize("loads, parts", [(None, [3, 3, 4]), ([1, 3, 1], [2, 6, 2])])
def test_several_devices_train_like_one(loads, parts):
    devices = [mx.cpu(0), mx.cpu(1), mx.cpu(2)]
    one, many = bound(batch_size=10), bound(batch_size=10, context=devices, work_load_list=loads)
    many.set_params(*one.get_params())
    assert [e.arg_dict["data"].shape[0] for e in many._exec_group.executors] == parts
    for module in (one, many):
        module.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.9})
        for step in range(3):
            module.forward_backward(batch(10, step))
            module.update()
    for name, array in one.get_params()[0].items():
        numpy.testing.assert_allclose(many.get_params()[0][name].asnumpy(), array.asnumpy(), atol=1e-5)
    metric = mx.metric.create("acc")
    many.forward(batch(10), is_train=False)
    many.update_metric(metric, batch(10).label)
    assert metric.num_inst == 10 and many.get_outputs()[0].shape == (10, 5)


def test_batch_norm_and_fixed_parameters():
    net = sym.BatchNorm(sym.FullyConnected(sym.Variable("data"), num_hidden=5, name="fc"), name="bn")
    module = bound(sym.SoftmaxOutput(net, name="softmax"), fixed_param_names=["fc_weight"])
    assert module.get_params()[1]["bn_moving_var"].asnumpy().tolist() == [1] * 5
    before = module.get_params()[0]["fc_weight"].asnumpy()
    module.init_optimizer(optimizer_params={"learning_rate": 1.0})
    module.forward_backward(batch(8))
    module.update()
    arguments, auxiliary = module.get_params()
    assert (arguments["fc_weight"].asnumpy() == before).all() and arguments["bn_beta"].asnumpy().any()
    assert auxiliary["bn_moving_mean"].asnumpy().any()


def test_gradients_of_the_data_and_states():
    net = sym.Variable("data") * sym.Variable("state") + sym.Variable("bias")
    module = mx.mod.Module(net, label_names=None, state_names=["state"])
    module.bind([("data", (2, 3))], inputs_need_grad=True)
    module.init_params(mx.init.One())
    module.set_states(value=3)
    module.forward(mx.io.DataBatch([nd.ones((2, 3))]))
    module.backward([nd.ones((2, 3)) * 2])
    assert (module.get_input_grads()[0].asnumpy() == 6).all()
    assert (module.get_states()[0].asnumpy() == 3).all()
    assert module.output_shapes == [(module.output_names[0], (2, 3))]


def test_errors_and_warnings():
    with pytest.raises(ValueError, match=r"data_names=\['foo'\].*Did you mean one of:\n\tdata"):
        mx.mod.Module(network(), data_names=["foo"])
    with pytest.warns(UserWarning, match="label_names"):
        mx.mod.Module(network(), label_names=["foo"])
    module = mx.mod.Module(network())
    with pytest.raises(AssertionError, match="call bind before"):
        module.init_params()
    with pytest.raises(ValueError, match="don't match names"):
        module.bind([("x", (8, 12))])
    module = bound()
    with pytest.warns(UserWarning, match="init_params call ignored"):
        module.init_params()
    with pytest.raises(RuntimeError, match="fc1_bias is not presented"):
        module.set_params({}, {})
    with pytest.warns(UserWarning, match=r"rescale_grad is not normalized .*\(1.0 vs. 0.125\)"):
        module.init_optimizer(optimizer=mx.optimizer.SGD())
    predicting = mx.mod.Module(network())
    predicting.bind([("data", (8, 12))], for_training=False)
    predicting.init_params()
    with pytest.raises(AssertionError, match="re-bind with for_training=True"):
        predicting.backward()
