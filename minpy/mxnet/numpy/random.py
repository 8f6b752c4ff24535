"""`mxnet.np.random` under the switch: float32 numbers from the streams that `mx.random.seed` starts.

`uniform`, `normal`, `randint`, `exponential` and what follows from them by a formula give MXNet's numbers for a seed;
the other distributions are NumPy's, by a generator that is seeded from the same stream. Under
``minpy.config.random = "counter"`` the stream is a counter-based one, with other numbers.
"""

import numpy as _numpy

from minpy import _core
from minpy import _random_sources as _sources
from minpy import numpy as _np
from minpy import random as _random
from minpy._operators.registry import trace_whole as _trace_whole
from minpy.nd.ndarray import as_context, to_nd
from minpy.random import seed

__all__ = [
    "beta",
    "bernoulli",
    "binomial",
    "chisquare",
    "choice",
    "exponential",
    "f",
    "gamma",
    "gumbel",
    "laplace",
    "logistic",
    "lognormal",
    "multinomial",
    "multivariate_normal",
    "normal",
    "pareto",
    "permutation",
    "poisson",
    "power",
    "rand",
    "randint",
    "randn",
    "rayleigh",
    "seed",
    "shuffle",
    "uniform",
    "weibull",
]


def _shape(size, *parameters):
    if size is None:
        return _np.broadcast_shapes(*map(_np.shape, parameters))
    return tuple(size) if isinstance(size, (tuple, list)) else (int(size),)


def _drawn(kind, size, parameters):
    values = _np.empty(_shape(size, *parameters), dtype="float32")
    getattr(_sources.source(), kind)(values)
    return values


def _finished(values, dtype, ctx, out):
    if ctx is not None:
        as_context(ctx)
    values = _np.asarray(values, dtype="float32" if dtype is None else dtype)
    if out is None:
        return values
    out[...] = values
    return out


def uniform(low=0.0, high=1.0, size=None, dtype=None, ctx=None, device=None, out=None):
    """Numbers equally likely from `low` up to `high`.

    Parameters
    ----------
    low, high : float or ndarray
        The bounds.
    size : int or tuple of int
        Shape of the result; None: that of the parameters.
    dtype : dtype
        None: float32.
    ctx, device : Context
        The device.
    out : ndarray
        An array to fill.
    """
    values = _drawn("uniform", size, (low, high))
    return _finished(low + values * (high - low), dtype, ctx or device, out)


def normal(loc=0.0, scale=1.0, size=None, dtype=None, ctx=None, device=None, out=None):
    """Normal numbers of mean `loc` and standard deviation `scale`; the other parameters are `uniform`'s."""
    values = _drawn("normal", size, (loc, scale))
    return _finished(loc + values * scale, dtype, ctx or device, out)


def rand(*size, **kwargs):
    """Numbers from 0 up to 1, of the given shape."""
    return uniform(size=size, **kwargs)


def randn(*size, **kwargs):
    """Standard normal numbers, of the given shape."""
    return normal(size=size, **kwargs)


def randint(low, high=None, size=None, dtype=None, ctx=None, device=None, out=None):
    """Integers from `low` (0 when there is one bound only) to below `high`; int64 by default."""
    low, high = (0, low) if high is None else (low, high)
    values = _random.randint(low, high, shape=_shape(size, 0) or (1,), ctx=ctx or device).as_np_ndarray()
    return _finished(values.reshape(_shape(size, 0)), "int64" if dtype is None else dtype, None, out)


def _by_formula(name, formula, defaults, sentence):
    """A distribution whose numbers are a function of uniform ones in (0, 1) and of its parameters."""

    def draw(*args, size=None, ctx=None, device=None, out=None, **kwargs):
        if len(args) > len(defaults):
            *args, size = args
        parameters = [*args, *(kwargs.pop(key, value) for key, value in [*defaults.items()][len(args) :])]
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument {next(iter(kwargs))!r}")
        u = _drawn("uniform", size, parameters)
        return _finished(formula(u, *parameters), None, ctx or device, out)

    draw.__name__ = draw.__qualname__ = name
    draw.__doc__ = f"{sentence}\n\nParameters: {', '.join(defaults)}; the others are those of `uniform`."
    return draw


