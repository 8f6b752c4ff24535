"""Random numbers from MXNet's own streams: after ``mx.random.seed(s)`` they are what MXNet 1.9.1 draws on a CPU.

With ``minpy.config.random = "counter"`` they are other numbers, drawn faster and by all threads.

Where the parameters of a distribution are arrays, the result has their shape followed by `shape`, which are the
draws made with each pair of parameters.
"""

import inspect as _inspect
import math as _math

import numpy as _np

from minpy import _core
from minpy import _random_sources as _sources
from minpy import numpy as _mnp
from minpy._operators.registry import trace_whole as _trace_whole
from minpy.base import MXNetError, _Null, numeric_types

__all__ = [
    "bernoulli",
    "exponential",
    "exponential_like",
    "gamma",
    "gamma_like",
    "generalized_negative_binomial",
    "generalized_negative_binomial_like",
    "multinomial",
    "negative_binomial",
    "negative_binomial_like",
    "normal",
    "normal_like",
    "poisson",
    "poisson_like",
    "randint",
    "randn",
    "seed",
    "shuffle",
    "uniform",
    "uniform_like",
]

_FLOATS = ("float16", "float32", "float64")
_C_CONTIGUOUS = 1  # of NumPy's flags

# What the parameters of a distribution must fulfil.
_RULES = {
    _sources.UNIFORM: [(lambda a, b: a <= b, "low must be less or equal to high in uniform distribution")],
    _sources.NORMAL: [(lambda a, b: b > 0, "scale parameter in gaussian has to be positive")],
    _sources.EXPONENTIAL: [
        (lambda a, b: a > 0, "lambda parameter in exponential distribution has to be positive")
    ],
    _sources.GAMMA: [
        (lambda a, b: a > 0, "alpha parameter in gamma distribution has to be positive"),
        (lambda a, b: b > 0, "beta parameter in gamma distribution has to be positive"),
    ],
    _sources.POISSON: [
        (lambda a, b: a >= 0, "lambda parameter in poisson distribution has to be non-negative")
    ],
    _sources.NEGATIVE_BINOMIAL: [
        (lambda a, b: a >= 0, "k parameter in negative binomial distribution has to be non-negative"),
        (lambda a, b: b > 0, "p parameter in negative binomial distribution has to be positive"),
    ],
    _sources.GENERALIZED_NEGATIVE_BINOMIAL: [
        (
            lambda a, b: a >= 0,
            "mu parameter in generalized negative binomial distribution has to be non-negative",
        ),
        (
            lambda a, b: b >= 0,
            "alpha parameter in generalized negative binomial distribution has to be non-negative",
        ),
    ],
}


def seed(seed_state, ctx="all"):
    """Start the random streams anew, that of `npx.dropout` included.

    Parameters
    ----------
    seed_state : int
        Its lower 32 bits count. A program that does not seed starts from 0, as MXNet does.
    ctx : Context or 'all'
        All CPU contexts share their streams. Given a context, MXNet starts the stream of `shuffle`, `multinomial`
        and ``mx.np.random`` elsewhere than for 'all'; so does this.

    Raises
    ------
    ValueError
        When `seed_state` is no integer.
    """
    if isinstance(seed_state, bool) or not isinstance(seed_state, (int, _np.integer)):
        raise ValueError("seed_state must be int")
    state = int(seed_state)
    _sources.seed(state, state * 127 if isinstance(ctx, str) and ctx == "all" else state)


def _check(draw, a, b, holds_for_all=bool):
    for holds, message in _RULES[draw]:
        if not holds_for_all(holds(a, b)):
            raise MXNetError(f"Check failed: {message}")


def _shape_tuple(shape):
    return tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)


def _dtype(dtype, allowed, operator):
    if dtype is _Null or dtype is None or dtype == "None":
        return None
    name = _np.dtype(dtype).name
    if name not in allowed:
        valid = ", ".join(f"'{x}'" for x in ("None", *allowed))
        raise MXNetError(f"Invalid Input: '{name}', valid values are: {{{valid}}}, in operator {operator}")
    return name


def _new_array(shape, ctx, dtype):
    from minpy import nd

    return nd.empty(shape, ctx=ctx, dtype=dtype)


def _result(shape, dtype, ctx, out):
    """The array to fill: `out`, or a new one."""
    if out is None:
        return _new_array(shape, ctx, dtype)
    if shape is not None and out.shape != shape:
        raise MXNetError(f"Shape inconsistent, Provided = {list(out.shape)}, inferred shape={list(shape)}")
    return out


