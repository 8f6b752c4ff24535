"""The cases that come with the package onnx: each is computed as recorded, or refused by MXNetError.

They are single operators, and models that PyTorch exported, of many opsets.
"""

import contextlib
import io
import pathlib

import numpy
import pytest
from test_onnx_operators import evaluated

import minpy as mx
from minpy.onnx._import import _tables
from minpy.onnx._reader import ROWS

onnx = pytest.importorskip("onnx")


def _exported_by_pytorch():
    folder = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"
    for case in sorted(folder.glob("pytorch-*/*")):
        parts = [
            sorted(case.glob(f"test_data_set_0/{kind}_*.pb"), key=_number) for kind in ("input", "output")
        ]
        arrays = [[onnx.numpy_helper.to_array(onnx.load_tensor(path)) for path in part] for part in parts]
        yield case.name, onnx.load(case / "model.onnx"), *arrays


def _number(path):
    return int(path.stem.rpartition("_")[2])


def _single_operators():
    from onnx.backend.test.case import node

    with contextlib.redirect_stdout(io.StringIO()):
        cases = node.collect_testcases(None)
    for case in cases:
        if case.model is not None:
            yield case.name, case.model, *case.data_sets[0]


def _arrays(values):
    """NumPy arrays of the values; None when there is anything else among them."""
    if not all(isinstance(v, numpy.ndarray) or numpy.isscalar(v) for v in values):
        return None
    arrays = [numpy.asarray(v) for v in values]
    return arrays if all(a.dtype.kind in "biufc" for a in arrays) else None


def _outputs(model, inputs, path, stored):
    """What the imported model gives; with `stored` all inputs but the first are constants in it."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    named = dict(zip([info.name for info in model.graph.input], inputs))
    if stored:
        tensors = [onnx.numpy_helper.from_array(array, name) for name, array in list(named.items())[1:]]
        changed.graph.initializer.extend(tensors)
    onnx.save(changed, path)
    symbol, arguments, auxiliary = mx.onnx.import_model(path)
    arrays = {name: mx.nd.array(a, dtype=a.dtype) for name, a in named.items()} | arguments | auxiliary
    return [out.asnumpy() for out in evaluated(symbol, arrays)]


def _is_right(found, expected):
    for one, right in zip(found, expected):
        if one.shape != right.shape and not (right.shape == () and one.shape == (1,)):
            return False
        if not numpy.allclose(one.reshape(right.shape), right, rtol=1e-3, atol=1e-4, equal_nan=True):
            return False
    return True


def _outcome(model, inputs, expected, path):
    for stored in (False, True):
        with contextlib.suppress(mx.MXNetError):
            return "right" if _is_right(_outputs(model, inputs, path, stored), expected) else "wrong"
    return "refused"


@pytest.mark.filterwarnings("ignore")
def test_cases_of_the_package(tmp_path, long_run):
    _tables()
    outcomes = {"right": [], "wrong": [], "refused": []}
    single = list(_single_operators())
    for name, model, inputs, outputs in (*_exported_by_pytorch(), *single[:: 1 if long_run else 4]):
        inputs, outputs = _arrays(inputs), _arrays(outputs)
        if inputs is None or outputs is None or not {node.op_type for node in model.graph.node} <= set(ROWS):
            continue
        outcomes[_outcome(model, inputs, outputs, str(tmp_path / "case.onnx"))].append(name)
    assert outcomes["wrong"] == []
    assert len(outcomes["right"]) > 200 and len(outcomes["refused"]) < 0.25 * len(outcomes["right"]), outcomes
