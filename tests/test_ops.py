"""Every elementwise operator against NumPy: dtypes, shapes, layouts, out=, in-place, errors. Driven by the table."""

import itertools
import operator

import numpy
import pytest
from oracle import DTYPES, NUMPY_1, assert_parity, assert_same, outcome, sample

import minpy.numpy as np
from minpy import _core

UNARY = sorted(name for name, f in _core.ufuncs.items() if f.nin == 1)
BINARY = sorted(name for name, f in _core.ufuncs.items() if f.nin == 2)
# Operators whose result IEEE does not fix to the last bit.
INEXACT = {
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan",
    "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "asin", "acos", "atan", "asinh", "acosh", "atanh",
    "cbrt", "power", "pow", "float_power", "arctan2", "atan2", "hypot", "logaddexp", "logaddexp2", "divide",
    "true_divide", "multiply", "reciprocal", "square", "sqrt", "absolute", "abs", "sign",
}  # fmt: skip


def ulps(name):
    return 8 if name in INEXACT else 0


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    for dtype, special in itertools.product(DTYPES, (False, True)):
        x = sample(dtype, 37, special=special)
        assert_parity(
            lambda: getattr(np, name)(np.array(x)),
            lambda: getattr(numpy, name)(x),
            ulps(name),
            f"{name} {dtype}",
        )


@pytest.mark.parametrize("name", BINARY)
def test_binary_dtypes(name):
    """Every pair of dtypes: promotion, values and refusals."""
    for da, db in itertools.product(DTYPES, repeat=2):
        a, b = sample(da, 23, seed=1), sample(db, 23, seed=2)
        assert_parity(
            lambda: getattr(np, name)(np.array(a), np.array(b)),
            lambda: getattr(numpy, name)(a, b),
            ulps(name),
            f"{name} {da} {db}",
        )


@pytest.mark.parametrize("name", BINARY)
def test_python_scalars(name):
    """Python numbers adapt to the array's dtype; out-of-range ones are refused as NumPy refuses them."""
    scalars = [True, 2, -3, 300, 40000, 10**6, 2**70, 0.5, 1e300, float("nan"), 1 + 2j]
    if NUMPY_1 and name in ("power", "float_power"):
        scalars.remove(2**70)  # NumPy 1 computes 5**(2**70) in Python's integers
    if tuple(map(int, numpy.__version__.split(".")[:2])) < (2, 3) and name in ("pow", "power", "float_power"):
        scalars.remove(0.5)  # NumPy gave (-0.0)**0.5 the sign of pow, not of sqrt
    for dtype, scalar in itertools.product(DTYPES, scalars):
        a = sample(dtype, 11, seed=3)
        for swap in (False, True):
            args = (scalar, a) if swap else (a, scalar)
            ours = tuple(np.array(x) if x is a else x for x in args)
            assert_parity(
                lambda: getattr(np, name)(*ours),
                lambda: getattr(numpy, name)(*args),
                ulps(name),
                f"{name}{args[:2]}",
            )