def _fill(target, dtypes, fill):
    """Let `fill` write to the target, or to an array of the first of `dtypes` that is then copied to it."""
    if target.dtype in dtypes and _core._flags(target) & _C_CONTIGUOUS:
        fill(target)
        return target
    array = _mnp.empty(target.shape, dtype=dtypes[0])
    fill(array)
    target[...] = array.astype(target.dtype)
    return target


def _draw(draw, a, b, target, single=True):
    # Numbers of 16 bits are rounded from wider ones, all others drawn with the bits that they have.
    source = _sources.source()
    rounded = target.dtype == _np.float16 and draw < _sources.POISSON
    dtypes = (source.float16_from,) if rounded else (_np.float32, _np.float64)
    return _fill(target, dtypes, lambda array: source.fill(draw, array, a, b, single))


def _fill_in_turn(kind, loc, scale, target):
    """Fill with ``loc + scale * x``, x 'uniform' in [0, 1) or 'normal', from the stream of ``mx.np.random``."""
    values = _mnp.empty(target.shape, dtype="float32")
    getattr(_sources.source(), kind)(values)
    loc, scale = _np.float32(loc), _np.float32(scale)
    target[...] = (loc + _np.asarray(values) * scale).astype(target.dtype)


def _is_array(value):
    return isinstance(value, (_mnp.ndarray, _np.ndarray)) and not isinstance(value, numeric_types)


def _sample(draw, name, a, b, shape, dtype, ctx, out):
    """A distribution whose parameters are both numbers or both arrays."""
    if _is_array(a):
        return _sample_arrays(draw, name, a, b, shape, dtype, out)
    if not isinstance(a, numeric_types):
        raise ValueError(f"Distribution parameters must be either NDArray or numbers, but got {type(a)}.")
    _expect_same_kind(isinstance(b, numeric_types), a, b)
    a, b = float(a), float(b)
    _check(draw, a, b)
    dtype = _dtype(dtype, _FLOATS, f"_random_{name}")
    return _draw(draw, a, b, _result(_scalar_shape(shape, out), dtype or _np.float32, ctx, out))


def _scalar_shape(shape, out):
    """The shape that was asked for; None leaves it to `out`."""
    if shape is _Null or shape is None:
        return (1,) if out is None else None
    return _shape_tuple(shape)


def _sample_arrays(draw, name, a, b, shape, dtype, out):
    _expect_same_kind(_is_array(b), a, b)
    dtype = _dtype(dtype, _FLOATS, f"_sample_{name}")
    first, second = _np.asarray(a), _np.asarray(b)
    if first.shape != second.shape:
        raise MXNetError(f"Shape inconsistent, Provided = {list(b.shape)}, inferred shape={list(a.shape)}")
    _check(draw, first, second, _np.all)
    draws = () if shape is _Null or shape is None else _shape_tuple(shape)
    dtype = dtype or (first.dtype.name if first.dtype.name in _FLOATS else "float32")
    target = _result(first.shape + draws, dtype, getattr(a, "context", None), out)
    if not target.size:
        return target
    single = first.dtype != _np.float64
    first, second = (_mnp.array(x.astype(_np.float64).reshape(-1)) for x in (first, second))
    return _draw(draw, first, second, target, single)


def _expect_same_kind(same, a, b):
    assert same, f"Distribution parameters must all have the same type, but got both {type(a)} and {type(b)}."


def uniform(low=0, high=1, shape=_Null, dtype=_Null, ctx=None, out=None, **kwargs):
    """Numbers that are equally likely everywhere from `low` up to `high`.

    Parameters
    ----------
    low, high : float or NDArray
        The bounds.
    shape : int or tuple of int, optional
        Shape of the result, by default ``(1,)``; the draws per element where the bounds are arrays.
    dtype : {'float16', 'float32', 'float64'}, optional
        By default float32.
    ctx : Context, optional
        By default the current context.
    out : NDArray, optional
        An array to fill; then the result is this array, and `shape` is not needed.

    Returns
    -------
    NDArray

    Raises
    ------
    MXNetError
        When `low` is above `high`, for another dtype, and when the shape of `out` is another.
    """
    return _sample(_sources.UNIFORM, "uniform", low, high, shape, dtype, ctx, out)


def normal(loc=0, scale=1, shape=_Null, dtype=_Null, ctx=None, out=None, **kwargs):
    """Normal numbers of mean `loc` and standard deviation `scale`; the other parameters are `uniform`'s."""
    return _sample(_sources.NORMAL, "normal", loc, scale, shape, dtype, ctx, out)


