"""Ufuncs called with keywords (`where`, `out`, `dtype` ...) or on operands without a native loop, and their methods."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._gradients import reductions
from minpy._gradients.registry import composite, record, record_composite, rules


def _operands(ufunc, args, dtype, signature):
    """The inputs as arrays of the dtypes that the ufunc computes in: those have native loops."""
    arrays = [np.asarray(a) for a in args[: ufunc.nin]]
    weak = [type(a) if type(a) in (int, float, complex) else x.dtype for a, x in zip(args, arrays)]
    fixed = _signature(ufunc, dtype, signature)
    keywords = {} if fixed is None else {"signature": fixed}
    found = ufunc.resolve_dtypes((*weak, *(None,) * ufunc.nout), casting="unsafe", **keywords)
    found = [numpy.float32 if d.name == "bfloat16" else d for d in found]
    return [x.astype(d) if x.dtype != d else x for x, d in zip(arrays, found)]


def _signature(ufunc, dtype, signature):
    if signature is not None:
        return signature
    return None if dtype is None else (None,) * ufunc.nin + (numpy.dtype(dtype),) * ufunc.nout


def _call(name):
    """The rule of ufunc `name`: `out` is written in place, and keeps its values where `where` is false."""
    native = _core._find_ufunc(name)
    ufunc = getattr(numpy, name)

    def differentiable(args, before, where, dtype, signature):
        results = native(*_operands(ufunc, args, dtype, signature))
        if where is True:
            return results
        several = isinstance(results, tuple)
        items = results if several else (results,)
        shape = numpy.broadcast_shapes(items[0].shape, numpy.shape(where))
        before = before or (0.0,) * len(items)
        items = tuple(
            np.where(where, np.broadcast_to(r, shape), np.asarray(b, dtype=r.dtype))
            for r, b in zip(items, before)
        )
        return items if several else items[0]

    def rule(fallback, args, kwargs):
        out = kwargs.pop("out", None)
        outs = out if isinstance(out, tuple) else (out,) * (out is not None)
        outs += tuple(args[ufunc.nin :])
        args = tuple(args[: ufunc.nin])
        arguments = (
            args,
            outs,
            kwargs.get("where", True),
            kwargs.get("dtype"),
            kwargs.get("signature", kwargs.get("sig")),
        )
        if not outs:
            return record_composite(differentiable, name, fallback.call_numpy(*args, **kwargs), arguments, {})
        scratch = tuple(o if o is None else o.copy().detach() for o in outs)
        values = fallback.call_numpy(*args, **kwargs, out=scratch)
        found = record_composite(differentiable, name, values, arguments, {})
        found = found if isinstance(found, tuple) else (found,)
        results = tuple(value if o is None else _written(o, value) for o, value in zip(outs, found))
        return results if ufunc.nout > 1 else results[0]

    rule.takes_out = True
    return rule


def _written(out, value):
    out[...] = value
    return out


def _fold(native, a, initial=None):
    """Partial results along the first axis: what accumulate returns, as a list."""
    results = [] if initial is None else [initial]
    for item in a:
        results.append(native(results[-1], item) if results else item)
    return results


_reducers = {
    "add": reductions.reduce_sum,
    "multiply": reductions.reduce_prod,
    "maximum": reductions.reduce_max,
    "minimum": reductions.reduce_min,
    "fmax": reductions.reduce_max,
    "fmin": reductions.reduce_min,
}


def _reduce(name, native):
    known = _reducers.get(name)

    def reduce(a, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True):
        a = np.asarray(a)
        if name in ("fmax", "fmin"):
            a = reductions.masked(a, np.logical_not(np.isnan(a)), -numpy.inf if name == "fmax" else numpy.inf)
        if known:
            return known(a, axis, keepdims, initial, where, dtype)
        if not (where is True or np.all(where)):
            raise NotImplementedError(f"numpy.{name}.reduce has no gradient rule for where=")
        a = a.astype(dtype) if dtype is not None else a
        axes = reductions.axes_of(axis, a.ndim)
        rest = [a.shape[k] for k in range(a.ndim) if k not in axes]
        moved = np.reshape(np.moveaxis(a, axes, range(len(axes))), [-1, *rest])
        start = initial if reductions.given(initial) else None
        result = _fold(native, moved, start)[-1]
        return np.expand_dims(result, axes) if keepdims else result

    return reduce


def _accumulate(name, native):
    scans = {"add": np.cumsum, "multiply": np.cumprod}

    def accumulate(array, axis=0, dtype=None, out=None):
        a = np.asarray(array)
        a = a.astype(dtype) if dtype is not None else a
        if name in scans:
            return scans[name](a, axis=axis)
        return np.moveaxis(np.stack(_fold(native, np.moveaxis(a, axis, 0))), 0, axis)

    return accumulate


def _reduceat(reduce):
    def reduceat(array, indices, axis=0, dtype=None, out=None):
        a = np.moveaxis(np.asarray(array), axis, 0)
        starts = [int(i) for i in numpy.asarray(indices)]
        stops = [*starts[1:], len(a)]
        parts = [reduce(a[i:j], dtype=dtype) if j > i else a[i] for i, j in zip(starts, stops)]
        return np.moveaxis(np.stack(parts), 0, axis)

    return reduceat


def _outer(native):
    def outer(a, b, /, **kwargs):
        a, b = np.asarray(a), np.asarray(b)
        return native(np.reshape(a, a.shape + (1,) * b.ndim), b, **kwargs)

    return outer


def _rounds(positions):
    """Splits 1-d positions into runs without repetition: lists of places into `positions`."""
    order = numpy.argsort(positions, kind="stable")
    ordered = positions[order]
    first = numpy.concatenate([[True], ordered[1:] != ordered[:-1]]) if len(ordered) else numpy.zeros(0, bool)
    turn = numpy.arange(len(ordered)) - numpy.maximum.accumulate(
        numpy.where(first, numpy.arange(len(ordered)), 0)
    )
    return [numpy.sort(order[turn == k]) for k in range(turn.max(initial=-1) + 1)]


def _added_at(a, positions, values, sign):
    """`a` plus values at (repeated) positions of its flattened form."""
    sums = numpy.dtype(values.dtype).type(sign) * values

    def vjp(gradients):
        (g,) = gradients
        return g, sign * np.ravel(g)[positions]

    total = numpy.asarray(a.detach()).copy()
    numpy.add.at(total.reshape(-1), numpy.asarray(positions), numpy.asarray(sums.detach()))
    return record("add.at", [a, values], np.asarray(total), vjp)


def _at(name, native):
    """ufunc.at writes into its first argument, and applies the ufunc once for each repetition of an index."""

    def rule(fallback, args, kwargs):
        a, indices = args[:2]
        fallback.call_numpy(a.copy().detach(), *args[1:])  # raises NumPy's errors
        places = numpy.arange(a.size).reshape(a.shape)[_core.to_numpy(indices)]
        flat = np.asarray(places.reshape(-1))
        values = [np.ravel(np.broadcast_to(np.asarray(b), places.shape)) for b in args[2:]]
        if name in ("add", "subtract"):
            sign = 1 if name == "add" else -1
            a[...] = _added_at(a.copy(), flat, values[0].astype(a.dtype), sign)
            return None
        new = np.ravel(a.copy())
        for turn in _rounds(places.reshape(-1)):
            at = flat[turn]
            new[at] = native(new[at], *(b[turn] for b in values))
        a[...] = np.reshape(new, a.shape)
        return None

    return rule


def _register():
    for name in {f.__name__ for f in _core.ufuncs.values()}:
        native = _core._find_ufunc(name)
        ufunc = getattr(numpy, name)
        rules[name] = _call(name)
        rules[f"{name}.at"] = _at(name, native)
        if ufunc.nin == 2 and ufunc.nout == 1:
            reduce = _reduce(name, native)
            composite(f"{name}.reduce")(reduce)
            composite(f"{name}.accumulate")(_accumulate(name, native))
            composite(f"{name}.reduceat")(_reduceat(reduce))
            composite(f"{name}.outer")(_outer(native))


_register()