LAYOUTS = {
    "contiguous": lambda x: x,
    "fortran": lambda x: numpy.asfortranarray(x),
    "reversed": lambda x: x[::-1, ::-1],
    "strided": lambda x: numpy.repeat(numpy.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "transposed": lambda x: numpy.ascontiguousarray(x.T).T,
    "unaligned": lambda x: (
        numpy.frombuffer(b"\0" + x.tobytes(), numpy.uint8)[1:].view(x.dtype).reshape(x.shape)
    ),
}


@pytest.mark.parametrize("layout_a", LAYOUTS)
@pytest.mark.parametrize("layout_b", LAYOUTS)
def test_layouts(layout_a, layout_b):
    """Strides of the operands change neither values nor the layout that NumPy would give the result."""
    for name, dtype in itertools.product(("add", "multiply", "less", "maximum", "arctan2"), ("f4", "f8")):
        a = LAYOUTS[layout_a](sample(dtype, (5, 7), seed=4))
        b = LAYOUTS[layout_b](sample(dtype, (5, 7), seed=5))
        want = getattr(numpy, name)(a, b)
        got = getattr(np, name)(np.asarray(a), np.asarray(b))
        assert_same(got, want, ulps(name), f"{name} {dtype}")
        assert got.strides == want.strides


SHAPES = [(), (1,), (4,), (3, 1), (1, 4), (3, 4), (2, 3, 4), (2, 1, 4), (0,), (3, 0), (2, 2)]


@pytest.mark.parametrize("sa", SHAPES)
@pytest.mark.parametrize("sb", SHAPES)
def test_broadcasting(sa, sb):
    a, b = sample("f8", sa, seed=6), sample("f4", sb, seed=7)
    assert_parity(lambda: np.asarray(a) + np.asarray(b), lambda: a + b, where=f"{sa} {sb}")
    assert_parity(
        lambda: np.hypot(np.asarray(a), np.asarray(b)), lambda: numpy.hypot(a, b), ulp=4, where=f"{sa} {sb}"
    )


@pytest.mark.parametrize("name", UNARY + BINARY)
def test_out(name):
    """out= in every dtype: the values are written where NumPy casts them, and refused where it refuses."""
    f, g = getattr(np, name), getattr(numpy, name)
    if f.nout != 1:
        pytest.skip("operators with two outputs have their own test")
    for din, dout in itertools.product(("i4", "f4", "f8", "?"), ("i8", "f4", "f8", "c16", "?")):
        ins = [sample(din, (3, 4), seed=k) for k in range(f.nin)]
        theirs = numpy.full((3, 4), 3, dtype=dout)
        ours = np.array(theirs)
        assert_parity(
            lambda: f(*map(np.array, ins), out=ours),
            lambda: g(*ins, out=theirs),
            ulps(name),
            f"{name} {din} {dout}",
        )
        if outcome(lambda: g(*ins, out=theirs))[1] is None:  # after an error NumPy leaves any part written
            assert_same(ours, theirs, ulps(name), f"{name} {din} {dout} out")


@pytest.mark.parametrize("name", ["modf", "frexp", "divmod"])
def test_two_outputs(name):
    f, g = getattr(np, name), getattr(numpy, name)
    ins = [sample("f8", (3, 4), seed=k) + 1.5 for k in range(f.nin)]
    assert_parity(lambda: f(*map(np.array, ins)), lambda: g(*ins), where=name)
    outs = tuple(np.zeros((3, 4), dtype=o.dtype) for o in g(*ins))
    got = f(*map(np.array, ins), out=outs)
    assert got[0] is outs[0] and got[1] is outs[1]
    assert_same(list(got), list(g(*ins)), where=name)


INPLACE = [
    operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod,
    operator.ipow, operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift,
]  # fmt: skip


@pytest.mark.parametrize("op", INPLACE)
def test_inplace(op):
    """In-place operators keep the object, its dtype and its memory, or refuse as NumPy does."""
    for da, db in itertools.product(("?", "i2", "i8", "u4", "f4", "f8", "c16"), repeat=2):
        theirs, b = sample(da, 9, seed=8), abs(sample(db, 9, seed=9))
        ours = np.array(theirs)
        before = ours
        assert_parity(lambda: op(ours, np.array(b)), lambda: op(theirs, b), 8, f"{op.__name__} {da} {db}")
        assert before is ours
        if outcome(lambda: op(theirs.copy(), b))[1] is None:
            assert_same(ours, theirs, 8, f"{op.__name__} {da} {db}")


def test_inplace_overlap():
    """An input that overlaps the output is read before it is overwritten."""
    for shift in (1, 2, 5):
        theirs = numpy.arange(20.0)
        ours = np.array(theirs)
        theirs[shift:] += theirs[:-shift]
        ours[shift:] += ours[:-shift]
        assert_same(ours, theirs)
        theirs += theirs[::-1]
        ours += ours[::-1]
        assert_same(ours, theirs)


def test_floating_point_warnings():
    """Flags become warnings or errors by numpy.errstate, with NumPy's texts."""
    a = np.array([1.0, 0.0, -1.0])
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in divide"):
        a / np.zeros(3) if a.all() else np.divide(np.ones(3), np.zeros(3))
    with pytest.warns(RuntimeWarning, match="invalid value encountered in sqrt"):
        np.sqrt(a)
    with pytest.warns(RuntimeWarning, match="overflow encountered in exp"):
        np.exp(np.array([1000.0]))
    with (
        numpy.errstate(invalid="raise"),
        pytest.raises(FloatingPointError, match="invalid value encountered in log"),
    ):
        np.log(a)
    with numpy.errstate(all="raise"):
        assert_same(np.sqrt(np.array([4.0])), numpy.array([2.0]))


def test_older_flags_are_not_the_operators():
    """What Python or NumPy's C code left in the status register is neither reported nor does it hide anything."""
    a, zero = np.array([1.0, 2.0]), np.array([0.0, 1.0])
    huge = [1e308, 10.0]
    operators = [lambda: a + a, lambda: a * 2.0, lambda: np.exp(a), lambda: a**2.5, lambda: np.hypot(a, a)]
    with numpy.errstate(all="raise"):
        for operator in operators:
            assert huge[0] * huge[1] == numpy.inf  # raises the overflow flag
            operator()
        assert huge[0] * huge[1] == numpy.inf
        with pytest.raises(FloatingPointError, match="divide by zero encountered in divide"):
            a / zero
        a / a
    with pytest.warns(RuntimeWarning) as caught:
        assert huge[0] * huge[1] == numpy.inf
        quotient = a / zero
        assert huge[0] * huge[1] == numpy.inf
        numpy.asarray(quotient)  # deferred ones run now
    assert [str(w.message) for w in caught] == ["divide by zero encountered in divide"]


REDUCIBLE = [
    "add",
    "multiply",
    "maximum",
    "minimum",
    "logical_and",
    "logical_or",
    "bitwise_xor",
    "subtract",
    "fmax",
]


@pytest.mark.parametrize("name", REDUCIBLE)
def test_reduce(name):
    f, g = getattr(np, name), getattr(numpy, name)
    for dtype, axis, keepdims in itertools.product(
        ("?", "i1", "i8", "u2", "f4", "f8", "c16"), (0, 1, -1, None, (0, 2)), (False, True)
    ):
        x = sample(dtype, (3, 4, 5), seed=10)
        if name in ("maximum", "minimum", "fmax"):
            x[x == 0] = 0  # which of -0.0 and 0.0 wins depends on the order of the comparison
        for view in (x, x[:, ::2], x.T, x[:0]):
            where = f"{name} {dtype} {axis} {view.shape}"
            assert_parity(
                lambda: f.reduce(np.asarray(view), axis=axis, keepdims=keepdims),
                lambda: g.reduce(view, axis=axis, keepdims=keepdims),
                16,
                where,
            )


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "any", "all", "mean", "argmax", "argmin"])
def test_reduction_functions(name):
    for dtype, axis in itertools.product(DTYPES, (None, 0, 1, -1)):
        x = sample(dtype, (6, 7), seed=11)
        for view in (x, x.T, x[::-1, ::2]):
            where = f"{name} {dtype} {axis} {view.strides}"
            assert_parity(
                lambda: getattr(np, name)(np.asarray(view), axis=axis),
                lambda: getattr(numpy, name)(view, axis=axis),
                16,
                where,
            )
            assert_parity(
                lambda: getattr(np.asarray(view), name)(axis), lambda: getattr(view, name)(axis), 16, where
            )


