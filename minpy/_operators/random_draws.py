"""Random numbers as operators; what draws them is minpy.random.

`nd.random_normal(loc, scale, shape)` takes numbers, `nd.sample_normal(mu, sigma, shape)` arrays of them, and
`nd.random.normal_like(data)` the shape of an array.
"""

import inspect
import re

from minpy._operators.registry import operator

# Of each distribution: the parameters of random_X with their defaults, those of sample_X, and what is more likely.
_DISTRIBUTIONS = {
    "uniform": ({"low": 0.0, "high": 1.0}, ("low", "high"), "Numbers equally likely from `{}` up to `{}`."),
    "normal": (
        {"loc": 0.0, "scale": 1.0},
        ("mu", "sigma"),
        "Normal numbers of mean `{}` and deviation `{}`.",
    ),
    "gamma": ({"alpha": 1.0, "beta": 1.0}, ("alpha", "beta"), "Gamma numbers of shape `{}` and scale `{}`."),
    "exponential": ({"lam": 1.0}, ("lam",), "Exponential numbers of rate `{}`."),
    "poisson": ({"lam": 1.0}, ("lam",), "Poisson distributed counts, as floats, of mean `{}`."),
    "negative_binomial": (
        {"k": 1, "p": 1.0},
        ("k", "p"),
        "Successes before the `{}`-th failure of probability `{}`, as floats.",
    ),
    "generalized_negative_binomial": (
        {"mu": 1.0, "alpha": 1.0},
        ("mu", "alpha"),
        "Negative binomial counts, as floats, of mean `{}` and dispersion `{}`.",
    ),
}
_REQUIRED = inspect.Parameter.empty


def _context(ctx):
    """A Context from one or from text like "cpu(0)"."""
    from minpy.context import Context

    if not isinstance(ctx, str):
        return ctx
    match = re.fullmatch(r"(\w+)\((-?\d+)\)", ctx)
    if match is None or match[1] not in Context.devstr2type:
        raise ValueError(f"Invalid context string {ctx}")
    return Context(match[1], int(match[2]))


def _draw(name, values, **options):
    from minpy import random

    if name == "exponential":
        values = [1.0 / values[0]]
    return getattr(random, name)(*values, **options)


def with_signature(name, doc, parameters, body):
    """The function of these parameters (a dict to their defaults) that calls body with them as a dict."""
    signature = inspect.Signature(
        [
            inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
            for key, default in parameters.items()
        ]
    )

    def function(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return body(bound.arguments)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__signature__ = signature
    return function


_RESULT_DOC = """{summary}

    Parameters
    ----------
    {parameters} : {kind}
        Of the distribution.
    {more}
    Returns
    -------
    NDArray
    """
_SHAPE_DOC = """shape : int or tuple of int
        {shape}
    dtype : {{'float16', 'float32', 'float64'}}
        None: {dtype}.
"""


def _declare(name, defaults, arrays, summary):
    numbers = tuple(defaults)

    def random(a):
        options = {"shape": (1,) if a["shape"] is None else a["shape"], "dtype": a["dtype"]}
        return _draw(name, [a[key] for key in numbers], ctx=_context(a["ctx"]), **options)

    def sample(a):
        return _draw(name, [a[key] for key in arrays], shape=a["shape"], dtype=a["dtype"])

    def like(a):
        from minpy import random

        return getattr(random, f"{name}_like")(a["data"], **{key: a[key] for key in numbers})

    def doc(names, kind, more):
        return _RESULT_DOC.format(
            summary=summary.format(*names), parameters=", ".join(names), kind=kind, more=more
        )

    own = (name,) if name in ("uniform", "normal") else ()
    more = _SHAPE_DOC.format(shape="Of the result.", dtype="float32")
    parameters = {**defaults, "shape": None, "ctx": None, "dtype": None}
    function = with_signature(f"random_{name}", doc(numbers, "float", more), parameters, random)
    operator(f"_random_{name}", f"random_{name}", *own, inputs=0, npx=False)(function)

    more = _SHAPE_DOC.format(shape="Draws for each element.", dtype="that of the parameters")
    parameters = {**dict.fromkeys(arrays, _REQUIRED), "shape": (), "dtype": None}
    function = with_signature(f"sample_{name}", doc(arrays, "NDArray", more), parameters, sample)
    operator(f"_sample_{name}", f"sample_{name}", inputs=len(arrays), npx=False)(function)

    more = "data : NDArray\n        Its shape, dtype and device are those of the result.\n"
    parameters = {"data": _REQUIRED, **defaults}
    function = with_signature(f"random_{name}_like", doc(numbers, "float", more), parameters, like)
    operator(f"_random_{name}_like", inputs=1, npx=False)(function)


for _name, _row in _DISTRIBUTIONS.items():
    _declare(_name, *_row)


@operator("_random_randint", "random_randint", inputs=0, npx=False)
def random_randint(low, high, shape=None, ctx=None, dtype=None):
    """Integers from `low` to `high` - 1.

    Parameters
    ----------
    low, high : int
    shape : int or tuple of int
        Of the result.
    dtype : {'int32', 'int64'}
        None: int32.

    Returns
    -------
    NDArray
    """
    from minpy import random

    return random.randint(low, high, (1,) if shape is None else shape, dtype, _context(ctx))


@operator("_sample_multinomial", "sample_multinomial", inputs=1, npx=False)
def sample_multinomial(data, shape=(), get_prob=False, dtype="int32"):
    """Indices drawn with the probabilities along the last axis.

    Parameters
    ----------
    data : NDArray
        Probabilities.
    shape : int or tuple of int
        Draws from each distribution.
    get_prob : bool
        Whether the logarithms of the drawn probabilities are returned too.
    dtype : str
        Of the indices.

    Returns
    -------
    NDArray or list of NDArray
    """
    from minpy import random

    return random.multinomial(data, shape, get_prob, dtype=dtype)


@operator("_shuffle", "shuffle", inputs=1, npx=False)
def shuffle(data):
    """A copy with its elements, or what lies along the first axis, in random order."""
    from minpy import random

    return random.shuffle(data)
