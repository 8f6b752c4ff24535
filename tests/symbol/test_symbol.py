"""Symbols: names, attributes, shapes and JSON as MXNet 1.9.1 has them."""

import copy
import json
import pathlib
import pickle
import warnings

import numpy
import pytest

import minpy as mx
from minpy import nd, sym
from minpy.base import MXNetError, NotImplementedForSymbol

from .graphs import GRAPHS, SHAPES

DATA = pathlib.Path(__file__).parent / "data"
RECORDED = json.loads((DATA / "graphs.json").read_text())
FILES = ["mlp", "lenet", "resnet", "legacy_095_net", "legacy_0110_net", "legacy_110_net"]


@pytest.fixture(autouse=True)
def _names():
    with mx.name.NameManager():
        yield


def mlp():
    net = sym.FullyConnected(sym.Variable("data"), name="fc1", num_hidden=16)
    net = sym.FullyConnected(sym.Activation(net, act_type="relu", name="relu1"), name="fc2", num_hidden=5)
    return sym.SoftmaxOutput(net, name="softmax")


@pytest.mark.parametrize("name", GRAPHS)
def test_names_and_attributes_are_mxnets(name):
    symbol, recorded = GRAPHS[name](sym), RECORDED[name]
    assert symbol.list_arguments() == recorded["arguments"]
    assert symbol.list_outputs() == recorded["outputs"]
    assert symbol.list_auxiliary_states() == recorded["auxiliary"]
    assert symbol.get_internals().list_outputs() == recorded["internals"]
    assert symbol.attr_dict() == recorded["attr_dict"]


@pytest.mark.parametrize("name", GRAPHS)
def test_json_is_mxnets_byte_for_byte(name):
    assert GRAPHS[name](sym).tojson() == RECORDED[name]["json"]
    assert sym.load_json(RECORDED[name]["json"]).tojson() == RECORDED[name]["json"]


@pytest.mark.parametrize("name", GRAPHS)
def test_shapes_are_mxnets(name):
    found = GRAPHS[name](sym).infer_shape_partial(**SHAPES.get(name, {}))
    assert json.loads(json.dumps(found)) == RECORDED[name]["shapes"]


@pytest.mark.parametrize("name", FILES)
def test_files_are_read_and_written(name, tmp_path):
    symbol = sym.load(str(DATA / f"{name}-symbol.json"))
    symbol.save(str(tmp_path / "x.json"))
    written = (tmp_path / "x.json").read_text()
    saved = "legacy_net_saved.json" if name.startswith("legacy") else f"{name}-symbol.json"
    assert written == (DATA / saved).read_text()


def test_a_built_graph_is_written_as_the_recorded_file():
    assert mlp().tojson() == (DATA / "mlp-symbol.json").read_text()


def test_indexing_children_and_groups():
    net = mlp()
    assert repr(net) == "<Symbol softmax>" and net.name == "softmax" and len(net) == 1
    inner = net.get_internals()
    assert inner["fc1_output"].list_arguments() == ["data", "fc1_weight", "fc1_bias"]
    assert net.get_children().list_outputs() == ["fc2_output", "softmax_label"]
    assert sym.Variable("a").get_children() is None
    group = sym.Group([inner["fc1_output"], net])
    assert group.name is None and group.list_outputs() == ["fc1_output", "softmax_output"]
    assert [s.name for s in group] == ["fc1", "softmax"] and group[1].name == "softmax"
    with pytest.raises(ValueError, match='Cannot find output that matches name "nope"'):
        net["nope"]
    with pytest.raises(IndexError):
        net[1]


def test_composition_replaces_variables_and_leaves_the_original():
    first = sym.FullyConnected(sym.Variable("data"), name="fc1", num_hidden=4)
    second = sym.FullyConnected(sym.Variable("data2"), name="net2", num_hidden=4)
    composed = first(data=second, name="compose")
    assert composed.list_arguments() == ["data2", "net2_weight", "net2_bias", "fc1_weight", "fc1_bias"]
    assert composed.list_outputs() == ["compose_output"]
    assert first.list_arguments() == ["data", "fc1_weight", "fc1_bias"]
    with pytest.raises(MXNetError, match="only support kwargs"):
        first(second)
    with pytest.raises(TypeError):
        first(1)
    with pytest.raises(MXNetError, match="zzz not found"):
        first(zzz=second)


