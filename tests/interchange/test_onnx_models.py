"""Whole models as ONNX files: onnxruntime computes what the model does here, and so does the file read again."""

import pathlib
import subprocess
import sys

import numpy
import pytest
from test_onnx_operators import evaluated, run

import minpy as mx
from minpy import gluon, nd
from minpy.gluon import nn, rnn

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

_DATA = pathlib.Path(__file__).parents[1] / "symbol" / "data"
_OWN_DATA = pathlib.Path(__file__).parent / "data"
_ZOO = {
    "resnet18_v1": 64,
    "resnet18_v2": 64,
    "mobilenet0.25": 64,
    "mobilenetv2_0.25": 64,
    "squeezenet1.1": 224,
}
_LARGE_ZOO = {"alexnet": 224, "densenet121": 224, "inceptionv3": 299, "resnet50_v1": 64, "resnet50_v2": 64,
              "squeezenet1.0": 224, "vgg11": 64, "vgg11_bn": 64}  # fmt: skip


def _close(found, expected):
    """Within 1e-4 of the largest value."""
    assert found.shape == expected.shape
    scale = numpy.abs(expected).max()
    assert scale > 0
    numpy.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-4)


def _initialized(net, *inputs):
    """The network with parameters as training leaves them: none is zero, or the same in all channels."""
    net.initialize(mx.init.Xavier())
    net(*inputs)
    random = numpy.random.RandomState(3)
    for name, parameter in net.collect_params().items():
        if name.endswith(("gamma", "var")):
            parameter.set_data(nd.array(random.uniform(0.5, 1.5, parameter.shape)))
        elif name.endswith(("beta", "mean", "bias")):
            parameter.set_data(nd.array(random.uniform(-0.2, 0.2, parameter.shape)))
    return net


def _check(net, arrays, path, types=numpy.float32, **options):
    """Exports a block, runs it in onnxruntime, and reads it again."""
    path = str(path / "model.onnx")
    inputs = [nd.array(a, dtype=a.dtype) for a in arrays]
    _initialized(net, *inputs)
    net.hybridize()
    expected = net(*inputs)
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    assert mx.onnx.export_model(net, None, [a.shape for a in arrays], types, path, **options) == path
    names = ["data"] if len(arrays) == 1 else [f"data{i}" for i in range(len(arrays))]
    for found, right in zip(run(path, dict(zip(names, arrays))), expected):
        _close(found, right.asnumpy())
    again = mx.onnx.import_to_gluon(path, mx.cpu())(*inputs)
    for found, right in zip(again if isinstance(again, (list, tuple)) else [again], expected):
        _close(found.asnumpy(), right.asnumpy())
    return path


def _images(*shape):
    return numpy.random.RandomState(1).uniform(-1, 1, shape).astype("float32")


def _check_zoo(name, size, path):
    net = gluon.model_zoo.vision.get_model(name, classes=10)
    _check(net, [_images(1, 3, size, size)], path)