def randn(*shape, **kwargs):
    """Normal numbers in an array of the dimensions given.

    Parameters
    ----------
    *shape : int
    loc, scale : float or NDArray
        Mean and standard deviation, by default 0 and 1.
    dtype, ctx, out
        As for `uniform`.
    """
    loc, scale = kwargs.pop("loc", 0), kwargs.pop("scale", 1)
    return normal(loc, scale, shape=shape, **kwargs)


def exponential(scale=1, shape=_Null, dtype=_Null, ctx=None, out=None, **kwargs):
    """Exponentially distributed numbers of mean `scale`; the other parameters are `uniform`'s."""
    rate = 1.0 / scale
    return _sample(_sources.EXPONENTIAL, "exponential", rate, rate, shape, dtype, ctx, out)


def gamma(alpha=1, beta=1, shape=_Null, dtype=_Null, ctx=None, out=None, **kwargs):
    """Gamma distributed numbers of shape `alpha` and scale `beta`; the other parameters are `uniform`'s."""
    return _sample(_sources.GAMMA, "gamma", alpha, beta, shape, dtype, ctx, out)


def poisson(lam=1, shape=_Null, dtype=_Null, ctx=None, out=None, **kwargs):
    """Poisson distributed counts, as floats, of mean `lam`; the other parameters are `uniform`'s."""
    return _sample(_sources.POISSON, "poisson", lam, lam, shape, dtype, ctx, out)


def negative_binomial(k=1, p=1, shape=_Null, dtype=_Null, ctx=None, out=None, **kwargs):
    """Successes before the `k`-th failure of probability `p`, as floats; the other parameters are `uniform`'s."""
    return _sample(_sources.NEGATIVE_BINOMIAL, "negative_binomial", k, p, shape, dtype, ctx, out)


def generalized_negative_binomial(mu=1, alpha=1, shape=_Null, dtype=_Null, ctx=None, out=None, **kwargs):
    """Negative binomial counts, as floats, of mean `mu` and dispersion `alpha`; the rest as for `uniform`."""
    name = "generalized_negative_binomial"
    return _sample(_sources.GENERALIZED_NEGATIVE_BINOMIAL, name, mu, alpha, shape, dtype, ctx, out)


def randint(low, high, shape=_Null, dtype=_Null, ctx=None, out=None, **kwargs):
    """Integers from `low` to `high` - 1.

    Parameters
    ----------
    low, high : int
    shape, ctx, out
        As for `uniform`.
    dtype : {'int32', 'int64'}, optional
        By default int32.

    Raises
    ------
    MXNetError
        When `low` is above `high`, for other dtypes, and for bounds that are not whole.
    """
    for name, bound in (("low", low), ("high", high)):
        if not isinstance(bound, numeric_types):
            raise ValueError(
                f"Distribution parameters must be either NDArray or numbers, but got {type(bound)}."
            )
        if int(bound) != bound:
            raise MXNetError(f"Invalid Parameter format for {name} expect long but value='{bound}'")
    dtype = _dtype(dtype, ("int32", "int64"), "_random_randint") or "int32"
    if not low < high:
        raise MXNetError("Check failed: low must be less or equal to high in uniform distribution")
    target = _result(_scalar_shape(shape, out), dtype, ctx, out)
    low, high = int(low), int(high)
    return _fill(target, (_np.int32, _np.int64), lambda array: _sources.source().integers(array, low, high))


def _bounds_below(bounds, places):
    """How many of a row's bounds (rows, classes) are at most each of its places (rows, draws)."""
    (rows, classes), draws = bounds.shape, places.shape[1]
    sorted_rows = bool((bounds[:, 1:] >= bounds[:, :-1]).all())
    # In ns: a comparison of all places with a class, or a search in each row.
    if not sorted_rows or classes * (2000 + rows * draws) > rows * (2000 + 20 * draws):
        found = [_np.searchsorted(bound, place, side="right") for bound, place in zip(bounds, places)]
        return _np.array(found).reshape(rows, draws)
    count = _np.zeros((rows, draws), dtype=_np.intp)
    for bound in bounds.T:
        count += places >= bound[:, None]
    return count


