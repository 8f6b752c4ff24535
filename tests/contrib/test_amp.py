"""Mixed precision: which operators cast, scaled losses, and converted networks, as MXNet 1.9.1 converts them."""

import json
import subprocess
import sys
import textwrap

import numpy
import pytest

import minpy as mx
from minpy import amp, gluon, nd, sym
from minpy.gluon import nn


def run(program):
    """A program of its own, since `init` cannot be undone."""
    code = "import numpy, minpy as mx\nfrom minpy import amp, autograd, gluon, nd, sym\n" + textwrap.dedent(
        program
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_operators_cast(dtype):
    assert run(f"""
        amp.init("{dtype}")
        x, w = nd.ones((2, 3)), nd.ones((4, 3))
        y = nd.FullyConnected(x, w, num_hidden=4, no_bias=True)
        low = numpy.dtype("{dtype}") if "{dtype}" == "float16" else y.dtype
        name = lambda a: numpy.dtype(a.dtype).name
        print(name(y), name(nd.exp(y)), name(nd.softmax(y)), name(nd.Activation(y, act_type="relu")))
        print(name(nd.Activation(y, act_type="softrelu")), name(y + x.sum()), name(nd.exp(nd.ones(2, dtype="float64"))))
        print(name(nd.concat(y, nd.ones((2, 4)), dim=1)), name(nd.dot(y, nd.ones((4, 1)))))
    """) == [dtype, "float32", "float32", dtype, "float32", "float32", "float64", "float32", "float32"]


def test_operators_of_symbols_cast():
    assert (
        run("""
        amp.init()
        out = sym.exp(sym.FullyConnected(sym.var("data"), num_hidden=2, name="fc"))
        print(*[n.name for n in out._order()])
        print(*out.list_arguments())
        print(numpy.dtype(out.bind(mx.cpu(), {k: nd.ones(s) for k, s in zip(
            out.list_arguments(), [(1, 3), (2, 3), (2,)])}).forward()[0].dtype).name)
        print("amp_cast" in out.tojson(), "amp_cast" in out.tojson(remove_amp_cast=False))
    """)
        == (
            "data data_amp_cast_float16 fc_weight fc_weight_amp_cast_float16 fc_bias fc_bias_amp_cast_float16 fc"
            " fc_output_amp_cast_float32 exp0 data fc_weight fc_bias float32 False True"
        ).split()
    )


def test_training():
    """A network learns in mixed precision; its parameters and gradients stay float32."""
    out = run("""
        amp.init()
        mx.random.seed(0)
        numpy.random.seed(0)
        net = gluon.nn.HybridSequential()
        net.add(gluon.nn.Conv2D(8, 3, activation="relu"), gluon.nn.BatchNorm(), gluon.nn.Dense(2))
        net.initialize(mx.init.Xavier())
        net.hybridize()
        trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
        amp.init_trainer(trainer)
        loss_fn = gluon.loss.SoftmaxCrossEntropyLoss()
        labels = numpy.arange(64) % 2
        x = nd.array(numpy.random.rand(64, 1, 6, 6) + labels[:, None, None, None] * 0.5)
        losses = []
        for _ in range(25):
            with autograd.record():
                loss = loss_fn(net(x), nd.array(labels))
                with amp.scale_loss(loss, trainer) as scaled:
                    autograd.backward(scaled)
            losses.append(float(loss.mean().asscalar()))
            trainer.step(64)
        print(losses[-1] < losses[0] / 3, {numpy.dtype(p.data().dtype).name for p in net.collect_params().values()})
        print(trainer._amp_loss_scaler.loss_scale <= 65536, numpy.dtype(net[0](x).dtype).name)
    """)
    assert out == ["True", "{'float32'}", "True", "float16"]


def test_overflow_skips_the_step():
    out = run("""
        amp.init()
        p = gluon.Parameter("w", shape=(1,)); p.initialize(mx.init.One())
        trainer = gluon.Trainer([p], "sgd", {"learning_rate": 1.0})
        amp.init_trainer(trainer)
        for factor in (float("inf"), 1.0, 1.0):
            with autograd.record():
                with amp.scale_loss(p.data() * factor, trainer) as scaled:
                    pass
            scaled.backward()
            trainer.step(1)
            print(p.data().asscalar(), trainer._amp_loss_scaler.loss_scale)
        with autograd.record():
            with amp.scale_loss(p.data() * 3, trainer) as scaled:
                pass
        scaled.backward()
        amp.unscale(trainer)
        print(p.grad().asscalar(), trainer._scale)
    """)
    assert out == ["1.0", "65536.0", "0.0", "32768.0", "-1.0", "32768.0", "3.0", "1.0"]


def test_loss_outputs_are_scaled():
    assert run("""
        amp.init()
        x = nd.ones((1, 2)); x.attach_grad()
        with autograd.record():
            y = nd.SoftmaxOutput(x, nd.array([0]))
        y.backward()
        print(x.grad.asnumpy()[0, 0])
    """) == ["-32768.0"]


def test_wrong_calls():
    class Stranger:
        pass

    with pytest.raises(AssertionError, match="only float16 or bfloat16"):
        amp.init("float64")
    with pytest.raises(AssertionError, match="did you forget to call amp.init"):
        amp.init_trainer(Stranger())
    p = gluon.Parameter("w", shape=(1,))
    p.initialize()
    trainer = gluon.Trainer([p], "sgd")
    with (
        pytest.raises(AssertionError, match="Loss scaler is not initialized"),
        amp.scale_loss(p.data(), trainer),
    ):
        pass
    with pytest.raises(TypeError, match="AMP is currently only compatible with Gluon Trainer"):
        amp.unscale(mx.optimizer.create("sgd"))


# --- Conversion ---


def network():
    with mx.name.NameManager():
        data = sym.var("data")
        out = sym.Convolution(data, kernel=(3, 3), num_filter=4, name="c1")
        out = sym.Activation(sym.BatchNorm(out, name="bn"), act_type="relu", name="act")
        dense = sym.FullyConnected(out, num_hidden=3, name="fc")
        scaled = sym.softmax(dense, name="sm") * 2
        return sym.LeakyReLU(sym.concat(scaled, dense, dim=1, name="cc"), act_type="elu", name="elu")


def parameters(net):
    rng = numpy.random.RandomState(0)
    args, _, aux = net.infer_shape(data=(2, 3, 5, 5))
    arg_params = {n: nd.array(rng.randn(*s)) for n, s in zip(net.list_arguments(), args) if n != "data"}
    return arg_params, {n: nd.ones(s) for n, s in zip(net.list_auxiliary_states(), aux)}


def nodes(net):
    """(operator, name, inputs, dtype of variables) of each node."""
    rows = json.loads(net.tojson(remove_amp_cast=False))["nodes"]
    return [
        (r["op"], r["name"], [i[:2] for i in r["inputs"]], r.get("attrs", {}).get("__dtype__")) for r in rows
    ]


def test_graphs_are_those_of_mxnet():
    """Recorded from 1.9.1, for both settings of `cast_optional_params`."""
    net = network()
    made, args, aux = amp.convert_model(net, *parameters(net), "float16")
    assert nodes(made)[:7] == [
        ("null", "data", [], None),
        ("amp_cast", "data_amp_cast_float16", [[0, 0]], None),
        ("null", "c1_weight", [], "0"),
        ("amp_cast", "c1_weight_amp_cast_float16", [[2, 0]], None),
        ("null", "c1_bias", [], "0"),
        ("amp_cast", "c1_bias_amp_cast_float16", [[4, 0]], None),
        ("Convolution", "c1", [[1, 0], [3, 0], [5, 0]], None),
    ]
    assert [row[:3] for row in nodes(made)[-6:]] == [
        ("FullyConnected", "fc", [[12, 0], [14, 0], [16, 0]]),
        ("amp_cast", "fc_output_amp_cast_float32", [[17, 0]]),
        ("softmax", "sm", [[18, 0]]),
        ("_mul_scalar", "_mulscalar0", [[19, 0]]),
        ("Concat", "cc", [[20, 0], [18, 0]]),
        ("LeakyReLU", "elu", [[21, 0]]),
    ]
    assert {numpy.dtype(a.dtype).name for a in (*args.values(), *aux.values())} == {"float32"}
    made, args, aux = amp.convert_model(net, *parameters(net), "float16", cast_optional_params=True)
    assert {n: numpy.dtype(a.dtype).name for n, a in args.items()} == {
        "c1_weight": "float16",
        "c1_bias": "float16",
        "bn_gamma": "float32",
        "bn_beta": "float32",
        "fc_weight": "float16",
        "fc_bias": "float16",
    }
    assert [row[1] for row in nodes(made) if row[0] == "amp_cast"] == [
        "data_amp_cast_float16",
        "fc_output_amp_cast_float32",
    ]
    excluded, _, _ = amp.convert_model(net, *parameters(net), "bfloat16", excluded_sym_names=["fc"])
    assert [row[1] for row in nodes(excluded) if row[0] == "amp_cast"][-1] == "act_output_amp_cast_float32"


@pytest.mark.parametrize("dtype, tolerance", [("float16", 2e-2), ("bfloat16", 1e-1)])
@pytest.mark.parametrize("optional", [False, True])
def test_converted_models_compute(dtype, tolerance, optional):
    net = network()
    args, aux = parameters(net)
    made, new_args, new_aux = amp.convert_model(net, args, aux, dtype, cast_optional_params=optional)
    x = nd.array(numpy.random.RandomState(1).randn(2, 3, 5, 5))
    before, after = (
        s.bind(mx.cpu(), {**a, "data": x}, aux_states=b).forward()[0].asnumpy()
        for s, a, b in ((net, args, aux), (made, new_args, new_aux))
    )
    numpy.testing.assert_allclose(after, before, rtol=tolerance, atol=tolerance)
    assert not numpy.array_equal(after, before)


def test_convert_hybrid_block():
    net = nn.HybridSequential()
    net.add(nn.Conv2D(4, 3, activation="relu"), nn.BatchNorm(), nn.Dense(3))
    net.initialize()
    with pytest.raises(RuntimeError, match="hybridize"):
        amp.convert_hybrid_block(net)
    net.hybridize()
    x = nd.random.uniform(shape=(2, 1, 5, 5))
    before = net(x)
    for optional in (False, True):
        made = amp.convert_hybrid_block(net, ctx=mx.cpu(), cast_optional_params=optional)
        after = made(x)
        assert numpy.dtype(after.dtype).name == "float16"
        numpy.testing.assert_allclose(after.asnumpy(), before.asnumpy(), rtol=1e-2, atol=1e-3)
        dtypes = {numpy.dtype(p.data().dtype).name for p in made.collect_params().values()}
        assert dtypes == ({"float16", "float32"} if optional else {"float32"})


def test_convert_bucketing_module():
    def generate(length):
        out = sym.FullyConnected(sym.var("data"), num_hidden=2, name="fc")
        return sym.SoftmaxOutput(out, name="softmax"), ("data",), ("softmax_label",)

    module = mx.mod.BucketingModule(generate, default_bucket_key=3)
    module.bind([("data", (4, 3))], [("softmax_label", (4,))])
    module.init_params()
    made = amp.convert_bucketing_module(module)
    made.bind([("data", (4, 3))], [("softmax_label", (4,))], for_training=False)
    shapes = {"provide_data": [("data", (4, 3))], "provide_label": [("softmax_label", (4,))]}
    batch = mx.io.DataBatch([nd.ones((4, 3))], [nd.zeros((4,))], bucket_key=3, **shapes)
    outputs = []
    for one in (module, made):
        one.forward(batch, is_train=False)
        outputs.append(one.get_outputs()[0].asnumpy())
    numpy.testing.assert_allclose(*outputs, rtol=1e-2)


def test_lists():
    net = network()
    with pytest.raises(AssertionError, match="Ops cannot be in two or more lists"):
        amp.convert_symbol(net, target_dtype_ops=["exp"], fp32_ops=["exp"])
    with pytest.raises(AssertionError, match="not in any of"):
        amp.convert_symbol(net, fp32_ops=["no_such_operator"])
    for dtype in ("float16", "bfloat16"):
        lists = [amp.list_lp16_ops(dtype), amp.list_fp32_ops(dtype), amp.list_lp16_fp32_ops(dtype),
                 amp.list_widest_type_cast(dtype)]  # fmt: skip
        assert sum(map(len, lists)) == len(set().union(*lists))
        assert "Convolution" in lists[0] and "softmax" in lists[1]
