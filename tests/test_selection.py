"""pad, choose, digitize and unique against NumPy, with the arguments that minpy leaves to it."""

import hypothesis
import numpy
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracle import DTYPES, assert_parity, assert_same, outcome, sample

import minpy.numpy as np
from minpy.core import grad

NUMPY_2 = numpy.lib.NumpyVersion(numpy.__version__) >= "2.0.0"  # before, 0-d arrays adapt to other dtypes
VIEWS = [lambda x: x, lambda x: x.T, lambda x: x[..., ::-1] if x.ndim else x, numpy.asfortranarray]


@st.composite
def arrays(draw, min_dims=0, min_side=0, dtypes=DTYPES, max_side=5):
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(hnp.array_shapes(min_dims=min_dims, max_dims=3, min_side=min_side, max_side=max_side))
    return draw(st.sampled_from(VIEWS))(sample(dtype, shape, draw(st.integers(0, 99)), special=True))


def both(name, *args, **kwargs):
    ours = [ours_of(a) for a in args]
    assert_parity(
        lambda: getattr(np, name)(*ours, **kwargs),
        lambda: getattr(numpy, name)(*args, **kwargs),
        where=f"{name} {args} {kwargs}",
    )


def ours_of(a):
    if isinstance(a, (list, tuple)):
        return type(a)(ours_of(x) for x in a)
    return np.asarray(a) if isinstance(a, numpy.ndarray) else a


# --- pad ---

MODES = ["constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum", "bogus"]


@hypothesis.given(arrays(), st.data())
def test_pad(x, data):
    width = st.integers(-1 if data.draw(st.integers(0, 19)) == 0 else 0, 7)
    pair = st.tuples(width, width)
    widths = data.draw(
        st.one_of(width, pair, st.lists(pair, min_size=x.ndim, max_size=x.ndim), st.lists(width, max_size=3))
    )
    mode = data.draw(st.sampled_from(MODES))
    if x.dtype.kind == "c" or mode != "linear_ramp":
        both("pad", x, widths, mode)
    a, b = (outcome(lambda m=m: m.pad(m.asarray(x) if m is np else x, widths, mode))[0] for m in (np, numpy))
    if b is not None:
        assert a.strides == b.strides or b.size <= 1
        assert a.flags.c_contiguous == b.flags.c_contiguous and a.flags.f_contiguous == b.flags.f_contiguous
    if mode == "constant":
        both("pad", x, widths)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_pad_values(dtype):
    x = sample(dtype, (2, 3), 1)
    for value in (
        0,
        1,
        7,
        -1,
        300,
        2.5,
        numpy.nan,
        1e300,
        True,
        1j,
        None,
        "x",
        (1, 2),
        [[1, 2], [3, 4]],
        numpy.float32(2),
    ):
        both("pad", x, 2, "constant", constant_values=value)
        both("pad", x, ((1, 2), (0, 3)), constant_values=value)
    empty = np.pad(np.asarray(x), ((1, 0), (2, 1)), "empty")
    assert empty.shape == (3, 6)
    numpy.testing.assert_array_equal(numpy.asarray(empty)[1:, 2:5], x)


WIDTHS = [
    1.5,
    None,
    "1",
    [1, 2, 3],
    (1,),
    ((1,), (2,)),
    [[1, 2]],
    {0: 1},
    {-1: (1, 2)},
    True,
    numpy.array([1, 2]),
    10**18,
]


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_pad_widths(widths):
    both("pad", numpy.arange(6).reshape(2, 3), widths, "edge")
    both("pad", numpy.arange(3.0), widths)


def test_pad_other_arguments():
    x = numpy.arange(6.0).reshape(2, 3)
    both("pad", x, 1, "reflect", reflect_type="odd")
    both("pad", x, 1, "reflect", reflect_type="even")
    both("pad", x, 1, "edge", constant_values=3)
    both("pad", x, 1, "constant", bogus=3)
    both("pad", x, 1, lambda vector, width, axis, kwargs: None)
    both("pad", x.tolist(), 1)
    both("pad", 3.0, 1)


# --- choose ---


@hypothesis.given(st.data())
def test_choose(data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=4, max_dims=3, max_side=4)).input_shapes
    dtypes = data.draw(st.lists(st.sampled_from(DTYPES), min_size=3, max_size=3))
    dtypes = dtypes if NUMPY_2 else dtypes[:1] * 3
    index = numpy.random.default_rng(data.draw(st.integers(0, 99))).integers(-1, 4, shapes[0])
    if data.draw(st.booleans()):
        index = index % 3
    index = index.astype(data.draw(st.sampled_from("bhil?BLfd")))
    choices = [sample(d, s, k) for k, (d, s) in enumerate(zip(dtypes, shapes[1:]))]
    for mode in ("raise", "wrap", "clip"):
        both("choose", index, choices, mode=mode)
        ours = ours_of(choices)
        assert_parity(
            lambda m=mode: np.asarray(index).choose(ours, mode=m),
            lambda m=mode: index.choose(choices, mode=m),
        )