def test_copies_are_apart():
    net = mlp()
    for twin in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        twin._set_attr(__note__="1")
        assert twin.tojson() != net.tojson() and twin.list_arguments() == net.list_arguments()


def test_operators_of_nd_compose_symbols():
    assert nd.relu(sym.Variable("a")).list_outputs() == ["relu0_output"]
    assert nd.concat(sym.Variable("a"), sym.Variable("b"), dim=0).list_arguments() == ["a", "b"]


def test_methods_are_the_operators():
    out = sym.Variable("x").reshape((-1, 2)).transpose().sum(axis=0).astype("float64")
    assert out.infer_shape(x=(3, 4))[1] == [(6,)]


def test_names_scopes_and_attributes():
    with mx.name.Prefix("net_"):
        assert sym.FullyConnected(sym.Variable("d"), num_hidden=2, name="f").list_arguments() == [
            "d", "net_f_weight", "net_f_bias",
        ]  # fmt: skip
    with mx.AttrScope(ctx_group="dev1", __note__="3"):
        w = sym.Variable("w", lr_mult=2, shape=(2, 3), dtype="float16", init=mx.init.Zero())
        f = sym.FullyConnected(w, num_hidden=3, name="f")
    assert w.attr("lr_mult") == w.attr("__lr_mult__") == "2"
    assert w.list_attr() == {
        "__ctx_group__": "dev1", "ctx_group": "dev1", "__note__": "3", "__lr_mult__": "2", "lr_mult": "2",
        "__shape__": "(2, 3)", "__dtype__": "2", "__init__": '["zero", {}]',
    }  # fmt: skip
    assert f.attr_dict()["f_weight"] == {
        "num_hidden": "3", "__note__": "3", "__ctx_group__": "dev1", "ctx_group": "dev1",
    }  # fmt: skip
    with pytest.raises(ValueError, match="double underscores"):
        sym.Variable("a", foo="1")
    with pytest.raises(ValueError, match="string"):
        sym.Variable("a", attr={"__a__": 1})


def test_refusals():
    a = sym.Variable("a")
    for refused in (lambda: bool(a), a.asnumpy, a.wait_to_read):
        with pytest.raises(NotImplementedForSymbol):
            refused()
    with pytest.raises(TypeError):
        hash(a)
    with pytest.raises(TypeError):
        a + "x"
    with pytest.raises(TypeError):
        sym.Group([])
    with pytest.raises(MXNetError, match="Cannot find argument 'foo'"):
        sym.Convolution(a, foo=1, kernel=(1, 1), num_filter=1)
    with pytest.raises(MXNetError, match="Required parameter act_type"):
        sym.Activation(a)
    with pytest.raises(MXNetError, match="2 outputs"):
        sym.relu(sym.SliceChannel(a, num_outputs=2))


