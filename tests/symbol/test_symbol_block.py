"""SymbolBlock and HybridBlock.export, against networks that MXNet 1.9.1 trained and exported."""

import json
import pathlib

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd, sym
from minpy.gluon import nn

DATA = pathlib.Path(__file__).parent / "data"


def lenet():
    net = nn.HybridSequential(prefix="lenet_")
    with net.name_scope():
        net.add(
            nn.Conv2D(8, 5, activation="relu"),
            nn.MaxPool2D(2, 2),
            nn.Conv2D(16, 5, activation="tanh"),
            nn.AvgPool2D(2, 2),
            nn.Flatten(),
            nn.Dense(32, activation="sigmoid"),
            nn.Dropout(0.0),
            nn.Dense(10),
        )
    return net


class Basic(gluon.HybridBlock):
    def __init__(self, channels, stride, down, before, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.body = nn.HybridSequential(prefix="")
            self.body.add(
                nn.Conv2D(channels, 3, stride, 1, use_bias=False, in_channels=before),
                nn.BatchNorm(),
                nn.Activation("relu"),
                nn.Conv2D(channels, 3, 1, 1, use_bias=False, in_channels=channels),
                nn.BatchNorm(),
            )
            self.ds = nn.HybridSequential(prefix="") if down else None
            if down:
                self.ds.add(
                    nn.Conv2D(channels, 1, stride, use_bias=False, in_channels=before), nn.BatchNorm()
                )

    def hybrid_forward(self, F, x):
        rest = self.ds(x) if self.ds else x
        return F.Activation(rest + self.body(x), act_type="relu")


class Residual(gluon.HybridBlock):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(
                nn.Conv2D(8, 3, 1, 1, use_bias=False),
                nn.BatchNorm(),
                nn.Activation("relu"),
                Basic(8, 1, False, 8, prefix="stage1_"),
                Basic(16, 2, True, 8, prefix="stage2_"),
                nn.GlobalAvgPool2D(),
            )
            self.output = nn.Dense(10)

    def hybrid_forward(self, F, x):
        return self.output(self.features(x))


NETWORKS = {"lenet": lenet, "resnet": lambda: Residual(prefix="res_")}


def recorded(name):
    return numpy.load(DATA / f"{name}_io.npz")


def exported(name, io, tmp_path):
    """The network with its first parameters, exported and imported."""
    net = NETWORKS[name]()
    net.initialize()
    net.hybridize()
    net(nd.array(io["x"]))
    for key, parameter in net._collect_params_with_prefix().items():
        parameter.set_data(nd.array(io["init:" + key]))
    return net, *net.export(str(tmp_path / name), epoch=7)


@pytest.mark.parametrize("name", NETWORKS)
def test_mxnets_files_give_mxnets_outputs(name):
    io = recorded(name)
    block = gluon.SymbolBlock.imports(
        str(DATA / f"{name}-symbol.json"), ["data"], str(DATA / f"{name}-0002.params")
    )
    numpy.testing.assert_allclose(block(nd.array(io["x"])).asnumpy(), io["out_final"], atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_exported_graphs_are_mxnets(name, tmp_path):
    symbol_file = exported(name, recorded(name), tmp_path)[1]
    assert symbol_file.endswith(f"{name}-symbol.json")
    ours, theirs = (
        json.loads(pathlib.Path(p).read_text()) for p in (symbol_file, DATA / f"{name}-symbol.json")
    )
    for graph in (ours, theirs):
        for node in graph["nodes"]:
            node.get("attrs", {}).pop("__shape__", None)  # MXNet's is that before the first batch
            node["inputs"] = [entry[:2] for entry in node["inputs"]]
    assert ours == theirs


@pytest.mark.parametrize("name", NETWORKS)
def test_training_the_imported_graph_gives_mxnets_steps(name, tmp_path):
    io = recorded(name)
    net, symbol_file, params_file = exported(name, io, tmp_path)
    assert params_file.endswith("-0007.params")
    block = gluon.SymbolBlock.imports(symbol_file, "data", params_file)
    x, y = nd.array(io["x"]), nd.array(io["y_label"])
    numpy.testing.assert_allclose(block(x).asnumpy(), io["out0"], atol=1e-5)
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(block.collect_params(), "adam", {"learning_rate": 0.01})
    full_name = {key: p.name for key, p in net._collect_params_with_prefix().items()}
    for step in range(2):
        with autograd.record():
            value = loss(block(x), y)
        value.backward()
        numpy.testing.assert_allclose(value.asnumpy(), io["losses"][step], atol=1e-5)
        if step == 0:
            for key in (k[5:] for k in io.files if k.startswith("grad:")):
                grad = block.collect_params()[full_name[key]].grad().asnumpy()
                numpy.testing.assert_allclose(grad, io["grad:" + key], atol=1e-5, err_msg=key)
        trainer.step(len(io["x"]))
    numpy.testing.assert_allclose(block(x).asnumpy(), io["out_final"], atol=2e-4)


def test_deferred_parameters_and_shared_ones():
    data = sym.Variable("data")
    inner = sym.FullyConnected(data, num_hidden=3, name="fc").get_internals()
    block = gluon.SymbolBlock([inner["fc_output"], inner["fc_output"] * 2], data)
    assert set(block.collect_params().keys()) == {"fc_weight", "fc_bias"}
    block.initialize(mx.init.One())
    low, high = block(nd.ones((2, 4)))
    assert (2 * low.asnumpy() == high.asnumpy()).all() and block.params["fc_weight"].shape == (3, 4)
    with pytest.raises(AssertionError, match="must be variable"):
        gluon.SymbolBlock(inner["fc_output"], inner["fc_output"])


def test_a_symbol_block_composes_and_exports_again(tmp_path):
    block = gluon.SymbolBlock.imports(
        str(DATA / "lenet-symbol.json"), ["data"], str(DATA / "lenet-0002.params")
    )
    assert block(sym.Variable("x")).list_arguments()[0] == "x"
    net = nn.HybridSequential()
    net.add(block)
    net.hybridize()
    x = nd.array(recorded("lenet")["x"])
    before = net(x).asnumpy()
    again = gluon.SymbolBlock.imports(*_with_data(net.export(str(tmp_path / "again"))))
    assert (again(x).asnumpy() == before).all()


def _with_data(files):
    return files[0], ["data"], files[1]


def test_export_needs_a_hybridized_call(tmp_path):
    net = nn.Dense(2)
    with pytest.raises(RuntimeError, match="hybridize"):
        net.export(str(tmp_path / "x"))


def test_several_inputs_are_numbered(tmp_path):
    class Sum(gluon.HybridBlock):
        def hybrid_forward(self, F, a, b):
            return a + b, F.sum(b)

    net = Sum()
    net.hybridize()
    net(nd.ones((2,)), nd.ones((2,)))
    graph = sym.load(net.export(str(tmp_path / "sum"))[0])
    assert graph.list_arguments() == ["data0", "data1"] and len(graph) == 2
