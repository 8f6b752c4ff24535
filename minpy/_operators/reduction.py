"""Reductions as MXNet has them: `exclude`, results of shape (1,), positions as floating numbers."""

import minpy.numpy as np
from minpy import _core
from minpy._operators.registry import operator
from minpy._operators.repetition import beside
from minpy.util import is_np_shape


def kept_axes(data, axis, exclude):
    """The axes that a reduction goes over, sorted; () and None mean all."""
    ndim = data.ndim if isinstance(data, _core.ndarray) else np.ndim(data)
    axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = sorted({a + ndim if a < 0 else a for a in axes}) or list(range(ndim))
    if any(not 0 <= a < ndim for a in axes):
        raise ValueError(f"axis {axis} is out of bounds for an array of {ndim} dimensions")
    if exclude and axis not in (None, ()):
        axes = [a for a in range(ndim) if a not in axes]
    return tuple(axes)


def finish(result, data, axes, keepdims):
    """A result with its axes kept, as the operator returns it: full reductions have shape (1,)."""
    if keepdims:
        return result
    shape = [n for i, n in enumerate(np.shape(data)) if i not in axes]
    return np.reshape(result, shape if shape or is_np_shape() else (1,))


def _reduction(function, legacy_names, doc):
    def reduce(data, axis=None, keepdims=False, exclude=False):
        if axis is None or axis == ():
            result = function(data, keepdims=True)
            return result if keepdims else np.reshape(result, () if is_np_shape() else (1,))
        axes = kept_axes(data, axis, exclude)
        return finish(function(data, axis=axes, keepdims=True), data, axes, keepdims)

    reduce.__name__ = legacy_names[0]
    reduce.__doc__ = f"""{doc}

    Parameters
    ----------
    data : ndarray
        Any shape.
    axis : int or tuple of int
        What to reduce; None or (): everything.
    keepdims : bool
        Keep the reduced axes with length 1.
    exclude : bool
        Reduce the axes that are not in `axis`.

    Returns
    -------
    ndarray
        Of shape (1,) when no axis is left, outside of NumPy shape semantics.
    """
    return operator(*legacy_names, npx=False)(reduce)


sum = _reduction(np.sum, ("sum", "sum_axis"), "Add the elements along axes.")
mean = _reduction(np.mean, ("mean",), "Average the elements along axes.")
prod = _reduction(np.prod, ("prod",), "Multiply the elements along axes.")
nansum = _reduction(np.nansum, ("nansum",), "Add the elements that are not NaN along axes.")
nanprod = _reduction(np.nanprod, ("nanprod",), "Multiply the elements that are not NaN along axes.")
max = _reduction(np.max, ("max", "max_axis"), "The largest elements along axes.")
min = _reduction(np.min, ("min", "min_axis"), "The smallest elements along axes.")


def _position(function, legacy_name, doc):
    def find(data, axis=None, keepdims=False):
        result = function(
            np.reshape(data, (-1,)) if axis is None else data, axis=0 if axis is None else axis, keepdims=True
        )
        result = np.asarray(result).astype("float32")
        axes = kept_axes(data, axis, False)
        if axis is None and keepdims:
            return beside(data, np.reshape(result, (1,) * np.ndim(data)))
        return beside(data, finish(result, data, axes, keepdims))

    find.__name__ = legacy_name
    find.__doc__ = f"""{doc}, as float32.

    Parameters
    ----------
    data : ndarray
        Any shape.
    axis : int
        Along which to look; None: in the flattened array.
    keepdims : bool
        Keep the axis with length 1.
    """
    return operator(legacy_name, npx=False)(find)


argmax = _position(np.argmax, "argmax", "The positions of the first largest elements")
argmin = _position(np.argmin, "argmin", "The positions of the first smallest elements")


@operator("argmax_channel", npx=False)
def argmax_channel(data):
    """The positions of the largest elements along axis 1 of a matrix or batch, as float32."""
    return argmax(data, axis=1)


@operator("norm", npx=False)
def norm(data, ord=2, axis=None, out_dtype=None, keepdims=False):
    """The L1 or L2 norm along axes.

    Parameters
    ----------
    data : ndarray
        Any shape.
    ord : {1, 2}
        Which norm.
    axis : int or tuple of int
        Along which axes; None: of all elements.
    out_dtype : dtype
        Of the result; None: that of the data.
    keepdims : bool
        Keep the reduced axes with length 1.
    """
    if ord not in (1, 2):
        raise ValueError(f"norm: ord must be 1 or 2, got {ord}")
    axes = kept_axes(data, axis, False)
    if ord == 1:
        result = np.sum(np.abs(data), axis=axes, keepdims=True)
    else:
        result = np.sqrt(np.sum(np.square(data), axis=axes, keepdims=True))
    result = finish(result, data, axes, keepdims)
    return result if out_dtype is None else result.astype(out_dtype)
