"""BucketingModule: one set of parameters for graphs of several lengths."""

import numpy
import pytest

import minpy as mx
from minpy import nd, sym


def generate(length):
    parts = sym.SliceChannel(sym.Variable("data"), num_outputs=length, axis=1)
    weight, bias = sym.Variable("step_weight"), sym.Variable("step_bias")
    state = sum(
        (sym.FullyConnected(parts[i], weight, bias, num_hidden=6) for i in range(1, length)),
        sym.FullyConnected(parts[0], weight, bias, num_hidden=6),
    )
    out = sym.FullyConnected(sym.Activation(state, act_type="tanh"), num_hidden=2, name="out")
    return sym.SoftmaxOutput(out, name="softmax"), ("data",), ("softmax_label",)


def batch(length, rows=8, seed=0):
    rng = numpy.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    data = rng.normal(size=(rows, length, 3)) + labels[:, None, None]
    return mx.io.DataBatch(
        [nd.array(data)],
        [nd.array(labels)],
        bucket_key=length,
        provide_data=[mx.io.DataDesc("data", data.shape)],
        provide_label=[mx.io.DataDesc("softmax_label", labels.shape)],
    )


def bound(**kwargs):
    module = mx.mod.BucketingModule(generate, default_bucket_key=5, **kwargs)
    first = batch(5)
    module.bind(first.provide_data, first.provide_label)
    module.init_params(mx.init.Xavier())
    return module


def test_buckets_share_parameters_and_learn():
    module = bound()
    module.init_optimizer(optimizer_params={"learning_rate": 0.5, "momentum": 0.9})
    for step in range(30):
        module.forward_backward(batch(2 + step % 4, seed=step))
        module.update()
    weights = [m._exec_group.executors[0].arg_dict["out_weight"] for m in module._buckets.values()]
    assert len(weights) == 4 and all(w is weights[0] for w in weights)
    assert (module.get_params()[0]["out_weight"].asnumpy() == weights[0].asnumpy()).all()
    metric = mx.metric.create("acc")
    for length in (2, 3, 4, 5):
        one = batch(length, rows=8, seed=100 + length)
        module.forward(one, is_train=False)
        module.update_metric(metric, one.label)
    assert metric.get()[1] > 0.8


def test_one_bucket_is_a_plain_module():
    bucketing = bound()
    plain = mx.mod.Module(generate(4)[0])
    four = batch(4)
    plain.bind(four.provide_data, four.provide_label)
    plain.init_params(arg_params=bucketing.get_params()[0], aux_params={})
    for module in (bucketing, plain):
        module.init_optimizer(optimizer="adam")
        for step in range(3):
            module.forward_backward(batch(4, seed=step))
            module.update()
    for name, array in plain.get_params()[0].items():
        assert (array.asnumpy() == bucketing.get_params()[0][name].asnumpy()).all(), name


def test_checkpoint_and_wrong_names(tmp_path):
    module = bound(context=[mx.cpu(0), mx.cpu(1)])
    module.forward(batch(3), is_train=False)
    assert module.get_outputs()[0].shape == (8, 2)
    module.save_checkpoint(str(tmp_path / "x"), 1)
    symbol, arguments, _ = mx.model.load_checkpoint(str(tmp_path / "x"), 1)
    assert symbol.infer_shape(data=(8, 5, 3))[1] == [(8, 2)] and "step_weight" in arguments
    with pytest.raises(ValueError, match="You created Module"):
        mx.mod.BucketingModule(lambda key: (generate(key)[0], ("x",), ()), default_bucket_key=3)
