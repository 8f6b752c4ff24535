"""Making executors: `Symbol.bind` and `Symbol.simple_bind`."""

import numpy

from minpy import nd
from minpy.base import MXNetError
from minpy.context import Context
from minpy.executor import Executor
from minpy.symbol import inference
from minpy.symbol.program import Program

__all__ = ["bind", "simple_bind"]

_REQUESTS = {"null": 0, "write": 1, "add": 3}


def _requests(grad_req, names):
    if isinstance(grad_req, str):
        grad_req = [grad_req] * len(names)
    elif isinstance(grad_req, dict):
        grad_req = [grad_req.get(name, "null") for name in names]
    elif not isinstance(grad_req, (list, tuple)):
        raise TypeError(f"grad_req must be text, a list or a dict, not {type(grad_req)}")
    for request in grad_req:
        if request not in _REQUESTS:
            raise ValueError(f"grad_req must be in {_REQUESTS}")
    return list(grad_req)


def _context(ctx):
    if not isinstance(ctx, Context):
        raise TypeError("Context type error")
    return ctx


def bind(symbol, ctx, args, args_grad, grad_req, aux_states):
    """See `Symbol.bind`."""
    ctx = _context(ctx)
    program = Program(symbol)
    names = program.arguments
    if len(set(names)) != len(names):
        raise ValueError(f"Duplicate names detected, {names}")
    if args is None:
        args = {}
    arrays = _arrays("args", args, names, missing=False)
    aux = _arrays(
        "aux_states", aux_states if aux_states is not None else [], program.auxiliary, missing=False
    )
    grads = None if args_grad is None else _arrays("args_grad", args_grad, names, missing=True)
    requests = _requests(grad_req, names) if args_grad is not None else ["null"] * len(names)
    _require_consistent(symbol, ctx, arrays, aux, program)
    return Executor(symbol, ctx, arrays, grads, requests, aux, program)


def _arrays(what, given, names, missing):
    if isinstance(given, dict):
        found = []
        for name in names:
            if name not in given and not missing:
                raise ValueError(f"key `{name}` is missing in `{what}`")
            found.append(given.get(name))
    elif isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(f"Length of {what} does not match the number of arguments")
        found = list(given)
    else:
        raise TypeError("Only accept list of NDArrays or dict of str to NDArray")
    for array in found:
        if not isinstance(array, nd.NDArray) and not (missing and array is None):
            raise TypeError("Only accept list of NDArrays or dict of str to NDArray")
    return found


def _require_consistent(symbol, ctx, arrays, aux, program):
    """Raises MXNetError where devices, shapes or dtypes of the given arrays contradict each other."""
    for name, array in zip((*program.arguments, *program.auxiliary), (*arrays, *aux)):
        if array.context != ctx:
            raise MXNetError(
                f"bind: argument {name} is on {array.context}, but the executor's context is {ctx}; use"
                " as_in_context"
            )
    shapes = dict(zip(program.arguments, (a.shape for a in arrays)))
    shapes |= dict(zip(program.auxiliary, (a.shape for a in aux)))
    inference.infer_shapes(symbol, (), {name: s for name, s in shapes.items() if inference.complete(s)})
    types = {name: a.dtype for name, a in zip(program.arguments, arrays)}
    _require_types(symbol, types)


def _require_types(symbol, types):
    """Elementwise operators of two arrays need one dtype, as in MXNet."""
    known = {}
    for node in symbol._order():
        if node.is_variable:
            known[id(node), 0] = types.get(node.name)
        else:
            inputs = [known.get((id(n), i)) for n, i, _ in node.inputs]
            given = [t for t in inputs if t is not None]
            if node.op.name.startswith("elemwise_") and len(set(given)) > 1:
                raise MXNetError(
                    f"Error in operator {node.name}: Incompatible attr in node {node.name} at 1-th input: expected"
                    f" {numpy.dtype(given[0]).name}, got {numpy.dtype(given[1]).name}"
                )
            if node.op.name.startswith("elemwise_") and given:
                known[id(node), 0] = given[0]


def simple_bind(symbol, ctx, grad_req, type_dict, shared_exec, shared_arg_names, shared_buffer, shapes):
    """See `Symbol.simple_bind`."""
    ctx = _context(ctx)
    program = Program(symbol)
    names = (*program.arguments, *program.auxiliary)
    try:
        if len(set(names)) != len(names):
            raise MXNetError(f"Duplicate names detected, {list(names)}")
        found = inference.infer_shapes(symbol, (), shapes)
        unknown = [n for n, s in zip(program.arguments, found[0]) if not inference.complete(s)]
        if unknown:
            raise MXNetError(f"the shapes of {unknown} do not follow from those that are given")
        types = inference.infer_types(symbol, (), type_dict or {})
    except (MXNetError, TypeError) as error:
        rows = "".join(f"\n{name}: {shape}" for name, shape in shapes.items())
        raise RuntimeError(f"simple_bind error. Arguments:{rows}\n{error}") from None
    requests = _requests(grad_req, program.arguments)
    share = _Shared(ctx, shared_exec, shared_arg_names, shared_buffer)
    args = [share.argument(n, s, t) for n, s, t in zip(program.arguments, found[0], types[0])]
    grads = [
        None if r == "null" else share.gradient(n, a) for n, a, r in zip(program.arguments, args, requests)
    ]
    aux = [share.auxiliary(n, s, t) for n, s, t in zip(program.auxiliary, found[2], types[2])]
    return Executor(symbol, ctx, args, grads, requests, aux, program)


class _Shared:
    """Arrays of a new executor: those of another where it has them, else new ones."""

    def __init__(self, ctx, executor, names, buffer):
        self._ctx, self._buffer = ctx, buffer
        self._names = names
        known = executor is not None
        self._args = executor.arg_dict if known else {}
        self._grads = executor.grad_dict if known and executor.grad_arrays else {}
        self._aux = executor.aux_dict if known else {}

    def argument(self, name, shape, dtype):
        shared = self._args.get(name) if self._names is None or name in self._names else None
        return self._take(shared, name, shape, dtype)

    def gradient(self, name, array):
        shared = self._grads.get(name) if self._names is None or name in self._names else None
        return self._take(shared, None, array.shape, array.dtype)

    def auxiliary(self, name, shape, dtype):
        return self._take(self._aux.get(name), None, shape, dtype)

    def _take(self, shared, name, shape, dtype):
        dtype = numpy.float32 if dtype is None else dtype
        for found in (shared, (self._buffer or {}).get(name)):
            if found is not None and tuple(found.shape) == tuple(shape) and found.dtype == dtype:
                return found
        array = nd.zeros(shape, ctx=self._ctx, dtype=dtype)
        if self._buffer is not None and name is not None and name not in self._buffer:
            self._buffer[name] = array
        return array
