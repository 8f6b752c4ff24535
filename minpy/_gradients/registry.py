"""How a NumPy function gets a gradient.

NumPy computes the value, always: a recorded call returns what it returns without recording. The gradient is
found by the function's dotted name in a table of rules, of four kinds:

- `composite`: the function once more, written in operations of minpy.numpy that have gradients. It runs in the
  backward pass, and is differentiated there as it runs.
- `defgrad`: a formula for the gradients, in operations of minpy.numpy.
- `direct`: the rule makes the result itself (functions that move elements, write in place, or call back).
- `constant`: piecewise constant functions, and those that return views, which the tape follows by itself.

All kinds are differentiable to every order, as they consist of differentiable operations. A function without a
rule becomes an opaque node: the backward pass raises an error with its name when it gets there.
"""

import contextlib
import functools
import inspect
import sys
import threading

import numpy

from minpy import _core
from minpy._nested import as_list, like_sequence

rules = {}
_DEEPEST = 8
_running = threading.local()  # .stack: the composites whose gradients are being computed, innermost last


class _Slot:
    """Stands for an array in the recorded arguments of a call."""

    __slots__ = ("index",)

    def __init__(self, index):
        self.index = index


def split(value, arrays):
    """`value` (nested tuples, lists and dicts) with each array moved to `arrays` and a slot in its place."""
    if isinstance(value, numpy.ndarray) and not isinstance(value, numpy.matrix):
        value = _core.from_numpy(value.copy())
    if isinstance(value, _core.ndarray):
        for i, known in enumerate(arrays):
            if known is value:
                return _Slot(i)
        arrays.append(value)
        return _Slot(len(arrays) - 1)
    if type(value) in (tuple, list):
        return type(value)(split(item, arrays) for item in value)
    if type(value) is dict:
        return {key: split(item, arrays) for key, item in value.items()}
    return value


def fill(value, arrays):
    """The inverse of `split`."""
    if isinstance(value, _Slot):
        return arrays[value.index]
    if type(value) in (tuple, list):
        return type(value)(fill(item, arrays) for item in value)
    if type(value) is dict:
        return {key: fill(item, arrays) for key, item in value.items()}
    return value


def is_differentiable(value):
    """Whether gradients can flow through the value: an array or scalar of real or complex numbers."""
    if isinstance(value, _core.ndarray):
        return numpy.dtype(value.dtype).kind not in "biu"  # nd.NDArray gives a class
    return isinstance(value, numpy.inexact) or type(value).__name__ == "bfloat16"


def _places(outputs):
    """The outputs (an array, or a flat tuple or list of things) to give a history: their positions, and all items.

    Views of an input are left alone: the tape knows their history.
    """
    items = as_list(outputs)
    return [i for i, item in enumerate(items) if is_differentiable(item) and not _core.is_taped(item)], items


def record(name, inputs, outputs, vjp, saved=()):
    """`outputs` with the rule vjp(gradients, *saved).

    The rule always gets a tuple of gradients: one for each output that is an array of real or complex numbers.
    """
    places, items = _places(outputs)
    if not places:
        return outputs
    found = _core.record_custom(name, inputs, tuple(items[i] for i in places), vjp, saved)
    for i, item in zip(places, found):
        items[i] = item
    return like_sequence(outputs, items) if isinstance(outputs, (tuple, list)) else items[0]


def _split_call(args, kwargs):
    """(inputs, constants, spec): the differentiable arrays of a call, the other arrays, and the rest."""
    arrays = []
    spec = split((args, kwargs), arrays)
    inputs = [a for a in arrays if _core.is_taped(a) and is_differentiable(a)]
    constants = [a for a in arrays if not any(a is b for b in inputs)]
    order = {id(a): i for i, a in enumerate(inputs + constants)}
    _renumber(spec, [order[id(a)] for a in arrays])
    return inputs, constants, spec


def _renumber(value, numbers):
    if isinstance(value, _Slot):
        value.index = numbers[value.index]
    elif type(value) in (tuple, list):
        for item in value:
            _renumber(item, numbers)
    elif type(value) is dict:
        for item in value.values():
            _renumber(item, numbers)


def _native_operators():
    """A scope for code that needs the native operators, whatever the policy of the process."""
    policy = sys.modules.get("minpy.dispatch.policy")
    if policy is None or isinstance(policy.get_global_policy(), policy.PreferNativePolicy):
        return contextlib.nullcontext()
    return policy.PreferNativePolicy()


@contextlib.contextmanager
def _rule_scope():
    """Where rules run in the backward pass. NumPy has warned already, when it computed the value."""
    with _native_operators(), numpy.errstate(all="ignore"):
        yield


def _composite_vjp(function, name, spec, count, places, gradients, *saved):
    def run(*variables):
        args, kwargs = fill(spec, variables + saved[count:])
        outputs = function(*args, **kwargs)
        items = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        return tuple(items[i] for i in places)

    stack = vars(_running).setdefault("stack", [])
    if stack.count(function) == _DEEPEST:  # it is written in terms of itself, for these arguments
        raise NotImplementedError(f"numpy.{name} has no gradient rule for these arguments")
    stack.append(function)
    try:
        with _rule_scope():
            return _core.composite_vjp(run, saved[:count], gradients)
    finally:
        stack.pop()


