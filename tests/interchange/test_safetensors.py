"""Parameters as safetensors files: by `nd.save`, Gluon, Module and checkpoints."""

import subprocess
import sys

import ml_dtypes
import numpy
import pytest

import minpy as mx
import minpy.numpy as np
from minpy import gluon, nd
from minpy.serialization import load_safetensors, safetensors_metadata, save_safetensors

safetensors = pytest.importorskip("safetensors.numpy")

_DTYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
    ml_dtypes.bfloat16,
)  # fmt: skip


@pytest.mark.parametrize("dtype", _DTYPES, ids=lambda d: numpy.dtype(d).name)
def test_dtypes(dtype, tmp_path):
    path = str(tmp_path / "a.safetensors")
    values = numpy.array([[0, 1, 2], [3, 4, 100]]).astype(dtype)
    save_safetensors(path, {"values": np.array(values)})
    found = load_safetensors(path)["values"]
    assert found.dtype == numpy.dtype(dtype) and numpy.array_equal(found.asnumpy(), values)


def test_shapes_and_kinds_of_arrays(tmp_path):
    path = str(tmp_path / "a.safetensors")
    given = {
        "none": nd.zeros((0, 3)),
        "é/ü": np.float32([1, 2]),
        "plain": numpy.arange(3),
        "view": np.eye(4)[:, 1],
    }
    given["scalar"] = np.array(3.5)
    save_safetensors(path, given)
    found = load_safetensors(path)
    assert set(found) == set(given)
    for name, array in found.items():
        assert isinstance(array, nd.NDArray) and array.shape == given[name].shape
        assert numpy.array_equal(array.asnumpy(), numpy.asarray(given[name]))


def test_others_read_what_is_written_and_the_reverse(tmp_path):
    path = str(tmp_path / "a.safetensors")
    nd.save(path, {"w": nd.array([[1, 2], [3, 4]])})
    assert safetensors.load_file(path)["w"].tolist() == [[1, 2], [3, 4]]
    safetensors.save_file({"b": numpy.float16([1, 2])}, path, {"format": "np"})
    assert nd.load(path)["b"].asnumpy().tolist() == [1, 2] and safetensors_metadata(path) == {"format": "np"}


def test_lists(tmp_path):
    path = str(tmp_path / "a.safetensors")
    nd.save(path, [nd.full((2,), i) for i in range(12)])
    assert [array.asnumpy()[0] for array in nd.load(path)] == list(range(12))
    nd.save(path, nd.ones(2))
    assert [array.shape for array in nd.load(path)] == [(2,)]
    nd.save(path, {})
    assert nd.load(path) == {}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.safetensors"]  # nothing temporary is left


def test_metadata(tmp_path):
    path = str(tmp_path / "a.safetensors")
    save_safetensors(path, [nd.ones(1)], {"epoch": "3"})
    assert safetensors_metadata(path) == {"epoch": "3"}
    with pytest.raises(TypeError, match="metadata must be a dict of str to str"):
        save_safetensors(path, {}, {"epoch": 3})


def test_gluon(tmp_path):
    path = str(tmp_path / "net.safetensors")

    def made():
        net = gluon.nn.HybridSequential()
        net.add(gluon.nn.Dense(3, in_units=4), gluon.nn.BatchNorm(in_channels=3))
        return net

    net, again = made(), made()
    net.initialize()
    net[1].cast("float16")
    net.save_parameters(path)
    assert sorted(safetensors.load_file(path)) == sorted(net._collect_params_with_prefix())
    again.load_parameters(path, cast_dtype=True, dtype_source="saved")
    for old, new in zip(net.collect_params().values(), again.collect_params().values()):
        assert numpy.array_equal(old.data().asnumpy(), new.data().asnumpy())
        assert numpy.dtype(old.dtype) == numpy.dtype(new.dtype)


def test_export_and_symbol_block(tmp_path):
    net = gluon.nn.Dense(3, in_units=4)
    net.initialize()
    net.hybridize()
    expected = net(nd.ones((2, 4))).asnumpy()
    graph, params = net.export(str(tmp_path / "net"))
    nd.save(str(tmp_path / "net.safetensors"), nd.load(params))
    again = gluon.SymbolBlock.imports(graph, "data", str(tmp_path / "net.safetensors"))
    assert numpy.array_equal(again(nd.ones((2, 4))).asnumpy(), expected)


def _module():
    network = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc")
    network = mx.sym.SoftmaxOutput(mx.sym.BatchNorm(network, name="norm"), name="softmax")
    module = mx.mod.Module(network)
    module.bind([("data", (2, 4))], [("softmax_label", (2,))])
    module.init_params(mx.init.Normal(1))
    return module


def test_module_checkpoints(tmp_path):
    module, prefix = _module(), str(tmp_path / "model")
    module.save_checkpoint(prefix, 7, format="safetensors")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "model-0007.safetensors",
        "model-symbol.json",
    ]
    arguments, auxiliary = module.get_params()
    for _, found_arguments, found_auxiliary in (mx.model.load_checkpoint(prefix, 7),):
        for found, kept in ((found_arguments, arguments), (found_auxiliary, auxiliary)):
            assert set(found) == set(kept)
            assert all(numpy.array_equal(found[name].asnumpy(), kept[name].asnumpy()) for name in kept)
    again = mx.mod.Module.load(prefix, 7)
    again.bind([("data", (2, 4))], [("softmax_label", (2,))])
    batch = mx.io.DataBatch([nd.ones((2, 4))], [nd.zeros(2)])
    outputs = []
    for each in (module, again):
        each.forward(batch, is_train=False)
        outputs.append(each.get_outputs()[0].asnumpy())
    assert numpy.array_equal(*outputs)
    module.save_params(str(tmp_path / "only.safetensors"))
    again.load_params(str(tmp_path / "only.safetensors"))
    with pytest.raises(ValueError, match="the format of parameters must be one of"):
        module.save_checkpoint(prefix, 7, format="npz")


def test_what_the_format_lacks(tmp_path):
    path = str(tmp_path / "a.safetensors")
    with pytest.raises(mx.MXNetError, match="w: arrays of dtype complex128 cannot be saved as safetensors"):
        save_safetensors(path, {"w": np.ones(2, dtype="complex128")})
    with pytest.raises(mx.MXNetError, match="w: a csr array cannot be saved as safetensors"):
        nd.save(path, {"w": nd.ones((2, 2)).tostype("csr")})
    with pytest.raises(TypeError, match="a dict of str to array or a list of arrays"):
        nd.save(path, {1: nd.ones(2)})
    with pytest.raises(mx.MXNetError, match="a.safetensors"):
        nd.load(path)
    assert list(tmp_path.iterdir()) == []


def test_without_the_package(tmp_path):
    program = "import sys; sys.modules['safetensors'] = None\nimport minpy as mx\nmx.nd.save('x.safetensors', mx.nd.ones(1))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert "ImportError: .safetensors files need the package safetensors: pip install" in done.stderr, (
        done.stderr
    )
    assert list(tmp_path.iterdir()) == []
