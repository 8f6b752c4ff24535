"""Modules: values, files, log lines and errors as real MXNet 1.9.1 gives them."""

import io
import json
import logging
import pathlib
import re
import shutil

import numpy
import pytest

import minpy as mx
from minpy import nd, sym
from minpy.base import MXNetError

DATA = pathlib.Path(__file__).parent / "data"
MLP = pathlib.Path(__file__).parents[1] / "symbol" / "data"
SGD = {"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3}


def classifier(hidden=3):
    data = sym.Variable("data")
    return sym.SoftmaxOutput(sym.FullyConnected(data, name="fc", num_hidden=hidden), name="softmax")


def bound(shape=(2, 4), **kwargs):
    module = mx.mod.Module(classifier())
    module.bind([("data", shape)], [("softmax_label", shape[:1])], **kwargs)
    return module


def trained(shape=(2, 4), **kwargs):
    module = bound(shape, **kwargs)
    module.init_params()
    module.init_optimizer()
    return module


def batch(shape, label=True, **kwargs):
    return mx.io.DataBatch([nd.ones(shape)], [nd.zeros(shape[:1])] if label else None, **kwargs)


def digits():
    """Handwritten digits as MNIST has them: 1500 to train with and 297 to test, enlarged to 28x28."""
    found = numpy.load(DATA / "digits8x8.npz")
    images = numpy.zeros((len(found["images"]), 1, 28, 28), "float32")
    images[:, 0, 2:26, 2:26] = numpy.kron(
        found["images"].astype("float32") / 16.0, numpy.ones((3, 3), "float32")
    )
    images, labels = images.reshape(-1, 784), found["target"].astype("int8")
    return (images[:1500], labels[:1500]), (images[1500:], labels[1500:])


def mlp():
    net = sym.FullyConnected(sym.Variable("data"), name="fc1", num_hidden=64)
    net = sym.FullyConnected(sym.Activation(net, name="relu1", act_type="relu"), name="fc2", num_hidden=10)
    return sym.SoftmaxOutput(net, name="softmax")


# --- Values ---


@pytest.fixture
def recorded():
    return numpy.load(MLP / "mlp_io.npz")


def recorded_batch(recorded):
    return mx.io.DataBatch([nd.array(recorded["x"])], [nd.array(recorded["y_label"])])


def test_training_steps_are_those_of_mxnet(recorded):
    module = mx.mod.Module(sym.load(str(MLP / "mlp-symbol.json")))
    module.bind([("data", (8, 12))], [("softmax_label", (8,))])
    module.init_params(arg_params={k[5:]: nd.array(recorded[k]) for k in recorded if k.startswith("init:")})
    module.init_optimizer(kvstore=None, optimizer_params=SGD)
    data = recorded_batch(recorded)
    module.forward(data, is_train=False)
    numpy.testing.assert_allclose(module.get_outputs()[0].asnumpy(), recorded["out0"], atol=1e-6)
    for step in range(3):
        module.forward(data)
        module.backward()
        if step == 0:
            for name, grads in zip(module._param_names, module._exec_group.grad_arrays):
                numpy.testing.assert_allclose(grads[0].asnumpy(), recorded["grad:" + name], atol=1e-6)
        module.update()
    for name, value in module.get_params()[0].items():
        numpy.testing.assert_allclose(value.asnumpy(), recorded["step3:" + name], atol=1e-6)
    module.forward(data, is_train=False)
    numpy.testing.assert_allclose(module.get_outputs()[0].asnumpy(), recorded["out3"], atol=1e-6)


def test_mxnets_checkpoint_loads_and_is_written_the_same(recorded, tmp_path, caplog):
    module = mx.mod.Module.load(str(MLP / "mlp"), 3, load_optimizer_states=True)
    module.bind([("data", (8, 12))], [("softmax_label", (8,))])
    module.init_optimizer(kvstore=None, optimizer_params=SGD)
    module.forward(recorded_batch(recorded), is_train=False)
    numpy.testing.assert_allclose(module.get_outputs()[0].asnumpy(), recorded["out3"], atol=1e-6)
    states = module._updater.states
    assert sorted(states) == [0, 1, 2, 3] and float(nd.norm(states[0]).asscalar()) > 0
    prefix = str(tmp_path / "again")
    with caplog.at_level(logging.INFO):
        module.save_checkpoint(prefix, 3, save_optimizer_states=True)
    assert [r.message for r in caplog.records] == [
        f'Saved checkpoint to "{prefix}-0003.params"',
        f'Saved optimizer state to "{prefix}-0003.states"',
    ]
    for end in ("-symbol.json", "-0003.params"):
        assert (tmp_path / f"again{end}").read_bytes() == (MLP / f"mlp{end}").read_bytes()
    again = mx.mod.Module.load(prefix, 3, load_optimizer_states=True)
    again.bind([("data", (8, 12))], [("softmax_label", (8,))])
    again.init_optimizer(kvstore=None, optimizer_params=SGD)
    for index, state in states.items():
        assert (again._updater.states[index].asnumpy() == state.asnumpy()).all()


CONTEXTS = {
    "one": ([mx.cpu()], "local", None),
    "three": ([mx.cpu(i) for i in range(3)], "local", None),
    "uneven": ([mx.cpu(i) for i in range(2)], "device", [1, 3]),
}


@pytest.mark.parametrize("name", CONTEXTS)
def test_several_contexts_compute_what_mxnet_computes(name):
    context, store, workload = CONTEXTS[name]
    expected = json.loads((DATA / "contexts.json").read_text())[name]
    net = sym.FullyConnected(sym.Variable("data"), name="fc1", num_hidden=4)
    net = sym.Activation(sym.BatchNorm(net, name="bn", fix_gamma=False), act_type="tanh")
    net = sym.SoftmaxOutput(sym.FullyConnected(net, name="fc2", num_hidden=3), name="softmax")
    state = numpy.random.RandomState(3)
    x, y = state.randn(10, 5).astype("f"), state.randint(0, 3, 10).astype("f")
    params = {"fc1_weight": state.randn(4, 5), "fc1_bias": state.randn(4), "bn_gamma": state.rand(4) + 0.5,
              "bn_beta": state.randn(4), "fc2_weight": state.randn(3, 4), "fc2_bias": state.randn(3)}  # fmt: skip
    aux = {"bn_moving_mean": numpy.zeros(4), "bn_moving_var": numpy.ones(4)}
    module = mx.mod.Module(net, context=context, work_load_list=workload)
    module.bind([("data", (10, 5))], [("softmax_label", (10,))], inputs_need_grad=True)
    module.init_params(
        arg_params={k: nd.array(v) for k, v in params.items()},
        aux_params={k: nd.array(v) for k, v in aux.items()},
    )
    module.init_optimizer(store, optimizer_params={"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01})
    assert (module._kvstore is None) == (name == "one")
    data = mx.io.DataBatch([nd.array(x)], [nd.array(y)])
    for _ in range(3):
        module.forward_backward(data)
        module.update()
    module.forward_backward(data)
    sizes = [part.shape[0] for part in module.get_outputs(merge_multi_context=False)[0]]
    assert sizes == [stop - start for start, stop in expected["slices"]]
    found = {"input_grad": module.get_input_grads()[0], "out": module.get_outputs()[0]}
    for values in module.get_params():
        found.update(values)
    batches = mx.io.NDArrayIter(x, y, 4)
    found["predict"] = module.predict(batches)
    for key, value in found.items():
        numpy.testing.assert_allclose(value.asnumpy(), expected[key], rtol=1e-5, atol=1e-5, err_msg=key)
    assert module.score(batches, "acc") == [("accuracy", pytest.approx(expected["score"]))]


def test_digits_step_by_step_and_by_fit_as_recorded(caplog):
    train, test = digits()
    accuracies = []
    mx.random.seed(1)
    batches = mx.io.NDArrayIter(*train, 100)
    module = mx.mod.Module(mlp())
    module.bind(batches.provide_data, batches.provide_label)
    module.init_params()
    module.init_optimizer(optimizer_params={"learning_rate": 0.01, "momentum": 0.9})
    metric = mx.metric.create("acc")
    for _ in range(3):
        for data in batches:
            module.forward(data)
            module.update_metric(metric, data.label)
            module.backward()
            module.update()
        accuracies.append(metric.get()[1])
        metric.reset()
        batches.reset()
    assert accuracies == pytest.approx([0.234, 0.397333, 0.486667], abs=1e-6)
    mx.random.seed(1)
    module = mx.mod.Module(mlp())
    with caplog.at_level(logging.INFO):
        module.fit(batches, mx.io.NDArrayIter(*test, 100), num_epoch=3,
                   optimizer_params={"learning_rate": 0.01, "momentum": 0.9})  # fmt: skip
    lines = [re.sub(r"cost=\d+\.\d{3}$", "cost=T", r.message) for r in caplog.records]
    values = [("0.234000", "0.266667"), ("0.397333", "0.336667"), ("0.486667", "0.370000")]
    assert lines == [
        line
        for epoch, (fitted, validated) in enumerate(values)
        for line in (
            f"Epoch[{epoch}] Train-accuracy={fitted}",
            f"Epoch[{epoch}] Time cost=T",
            f"Epoch[{epoch}] Validation-accuracy={validated}",
        )
    ]


# --- Shapes ---


def test_other_batch_sizes_share_the_parameters():
    module = trained((4, 3))
    module.set_params({"fc_weight": nd.array(numpy.eye(3)), "fc_bias": nd.zeros(3)}, {})
    for size in (2, 7, 4, 2):
        x = numpy.random.RandomState(size).randn(size, 3).astype("f")
        module.forward(mx.io.DataBatch([nd.array(x)], [nd.zeros(size)]))
        exps = numpy.exp(x - x.max(1, keepdims=True))
        numpy.testing.assert_allclose(
            module.get_outputs()[0].asnumpy(), exps / exps.sum(1, keepdims=True), rtol=1e-5
        )
        assert module.output_shapes == [("softmax_output", (size, 3))]
    before = module.get_params()[0]["fc_bias"].asnumpy()
    module.backward()
    module.update()
    assert (module.get_params()[0]["fc_bias"].asnumpy() != before).any()
    with pytest.raises(MXNetError, match="fc_weight changed"):
        module.forward(batch((2, 5)))
    module.forward(batch((2, 3)))
    assert module.get_outputs()[0].shape == (2, 3)


def test_predict_drops_padding_and_score_counts_it():
    module = trained((4, 2))
    batches = mx.io.NDArrayIter(numpy.random.RandomState(0).randn(10, 2), numpy.arange(10) % 3, 4)
    assert module.predict(batches).shape == (10, 3)
    assert [out.shape for out in module.predict(batches, always_output_list=True)] == [(10, 3)]
    assert [o[0].shape[0] for o in module.predict(batches, merge_batches=False)] == [4, 4, 2]
    assert module.predict(batches, num_batch=1).shape == (4, 3)
    counted = []
    module.score(batches, "acc", score_end_callback=lambda p: counted.append(p.eval_metric.num_inst))
    assert counted == [12]
    assert module.predict(nd.ones((4, 2))).shape == (4, 3)


# --- Parameters and the optimizer ---


def test_decay_is_for_weights_only_and_gradients_are_divided_by_the_batch():
    module = trained((4, 2))
    optimizer = module._optimizer
    assert optimizer.rescale_grad == 0.25 and optimizer.lr == 0.01
    assert optimizer.wd_mult == {"fc_bias": 0.0}


def test_fixed_parameters_stay():
    module = mx.mod.Module(classifier(), fixed_param_names=["fc_weight"])
    module.bind([("data", (2, 4))], [("softmax_label", (2,))])
    module.init_params()
    module.init_optimizer()
    weight, bias = (module.get_params()[0][n].asnumpy().copy() for n in ("fc_weight", "fc_bias"))
    module.forward_backward(batch((2, 4)))
    module.update()
    params = module.get_params()[0]
    assert (params["fc_weight"].asnumpy() == weight).all() and (params["fc_bias"].asnumpy() != bias).all()


def test_borrowed_optimizer_and_shared_parameters():
    first = trained((4, 3))
    second = mx.mod.Module(classifier())
    second.bind([("data", (2, 3))], [("softmax_label", (2,))], shared_module=first)
    assert second.params_initialized and second.optimizer_initialized
    second.forward_backward(batch((2, 3)))
    second.update()
    assert (
        first._exec_group.param_arrays[1][0].asnumpy() == second._exec_group.param_arrays[1][0].asnumpy()
    ).all()
    assert (second.get_params()[0]["fc_bias"].asnumpy() != 0).all()


def test_states_are_kept_from_batch_to_batch():
    module = mx.mod.Module(
        sym.Variable("data") + sym.Variable("state"), label_names=None, state_names=["state"]
    )
    module.bind([("data", (2,))], for_training=False)
    module.init_params()
    module.set_states(value=3)
    module.forward(mx.io.DataBatch([nd.ones(2)]))
    assert module.get_outputs()[0].asnumpy().tolist() == [4, 4]
    module.set_states(states=[[nd.array([5, 6])]])
    module.forward(mx.io.DataBatch([nd.ones(2)]))
    assert module.get_outputs()[0].asnumpy().tolist() == [6, 7]
    assert module.get_states()[0].asnumpy().tolist() == [5, 6]


def test_fit_calls_back_and_watches(caplog):
    batches = mx.io.NDArrayIter(numpy.zeros((4, 4)), numpy.zeros(4), 2)
    ends, epochs = [], []
    with caplog.at_level(logging.INFO):
        mx.mod.Module(classifier()).fit(
            batches, num_epoch=1, monitor=mx.monitor.Monitor(1, pattern="fc_bias"),
            batch_end_callback=lambda p: ends.append((p.epoch, p.nbatch, p.eval_metric.num_inst)),
            epoch_end_callback=[lambda *a: epochs.append((a[0], a[1].list_outputs(), sorted(a[2]), a[3]))],
        )  # fmt: skip
    assert ends == [(0, 0, 2), (0, 1, 4)]
    assert epochs == [(0, ["softmax_output"], ["fc_bias", "fc_weight"], {})]
    watched = [r.message for r in caplog.records if r.message.startswith("Batch:")]
    assert len(watched) == 2 and all("fc_bias" in line for line in watched)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_shows_the_progress_on_a_terminal_only(monkeypatch):
    batches = mx.io.NDArrayIter(numpy.zeros((8, 4)), numpy.zeros(8), 2)
    monkeypatch.setattr("minpy.module.progress._INTERVAL", 0)
    for stream, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr("sys.stderr", stream)
        mx.mod.Module(classifier()).fit(batches, num_epoch=2)
        text = stream.getvalue()
        assert ("Epoch[0] batch 3" in text) is shown
        assert (f"Epoch[1] batch 2/4 [{'=' * 15}{' ' * 15}]" in text) is shown
        assert not shown or text.endswith("\r\033[K")
        batches.reset()


# --- Errors and warnings ---


def test_what_must_come_first():
    module = mx.mod.Module(classifier())
    with pytest.raises(AssertionError, match="call bind before initializing the parameters"):
        module.init_params()
    with pytest.raises(AssertionError):
        module.init_optimizer()
    module = bound(for_training=False)
    module.init_params()
    module.forward(batch((2, 4)))
    with pytest.raises(AssertionError, match="re-bind with for_training=True to run backward"):
        module.backward()
    with pytest.raises(AssertionError, match="please specify number of epochs"):
        module.fit(None)
    with pytest.raises(ValueError, match="eval_data must be of type NDArray or DataIter"):
        module.predict(5)


def test_wrong_names():
    hint = (
        r"but input with name 'foo' is not found in symbol.list_arguments\(\). Did you mean one of:\n\tdata\n"
    )
    with pytest.raises(ValueError, match=hint):
        mx.mod.Module(classifier(), data_names=["foo"])
    with pytest.warns(UserWarning, match=hint):
        mx.mod.Module(classifier(), label_names=["foo"])
    with pytest.raises(
        ValueError, match=r"don't match names specified by data_names \(\[DataDesc\[dat,\(2, 4\)"
    ):
        mx.mod.Module(classifier()).bind([("dat", (2, 4))])
    with pytest.warns(UserWarning, match=r"label_names \(\[\] vs. \['softmax_label'\]\)"):
        mx.mod.Module(classifier()).bind([("data", (2, 4))])
    with pytest.raises(AssertionError, match="all data must have the same batch size: batch_size = 2, but"):
        mx.mod.Module(classifier()).bind([("data", (2, 4))], [("softmax_label", (3,))])
    with pytest.raises(ValueError, match="Too many slices"):
        mx.mod.Module(classifier(), context=[mx.cpu(i) for i in range(3)]).bind(
            [("data", (2, 4))], [("softmax_label", (2,))]
        )


def test_repeated_calls_are_said_to_be_ignored(caplog):
    module = trained()
    with pytest.warns(UserWarning, match="init_params call ignored"):
        module.init_params()
    with pytest.warns(UserWarning, match="set_params call ignored"):
        module.set_params({}, {}, allow_missing=True, force_init=False)
    module.bind([("data", (2, 4))])
    module.init_optimizer()
    assert [r.message for r in caplog.records] == [
        "Already bound, ignoring bind()",
        "optimizer already initialized, ignoring...",
    ]
    with pytest.warns(UserWarning, match=r"is not normalized to 1.0/batch_size/num_workers \(1.0 vs. 0.5\)"):
        module.init_optimizer(optimizer=mx.optimizer.SGD(), force_init=True)


def test_given_parameters():
    module = bound()
    with pytest.raises(RuntimeError, match="fc_bias is not presented"):
        module.init_params(arg_params={"fc_weight": nd.ones((3, 4))})
    values = {"fc_weight": nd.ones((3, 4)), "fc_bias": nd.ones(3), "more": nd.ones(1)}
    module.init_params(arg_params=values, aux_params={})
    assert (module.get_params()[0]["fc_weight"].asnumpy() == 1).all()
    with pytest.raises(MXNetError, match=r"expected \[3, 3\], got \[3, 4\]"):
        module.set_params(values | {"fc_weight": nd.ones((3, 3))}, {})


def test_parameters_that_are_not_given_keep_their_trained_values():
    module = trained()
    module.forward_backward(batch((2, 4)))
    module.update()
    bias = module._exec_group.param_arrays[1][0].asnumpy().copy()
    assert (bias != 0).any()
    module.set_params({"fc_weight": nd.ones((3, 4))}, {}, allow_missing=True)
    params = module.get_params()[0]
    assert (params["fc_bias"].asnumpy() == bias).all() and (params["fc_weight"].asnumpy() == 1).all()


def test_binding_again_keeps_what_was_learnt():
    module = trained()
    module.forward_backward(batch((2, 4)))
    module.update()
    bias = module._exec_group.param_arrays[1][0].asnumpy().copy()
    assert (bias != 0).any()
    module.bind([("data", (3, 4))], [("softmax_label", (3,))], force_rebind=True)
    assert (module._exec_group.param_arrays[1][0].asnumpy() == bias).all()
    module.forward_backward(batch((3, 4)))
    module.update()
    assert (module.get_params()[0]["fc_bias"].asnumpy() != bias).any()


def test_parameter_files(tmp_path, caplog):
    module = trained()
    module.save_params(str(tmp_path / "p.params"))
    weight = module.get_params()[0]["fc_weight"].asnumpy().copy()
    module.init_params(mx.init.One(), force_init=True)
    module.load_params(str(tmp_path / "p.params"))
    assert (module.get_params()[0]["fc_weight"].asnumpy() == weight).all()
    nd.save(str(tmp_path / "bad.params"), {"weight": nd.ones(1)})
    with pytest.raises(ValueError, match="Invalid param file"):
        module.load_params(str(tmp_path / "bad.params"))
    nd.save(str(tmp_path / "none-0001.params"), {})
    assert mx.model.load_params(str(tmp_path / "none"), 1) == ({}, {})
    assert "is empty" in caplog.records[-1].message
    shutil.copy(MLP / "mlp-symbol.json", tmp_path / "half-symbol.json")
    with pytest.raises(MXNetError, match="half-0001.params"):
        mx.model.load_checkpoint(str(tmp_path / "half"), 1)


def test_set_params_refuses_unknown_names_when_some_may_miss():
    module = trained()
    module.set_params({"fc_bias": nd.ones(3)}, {}, allow_missing=True)
    assert module.get_params()[0]["fc_bias"].asnumpy().tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match='Find name "other" that is not in the arguments'):
        module.set_params({"other": nd.ones(3)}, {}, allow_missing=True)
    module.set_params({"other": nd.ones(3)}, {}, allow_missing=True, allow_extra=True)
    assert [executor.outputs[0].shape for executor in module._exec_group.execs] == [(2, 3)]
