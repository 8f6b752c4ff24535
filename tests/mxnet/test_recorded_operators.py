"""Operators against what MXNet 1.9.1 returned: values, shapes, dtypes and gradients.

Each file of data/operators holds arrays and calls. The gradients are those of the outputs, each multiplied by
sin(1), sin(2), ... and added up.
"""

import json
import pathlib

import numpy
import pytest

from minpy import autograd, nd

_FILES = sorted((pathlib.Path(__file__).parent / "data" / "operators").glob("*.json"))
_DATA = {path.stem: json.loads(path.read_text()) for path in _FILES}
_CASES = [
    pytest.param(chapter, case, id=f"{chapter}-{case['call']}")
    for chapter, data in _DATA.items()
    for case in data["cases"]
]
# Of results whose conditioning or algorithm (approximations of gamma, images in 8 bits) allows no more.
_TOLERANCES = {"densities": 2e-5, "matrices": 3e-5}


def _array(record):
    return numpy.array(record["values"], record["dtype"]).reshape(record["shape"])


def _weighted(outputs):
    total = 0
    for output in outputs:
        weight = numpy.sin(numpy.arange(output.size) + 1).reshape(output.shape)
        total = total + (output * nd.array(weight, dtype=output.dtype)).astype("float32").sum()
    return total


@pytest.mark.parametrize(("chapter", "case"), _CASES)
def test_operator(chapter, case):
    arrays = {name: nd.array(_array(a), dtype=a["dtype"]) for name, a in _DATA[chapter]["arrays"].items()}
    for name in case["grads"]:
        arrays[name].attach_grad()
    with autograd.record() if case["grads"] else autograd.pause():
        result = eval(case["call"], {"nd": nd, **arrays})
        outputs = result if isinstance(result, (list, tuple)) else [result]
        total = _weighted(outputs) if case["grads"] else None
    tolerance = _TOLERANCES.get(chapter, 2e-6)
    assert len(outputs) == len(case["outputs"])
    for output, expected in zip(outputs, case["outputs"]):
        assert type(output) is nd.NDArray
        assert (output.shape, output.dtype) == (tuple(expected["shape"]), numpy.dtype(expected["dtype"]).type)
        numpy.testing.assert_allclose(
            output.asnumpy().ravel(), expected["values"], rtol=tolerance, atol=tolerance
        )
    if case["grads"]:
        total.backward()
    for name, expected in case["grads"].items():
        numpy.testing.assert_allclose(
            arrays[name].grad.asnumpy().ravel(), expected, rtol=4 * tolerance, atol=4 * tolerance
        )
