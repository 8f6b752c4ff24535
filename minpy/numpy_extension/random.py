"""Random numbers that `np.random` lacks, as `np.ndarray`, from the stream of MXNet's NumPy functions.

`seed` starts these streams and those of `mx.random` anew; `np.random` has a seed of its own.
"""

from minpy import _random_sources as _sources
from minpy import numpy as _np
from minpy import random as _random
from minpy._operators.registry import trace_whole as _trace_whole
from minpy.random import seed

__all__ = ["bernoulli", "normal_n", "seed", "uniform_n"]


def bernoulli(prob=None, logit=None, size=None, dtype=None, ctx=None, out=None):
    """Ones with a probability, and zeros.

    Parameters
    ----------
    prob, logit : float or ndarray
        The probability, or the logarithm of its odds: one of the two.
    size : int or tuple of int, optional
        Shape of the result; by default that of the parameter.
    dtype : dtype, optional
        By default float32.
    ctx : Context, optional
        Where the result lies.
    out : ndarray, optional
        An array to fill.

    Returns
    -------
    ndarray
    """
    value = prob if logit is None else logit
    size = _np.shape(value) if size is None else size
    if out is None:
        out = _np.empty(size, dtype="float32" if dtype is None else dtype)
    return _random.bernoulli(prob, logit, size, ctx=ctx, out=out)


def uniform_n(low=0.0, high=1.0, batch_shape=None, dtype=None, ctx=None):
    """Numbers equally likely from `low` up to `high`.

    Parameters
    ----------
    low, high : float or ndarray
        The bounds, which broadcast.
    batch_shape : int or tuple of int, optional
        Draws for each pair of bounds; the result has this shape followed by that of the bounds.
    dtype : dtype, optional
        By default float32.
    ctx : Context, optional
        Where the result lies.

    Returns
    -------
    ndarray
    """
    return _n("uniform", low, high - low, batch_shape, dtype)


def normal_n(loc=0.0, scale=1.0, batch_shape=None, dtype=None, ctx=None):
    """Normal numbers of mean `loc` and standard deviation `scale`; the other parameters are `uniform_n`'s."""
    return _n("normal", loc, scale, batch_shape, dtype)


def _n(kind, loc, scale, batch_shape, dtype):
    batch = () if batch_shape is None else batch_shape
    batch = tuple(batch) if isinstance(batch, (tuple, list)) else (batch,)
    values = _np.empty(batch + _np.broadcast_shapes(_np.shape(loc), _np.shape(scale)), dtype="float32")
    getattr(_sources.source(), kind)(values)
    return (loc + values * scale).astype("float32" if dtype is None else dtype)


_trace_whole(globals(), [name for name in __all__ if name != "seed"])