def test_shape_errors_and_warnings(capsys):
    a, b = sym.Variable("a"), sym.Variable("b")
    with pytest.raises(MXNetError, match=r"Error in operator _plus0: .*expected \[2,3\], got \[3,2\]"):
        (a + b).infer_shape(a=(2, 3), b=(3, 2))
    assert "infer_shape error. Arguments:" in capsys.readouterr().out
    with pytest.raises(MXNetError, match="name foo not found"):
        a.infer_shape(foo=(2,))
    with pytest.raises(TypeError, match="tuple"):
        a.infer_shape(a=3)
    with pytest.warns(UserWarning, match="Cannot decide shape.*\n\tb: \\(\\)"):
        assert sym.dot(a, b).infer_shape(a=(2, 3)) == (None, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mlp().infer_shape(data=(8, 12))[0] == [(8, 12), (16, 12), (16,), (5, 16), (5,), (8,)]


def test_types():
    f = sym.FullyConnected(sym.Variable("d"), num_hidden=3, name="f")
    half, single, double = numpy.float16, numpy.float32, numpy.float64
    with pytest.warns(UserWarning, match="Cannot decide type"):
        assert f.infer_type() == (None, None, None)
    assert f.infer_type(d="float16") == ([half] * 3, [half], [])
    assert f.infer_type(f_weight="float64") == ([double] * 3, [double], [])
    norm = sym.BatchNorm(sym.Variable("d"))
    assert norm.infer_type(d="float16") == ([half, single, single], [half], [single, single])
    assert sym.Cast(sym.Variable("d"), dtype="int32").infer_type(d="float64") == ([double], [numpy.int32], [])
    assert sym.Variable("v", dtype="float64").infer_type() == ([double], [double], [])


def _damaged():
    graph = json.loads((DATA / "mlp-symbol.json").read_text())
    for change in (
        lambda g: g.pop("nodes"),
        lambda g: g["nodes"][3].update(inputs=[[30, 0, 0]]),
        lambda g: g["nodes"][3].update(inputs=[[3, 0, 0]]),
        lambda g: g["nodes"][3].update(inputs=[[0, 7, 0]]),
        lambda g: g["nodes"][3].update(inputs=[["a", 0, 0]]),
        lambda g: g["nodes"][3].update(op="NoSuchOperator"),
        lambda g: g["nodes"][3].update(attrs={"num_hidden": 3}),
        lambda g: g["nodes"][0].pop("name"),
        lambda g: g.update(heads=[[99, 0, 0]]),
        lambda g: g.update(heads={}),
    ):
        changed = copy.deepcopy(graph)
        change(changed)
        yield json.dumps(changed)
    yield "{"
    yield "[]"


@pytest.mark.parametrize("text", _damaged())
def test_damaged_files_are_refused_by_name(text, tmp_path):
    path = tmp_path / "broken-symbol.json"
    path.write_text(text)
    with pytest.raises(MXNetError, match="broken-symbol.json"):
        sym.load(str(path))


# --- Custom operators ---


@mx.operator.register("scaled_pair")
class ScaledPair(mx.operator.CustomOpProp):
    """(data + shift, data * scale); counts its calls in an auxiliary state."""

    def __init__(self, scale="1"):
        super().__init__()
        self.scale = float(scale)

    def list_arguments(self):
        return ["data", "shift"]

    def list_outputs(self):
        return ["moved", "scaled"]

    def list_auxiliary_states(self):
        return ["calls"]

    def infer_shape(self, in_shape):
        return [in_shape[0], [1]], [in_shape[0], in_shape[0]], [[1]]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        scale = self.scale

        class Run(mx.operator.CustomOp):
            def forward(self, is_train, req, in_data, out_data, aux):
                aux[0][:] += 1
                self.assign(out_data[0], req[0], in_data[0] + in_data[1])
                self.assign(out_data[1], req[1], in_data[0] * scale)

            def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
                self.assign(in_grad[0], req[0], out_grad[0] + out_grad[1] * scale)
                self.assign(in_grad[1], req[1], out_grad[0].sum())

        return Run()


def test_custom_operators():
    pair = mx.sym.Custom(mx.sym.Variable("data"), op_type="scaled_pair", scale=3, name="pair")
    assert pair.list_arguments() == ["data", "pair_shift"] and pair.list_auxiliary_states() == ["pair_calls"]
    assert pair.list_outputs() == ["pair_moved", "pair_scaled"]
    assert pair.infer_shape(data=(2, 3)) == ([(2, 3), (1,)], [(2, 3), (2, 3)], [(1,)])
    for graph in (pair, mx.sym.load_json(pair.tojson())):
        executor = graph.simple_bind(mx.cpu(), data=(2, 3))
        executor.arg_dict["data"][:] = 2
        executor.arg_dict["pair_shift"][:] = 1
        moved, scaled = executor.forward(is_train=True)
        assert moved.asnumpy().tolist() == [[3] * 3] * 2 and scaled.asnumpy().tolist() == [[6] * 3] * 2
        executor.backward([mx.nd.ones((2, 3)), mx.nd.ones((2, 3))])
        assert executor.grad_dict["data"].asnumpy().tolist() == [[4] * 3] * 2
        assert executor.grad_dict["pair_shift"].asnumpy().tolist() == [6]
        assert executor.aux_dict["pair_calls"].asnumpy().tolist() == [1]
    with pytest.raises(MXNetError, match="Cannot find custom operator no_such"):
        mx.sym.Custom(mx.sym.Variable("data"), op_type="no_such")
    with pytest.raises(MXNetError, match="Cannot find custom operator unknown"):
        mx.sym.load_json(pair.tojson().replace("scaled_pair", "unknown"))


@pytest.mark.parametrize(
    ("build", "given", "inputs", "outputs"),
    [
        (lambda a, b, c: sym.Concat(a, b, dim=1), {"a": (0, 3), "b": (2, 4)}, [(2, 3), (2, 4)], [(2, 7)]),
        (lambda a, b, c: sym.Concat(a, b, dim=1) + c, {"a": (2, 3), "c": (2, 7)}, [(2, 3), (2, 4), (2, 7)], [(2, 7)]),
        (lambda a, b, c: sym.Concat(a, b, dim=0) + c, {"a": (2, 3), "c": (5, 0)}, [(2, 3), (3, 3), (5, 3)], [(5, 3)]),
        (lambda a, b, c: sym.split(a, num_outputs=3)[1] + b, {"b": (2, 4)}, [(2, 12), (2, 4)], [(2, 4)]),
        (
            lambda a, b, c: sym.split(a, num_outputs=3, axis=1, squeeze_axis=True)[1] + b,
            {"a": (0, 3, 0), "b": (2, 4)}, [(2, 3, 4), (2, 4)], [(2, 4)],
        ),
        (
            lambda a, b, c: sym.Convolution(a, b, kernel=(3, 3), num_filter=4, no_bias=True) + c,
            {"a": (0, 3, 0, 0), "c": (2, 4, 6, 6)}, [(2, 3, 8, 8), (4, 3, 3, 3), (2, 4, 6, 6)], [(2, 4, 6, 6)],
        ),
        (
            lambda a, b, c: sym.FullyConnected(a, b, num_hidden=5, flatten=False, no_bias=True) + c,
            {"a": (0, 0, 7), "c": (2, 3, 0)}, [(2, 0, 7), (5, 7), (2, 3, 5)], [(2, 3, 5)],
        ),
        (lambda a, b, c: sym.SwapAxis(a, dim1=0, dim2=1) + b, {"a": (0, 2), "b": (0, 3)}, [(3, 2), (2, 3)], [(2, 3)]),
        (lambda a, b, c: sym.expand_dims(a, axis=1) + b, {"a": (0, 3), "b": (2, 0, 0)}, [(2, 3), (2, 1, 3)], [(2, 1, 3)]),
        (lambda a, b, c: sym.where(a, b, c), {"b": (2, 0), "c": (0, 3)}, [(), (2, 3), (2, 3)], [(2, 3)]),
        (lambda a, b, c: sym.transpose(a), {"a": (0, 3)}, [(0, 3)], [(3, 0)]),
        (lambda a, b, c: sym.sum(a, axis=1), {"a": (0, 3)}, [(0, 3)], [(0,)]),
        (lambda a, b, c: sym.dot(a, b), {"a": (0, 3), "b": (3, 4)}, [(0, 3), (3, 4)], [(0, 4)]),
        (lambda a, b, c: sym.slice_axis(a, axis=1, begin=0, end=2), {"a": (0, 3)}, [(0, 3)], [(0, 2)]),
    ],
)  # fmt: skip
def test_partial_shapes_pass_both_ways(build, given, inputs, outputs):
    found = build(*map(sym.Variable, "abc")).infer_shape_partial(**given)
    assert found == (inputs, outputs, [])


def test_split_v2_writes_the_start_of_the_first_part():
    """As MXNet's files have it."""
    x = numpy.arange(14, dtype="float32").reshape(2, 7)
    parts = sym.split_v2(sym.var("x"), (2, 5), axis=1, name="parts")
    assert parts.list_outputs() == ["parts_output0", "parts_output1", "parts_output2"]
    node = json.loads(parts.tojson())["nodes"][1]
    assert node["op"] == "_split_v2" and node["attrs"]["indices"] == "[0, 2, 5]"
    for found, right in zip(parts.eval(x=nd.array(x)), numpy.split(x, (2, 5), axis=1)):
        assert numpy.array_equal(found.asnumpy(), right)
    assert len(sym.split_v2(sym.var("x"), 7, axis=1)) == 7


def test_shapes_of_operators_on_sequences():
    data, lengths = sym.var("data"), sym.var("lengths")
    last = sym.SequenceLast(data, lengths, use_sequence_length=True)
    assert last.infer_shape(data=(4, 2, 3), lengths=(2,))[1] == [(2, 3)]
    options = {"state_size": 4, "num_layers": 1, "mode": "lstm", "use_sequence_length": True}
    layer = sym.RNN(data, sequence_length=lengths, name="rnn", **options)
    shapes = dict(zip(layer.list_arguments(), layer.infer_shape(data=(5, 2, 3))[0]))
    assert shapes["lengths"] == (2,) and shapes["rnn_parameters"] == (4 * 4 * (3 + 4 + 2),)
    assert sym.contrib.BilinearResize2D(data, height=3, width=4).list_arguments() == ["data"]