@pytest.mark.parametrize("name", _ZOO)
def test_model_zoo(name, tmp_path):
    _check_zoo(name, _ZOO[name], tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", _LARGE_ZOO)
def test_large_model_zoo(name, tmp_path):
    _check_zoo(name, _LARGE_ZOO[name], tmp_path)


@pytest.mark.parametrize("name, epoch", [("lenet", 2), ("resnet", 2), ("mlp", 3)])
def test_checkpoints_of_mxnet(name, epoch, tmp_path):
    """Files that MXNet 1.9.1 trained and wrote; no label is asked for."""
    recorded = numpy.load(_DATA / f"{name}_io.npz")
    files = str(_DATA / f"{name}-symbol.json"), str(_DATA / f"{name}-{epoch:04d}.params")
    path = str(tmp_path / "model.onnx")
    mx.onnx.export_model(*files, [recorded["x"].shape], onnx_file_path=path)
    expected = recorded["out_final" if "out_final" in recorded.files else "out3"]
    _close(run(path, {"data": recorded["x"]})[0], expected)
    symbol, arguments, auxiliary = mx.contrib.onnx.import_model(path)
    _close(
        evaluated(symbol, {"data": nd.array(recorded["x"]), **arguments, **auxiliary})[0].asnumpy(), expected
    )
    assert set(arguments) | {"data"} == set(symbol.list_arguments())
    assert set(auxiliary) == set(symbol.list_auxiliary_states())
    described = mx.contrib.onnx.get_model_metadata(path)
    assert described["input_tensor_data"] == [("data", recorded["x"].shape)]
    assert [shape for _, shape in described["output_tensor_data"]] == [expected.shape]


@pytest.mark.parametrize("layer", [rnn.LSTM, rnn.GRU, rnn.RNN])
@pytest.mark.parametrize(
    "options", [{}, {"bidirectional": True, "num_layers": 2}, {"layout": "NTC"}], ids=str
)
def test_recurrent_layers(layer, options, tmp_path):
    _check(layer(8, input_size=5, **options), [_images(7, 3, 5)], tmp_path)


class _WithStates(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.embedding = nn.Embedding(20, 6)
            self.lstm = rnn.LSTM(8, 2, input_size=6)
            self.dense = nn.Dense(20, flatten=False)

    def hybrid_forward(self, F, words, hidden, cell):
        output, states = self.lstm(self.embedding(words), [hidden, cell])
        return (self.dense(output), *states)


def test_language_model_with_states(tmp_path):
    words = numpy.random.RandomState(2).randint(0, 20, (7, 3)).astype("float32")
    _check(_WithStates(), [words, _images(2, 3, 8), _images(2, 3, 8)], tmp_path)


class _Attention(gluon.HybridBlock):
    """Attention of several heads over 8 features, and a layer with gelu, with shortcuts."""

    def __init__(self, heads=2, units=8):
        super().__init__()
        self._heads, self._units = heads, units
        with self.name_scope():
            self.norm, self.inner_norm = nn.LayerNorm(), nn.LayerNorm()
            self.project = nn.Dense(3 * units, flatten=False)
            self.out, self.wide, self.narrow = (nn.Dense(n, flatten=False) for n in (units, 4 * units, units))
            self.gelu = nn.GELU()

    def hybrid_forward(self, F, x):
        parts = F.split(self.project(self.norm(x)), num_outputs=3, axis=2)
        query, key, value = (
            F.reshape(F.transpose(F.reshape(p, (0, 0, self._heads, -1)), (0, 2, 1, 3)), (-3, 0, 0))
            for p in parts
        )
        weights = F.softmax(F.batch_dot(query, key, transpose_b=True) / 2.0, axis=-1)
        mixed = F.reshape(F.batch_dot(weights, value), (-4, -1, self._heads, 0, 0))
        x = x + self.out(F.reshape(F.transpose(mixed, (0, 2, 1, 3)), (0, 0, -1)))
        return x + self.narrow(self.gelu(self.wide(self.inner_norm(x))))


class _Transformer(gluon.HybridBlock):
    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.words, self.places = nn.Embedding(20, 8), nn.Embedding(16, 8)
            self.layers = nn.HybridSequential()
            self.layers.add(_Attention(), _Attention())
            self.dense = nn.Dense(20, flatten=False)

    def hybrid_forward(self, F, words):
        places = F.contrib.arange_like(words, axis=1)
        return self.dense(
            self.layers(F.broadcast_add(self.words(words), F.expand_dims(self.places(places), axis=0)))
        )


def test_transformer(tmp_path):
    words = numpy.random.RandomState(2).randint(0, 20, (3, 7)).astype("float32")
    _check(_Transformer(), [words], tmp_path)


def test_transformer_of_an_open_batch(tmp_path):
    words = numpy.random.RandomState(2).randint(0, 20, (3, 7)).astype("float32")
    net = _Transformer()
    path = _check(net, [words], tmp_path, dynamic=True, dynamic_input_shapes=[("batch", 7)])
    more = numpy.random.RandomState(2).randint(0, 20, (5, 7)).astype("float32")
    _close(run(path, {"data": more})[0], net(nd.array(more)).asnumpy())


def _convolutional():
    net = nn.HybridSequential()
    net.add(
        nn.Conv2D(4, 3, activation="relu"), nn.BatchNorm(), nn.MaxPool2D(), nn.GlobalAvgPool2D(), nn.Dense(5)
    )
    return net


@pytest.mark.parametrize("shapes", [None, [(None, 3, "height", "width")]])
def test_open_dimensions(shapes, tmp_path):
    net = _convolutional()
    path = _check(net, [_images(2, 3, 12, 12)], tmp_path, dynamic=True, dynamic_input_shapes=shapes)
    for size in ((1, 3, 9, 14), (5, 3, 20, 7)):
        _close(run(path, {"data": _images(*size)})[0], net(nd.array(_images(*size))).asnumpy())


def test_open_batch_of_recurrent_layers(tmp_path):
    net = rnn.GRU(8, input_size=5, bidirectional=True)
    path = _check(net, [_images(7, 3, 5)], tmp_path, dynamic=True, dynamic_input_shapes=[(None, None, 5)])
    _close(run(path, {"data": _images(4, 6, 5)})[0], net(nd.array(_images(4, 6, 5))).asnumpy())


def test_what_is_written(tmp_path):
    path = _check(_convolutional(), [_images(2, 3, 12, 12)], tmp_path, run_shape_inference=True)
    model = onnx.load(path)
    assert model.ir_version <= 10 and model.opset_import[0].version == 17
    onnx.checker.check_model(model, full_check=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_a_block_that_was_not_called(tmp_path):
    net = nn.Dense(3, in_units=4)
    net.initialize()
    path = str(tmp_path / "model.onnx")
    mx.onnx.export_model(net, in_shapes=[(2, 4)], onnx_file_path=path)
    x = _images(2, 4)
    _close(run(path, {"data": x})[0], net(nd.array(x)).asnumpy())


def test_older_names_of_arguments_and_parameters(tmp_path):
    path = str(tmp_path / "model.onnx")
    graph = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc")
    arguments = {"arg:fc_weight": nd.ones((2, 3)), "arg:fc_bias": nd.ones(2)}
    mx.contrib.onnx.export_model(
        graph, arguments, input_shape=[(1, 3)], input_type=numpy.float32, onnx_file_path=path
    )
    assert run(path, {"data": numpy.ones((1, 3), "float32")})[0].tolist() == [[4, 4]]
    mx.onnx.export_model(
        graph, [{"fc_weight": nd.ones((2, 3))}, {"fc_bias": nd.zeros(2)}], [(1, 3)], onnx_file_path=path
    )
    assert run(path, {"data": numpy.ones((1, 3), "float32")})[0].tolist() == [[3, 3]]


def test_outputs_have_the_names_of_mxnet(tmp_path):
    path = str(tmp_path / "model.onnx")
    data = mx.sym.var("data")
    parts = mx.sym.split(data, num_outputs=2, name="parts")
    both = mx.sym.Group([parts, data, mx.sym.relu(parts[0], name="positive")])
    mx.onnx.export_model(both, {}, [(2, 4)], onnx_file_path=path)
    names = [name for name, _ in mx.onnx.get_model_metadata(path)["output_tensor_data"]]
    assert names[:2] == ["parts0", "parts1"] and names[3] == "positive"
    x = _images(2, 4)
    outputs = run(path, {"data": x})
    assert numpy.array_equal(outputs[2], x) and numpy.array_equal(outputs[0], x[:, :2])


def test_errors_name_what_is_missing(tmp_path):
    data = mx.sym.var("data")
    with pytest.raises(mx.MXNetError, match="no counterpart of the operator digamma .psi."):
        mx.onnx.export_model(mx.sym.digamma(data, name="psi"), {}, [(2,)], onnx_file_path=str(tmp_path / "x"))
    with pytest.raises(mx.MXNetError, match="2 variables have no parameter: .'data', 'b'."):
        mx.onnx.export_model(data + mx.sym.var("b"), {}, [(2,)], onnx_file_path=str(tmp_path / "x"))
    with pytest.raises(ValueError, match="in_shapes is required"):
        mx.onnx.export_model(data + 1, {})
    with pytest.raises(ValueError, match="a Symbol, a HybridBlock or a path is required, not int"):
        mx.onnx.export_model(3, {}, [(2,)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["images", "lstm", "gru", "rnn", "transformer", "arrays", "shuffled"])
def test_models_of_pytorch(name):
    """Files that PyTorch exported (data/make_pytorch_models.py); shapes are computed in them, of constants."""
    recorded = numpy.load(_OWN_DATA / f"pytorch_{name}.npz")
    net = mx.onnx.import_to_gluon(str(_OWN_DATA / f"pytorch_{name}.onnx"))
    outputs = net(nd.array(recorded["i0"], dtype=recorded["i0"].dtype))
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    for i, found in enumerate(outputs):
        _close(found.asnumpy(), recorded[f"o{i}"])


def test_integers_among_the_parameters(tmp_path):
    path = str(tmp_path / "model.onnx")
    graph = mx.sym.take(mx.sym.var("data"), mx.sym.var("chosen"), mode="raise")
    chosen = nd.array([2, 0], dtype="int64")
    mx.onnx.export_model(graph, {"chosen": chosen}, [(3, 2)], onnx_file_path=path)
    net = mx.onnx.import_to_gluon(path)
    assert net(nd.array([[1, 2], [3, 4], [5, 6]])).asnumpy().tolist() == [[5, 6], [1, 2]]
    assert [parameter.dtype for parameter in net.collect_params().values()] == [numpy.int64]


def test_what_does_not_fit_into_a_file(tmp_path, monkeypatch):
    from minpy.onnx import _export

    monkeypatch.setattr(_export, "_MOST_BYTES", 30)
    graph = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc")
    weights = {"fc_weight": nd.ones((2, 3)), "fc_bias": nd.ones(2)}
    with pytest.raises(mx.MXNetError, match="32 bytes of parameters, an ONNX file holds less than 2 GiB"):
        mx.onnx.export_model(graph, weights, [(1, 3)], onnx_file_path=str(tmp_path / "model.onnx"))


def test_half_precision(tmp_path):
    net = _convolutional()
    net.initialize()
    net.cast("float16")
    x = _images(2, 3, 12, 12).astype("float16")
    expected = net(nd.array(x, dtype="float16")).asnumpy()
    path = str(tmp_path / "model.onnx")
    mx.onnx.export_model(net, None, [x.shape], "float16", path)
    (found,) = run(path, {"data": x})
    assert found.dtype == numpy.float16
    numpy.testing.assert_allclose(found, expected, atol=2e-3)


def test_import_names_the_operator(tmp_path):
    path = str(tmp_path / "model.onnx")
    node = onnx.helper.make_node("NonZero", ["x"], ["y"], name="where")
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node], "g", [info("x", 1, [2])], [info("y", 7, [1, None])])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path
    )
    with pytest.raises(mx.MXNetError, match=r"model.onnx: node where \(NonZero\): there is no counterpart"):
        mx.onnx.import_model(path)


def test_without_the_package(tmp_path):
    program = "import sys; sys.modules['onnx'] = None\nimport minpy as mx\nmx.contrib.onnx.import_model('x')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "ImportError: ONNX files need the package onnx: pip install 'minpy[onnx]'" in done.stderr
