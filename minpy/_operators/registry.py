"""The table of the operators in Python.

`operator` declares a public operator: its name in `minpy.numpy_extension`, its names in MXNet, and how many of its
first parameters are arrays; the other parameters are attributes. `composite` gives a kernel of the core its
definition in differentiable operations, which stands in for the fused gradient where that does not reach:
derivatives of higher order.
"""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable

import numpy

from minpy import _core

_operators: dict[str, "Operator"] = {}
_legacy: dict[str, "Operator"] = {}


@dataclasses.dataclass(frozen=True)
class Operator:
    """One row: the callable and what front ends need to know of it."""

    name: str
    function: Callable
    inputs: tuple[str, ...]  # parameters that take arrays; one starting with "*" takes any number
    attributes: dict[
        str, object
    ]  # the other parameters, with their defaults (inspect.Parameter.empty: required)
    legacy_names: tuple[str, ...]


def operator(*legacy_names: str, inputs: int = 1, npx: bool = True):
    """Declares the decorated function as a public operator.

    Parameters
    ----------
    legacy_names : str
        The operator's names in MXNet's `nd` and `sym`, such as "LayerNorm"; "_contrib_x" is `nd.contrib.x`.
    inputs : int
        How many of the first parameters take arrays.
    npx : bool
        Whether `minpy.numpy_extension` has it, by the name of the function.

    Returns
    -------
    callable
        The function, which in addition takes `out`, the array (or arrays) to write the result to, and `name`, the
        name of the node where arguments are symbols.
    """

    def declare(function):
        parameters = list(inspect.signature(function).parameters.values())
        names = tuple(("*" + p.name if p.kind is p.VAR_POSITIONAL else p.name) for p in parameters[:inputs])
        attributes = {p.name: p.default for p in parameters[inputs:]}
        name = function.__name__.removesuffix("_")
        row = Operator(name, _front(name, function), names, attributes, legacy_names)
        for table, keys in ((_operators, (name,) if npx else ()), (_legacy, legacy_names)):
            for key in keys:
                if key in table:
                    raise ValueError(f"operator {key!r} is declared twice")
                table[key] = row
        return row.function

    return declare


def _front(operator_name, function):
    """What users call: the function with `out` and `name`."""

    @functools.wraps(function)
    def call(*args, out=None, name=None, **kwargs):
        if compose_symbol is not None:
            node = compose_symbol(operator_name, name, args, kwargs)
            if node is not None:
                return node
        if complete_inputs is not None:
            args, kwargs = complete_inputs(operator_name, function, args, kwargs)
        compute = function if serve_sparse is None else _with_sparse(operator_name, function)
        result = (
            compute(*args, **kwargs) if call_operator is None else call_operator(compute, *args, **kwargs)
        )
        return result if out is None else _write(out, result)

    return call


@functools.cache
def _with_sparse(operator_name, function):
    """The function, which leaves sparse arrays to minpy.nd.sparse."""

    def compute(*args, **kwargs):
        result = serve_sparse(operator_name, function, args, kwargs)
        return function(*args, **kwargs) if result is NotImplemented else result

    compute.__name__ = operator_name
    return compute


# Set by minpy.symbol: (operator, name, args, kwargs) to a Symbol when an argument is one, else None.
compose_symbol = None
# Set by minpy.gluon while parameters of unknown shape are about: replaces them among the arguments.
complete_inputs = None
# Set by minpy._compiled while computations are traced: calls the function, as one call or by what it calls.
call_operator = None
# Set by minpy.nd.sparse: the result where an argument is a sparse array, else NotImplemented.
serve_sparse = None


def _write(out, result):
    if isinstance(result, (tuple, list)):
        for target, value in zip(out, result, strict=True):
            _assign(target, value)
    elif isinstance(out, (list, tuple)):
        _write(out, [result])
    else:
        _assign(out, result)
    return out


def _shape(value):
    return value.shape if hasattr(value, "shape") else numpy.shape(value)


def _assign(out, result):
    provided, inferred = _shape(out), _shape(result)
    if provided != inferred and math.prod(provided) != math.prod(inferred):
        from minpy.base import MXNetError

        raise MXNetError(f"Shape inconsistent, Provided = {list(provided)}, inferred shape={list(inferred)}")
    out[...] = result


def composite(kernel: str):
    """Declares the decorated function, of the kernel's inputs and attributes, as its composite.

    It returns the kernel's outputs in their order, as a tuple when there are several; None for one that has no
    gradient.
    """

    def declare(function):
        def without_warnings(*args, **kwargs):
            with numpy.errstate(all="ignore"):  # the kernel computed the value
                return function(*args, **kwargs)

        getattr(_core.kernels, kernel).set_composite(without_warnings)
        return function

    return declare


def trace_whole(namespace, names):
    """Has each of the named functions of a module traced as one call, as their inner calls draw random numbers."""
    for name in names:
        namespace[name] = _traced_whole(namespace[name])


def _traced_whole(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        if call_operator is None:
            return function(*args, **kwargs)
        return call_operator(function, *args, **kwargs)

    return call


def operators() -> dict[str, Operator]:
    """All operators by the name that they have in `minpy.numpy_extension`."""
    return dict(_operators)


def legacy_names() -> dict[str, Operator]:
    """All operators by the names that they have in MXNet."""
    return dict(_legacy)


def find(name: str) -> Operator:
    """The operator of either name; raises KeyError."""
    return _operators[name] if name in _operators else _legacy[name]