def test_choose_other_arguments():
    index = numpy.array([[0, 1], [1, 0]])
    choices = [numpy.array([1, 2], "f4"), numpy.array([[3], [4]], "i2")]
    both("choose", index, choices, mode="bogus")
    both("choose", index, choices, mode=1)
    both("choose", index, [1.5, choices[0]])
    both("choose", index, numpy.arange(6).reshape(3, 2))
    both("choose", index, [])
    both("choose", index, choices + [numpy.zeros(3)])
    both("choose", [0, 1], choices)
    if NUMPY_2:
        deep = numpy.zeros((1,) * 40, "i8")
        both("choose", deep, [deep, deep])
    out = np.zeros((2, 2), dtype="f4")
    both("choose", index, [choices[0]] * 3, None, "clip")
    assert np.choose(np.asarray(index), [np.zeros(2, "f4"), np.ones(2, "f4")], out=out) is out
    numpy.testing.assert_array_equal(numpy.asarray(out), index)


# --- digitize ---


@hypothesis.given(arrays(), arrays(), st.booleans(), st.sampled_from([0, 1, -1]))
def test_digitize(x, bins, right, order):
    bins = bins.ravel() if bins.ndim != 2 else bins
    if order and bins.ndim == 1:
        bins = numpy.sort(bins)[::order]
    both("digitize", x, bins, right)
    both("digitize", x, bins)


def test_digitize_other_arguments():
    bins = numpy.array([0.0, 1, 2.5])
    for x in (1, 1.5, [1, 2], numpy.float32(2), numpy.nan, 1j, "x", None):
        both("digitize", x, bins)
        both("digitize", x, bins[::-1], right=True)
    both("digitize", numpy.arange(3), [0, 2, 1])
    both("digitize", numpy.arange(3), [numpy.nan, 1])
    both("digitize", numpy.arange(3), [1, 1])
    both("digitize", numpy.arange(3), bins, right=1)
    both("digitize", numpy.arange(3), [])


# --- unique ---

FLAGS = ["return_index", "return_inverse", "return_counts"]


@hypothesis.given(
    arrays(max_side=9), st.integers(0, 7), st.booleans(), st.sampled_from([None, None, 0, -1, 1])
)
def test_unique(x, flags, equal_nan, axis):
    x = numpy.where(x == 0, 0, x).astype(x.dtype)  # which zero comes first is free
    keywords = {name: bool(flags >> k & 1) for k, name in enumerate(FLAGS)}
    if x.dtype.kind == "c" and not equal_nan:
        return  # the order of complex NaNs is free
    both("unique", x, axis=axis, equal_nan=equal_nan, **keywords)
    if axis is None and equal_nan:
        both("unique", x, *keywords.values())


def test_unique_of_many():
    rng = numpy.random.default_rng(1)
    for dtype in "bhilfde":
        x = (rng.standard_normal(5000) * 50).astype(dtype)
        if dtype in "fde":
            x[::7] = numpy.nan
        both("unique", x)
        both("unique", x, True, True, True)
        assert type(np.unique(np.asarray(x))) is np.ndarray


def test_unique_other_arguments():
    x = numpy.array([3, 1, 3, 2])
    for keywords in ({"axis": 3}, {"return_index": 1}, {"bogus": 1}, {"equal_nan": 1}, {"axis": "x"}):
        both("unique", x, **keywords)
    both("unique", [3, 1, 3])
    both("unique", [])
    both("unique", ["b", "a", "b"])
    both("unique", 5)
    zeros = numpy.array([0.0, -0.0, 1.0, -0.0])
    assert np.unique(np.asarray(zeros)).size == 2
    numpy.testing.assert_array_equal(
        numpy.asarray(np.unique(np.asarray(zeros), return_index=True)[1]), [0, 2]
    )
    assert_same(outcome(lambda: np.unique(np.asarray(zeros), return_counts=True)[1])[0], numpy.array([3, 1]))


# --- gradients, which go through the rules of NumPy's functions ---


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_gradients_still_flow(mode):
    x = numpy.array([1.0, 2.0, 4.0])
    weights = numpy.arange(1.0, 8)

    def f(x):
        return np.sum(np.asarray(weights) * np.pad(x, 2, mode) ** 2)

    jacobian = numpy.stack([numpy.pad(row, 2, mode) for row in numpy.eye(3)])
    first = numpy.asarray(grad(f)(np.asarray(x)))
    numpy.testing.assert_allclose(first, jacobian @ (2 * weights * numpy.pad(x, 2, mode)))
    second = numpy.asarray(grad(lambda z: np.sum(grad(f)(z)))(np.asarray(x)))
    numpy.testing.assert_allclose(second, jacobian @ (2 * weights * numpy.pad(numpy.ones(3), 2, mode)))


def test_gradients_of_choose_and_unique():
    x = numpy.array([3.0, 1.0, 3.0, 2.0])
    found = grad(lambda z: np.sum(np.unique(z) ** 3))(np.asarray(x))
    assert numpy.sum(numpy.asarray(found)) == 3 * (1 + 4 + 9)
    index = np.array([0, 1, 1, 0])
    found = grad(lambda z: np.sum(np.choose(index, [z, z**2])))(np.asarray(x))
    numpy.testing.assert_allclose(numpy.asarray(found), [1, 2, 6, 1])