_log = _np.log
exponential = _by_formula(
    "exponential", lambda u, scale: -scale * _log(u), {"scale": 1.0}, "Exponential numbers."
)
gumbel = _by_formula(
    "gumbel",
    lambda u, loc, scale: loc - scale * _log(-_log(u)),
    {"loc": 0.0, "scale": 1.0},
    "Gumbel's distribution.",
)
logistic = _by_formula(
    "logistic",
    lambda u, loc, scale: loc + scale * (_log(u) - _log(1 - u)),
    {"loc": 0.0, "scale": 1.0},
    "The logistic distribution.",
)
rayleigh = _by_formula(
    "rayleigh",
    lambda u, scale: scale * _np.sqrt(-2 * _log(u)),
    {"scale": 1.0},
    "Rayleigh's distribution.",
)
weibull = _by_formula(
    "weibull", lambda u, a: (-_log(u)) ** (1 / a), {"a": 1.0}, "Weibull's distribution of scale 1."
)
pareto = _by_formula(
    "pareto", lambda u, a: _np.exp(-_log(u) / a) - 1, {"a": 1.0}, "Pareto's distribution, from 0."
)
power = _by_formula("power", lambda u, a: (1 - u) ** (1 / a), {"a": 1.0}, "Powers of uniform numbers.")
laplace = _by_formula(
    "laplace",
    lambda u, loc, scale: loc - scale * _np.sign(u - 0.5) * _log(1 - 2 * _np.abs(u - 0.5)),
    {"loc": 0.0, "scale": 1.0},
    "Laplace's distribution.",
)


def lognormal(mean=0.0, sigma=1.0, size=None, dtype=None, ctx=None, device=None, out=None):
    """Numbers whose logarithms are normal."""
    return _finished(_np.exp(normal(mean, sigma, size)), dtype, ctx or device, out)


def _generator():
    """NumPy's generator, from the place where the stream is."""
    words = _np.empty(4, dtype="float32")
    _sources.source().uniform(words)
    return _numpy.random.default_rng([int(word * 2**24) for word in words.tolist()])


def _by_numpy(name, dtype):
    def draw(*args, ctx=None, device=None, out=None, **kwargs):
        kind = kwargs.pop("dtype", None) or dtype
        args = [_core.to_numpy(argument) for argument in args]
        kwargs = {key: _core.to_numpy(value) for key, value in kwargs.items()}
        values = getattr(_generator(), name)(*args, **kwargs)
        kind = kind or (values.dtype if _numpy.asarray(values).dtype != _numpy.float64 else "float32")
        return _finished(values, kind, ctx or device, out)

    draw.__name__ = draw.__qualname__ = name
    draw.__doc__ = f"`numpy.random.Generator.{name}`, as {dtype or 'the dtype of the argument'}."
    return draw


beta = _by_numpy("beta", "float32")
binomial = _by_numpy("binomial", "int64")
chisquare = _by_numpy("chisquare", "float32")
choice = _by_numpy("choice", None)
f = _by_numpy("f", "float32")
gamma = _by_numpy("gamma", "float32")
multinomial = _by_numpy("multinomial", "int64")
permutation = _by_numpy("permutation", None)
poisson = _by_numpy("poisson", "int64")


def multivariate_normal(mean, cov, size=None, dtype=None, ctx=None, device=None, out=None):
    """Normal vectors of mean `mean` (..., n) and covariance `cov` (..., n, n)."""
    mean, cov = _np.asarray(mean, dtype="float32"), _np.asarray(cov, dtype="float32")
    values = normal(size=(*(() if size is None else _shape(size)), *mean.shape))
    vectors = (_np.linalg.cholesky(cov) @ values[..., None])[..., 0]
    return _finished(mean + vectors, dtype, ctx or device, out)


def bernoulli(*args, **kwargs):
    """See `npx.random.bernoulli`."""
    from minpy import npx

    return npx.random.bernoulli(*args, **kwargs)


def shuffle(x):
    """Put the items along the first axis of an array into a random order, in place."""
    x[...] = _random.shuffle(to_nd(x)).as_np_ndarray()


_trace_whole(globals(), [name for name in __all__ if name != "seed"])
