"""Every operator that is exported to ONNX gives in onnxruntime what it gives here, also after it was imported."""

import numpy
import onnx_samples
import pytest

import minpy as mx
from minpy.symbol.compose import compose
from minpy.symbol.schema import schema

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


_NOT_IMPORTED = ()


def _symbol(sample):
    names = [f"input{i}" for i in range(len(sample.inputs))]
    symbol = compose(
        sample.operator, "op", [mx.sym.var(n) for n in names], {**sample.attributes, "name": "op"}
    )
    return symbol, dict(zip(names, sample.inputs))


def evaluated(symbol, arrays):
    """The outputs of a Symbol, given the arrays of its variables by name."""
    names = symbol.list_arguments(), symbol.list_auxiliary_states()
    arguments, auxiliary = ({n: arrays[n] for n in part} for part in names)
    return symbol.bind(mx.cpu(), arguments, aux_states=auxiliary).forward()


def _expected(symbol, arrays):
    arrays = {name: mx.nd.array(a, dtype=a.dtype) for name, a in arrays.items()}
    return [out.asnumpy() for out in evaluated(symbol, arrays)]


def _exported(sample, path):
    symbol, arrays = _symbol(sample)
    stored = {f"input{i}" for i in sample.parameters}
    needed = [n for n in symbol.list_inputs() if n in arrays and n not in stored]
    if "Output" in sample.operator:
        needed.remove("input1")  # the label
    mx.onnx.export_model(
        symbol,
        {n: a for n, a in arrays.items() if n in stored},
        [arrays[n].shape for n in needed],
        [arrays[n].dtype for n in needed],
        path,
    )
    return _expected(symbol, arrays), {n: arrays[n] for n in needed}


def run(path, inputs):
    """The outputs of a model in onnxruntime."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options)
    return session.run(None, inputs)


@pytest.mark.parametrize("sample", onnx_samples.SAMPLES, ids=repr)
def test_operator(sample, tmp_path):
    path = str(tmp_path / "operator.onnx")
    expected, inputs = _exported(sample, path)
    outputs = run(path, inputs)
    assert len(outputs) == len(expected)
    for found, right in zip(outputs, expected):
        assert found.shape == right.shape and found.dtype == right.dtype
        numpy.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sample", onnx_samples.SAMPLES, ids=repr)
def test_imported_again(sample, tmp_path):
    if sample.operator in _NOT_IMPORTED:
        pytest.skip("there is no operator to read it as")
    path = str(tmp_path / "operator.onnx")
    expected, inputs = _exported(sample, path)
    symbol, arguments, auxiliary = mx.onnx.import_model(path)
    arrays = {name: mx.nd.array(a, dtype=a.dtype) for name, a in inputs.items()} | arguments | auxiliary
    outputs = evaluated(symbol, arrays)
    assert len(outputs) == len(expected)
    for found, right in zip(outputs, expected):
        assert found.shape == right.shape and found.dtype == right.dtype
        numpy.testing.assert_allclose(found.asnumpy(), right, rtol=1e-4, atol=1e-5)


def test_every_row_has_a_sample():
    sampled = {schema(sample.operator).name for sample in onnx_samples.SAMPLES}
    known = set(mx.onnx.get_operator_support())
    without = {"Convolution_v1", "Pooling_v1", "BatchNorm_v1", "IdentityAttachKLSparseReg"}  # other names
    assert {name for name in known - sampled if _is_operator(name)} == without & known


def _is_operator(name):
    try:
        return schema(name).name == name
    except mx.MXNetError:
        return False
