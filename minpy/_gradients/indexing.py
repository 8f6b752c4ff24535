"""Choosing among arrays, functions of slices, and functions that write into their first argument."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients.manipulation import moves, rearrange
from minpy._gradients.registry import defgrad, direct

moves("choose", 1, "choices")


@direct("select")
def select(fallback, condlist, choicelist, default=0):
    return rearrange(fallback, (condlist, choicelist, default), {}, (1, 2))


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
    a[np.asarray(mask)] = np.ravel(values)[np.asarray(codes[mask])].astype(a.dtype)


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


# --- Random order: the generator draws once, for the elements' numbers ---


@direct("random.shuffle")
def shuffle(fallback, x):
    order = numpy.arange(len(x))
    fallback.call_numpy(order)
    x[...] = x[np.asarray(order)]


@direct("random.RandomState.shuffle", "random.Generator.shuffle")
def shuffle_method(fallback, generator, x, axis=0):
    order = numpy.arange(x.shape[axis])
    fallback.call_numpy(generator, order)
    x[...] = np.take(x, np.asarray(order), axis=axis)


def _numbered(fallback, before, a, args, kwargs):
    a = np.asarray(a)
    codes = fallback.call_numpy(*before, numpy.arange(a.size).reshape(a.shape), *args, **kwargs)
    return np.ravel(a)[codes]


@direct("random.permutation", "random.choice")
def drawn(fallback, a, *args, **kwargs):
    return _numbered(fallback, (), a, args, kwargs)


_METHODS = (
    "RandomState.permutation",
    "RandomState.choice",
    "Generator.permutation",
    "Generator.choice",
    "Generator.permuted",
)


@direct(*(f"random.{name}" for name in _METHODS))
def drawn_by(fallback, generator, a, *args, **kwargs):
    return _numbered(fallback, (generator,), a, args, kwargs)


# --- Functions that call back ---


def _given(function):
    """The caller's function, which minpy.numpy may have wrapped for NumPy's sake."""
    return getattr(function, "on_our_arrays", function)


def vectorized(vectorize, args, kwargs):
    """What numpy.vectorize does, but the function gets recorded elements (or sub-arrays, with a signature)."""
    names, signature = list(kwargs), vectorize.signature
    excluded = vectorize.excluded
    places = [i for i in (*range(len(args)), *names) if i not in excluded]
    if signature is not None and kwargs:
        places = [i for i in places if i not in names]
    given = dict(enumerate(args)) | kwargs
    cores = [()] * len(places) if signature is None else _core_dimensions(signature)
    arrays = [np.asarray(given[i]) for i in places]
    lead = numpy.broadcast_shapes(*(a.shape[: a.ndim - len(core)] for a, core in zip(arrays, cores)))
    arrays = [np.broadcast_to(a, lead + a.shape[a.ndim - len(core) :]) for a, core in zip(arrays, cores)]
    if 0 in lead:
        return _core.from_numpy(
            numpy.vectorize.__call__(vectorize, *_core.to_numpy(args), **_core.to_numpy(kwargs))
        )
    function = _given(vectorize.pyfunc)
    results = []
    for at in numpy.ndindex(*lead):
        given.update(zip(places, (a[at] for a in arrays)))
        results.append(
            function(*(given[i] for i in range(len(args))), **{name: given[name] for name in names})
        )
    otypes = vectorize.otypes or None
    if not isinstance(results[0], tuple):
        return _stacked(results, lead, otypes and otypes[0])
    return tuple(_stacked(part, lead, otypes and otypes[i]) for i, part in enumerate(zip(*results)))


def _core_dimensions(signature):
    """The names of each operand's core dimensions: [("m", "n"), ("n",)] for "(m,n),(n)->(m)"."""
    inputs = signature.replace(" ", "").partition("->")[0]
    return [tuple(filter(None, part.split(","))) for part in inputs.strip("()").split("),(")]


def _stacked(results, lead, dtype=None):
    """The results as one array of the first one's dtype, like NumPy."""
    if any(map(_core.is_taped, results)):
        arrays = [np.asarray(r) for r in results]
        stacked = np.stack([a.astype(dtype or arrays[0].dtype) for a in arrays])
    else:
        plain = [numpy.asarray(_core.to_numpy(r)) for r in results]
        stacked = _core.from_numpy(numpy.stack(plain).astype(dtype or plain[0].dtype))
    return np.reshape(stacked, lead + stacked.shape[1:])


@direct("fromfunction")
def fromfunction(fallback, function, shape, *, dtype=float, like=None, **kwargs):
    return _given(function)(*np.indices(shape, dtype=dtype), **kwargs)


@direct("apply_along_axis")
def apply_along_axis(fallback, func1d, axis, arr, *args, **kwargs):
    arr = np.asarray(arr)
    moved = np.moveaxis(arr, axis, -1)
    lead = moved.shape[:-1]
    if 0 in lead:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    shaped = _stacked([_given(func1d)(moved[at], *args, **kwargs) for at in numpy.ndindex(*lead)], lead)
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
