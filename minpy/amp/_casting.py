"""`init`: replaces operators of `nd` and `sym` by ones that cast their inputs."""

import functools
import logging
import sys

import numpy

from minpy import nd, symbol
from minpy.amp import _lists, _scaling
from minpy.nd._namespace import split_name

__all__ = ["init"]

_initialized = False


def init(target_dtype="float16", target_precision_ops=None, conditional_fp32_ops=None, fp32_ops=None):
    """Have operators of `mx.nd` and `mx.sym` cast their inputs from now on; once, before networks are made.

    Parameters
    ----------
    target_dtype : {'float16', 'bfloat16'}
        The lower precision.
    target_precision_ops, fp32_ops : list of str
        Operators that compute in it, and in float32, instead of `list_lp16_ops()` and `list_fp32_ops()`.
    conditional_fp32_ops : list of (str, str, list of str)
        Operator, attribute and its values for which it computes in float32.
    """
    global _initialized
    if _initialized:
        return
    target = _lists.target_name(target_dtype)
    _initialized = True
    logging.info("Using AMP")
    for name in target_precision_ops or _lists.list_lp16_ops(target):
        _replace(name, functools.partial(_casting, dtype=target))
    for name in fp32_ops or _lists.list_fp32_ops(target):
        _replace(name, functools.partial(_casting, dtype="float32"))
    for name, key, values in conditional_fp32_ops or _lists.list_conditional_fp32_ops(target):
        _replace(name, functools.partial(_casting, dtype="float32", condition=(key, values)))
    scaler = _scaling.first_scaler()
    for name in _lists.list_loss_output_functions(target):
        setattr(nd, name, _scaled_loss(getattr(nd, name), scaler))


def _replace(name, wrap):
    """Puts a wrapped operator in the place of one, wherever `nd` and `sym` have it."""
    submodule, short = split_name(name)
    for package in (nd, symbol):
        home = getattr(package, submodule, None) if submodule else package
        places = ((home, short), (sys.modules.get(f"{package.__name__}.op"), name))
        for module, key in places:
            if module is not None and hasattr(module, key):
                setattr(module, key, wrap(getattr(module, key)))


def _casting(function, dtype, condition=None):
    """The operator on inputs of that dtype; under a condition on an attribute."""

    def cast(value):
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], nd.NDArray):
            return type(value)(map(cast, value))
        if isinstance(value, nd.NDArray) and numpy.dtype(value.dtype).name in (
            "float16",
            "bfloat16",
            "float32",
        ):
            return nd.amp_cast(value, dtype=dtype) if numpy.dtype(value.dtype).name != dtype else value
        return value

    @functools.wraps(function)
    def call(*args, **kwargs):
        if condition is not None and kwargs.get(condition[0]) not in condition[1]:
            return function(*args, **kwargs)
        out = kwargs.pop("out", None)
        kwargs = {key: cast(value) for key, value in kwargs.items()}
        if out is not None:
            kwargs["out"] = out
        result = function(*map(cast, args), **kwargs)
        if isinstance(result, symbol.Symbol):
            from minpy.amp._conversion import cast_inputs

            cast_inputs(result._outputs[0][0], dtype)
        return result

    return call


def _scaled_loss(function, scaler):
    @functools.wraps(function)
    def call(*args, **kwargs):
        if not any(isinstance(value, symbol.Symbol) for value in (*args, *kwargs.values())):
            kwargs["grad_scale"] = kwargs.get("grad_scale", 1.0) * scaler.loss_scale
        return function(*args, **kwargs)

    return call
