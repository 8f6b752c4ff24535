"""Every gradient row against finite differences, to second order."""

import numpy as onp
import pytest

import minpy.numpy as np
from minpy.core import grad

# Names, and the interval of each operand, away from kinks and singularities.
UNARY = {
    (
        -3.0,
        3.0,
    ): "negative positive square exp exp2 expm1 sin cos arctan sinh cosh tanh arcsinh deg2rad rad2deg radians degrees "
    "conjugate",
    (0.2, 4.0): "log log2 log10 log1p sqrt cbrt reciprocal absolute fabs",
    (-4.0, -0.2): "absolute fabs reciprocal cbrt",
    (-0.9, 0.9): "arcsin arccos arctanh",
    (1.2, 4.0): "arccosh",
    (-1.2, 1.2): "tan",
}
BINARY = {
    ((-3.0, 3.0), (-3.0, 3.0)): "add subtract multiply maximum minimum fmax fmin logaddexp logaddexp2 hypot",
    ((-3.0, 3.0), (0.5, 3.0)): "divide true_divide arctan2 copysign",
    ((-3.0, -0.5), (-3.0, -0.5)): "divide arctan2 copysign",
    ((0.3, 3.0), (-2.0, 2.0)): "power float_power",
    ((7.1, 7.9), (3.1, 3.4)): "remainder mod fmod",
    ((-7.9, -7.1), (3.1, 3.4)): "remainder fmod",
}


def numeric(f, x, h):
    """The gradient of the scalar function f at x by central differences of fourth order."""

    def at(i, step):
        y = x.copy()
        y[i] += step
        return float(f(np.array(y)))

    out = onp.empty_like(x)
    for i in onp.ndindex(x.shape):
        out[i] = (8 * (at(i, h) - at(i, -h)) - (at(i, 2 * h) - at(i, -2 * h))) / (12 * h)
    return out


def weighted_gradient(f, weights):
    return lambda x: (grad(f)(x) * np.array(weights)).sum()


def check(f, x, h=1e-3, rtol=1e-7, orders=2):
    """Gradients of f, by its one array argument, up to the given order."""
    weights = onp.random.default_rng(1).uniform(0.5, 1.5, x.shape)
    for _ in range(orders):
        got = grad(f)(np.array(x))
        want = numeric(f, x, h)
        assert onp.shape(got) == x.shape
        onp.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * max(1.0, onp.abs(want).max()))
        f = weighted_gradient(f, weights)


def points(seed, shape, interval):
    return onp.random.default_rng(seed).uniform(*interval, shape)


def cases(table):
    return [(name, interval) for interval, names in table.items() for name in names.split()]


@pytest.mark.parametrize("name, interval", cases(UNARY))
def test_unary(name, interval):
    f = getattr(np, name)
    check(lambda x: (f(x) * np.array([[1.0], [2.0]])).sum(), points(0, (2, 3), interval))


@pytest.mark.parametrize("name, intervals", cases(BINARY))
def test_binary(name, intervals):
    f = getattr(np, name)
    a, b = points(1, (2, 3), intervals[0]), points(2, (3,), intervals[1])
    weights = np.array(points(3, (2, 3), (0.5, 1.5)))
    check(lambda x: (f(x, np.array(b)) * weights).sum(), a)
    check(lambda x: (f(np.array(a), x) * weights).sum(), b)
    check(lambda x: (f(x[0], x[1]) * x[0]).sum(), onp.stack([a[0], b]))
    scalar = float(b[0])
    check(lambda x: (f(x, scalar) * weights).sum(), a)


def test_zero_exponents_and_bases():
    g = grad(lambda x: (x ** np.array([0.0, 1.0, 2.0, 2.0])).sum())(np.array([0.0, 0.0, 0.0, 3.0]))
    onp.testing.assert_array_equal(g, [0.0, 1.0, 0.0, 6.0])
    g = grad(lambda y: (np.array([0.0, 2.0]) ** y).sum())(np.array([2.0, 3.0]))
    onp.testing.assert_allclose(g, [0.0, 8 * onp.log(2)])


def test_pairs_of_results():
    x, d = onp.array([7.3, -7.7]), onp.array([3.1, 3.3])
    check(lambda x: (np.modf(x)[0] ** 2).sum(), x, orders=1)
    check(lambda x: (np.frexp(x)[0] ** 2).sum(), x)
    check(lambda x: (np.divmod(x, np.array(d))[1] ** 2).sum(), x)
    check(lambda d: (np.divmod(np.array(x), d)[1] ** 2).sum(), d)
    check(lambda x: np.ldexp(x, np.array([2, -1])).prod(), x)


@pytest.mark.parametrize("name", "floor ceil trunc rint sign spacing isnan".split())
def test_piecewise_constant(name):
    g = grad(lambda x: x.sum() + getattr(np, name)(x).sum())(np.array([0.3, -1.7]))
    onp.testing.assert_array_equal(g, [1.0, 1.0])


def test_ties_and_kinks():
    zero = np.zeros(1)
    assert grad(np.maximum, 0)(zero, zero)[0] == 1.0 and grad(np.maximum, 1)(zero, zero)[0] == 0.0
    assert grad(np.minimum, 0)(zero, zero)[0] == 1.0 and grad(np.minimum, 1)(zero, zero)[0] == 0.0
    assert grad(np.abs)(zero)[0] == 0.0
    assert grad(np.hypot)(zero, zero)[0] == 0.0
    assert grad(np.heaviside, 1)(zero, zero)[0] == 1.0
    nan, one = np.array([onp.nan]), np.ones(1)
    assert grad(np.maximum, 0)(nan, one)[0] == 1.0 and grad(np.fmax, 1)(nan, one)[0] == 1.0
    assert grad(np.logaddexp, 0)(np.array([-onp.inf]), np.array([-onp.inf]))[0] == 1.0


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), (-1,)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", "sum prod mean max min".split())
def test_reductions(name, axis, keepdims):
    x = points(4, (2, 3, 2), (0.5, 2.0))
    f = getattr(np, name)
    check(lambda x: (f(x, axis=axis, keepdims=keepdims) ** 2).sum(), x)