def record_composite(function, name, outputs, args, kwargs):
    """`outputs` with the gradient of function(*args, **kwargs), which is evaluated in the backward pass."""
    inputs, constants, spec = _split_call(args, kwargs)
    vjp = functools.partial(_composite_vjp, function, name, spec, len(inputs), _places(outputs)[0])
    return record(name, inputs, outputs, vjp, inputs + constants)


def _register(names, rule):
    for name in names:
        rules[name] = rule


def composite(*names):
    """Decorates a differentiable re-expression of the named NumPy functions."""

    def register(function):
        def rule(fallback, args, kwargs):
            outputs = fallback.call_numpy(*args, **kwargs)
            return record_composite(function, fallback.__name__, outputs, args, kwargs)

        _register(names, rule)
        return function

    return register


def direct(*names):
    """Decorates rule(fallback, *args, **kwargs), which returns the recorded result."""

    def register(function):
        _register(names, lambda fallback, args, kwargs: function(fallback, *args, **kwargs))
        return function

    return register


def constant(*names):
    """Registers functions whose results have no gradient of their own."""
    _register(names, lambda fallback, args, kwargs: fallback.call_numpy(*args, **kwargs))


def defgrad(*names):
    """Decorates the gradient formula of NumPy functions, called as vjp(g, outputs, *args, **kwargs).

    `g` is the gradient of the output, or a tuple of gradients when the function has several outputs; `outputs`
    is what the function returned. The formula returns the gradient of the first argument, or a tuple of the
    gradients of the first arguments (None for those without). It may only use operations of minpy.numpy.
    """

    def register(vjp):
        _register(names, functools.partial(record_formula, vjp))
        return vjp

    return register


def record_formula(vjp, fallback, args, kwargs):
    """Calls NumPy and records `vjp`, a formula as `defgrad` takes it."""
    outputs = fallback.call_numpy(*args, **kwargs)
    values, signature, names = args, None, ()
    if kwargs:
        signature = _signature_of(vjp)
        bound = signature.bind(None, None, *args, **kwargs).arguments
        names, values = list(bound), list(bound.values())[2:]
    operands = [as_operand(value) for value in values]
    several = isinstance(outputs, (tuple, list))
    items = tuple(outputs) if several else (outputs,)
    count = len(operands)  # the rule must not hold the operands: their history may come to include it

    def formula(gradients, *saved):
        values, results = saved[:count], saved[count:]
        call = (gradients, results) if several else (gradients[0], results[0])
        keywords = {}
        if signature:
            bound = inspect.BoundArguments(signature, dict(zip(names, (*call, *values))))
            call, values, keywords = bound.args, (), bound.kwargs
        with _rule_scope():
            found = vjp(*call, *values, **keywords)
        found = found if isinstance(found, tuple) else (found,)
        return found + (None,) * (count - len(found))

    return record(fallback.__name__, operands, outputs, formula, (*operands, *items))


def as_operand(value):
    """Lists of numbers and NumPy arrays as arrays; anything else as it is."""
    if isinstance(value, numpy.ndarray) or (isinstance(value, list) and value):
        import minpy.numpy as np

        return np.asarray(value)
    return value


def record_opaque(fallback, args, kwargs):
    """Calls NumPy; the backward pass raises an error when it needs the gradient."""
    name = fallback.__name__
    outputs = fallback.call_numpy(*args, **kwargs)

    def vjp(gradients, *saved):
        raise NotImplementedError(
            f"numpy.{name} has no gradient rule; give it one with minpy.defgrad({name!r}), or call it on x.detach()"
        )

    return record(name, _split_call(args, kwargs)[0], outputs, vjp)


@functools.cache
def _signature_of(function):
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


@functools.cache
def _positional_names(function):
    """The names of the parameters that may be given by position."""
    # NumPy's methods tell no signature; that of the function of the same name has the same places.
    signature = _signature_of(function) or _signature_of(getattr(numpy, function.__name__, None))
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in signature.parameters.values() if p.kind in kinds] if signature else []


def _pop_out(fallback, args, kwargs):
    """Takes `out` from the arguments, wherever it is."""
    out = kwargs.pop("out", None)
    names = _positional_names(fallback.__wrapped__) if len(args) > 2 else []
    if "out" in names[: len(args)]:
        place = names.index("out")
        out = args[place]
        kwargs.update(zip(names[place + 1 :], args[place + 1 :]))
        args = args[:place]
    return out, args, kwargs


def find_rule(name):
    """The rule of the function, or of the function with the method's name; None when there is none."""
    return rules.get(name) or rules.get(name.removeprefix("ndarray."))


def hook(fallback, /, *args, **kwargs):
    """Runs a NumPy function of recorded arguments and records its gradient: what the core calls."""
    rule = find_rule(fallback.__name__) or record_opaque
    with _native_operators():
        if getattr(rule, "takes_out", False):
            return rule(fallback, args, kwargs)
        out, args, kwargs = _pop_out(fallback, args, kwargs)
        if out is None:
            return rule(fallback, args, kwargs)
        scratch = out.copy().detach()
        fallback.call_numpy(*args, **kwargs, out=scratch)  # raises NumPy's errors about `out`
        out[...] = rule(fallback, args, kwargs)
        return out
