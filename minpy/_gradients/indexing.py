"""Choosing among arrays, functions of slices, and functions that write into their first argument."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.manipulation import moves, rearrange
from minpy._gradients.registry import defgrad, direct

moves("select", 1, 2, "choicelist", "default")
moves("choose", 1, "choices")


@direct("ndarray.choose")
def choose_method(fallback, a, choices, *args, **kwargs):
    return rearrange(fallback, (a, choices, *args), kwargs, (1,))


@defgrad("where")
def where(g, outputs, condition, x, y):
    return None, np.where(condition, g, 0.0), np.where(condition, 0.0, g)


# --- Writing ---


def _write_codes(fallback, a, before, values, after, kwargs):
    """Runs a writing function on numbers: for each element of `a` the number of the value it gets, or -1."""
    values = np.asarray(values)
    codes = numpy.full(a.shape, -1)
    numbers = numpy.arange(values.size).reshape(values.shape)
    fallback.call_numpy(codes, *before, numbers, *after, **kwargs)
    mask = codes >= 0
    a[np.asarray(mask)] = np.ravel(values)[np.asarray(codes[mask])]


def _writer(names, place):
    """Registers functions that write argument number `place`, called `name` as a keyword, into the first."""
    keywords = ("values", "vals", "v", "val", "src")

    def rule(fallback, a, *args, **kwargs):
        fallback.call_numpy(a.copy().detach(), *args, **kwargs)  # raises NumPy's errors
        args = list(args)
        values = [kwargs.pop(key) for key in keywords if key in kwargs]
        before = args[: place - 1]
        value = values[0] if values else args[place - 1]
        return _write_codes(fallback, a, before, value, args[place if not values else len(args) :], kwargs)

    direct(*names.split())(rule)


_writer("copyto fill_diagonal", 1)
_writer("put place putmask put_along_axis ndarray.put ndarray.__setitem__", 2)


@direct("random.shuffle", "random.mtrand.shuffle")
def shuffle(fallback, x, *args, **kwargs):
    order = numpy.arange(len(x))
    fallback.call_numpy(order, *args, **kwargs)
    x[...] = x[np.asarray(order)]


@direct("random.permutation")
def permutation(fallback, x):
    return x[fallback.call_numpy(len(x))]


# --- Functions that call back ---


def _given(function):
    """The caller's function, which minpy.numpy may have wrapped for NumPy's sake."""
    return getattr(function, "on_our_arrays", function)


def vectorized(function, signature, args):
    """What numpy.vectorize does, with arrays (of no dimensions, without a signature) for the function."""
    cores = [()] * len(args) if signature is None else _core_dimensions(signature)
    args = [np.asarray(a) for a in args]
    lead = numpy.broadcast_shapes(*(a.shape[: a.ndim - len(core)] for a, core in zip(args, cores)))
    args = [np.broadcast_to(a, lead + a.shape[a.ndim - len(core) :]) for a, core in zip(args, cores)]
    results = [function(*(a[at] for a in args)) for at in numpy.ndindex(*lead)]
    if not isinstance(results[0], tuple):
        return _stacked(results, lead)
    return tuple(_stacked(part, lead) for part in zip(*results))


def _core_dimensions(signature):
    """The names of each operand's core dimensions: [("m", "n"), ("n",)] for "(m,n),(n)->(m)"."""
    inputs = signature.replace(" ", "").partition("->")[0]
    return [tuple(filter(None, part.split(","))) for part in inputs.strip("()").split("),(")]


def _stacked(results, lead):
    stacked = np.stack([np.asarray(r) for r in results])
    return np.reshape(stacked, lead + stacked.shape[1:])


@direct("apply_along_axis")
def apply_along_axis(fallback, func1d, axis, arr, *args, **kwargs):
    arr = np.asarray(arr)
    moved = np.moveaxis(arr, axis, -1)
    lead = moved.shape[:-1]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [np.asarray(_given(func1d)(moved[at], *args, **kwargs)) for at in numpy.ndindex(*lead)]
    stacked = np.stack([r.astype(results[0].dtype) for r in results])
    shaped = np.reshape(stacked, lead + results[0].shape)
    axis = axis % arr.ndim
    tail = range(len(lead), shaped.ndim)
    return np.moveaxis(shaped, list(tail), [axis + k for k in range(len(tail))])


@direct("apply_over_axes")
def apply_over_axes(fallback, func, a, axes):
    value = np.asarray(a)
    ndim = value.ndim
    for axis in numpy.atleast_1d(_core.to_numpy(axes)).tolist():
        result = np.asarray(_given(func)(value, axis % ndim))
        if result.ndim != value.ndim:
            result = np.expand_dims(result, axis % ndim)
            if result.ndim != value.ndim:
                raise ValueError("function is not returning an array of the correct shape")
        value = result
    return value


@direct("piecewise")
def piecewise(fallback, x, condlist, funclist, *args, **kwargs):
    x = np.asarray(x)
    conditions = _core.to_numpy(condlist)
    if numpy.isscalar(conditions) or (not isinstance(conditions[0], (list, numpy.ndarray)) and x.ndim != 0):
        conditions = [conditions]
    conditions = numpy.asarray(conditions, dtype=bool)
    if len(conditions) == len(funclist) - 1:
        conditions = numpy.concatenate([conditions, ~numpy.any(conditions, axis=0, keepdims=True)])
    elif len(conditions) != len(funclist):
        return fallback.call_numpy(x, condlist, funclist, *args, **kwargs)  # raises NumPy's error
    result = np.zeros(x.shape, dtype=x.dtype)
    for condition, function in zip(conditions, funclist):
        chosen = np.asarray(condition)
        if not callable(function):
            result[chosen] = function
        elif condition.any():
            result[chosen] = _given(function)(x[chosen], *args, **kwargs)
    return result