@pytest.mark.parametrize("name", "sum prod mean max min".split())
def test_masked_reductions(name):
    x = points(5, (3, 4), (0.5, 2.0))
    mask = onp.random.default_rng(5).random((3, 4)) < 0.6
    mask[:, 0] = True
    extra = {"initial": 0.0} if name == "max" else {"initial": 9.0} if name == "min" else {}
    check(lambda x: (getattr(np, name)(x, axis=1, where=np.array(mask), **extra) ** 2).sum(), x)


def test_ties_of_reductions_share():
    onp.testing.assert_array_equal(grad(np.max)(np.array([1.0, 3.0, 3.0])), [0.0, 0.5, 0.5])


@pytest.mark.parametrize("zeros", [[], [(0, 1)], [(0, 1), (0, 2), (1, 0)]])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_products_with_zeros(zeros, axis):
    x = points(6, (3, 5), (0.5, 2.0))
    for i in zeros:
        x[i] = 0.0
    check(lambda x: (np.prod(x, axis=axis) * 3.0).sum(), x)
    weights = np.array(points(7, (3, 5), (0.5, 2.0)))
    axis = 0 if axis is None else axis
    check(lambda x: (np.cumprod(x, axis=axis) * weights).sum(), x)


def test_scans():
    x = points(8, (3, 4), (0.5, 2.0))
    for axis in (0, 1):
        check(lambda x: (np.cumsum(x, axis=axis) ** 2).sum(), x)  # noqa: B023
    check(lambda x: (np.cumsum(x) ** 2).sum(), x)


SHAPES = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((2, 2, 3), (3, 2)),
    ((2, 3), (2, 3, 2)),
]


@pytest.mark.parametrize("a, b", [*SHAPES, ((2, 1, 2, 3), (4, 3, 2))])
def test_matmul(a, b):
    x, y = points(9, a, (-1, 1)), points(10, b, (-1, 1))
    check(lambda x: ((x @ np.array(y)) ** 2).sum(), x)
    check(lambda y: ((np.array(x) @ y) ** 2).sum(), y)


@pytest.mark.parametrize(
    "a, b", [*SHAPES[:4], ((2, 2, 3), (3,)), ((3,), (2, 3, 2)), ((2, 3), (2, 3, 4)), ((), (2, 3))]
)
def test_dot(a, b):
    x, y = points(9, a, (-1, 1)), points(10, b, (-1, 1))
    check(lambda x: (np.dot(x, np.array(y)) ** 2).sum(), x)
    check(lambda y: (np.dot(np.array(x), y) ** 2).sum(), y)


INDEX = [
    onp.array([0, 2, 2, -1]),
    (onp.array([[0], [2]]), onp.array([1, 1, 3])),
    (slice(None, None, 2), onp.array([3, 0])),
    onp.array([[True, False, True, False]] * 3),
    (None, onp.array([True, False, True])),
    (1, slice(None, None, -1)),
    (Ellipsis, 2),
]


@pytest.mark.parametrize("index", INDEX, ids=range(len(INDEX)))
def test_getitem_and_setitem(index):
    x = points(11, (3, 4), (0.5, 2.0))
    picked = onp.asarray(x[index])
    weights = np.array(points(12, picked.shape, (0.5, 2.0)))
    check(lambda x: (x[index] ** 2 * weights).sum(), x)

    def target(x):
        y = x * x
        y[index] = weights
        return (y * x).sum()

    def values(v):
        y = np.ones((3, 4)) * v.sum()
        y[index] = v
        return (y**2 * np.array(x)).sum()

    check(target, x)
    # Where positions repeat, the last write counts: finite differences see that too.
    check(values, points(13, picked.shape, (0.5, 2.0)))
    check(values, points(13, (1,), (0.5, 2.0)))


def test_joining_and_selecting():
    x = points(14, (2, 3), (0.5, 2.0))
    check(lambda x: (np.concatenate([x, x[:1] ** 2, np.ones((1, 3))]) ** 2).sum(), x)
    check(lambda x: (np.concatenate([x, x.T[:, :1].T * 2], axis=0) ** 3).sum(), x)
    check(lambda x: (np.concatenate([x, x[0]], axis=None) ** 2).sum(), x)
    check(lambda x: (np.where(x > 1, x**2, x[:, :1]) ** 2).sum(), x)
    check(lambda x: (x.astype("float64").copy().T.ravel() ** 3 * np.arange(6.0)).sum(), x)


def test_complex_chain():
    # |z**2 exp(z)|**2 as a function of the real and imaginary parts
    def f(x):
        z = x[0] + 1j * x[1]
        return (np.abs(np.square(z) * np.exp(z) / (z + 2)) ** 2).sum()

    check(f, points(15, (2, 3), (0.3, 1.0)))
    check(
        lambda x: np.real(np.conj(x[0] + 1j * x[1]) * (x[1] - 2j * x[0]) ** 3).sum(),
        points(16, (2, 3), (0.3, 1.0)),
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "complex128"])
def test_dtypes(dtype):
    x = points(17, (4,), (0.5, 2.0)).astype(dtype)
    g = grad(lambda x: (x * x).sum())(np.array(x))
    assert g.dtype == x.dtype
    onp.testing.assert_allclose(onp.asarray(g), 2 * x, rtol=1e-3)
