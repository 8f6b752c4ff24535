"""Buckets, chains of modules, modules in Python and FeedForward: values that real MXNet 1.9.1 computed."""

import json
import pathlib

import numpy
import pytest

import minpy as mx
from minpy import nd, sym

RECORDED = json.loads((pathlib.Path(__file__).parent / "data" / "others.json").read_text())


def arrays(values):
    return {name: nd.array(value) for name, value in values.items()}


def compare(params, expected):
    for name, value in params.items():
        numpy.testing.assert_allclose(value.asnumpy(), expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def generate(length):
    words = sym.Embedding(sym.Variable("data"), input_dim=7, output_dim=4, name="emb")
    net = sym.FullyConnected(sym.sum(words, axis=1), num_hidden=3, name="fc")
    return sym.SoftmaxOutput(net, name="softmax"), ("data",), ("softmax_label",)


def sentences(length):
    shapes = {"provide_data": [("data", (4, length))], "provide_label": [("softmax_label", (4,))]}
    return mx.io.DataBatch([nd.ones((4, length))], [nd.ones(4)], bucket_key=length, **shapes)


def bucketed():
    module = mx.mod.BucketingModule(generate, default_bucket_key=5)
    module.bind([("data", (4, 5))], [("softmax_label", (4,))])
    module.init_params()
    module.init_optimizer()
    module.forward_backward(sentences(3))
    module.update()
    return module


def test_checkpoints_of_buckets(tmp_path):
    module = bucketed()
    prefix = str(tmp_path / "b")
    module.save_checkpoint(prefix, 1)
    names = ["b-0001.params", "b-3-symbol.json", "b-5-symbol.json", "b-symbol.json", "b.buckets"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    again = mx.mod.BucketingModule.load(prefix, 1, generate, 5)
    compare(again.get_params()[0], {k: v.asnumpy() for k, v in module.get_params()[0].items()})
    again.bind([("data", (4, 5))], [("softmax_label", (4,))])
    for each in (module, again):
        each.forward(sentences(2), is_train=False)
    assert (module.get_outputs()[0].asnumpy() == again.get_outputs()[0].asnumpy()).all()
    again.init_optimizer()
    again.backward()
    again.update()
    before, after = (m.get_params()[0]["fc_bias"].asnumpy() for m in (module, again))
    assert (before != after).any()
    with pytest.raises(AssertionError, match="sym_gen is required"):
        mx.mod.BucketingModule.load(prefix, 1)


def test_buckets_bound_again_keep_parameters_and_optimizer():
    module = bucketed()
    learnt = {name: value.asnumpy().copy() for name, value in module.get_params()[0].items()}
    module.bind([("data", (4, 5))], [("softmax_label", (4,))], force_rebind=True)
    compare(module.get_params()[0], learnt)
    module.forward_backward(sentences(2))
    module.update()
    assert (module.get_params()[0]["fc_bias"].asnumpy() != learnt["fc_bias"]).any()


def test_buckets_share_parameters_and_optimizer():
    state = numpy.random.RandomState(5)
    params = {"emb_weight": state.randn(7, 4), "fc_weight": state.randn(3, 4), "fc_bias": state.randn(3)}
    module = mx.mod.BucketingModule(generate, default_bucket_key=5)
    module.bind([("data", (4, 5))], [("softmax_label", (4,))])
    module.init_params(arg_params=arrays(params), aux_params={})
    module.init_optimizer(optimizer_params={"learning_rate": 0.3, "momentum": 0.5})
    for length in (3, 5, 2, 3, 2, 5):
        x, y = state.randint(0, 7, (4, length)), state.randint(0, 3, 4)
        shapes = {"provide_data": [("data", x.shape)], "provide_label": [("softmax_label", (4,))]}
        module.forward_backward(mx.io.DataBatch([nd.array(x)], [nd.array(y)], bucket_key=length, **shapes))
        module.update()
    compare(module.get_params()[0], RECORDED["bucketing"])


def chain(python_loss):
    """A chain of two layers, with the loss of MXNet or one in Python."""
    first = sym.FullyConnected(sym.Variable("data"), num_hidden=4, name="fc1")
    second = sym.FullyConnected(sym.Variable("hid"), num_hidden=3, name="fc2")
    found = mx.mod.SequentialModule()
    found.add(mx.mod.Module(sym.Activation(first, act_type="tanh", name="t"), label_names=None))
    if python_loss:
        found.add(mx.mod.Module(second, data_names=["hid"], label_names=None), auto_wiring=True)
        loss = mx.mod.PythonLossModule(grad_func=lambda s, y: (nd.softmax(s) - nd.one_hot(y, 3)).asnumpy())
        return found.add(loss, take_labels=True, auto_wiring=True)
    second = sym.SoftmaxOutput(second, name="softmax")
    return found.add(mx.mod.Module(second, data_names=["hid"]), take_labels=True, auto_wiring=True)


@pytest.mark.parametrize("python_loss", [False, True])
def test_chains_train_as_one(python_loss):
    expected = RECORDED["loss" if python_loss else "chain"]
    state = numpy.random.RandomState(5)
    for shape in ((7, 4), (3, 4), (3,)):
        state.randn(*shape)
    for length in (3, 5, 2, 3, 2, 5):
        state.randint(0, 7, (4, length)), state.randint(0, 3, 4)
    data = mx.io.DataBatch([nd.array(state.randn(4, 5))], [nd.array(state.randint(0, 3, 4))])
    shapes = {"fc1_weight": (4, 5), "fc1_bias": (4,), "fc2_weight": (3, 4), "fc2_bias": (3,)}
    params = {name: state.randn(*shape) for name, shape in shapes.items()}
    module = chain(python_loss)
    module.bind([("data", (4, 5))], [("softmax_label", (4,))])
    module.init_params(arg_params=arrays(params), aux_params={}, allow_missing=True)
    module.init_optimizer(optimizer_params={"learning_rate": 0.3})
    for _ in range(3):
        module.forward_backward(data)
        module.update()
    metric = mx.metric.Accuracy()
    module.forward(data, is_train=True)
    module.update_metric(metric, data.label)
    assert metric.get()[1] == expected["acc"]
    assert module.output_names == expected["names"]
    assert [list(shape) for _, shape in module.output_shapes] == expected["shapes"]
    compare(module.get_params()[0], expected)


def test_chains_refuse_what_they_cannot_do(caplog):
    module = mx.mod.SequentialModule()
    with pytest.raises(AssertionError, match="empty SequentialModule"):
        module.bind([("data", (2, 4))])
    with pytest.raises(AssertionError, match='Unknown meta "foo", a typo'):
        module.add(mx.mod.PythonLossModule(), foo=1)
    module = chain(True)
    with pytest.raises(AssertionError, match="call bind before"):
        module.init_params()
    module.bind([("data", (2, 4))], [("softmax_label", (2,))])
    module.bind([("data", (2, 4))])
    assert caplog.records[-1].message == "Already bound, ignoring bind()"
    same = mx.mod.SequentialModule()
    for _ in range(2):
        net = sym.FullyConnected(sym.Variable("data"), num_hidden=4, name="fc")
        same.add(mx.mod.Module(net, label_names=None), auto_wiring=True)
    same.bind([("data", (2, 4))])
    with pytest.raises(AssertionError, match='Duplicated parameter names: name "fc_weight" in layer 1'):
        same.init_params()


def test_fit_trains_a_chain():
    x = numpy.random.RandomState(0).randn(60, 4)
    batches = mx.io.NDArrayIter(x, (x[:, 0] > 0) + (x[:, 1] > 0), 20)
    module = chain(False)
    module.fit(batches, num_epoch=40, optimizer_params={"learning_rate": 0.5}, initializer=mx.init.Xavier())
    assert module.score(batches, "acc")[0][1] > 0.8
    assert module.predict(batches).shape == (60, 3)


def test_a_module_in_python_that_is_not_finished_says_so():
    module = mx.mod.PythonLossModule()
    assert (module.data_names, module.output_names) == (["data"], ["pyloss_output"])
    module.bind([("data", (2, 3))], [("softmax_label", (2,))])
    module.init_params()
    module.forward(mx.io.DataBatch([nd.ones((2, 3))], [nd.ones(2)]))
    assert module.get_outputs()[0].shape == (2, 3) and module.get_params() == ({}, {})
    with pytest.raises(NotImplementedError):
        module.backward()
    with pytest.raises(NotImplementedError):
        mx.mod.PythonModule(["data"], None, ["out"]).bind([("data", (2, 3))])


# --- FeedForward ---


def samples():
    x = numpy.random.randn(23, 5)
    net = sym.FullyConnected(sym.Variable("data"), num_hidden=3, name="fc")
    return sym.SoftmaxOutput(net, name="softmax"), x, (x[:, 0] > 0) + (x[:, 1] > 0)


@pytest.mark.filterwarnings("ignore:.*FeedForward has been deprecated")
def test_feed_forward_on_arrays():
    numpy.random.seed(3)
    mx.random.seed(3)
    net, x, y = samples()
    log, expected = [], RECORDED["feed"]

    def note(epoch=None):
        def callback(param):
            epoch_ = param.epoch if epoch is None else epoch
            log.append([epoch_, param.nbatch, param.eval_metric.get()[1]])

        return callback

    model = mx.model.FeedForward(
        net, num_epoch=4, numpy_batch_size=5, learning_rate=0.2, momentum=0.9, wd=0.01
    )
    model.fit(x, y, eval_data=(x[:9], y[:9]), batch_end_callback=note(), eval_batch_end_callback=note(-1),
              eval_end_callback=note(-2))  # fmt: skip
    numpy.testing.assert_allclose(log, expected["log"])
    compare(model.arg_params, expected)
    numpy.testing.assert_allclose(model.predict(x), expected["predict"], rtol=1e-5, atol=1e-6)
    assert model.score(mx.io.NDArrayIter(x, y, 6)) == pytest.approx(expected["score"])
    found = model.predict(mx.io.NDArrayIter(x, y, 6), return_data=True, num_batch=2)
    assert [list(part.shape) for part in found] == expected["shapes"]


@pytest.mark.filterwarnings("ignore:.*FeedForward has been deprecated")
def test_feed_forward_with_epochs_of_a_given_size_on_two_contexts():
    numpy.random.seed(3)
    net, x, y = samples()
    mx.random.seed(4)
    log = []
    model = mx.model.FeedForward(
        net, num_epoch=3, epoch_size=3, learning_rate=0.2, ctx=[mx.cpu(0), mx.cpu(1)]
    )
    model.fit(
        mx.io.NDArrayIter(x, y, 6),
        batch_end_callback=lambda p: log.append([p.epoch, p.nbatch, p.eval_metric.get()[1]]),
    )
    numpy.testing.assert_allclose(log, RECORDED["sized"]["log"])
    compare(model.arg_params, RECORDED["sized"])
