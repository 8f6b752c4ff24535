"""Files by URL, through fsspec."""

import pathlib
import subprocess
import sys

import numpy
import pytest

import minpy as mx
from minpy import gluon, nd

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def folder():
    """A folder in memory."""
    yield "memory://folder"
    fsspec.filesystem("memory").store.clear()


def test_arrays(folder):
    nd.save(f"{folder}/a.params", {"x": nd.arange(3)})
    assert nd.load(f"{folder}/a.params")["x"].asnumpy().tolist() == [0, 1, 2]
    with fsspec.open(f"{folder}/a.params") as file:
        assert nd.load_frombuffer(file.read())["x"].shape == (3,)


def test_symbols_and_checkpoints(folder):
    network = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="fc")
    network.save(f"{folder}/net-symbol.json")
    assert mx.sym.load(f"{folder}/net-symbol.json").tojson() == network.tojson()
    mx.model.save_checkpoint(f"{folder}/net", 3, network, {"fc_weight": nd.ones((2, 3))}, {})
    _, arguments, _ = mx.model.load_checkpoint(f"{folder}/net", 3)
    assert arguments["fc_weight"].shape == (2, 3)


def test_gluon_and_trainer_states(folder):
    net = gluon.nn.Dense(2, in_units=3)
    net.initialize()
    net.save_parameters(f"{folder}/net.params")
    again = gluon.nn.Dense(2, in_units=3)
    again.load_parameters(f"{folder}/net.params")
    assert numpy.array_equal(again.weight.data().asnumpy(), net.weight.data().asnumpy())
    trainer = gluon.Trainer(net.collect_params(), "adam")
    trainer.save_states(f"{folder}/net.states")
    trainer.load_states(f"{folder}/net.states")


def test_safetensors(folder):
    pytest.importorskip("safetensors")
    nd.save(f"{folder}/a.safetensors", {"x": nd.ones(3)})
    assert nd.load(f"{folder}/a.safetensors")["x"].shape == (3,)


def test_onnx(folder):
    pytest.importorskip("onnx")
    mx.onnx.export_model(mx.sym.relu(mx.sym.var("data")), {}, [(2,)], onnx_file_path=f"{folder}/a.onnx")
    assert mx.onnx.import_model(f"{folder}/a.onnx")[0].list_arguments() == ["data"]


def test_records(folder):
    with mx.recordio.MXIndexedRecordIO(f"{folder}/a.idx", f"{folder}/a.rec", "w") as file:
        for key in range(5):
            file.write_idx(key, bytes([key]) * (key + 1))
    with mx.recordio.MXIndexedRecordIO(f"{folder}/a.idx", f"{folder}/a.rec", "r") as file:
        assert file.read_idx(3) == b"\x03" * 4 and file.read_idx(1) == b"\x01" * 2
    with mx.recordio.MXRecordIO(f"{folder}/a.rec", "r") as file:
        assert [len(file.read()) for _ in range(5)] == [1, 2, 3, 4, 5] and file.read() is None


def test_what_is_not_there(folder):
    for read in (nd.load, mx.sym.load, lambda name: mx.recordio.MXRecordIO(name, "r")):
        with pytest.raises(mx.MXNetError, match=f"{folder}/none"):
            read(f"{folder}/none")
    with pytest.raises(mx.MXNetError, match="none.rec"):
        mx.recordio.MXIndexedRecordIO(f"{folder}/none.idx", f"{folder}/none.rec", "r")
    with pytest.raises(mx.MXNetError, match="Protocol not known: nowhere"):
        nd.save("nowhere://x/y.params", nd.ones(1))


def test_local_urls_need_no_package(tmp_path):
    program = (
        "import sys; sys.modules['fsspec'] = None\nimport minpy as mx\nurl = sys.argv[1] + '/a%20b.params'\n"
        "mx.nd.save(url, mx.nd.ones(3)); print(mx.nd.load(url)[0].shape)\nmx.nd.load('s3://bucket/a.params')"
    )
    command = [sys.executable, "-c", program, pathlib.Path(tmp_path).as_uri()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "(3,)\n" and [entry.name for entry in tmp_path.iterdir()] == ["a b.params"]
    assert "MXNetError: s3://bucket/a.params is a URL: pip install 'minpy[url]'" in done.stderr, done.stderr