@pytest.mark.parametrize("method", ["accumulate", "outer", "reduceat", "at"])
def test_ufunc_methods(method):
    x = sample("f8", 12, seed=12)
    ours = np.array(x)
    for name in ("add", "multiply", "maximum"):
        f, g = getattr(np, name), getattr(numpy, name)
        if method == "accumulate":
            assert_same(f.accumulate(ours), g.accumulate(x))
        elif method == "outer":
            assert_same(f.outer(ours, ours), g.outer(x, x))
        elif method == "reduceat":
            assert_same(f.reduceat(ours, [0, 3, 5]), g.reduceat(x, [0, 3, 5]))
        else:
            y = x.copy()
            mine = np.array(y)
            g.at(y, [0, 1, 1, 3], 2.5)
            f.at(mine, [0, 1, 1, 3], 2.5)
            assert_same(mine, y)


def test_bool_bytes_other_than_one():
    """A byte mask viewed as bool (255 for true, as image libraries write it) is true wherever it is not zero."""
    bytes_ = numpy.array([0, 255, 2, 0, 1, 128], dtype="u1")
    other = numpy.array([255, 255, 0, 0, 1, 1], dtype="u1")
    a, b = bytes_.view(bool), other.view(bool)
    ours_a, ours_b = np.asarray(bytes_).view(bool), np.asarray(other).view(bool)
    for op in (
        operator.and_,
        operator.or_,
        operator.xor,
        operator.eq,
        operator.ne,
        operator.lt,
        operator.mul,
        operator.add,
    ):
        numpy.testing.assert_array_equal(op(ours_a, ours_b), op(a != 0, b != 0), err_msg=op.__name__)
    numpy.testing.assert_array_equal(~ours_a, bytes_ == 0)
    assert ours_a.sum() == numpy.count_nonzero(bytes_) == np.count_nonzero(ours_a)
    numpy.testing.assert_array_equal(np.where(ours_a, 1, 2), numpy.where(bytes_, 1, 2))
    numpy.testing.assert_array_equal(np.arange(6)[ours_a], numpy.arange(6)[bytes_ != 0])
    numpy.testing.assert_array_equal(ours_a.astype(float), (bytes_ != 0).astype(float))
    assert_same(np.maximum(ours_a, ours_b), numpy.array(a != 0) | (b != 0))
