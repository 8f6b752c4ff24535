"""Damaged files are refused by name and place, or give something that can be used: never a crash, a hang or memory
beyond what the file can hold."""

import pathlib
import re
import resource
import signal
import tracemalloc

import numpy
import pytest
from mutations import mutations

import minpy as mx
from minpy import gluon, memory, nd

_HERE = pathlib.Path(__file__).parent
_SYMBOLS, _MXNET = _HERE.parent / "symbol" / "data", _HERE.parent / "mxnet" / "data"
_COUNT = 200
_SECONDS = 20
_MOST_BYTES = 32 << 20  # the files are below 50 KB


# --- The kinds of files: what makes one, and what reads it and uses the result ---


def _read_params(path):
    found = nd.load(path)
    for array in found.values() if isinstance(found, dict) else found:
        if array.stype == "default":
            array.asnumpy()
        elif numpy.prod(array.shape, dtype=float) < 1e6:
            array.tostype("default").asnumpy()
    nd.save(path + ".again", found)


def _read_symbol(path):
    symbol = mx.sym.load(path)
    assert len(symbol.list_outputs()) == len(symbol)
    symbol.list_arguments(), symbol.list_auxiliary_states(), symbol.attr_dict(), symbol.get_internals()
    assert mx.sym.load_json(symbol.tojson()).tojson() == symbol.tojson()


def _read_states(path):
    updater = mx.optimizer.get_updater(mx.optimizer.SGD(momentum=0.9))
    updater.load_states(path)
    updater.get_states(dump_optimizer=True)


def _read_records(path):
    with mx.recordio.MXRecordIO(path, "r") as file:
        while file.read() is not None:
            pass


def _read_images(path):
    with mx.recordio.MXRecordIO(path, "r") as file:
        while (record := file.read()) is not None:
            try:
                mx.recordio.unpack(record)
            except mx.MXNetError as error:  # a record has no name; its file is whole
                assert "record of" in str(error)


def _read_index(path):
    with mx.recordio.MXIndexedRecordIO(path, str(_MXNET / "img.rec"), "r") as file:
        for key in file.keys:
            try:
                file.read_idx(key)
            except mx.MXNetError as error:
                assert path in str(error) or "img.rec at byte" in str(error)


def _read_onnx(path):
    symbol, arguments, auxiliary = mx.onnx.import_model(path)
    assert set(arguments) <= set(symbol.list_arguments())
    for array in (*arguments.values(), *auxiliary.values()):
        array.asnumpy()


def _with_operators(path):
    """A graph whose operators have numbers of inputs and outputs, shapes and dtypes among their attributes."""
    a, b = mx.sym.split(mx.sym.var("data", shape=(2, 4)), num_outputs=2, name="parts")
    stacked = mx.sym.stack(a, mx.sym.cast(b, dtype="float32"), mx.sym.zeros((2, 2)), axis=1)
    cut = mx.sym.split_v2(mx.sym.concat(stacked, stacked, dim=0), (1, 3), axis=0)
    both = mx.sym.topk(cut[0], k=2, ret_typ="both")
    mx.sym.Group([both[1], mx.sym.reshape(cut[1], shape=(-1, 2)), mx.sym.add_n(a, b)]).save(path)


def _with_v3(path):
    with mx.np_shape():
        nd.save(path, {"a": nd.ones((2, 3)), "none": nd.zeros((0, 3)), "b": nd.ones((4,), dtype="int64")})


def _with_states(path):
    net = gluon.nn.Dense(3, in_units=4)
    net.initialize()
    trainer = gluon.Trainer(net.collect_params(), mx.optimizer.Adam())
    with mx.autograd.record():
        loss = net(nd.ones((2, 4))).sum()
    loss.backward()
    trainer.step(2)
    trainer.save_states(path)


def _with_safetensors(path):
    pytest.importorskip("safetensors")
    nd.save(
        path,
        {"a": nd.ones((2, 3)), "b": nd.ones((5,), dtype="int64"), "c": nd.ones((2, 2)).astype("bfloat16")},
    )


def _with_onnx(path):
    pytest.importorskip("onnx")
    files = str(_SYMBOLS / "mlp-symbol.json"), str(_SYMBOLS / "mlp-0003.params")
    mx.onnx.export_model(*files, [(2, 12)], onnx_file_path=path)


_FILES = {  # name: (the file or what makes it, what reads it, what tells the place)
    "v0.params": (_SYMBOLS / "legacy_095_net-0001.params", _read_params, "at byte"),
    "v1.params": (_SYMBOLS / "legacy_0110_net-0001.params", _read_params, "at byte"),
    "v2.params": (_SYMBOLS / "mlp-0003.params", _read_params, "at byte"),
    "v3.params": (_with_v3, _read_params, "at byte"),
    "sparse.params": (_MXNET / "p_sparse.params", _read_params, "at byte"),
    "1.9-symbol.json": (_SYMBOLS / "lenet-symbol.json", _read_symbol, "node|head|char|byte|nodes"),
    "0.9-symbol.json": (_SYMBOLS / "legacy_095_net-symbol.json", _read_symbol, "node|head|char|byte|nodes"),
    "operators-symbol.json": (_with_operators, _read_symbol, "node|head|char|byte|nodes"),
    "mxnet.states": (_SYMBOLS / "mlp-0003.states", _read_states, "byte|states are a dict"),
    "own.states": (_with_states, _read_states, "byte|states are a dict"),
    "raw.rec": (_MXNET / "raw.rec", _read_records, "at byte"),
    "img.rec": (_MXNET / "img.rec", _read_images, "at byte"),
    "img.idx": (_MXNET / "img.idx", _read_index, "line|key"),
    "a.safetensors": (_with_safetensors, _read_params, ""),
    "a.onnx": (_with_onnx, _read_onnx, ""),
}


class _Hang(BaseException):
    pass


def _stop(*_):
    raise _Hang


@pytest.fixture
def limits():
    """Stops what takes too long, and measures the memory that was asked for."""
    before = signal.signal(signal.SIGALRM, _stop)
    tracemalloc.start()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident < (_MOST_BYTES >> 10) * 4
    tracemalloc.stop()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _outcome(read, path):
    """None when the file was read, else the message; raises for anything but MXNetError."""
    memory.reset_peak()
    tracemalloc.reset_peak()
    live, traced = memory.stats()["live"], tracemalloc.get_traced_memory()[0]
    signal.alarm(_SECONDS)
    try:
        read(path)
        message = None
    except mx.MXNetError as error:
        message = str(error)
    signal.alarm(0)
    assert memory.stats()["peak"] - live < _MOST_BYTES
    assert tracemalloc.get_traced_memory()[1] - traced < _MOST_BYTES
    return message


@pytest.mark.filterwarnings("ignore")  # of values that damage made infinite
@pytest.mark.parametrize("name", _FILES)
def test_damaged_files(name, tmp_path, limits):
    source, read, place = _FILES[name]
    path = str(tmp_path / name)
    if callable(source):
        source(path)
        content = pathlib.Path(path).read_bytes()
    else:
        content = source.read_bytes()
        pathlib.Path(path).write_bytes(content)
    assert _outcome(read, path) is None
    refused = 0
    for number, damaged in enumerate(mutations(content, _COUNT)):
        pathlib.Path(path).write_bytes(damaged)
        try:
            message = _outcome(read, path)
        except (Exception, _Hang) as error:
            raise AssertionError(f"mutation {number}: {type(error).__name__}: {error}") from error
        if message is not None:
            refused += 1
            assert path in message and re.search(place, message), f"mutation {number}: {message}"
    assert refused > (20 if name != "img.idx" else 5)  # the others changed values only
