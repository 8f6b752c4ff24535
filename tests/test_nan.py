"""The functions that leave NaNs out, against NumPy: values, dtypes, shapes, errors, warnings and gradients."""

import warnings

import hypothesis
import numpy
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracle import DTYPES, assert_same, outcome

import minpy.numpy as np
from minpy.core import grad

REDUCTIONS = ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmin", "nanmax"]
OTHERS = ["nanargmin", "nanargmax", "nancumsum", "nancumprod"]


def with_warnings(f):
    """The outcome of `f`, and the texts of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result, error = f(), None
        except Exception as e:  # noqa: BLE001 - parity of any exception is what is tested
            result, error = None, e
    return result, error, sorted(str(w.message) for w in caught)


def check(name, x, *args, **kwargs):
    where = f"{name} {x.dtype} {x.shape} {args} {kwargs}"
    ours, error, told = with_warnings(lambda: getattr(np, name)(np.asarray(x), *args, **kwargs))
    theirs, expected, expected_told = with_warnings(lambda: getattr(numpy, name)(x, *args, **kwargs))
    assert (type(error), str(error)) == (type(expected), str(expected)), where
    assert told == expected_told, where
    if expected is None:
        a, b = numpy.asarray(ours), numpy.asarray(theirs)
        assert type(ours) is type(theirs) or isinstance(ours, np.ndarray), where
        assert isinstance(ours, np.ndarray) == isinstance(theirs, numpy.ndarray), where
        assert a.dtype == b.dtype and a.shape == b.shape, where
        exact = a.dtype.kind not in "fc" or name in ("nanmin", "nanmax")
        eps = 0 if exact else 300 * numpy.finfo(a.dtype).eps
        numpy.testing.assert_allclose(a, b, rtol=eps, atol=eps, err_msg=where)


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from([d for d in DTYPES if d.kind != "c"] + [numpy.dtype("D")]))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6))
    values = [0, 1, 2, 5] if dtype.kind in "bu" else [0, 1, -1, 2.5, -3, 0.125]
    if dtype.kind in "fc":
        values += [numpy.nan] * draw(st.sampled_from([0, 1, 6, 60]))
        if dtype.kind == "f" and draw(st.integers(0, 9)) == 0:
            values += [numpy.inf, -numpy.inf]
    rng = numpy.random.default_rng(draw(st.integers(0, 999)))
    x = rng.choice(numpy.array(values), shape).astype(dtype)
    view = draw(st.sampled_from([lambda x: x, lambda x: x.T, lambda x: x[..., ::-1] if x.ndim else x]))
    return view(x)


@pytest.mark.filterwarnings("ignore")
@hypothesis.given(arrays(), st.data())
def test_reductions(x, data):
    axis = data.draw(st.one_of(st.none(), st.integers(-x.ndim - 1, x.ndim), st.just((0, 1)), st.just(())))
    keywords = data.draw(
        st.sampled_from(
            [{}, {}, {"keepdims": True}, {"keepdims": False}, {"dtype": "f8"}, {"dtype": "i4"}, {"ddof": 1}]
        )
    )
    for name in REDUCTIONS:
        if "ddof" in keywords and name not in ("nanvar", "nanstd"):
            continue
        if "dtype" in keywords and name in ("nanmin", "nanmax"):
            continue
        with numpy.errstate(all="ignore"):
            check(name, x, axis=axis, **keywords)


@hypothesis.given(arrays(), st.one_of(st.none(), st.integers(-4, 3)))
def test_positions_and_running_totals(x, axis):
    for name in OTHERS:
        with numpy.errstate(all="ignore"):
            check(name, x, axis)
            check(name, x, axis=axis)
    check("nanargmin", x, axis=axis, keepdims=True)


def test_long_arrays():
    """Beyond one block of the kernel, with NaNs in some of them, in both widths."""
    for dtype in ("f4", "f8"):
        x = numpy.random.default_rng(1).standard_normal((300, 700)).astype(dtype)
        for y in (x, numpy.where(x > 1, numpy.nan, x).astype(dtype)):
            for name in REDUCTIONS + OTHERS:
                if name not in ("nanprod", "nancumprod"):
                    for axis in (None, 0, 1):
                        ours = numpy.asarray(getattr(np, name)(np.asarray(y), axis=axis))
                        theirs = getattr(numpy, name)(y, axis=axis)
                        tolerance = 1e-3 if dtype == "f4" else 1e-9
                        numpy.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", REDUCTIONS + OTHERS)
def test_other_arguments(name):
    x = numpy.array([[1.0, numpy.nan, 2.0], [4.0, 5.0, numpy.nan]])
    for keywords in (
        {"out": 1},
        {"where": x > 1},
        {"initial": 3.0},
        {"dtype": "f4"},
        {"ddof": 0.5},
        {"bogus": 1},
    ):
        check(name, x, **keywords)
    assert_same(*(outcome(lambda m=m: getattr(m, name)(x.tolist()))[0] for m in (np, numpy)), ulp=4)
    ours, theirs = np.zeros(3), numpy.zeros(3)
    if not name.startswith("nancum") and not name.startswith("nanarg"):
        assert getattr(np, name)(np.asarray(x), axis=0, out=ours) is ours
        getattr(numpy, name)(x, axis=0, out=theirs)
        numpy.testing.assert_allclose(numpy.asarray(ours), theirs)
    before = x.copy()
    getattr(np, name)(np.asarray(x), axis=1)
    numpy.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", REDUCTIONS + ["nancumsum", "nancumprod"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_gradients_to_second_order(name, axis):
    x = numpy.random.default_rng(5).uniform(0.5, 2, (4, 5))
    x[1, 2] = x[3, 0] = x[3, 3] = numpy.nan
    weights = numpy.random.default_rng(6).uniform(1, 2, numpy.shape(getattr(numpy, name)(x, axis=axis)))
    valid = ~numpy.isnan(x)

    def value(m, z):
        return m.sum(m.asarray(weights) * getattr(m, name)(z, axis=axis) ** 2)

    def slope(z):
        return np.sum(
            np.sin(np.asarray(numpy.arange(20.0).reshape(4, 5)))
            * np.nan_to_num(grad(lambda t: value(np, t))(z))
        )

    def differences(f, step=1e-5):
        found = numpy.zeros_like(x)
        for i in zip(*numpy.nonzero(valid)):
            up, down = x.copy(), x.copy()
            up[i] += step
            down[i] -= step
            found[i] = (float(f(np.asarray(up))) - float(f(np.asarray(down)))) / (2 * step)
        return found

    first = numpy.asarray(grad(lambda t: value(np, t))(np.asarray(x)))
    numpy.testing.assert_allclose(first, differences(lambda z: value(np, z)), rtol=1e-5, atol=1e-6)
    second = numpy.asarray(grad(slope)(np.asarray(x)))
    numpy.testing.assert_allclose(numpy.nan_to_num(second), differences(slope), rtol=1e-4, atol=1e-5)
