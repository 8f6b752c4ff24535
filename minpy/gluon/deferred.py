"""Deferred initialisation: parameters whose shape the first batch tells.

In a block's first forward call a `Pending` stands for such a parameter. The first operator that gets one completes
its shape by the operator's rule (minpy/_operators/inference.py), initialises it and takes its data.
"""

import contextlib
import inspect

import numpy

from minpy._operators import inference, registry
from minpy.base import MXNetError

_depth = 0


@contextlib.contextmanager
def completing():
    """While it is entered, operators look for parameters that are pending among their arguments."""
    global _depth
    _depth += 1
    registry.complete_inputs = _complete_inputs
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            registry.complete_inputs = None


class Pending:
    """Stands for the data of a parameter that is not initialised yet."""

    def __init__(self, parameter, context, block):
        self.parameter, self.context, self.block = parameter, context, block

    @property
    def shape(self):
        return self.parameter.shape


def _shape_of(value):
    if isinstance(value, Pending):
        shape = value.parameter.shape
        return None if shape is None else tuple(max(n, 0) for n in shape)
    return None if value is None else tuple(numpy.shape(value))


def _complete_inputs(name, function, args, kwargs):
    if not any(isinstance(v, Pending) for v in (*args, *kwargs.values())):
        return args, kwargs
    bound = inspect.signature(function).bind(*args, **kwargs)
    values = bound.arguments
    parameters = list(inspect.signature(function).parameters)
    count = max(i for i, p in enumerate(parameters) if isinstance(values.get(p), Pending)) + 1
    inputs = parameters[:count]
    shapes = [_shape_of(values.get(p)) for p in inputs]
    attributes = {p: v for p, v in values.items() if p not in inputs}
    found = inference.input_shapes(name, shapes, attributes)
    for parameter, shape in zip(inputs, found):
        value = values.get(parameter)
        if isinstance(value, Pending):
            values[parameter] = _finish(value, name, shape)
    return bound.args, bound.kwargs


def _finish(value, operator, shape):
    if not inference.complete(shape):
        raise MXNetError(
            f"{value.block.name}: the shape of parameter {value.parameter.name} is {value.parameter.shape}, and operator"
            f" {operator} does not tell it; give the block's sizes (in_units, in_channels ...) or call"
            " net.infer_shape with a batch"
        )
    if value.parameter._data is None:
        value.parameter.shape = shape
        value.parameter._finish_deferred_init()
    return value.parameter.data(value.context)