def multinomial(data, shape=_Null, get_prob=False, out=None, dtype="int32", **kwargs):
    """Indices drawn with given probabilities.

    Parameters
    ----------
    data : NDArray
        Probabilities along the last axis, where they add up to 1.
    shape : int or tuple of int, optional
        How many to draw from each distribution; one by default, without an axis for it.
    get_prob : bool
        Whether the logarithms of the drawn probabilities are returned too.
    out : NDArray, optional
        An array to fill.
    dtype : str or numpy.dtype
        Of the indices.

    Returns
    -------
    NDArray or list of NDArray
        Of the shape of `data` without its last axis, followed by `shape`.
    """
    probabilities = _np.asarray(data)
    draws = () if shape is _Null or shape is None else _shape_tuple(shape)
    lead = probabilities.shape[:-1]
    rows = probabilities.reshape(-1, probabilities.shape[-1])
    places = _mnp.empty((len(rows), _math.prod(draws)), dtype="float32")
    _sources.source().uniform(places)
    bounds = _np.cumsum(rows, axis=1, dtype=rows.dtype)
    index = _np.minimum(_bounds_below(bounds, _np.asarray(places)), rows.shape[1] - 1)
    result_shape = (lead + draws) or (1,)
    chosen = _result(result_shape, dtype, getattr(data, "context", None), out)
    chosen[...] = index.reshape(result_shape).astype(chosen.dtype)
    if not get_prob:
        return chosen
    with _np.errstate(divide="ignore"):
        logs = _np.log(_np.take_along_axis(rows, index, axis=1)).reshape(result_shape)
    log_likelihood = _new_array(result_shape, getattr(data, "context", None), rows.dtype)
    log_likelihood[...] = logs
    return [chosen, log_likelihood]


def shuffle(data, **kwargs):
    """A copy of an array with its elements, or what lies along its first axis, in random order.

    Parameters
    ----------
    data : NDArray
    out : NDArray, optional
        An array to fill instead, which may be `data`.
    """
    out = kwargs.get("out")
    order = _sources.source().order(data.shape[0], data.ndim == 1)
    target = _result(data.shape, data.dtype, getattr(data, "context", None), out)
    target[...] = _np.asarray(data)[_np.asarray(order)]
    return target


def bernoulli(prob=None, logit=None, shape=_Null, dtype="float32", ctx=None, out=None):
    """Ones with probability `prob`, or the logistic function of `logit`, and zeros.

    Parameters
    ----------
    prob, logit : float or NDArray
        One of the two.
    shape : int or tuple of int, optional
        Shape of the result; by default that of the parameter.
    dtype, ctx, out
        Of the result.
    """
    if (prob is None) == (logit is None):
        raise ValueError("Either `prob` or `logit` must be specified, but not both.")
    value = prob if logit is None else 1 / (1 + _np.exp(-_np.asarray(logit)))
    given = None if shape is _Null or shape is None else _shape_tuple(shape)
    given = (_np.shape(value) or (1,)) if given is None else given
    places = _mnp.empty(given, dtype="float32")
    _sources.source().uniform(places)
    target = _result(given, dtype, ctx, out)
    target[...] = (_np.asarray(places) < _np.asarray(value)).astype(target.dtype)
    return target


def _like(function, *names):
    """The function that draws by `function`, with the parameters of these names, in the shape of an array."""
    own = _inspect.signature(function).parameters
    kind = _inspect.Parameter.POSITIONAL_OR_KEYWORD
    defaults = {"data": _inspect.Parameter.empty, **{n: own[n].default if n in own else 1 for n in names}}
    signature = _inspect.Signature(
        [_inspect.Parameter(n, kind, default=d) for n, d in {**defaults, "out": None, "name": None}.items()]
    )

    def like(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        data = given["data"]
        values = (
            [1.0 / given["lam"]] if function.__name__ == "exponential" else [given[name] for name in names]
        )
        dtype = data.dtype if _np.dtype(data.dtype).name in _FLOATS else "float32"
        ctx = getattr(data, "context", None)
        return function(*values, shape=data.shape, dtype=dtype, ctx=ctx, out=given["out"])

    like.__name__ = like.__qualname__ = f"{function.__name__}_like"
    like.__signature__ = signature
    like.__doc__ = f"""Draw from `{function.__name__}` in the shape, dtype and context of an array.

    Parameters
    ----------
    data : NDArray
        Only its shape, dtype and context count.
    {", ".join(names)} : float, optional
        Parameters of the distribution.
    out : NDArray, optional
        An array to fill.
    """
    return like


uniform_like = _like(uniform, "low", "high")
normal_like = _like(normal, "loc", "scale")
exponential_like = _like(exponential, "lam")
gamma_like = _like(gamma, "alpha", "beta")
poisson_like = _like(poisson, "lam")
negative_binomial_like = _like(negative_binomial, "k", "p")
generalized_negative_binomial_like = _like(generalized_negative_binomial, "mu", "alpha")

_trace_whole(globals(), [name for name in __all__ if name != "seed"])
