"""astype and fill: values, warnings, layout, identity and gradients are NumPy's, at once and deferred."""

import itertools
import warnings

import numpy
import pytest

import minpy.numpy as np
from minpy import _core, autograd

DTYPES = "?bBhHiIlLefdFD"
SPECIAL = [0.0, -0.0, 1.0, -1.0, 1.5, -1.5, 127.9, 128.0, 255.0, 256.5, -129.0, 3e9, -3e9, 1e18, -1e18, 1e19]
EXTREME = [numpy.nan, numpy.inf, -numpy.inf, 1e300, -1e300, 1e-310, 1e40, 1e-46]


@pytest.fixture(params=["at once", "deferred"])
def mode(request):
    before = _core.set_deferral_threshold(1 if request.param == "deferred" else 2**62)
    yield request.param
    _core.set_deferral_threshold(before)


def values_of(dtype, more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return numpy.array(SPECIAL + more).astype(dtype)


def cast(array, *args, **kwargs):
    """The result as numpy.ndarray, and the texts of the warnings."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = numpy.asarray(array.astype(*args, **kwargs))
    return result, {str(w.message) for w in seen}


@pytest.mark.parametrize("source", DTYPES)
@pytest.mark.parametrize("target", DTYPES)
def test_values_and_warnings_of_all_pairs(mode, source, target):
    for more in ([], EXTREME):
        plain = values_of(source, more if source in "efdFD" else [])
        want, texts = cast(plain, target)
        got, ours = cast(np.array(plain), target)
        assert got.dtype == want.dtype
        numpy.testing.assert_array_equal(got, want)
        assert ours == texts


@pytest.mark.parametrize(
    "dtype", [numpy.float32, "f4", numpy.dtype("f4"), float, int, bool, None, "complex64", ">f4"]
)
def test_dtypes_by_any_name(mode, dtype):
    x = numpy.arange(6.0).reshape(2, 3)
    got = np.array(x).astype(dtype)
    assert got.dtype == x.astype(dtype).dtype
    numpy.testing.assert_array_equal(numpy.asarray(got), x.astype(dtype))


@pytest.mark.parametrize(
    "view", [lambda x: x, lambda x: x.T, lambda x: x[::2, ::-1], lambda x: x[:, :0], lambda x: x[1, 1]]
)
@pytest.mark.parametrize("order", ["K", "C", "F", "A"])
def test_layouts(mode, view, order):
    x = numpy.arange(24, dtype="f4").reshape(4, 6)
    want, got = view(x).astype("f8", order=order), view(np.array(x)).astype("f8", order=order)
    assert got.shape == want.shape
    assert got.strides == want.strides or not want.size
    numpy.testing.assert_array_equal(numpy.asarray(got), want)


def test_a_copy_unless_told_otherwise(mode):
    x = np.arange(4.0)
    assert x.astype("f8", copy=False) is x
    same, other = x.astype("f8"), x.astype("f4", copy=False)
    same[0] = other[0] = 9
    assert x[0] == 0
    assert not np.shares_memory(x, same)


@pytest.mark.parametrize(
    "arguments",
    [
        ((int,), {"casting": "safe"}),
        (("nonsense",), {}),
        ((), {}),
        (("f4",), {"order": "Z"}),
        (("f4",), {"unknown": 1}),
        (("f4", "K", "unsafe", True, True, 1), {}),
    ],
)
def test_errors(arguments):
    args, kwargs = arguments
    failures = []
    for x in (numpy.ones(3), np.ones(3)):
        with pytest.raises(Exception) as failure:
            x.astype(*args, **kwargs)
        failures.append((failure.type, str(failure.value)))
    assert failures[0] == failures[1]


def test_errstate_is_respected():
    for module in (numpy, np):
        with (
            module.errstate(all="raise"),
            pytest.raises(FloatingPointError, match="overflow encountered in cast"),
        ):
            module.array([1e300]).astype("f4")
        with module.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error")
            module.array([1e300, numpy.nan]).astype("i4")


@pytest.mark.parametrize("source,target", itertools.product("efd", repeat=2))
def test_gradients_pass_in_the_source_dtype(mode, source, target):
    x = np.arange(3, dtype=source)
    x.attach_grad()
    with autograd.record():
        y = (x.astype(target) * np.array([1, 2, 3], target)).sum()
    y.backward()
    assert x.grad.dtype == x.dtype
    numpy.testing.assert_array_equal(numpy.asarray(x.grad), [1, 2, 3])


def test_no_gradient_through_integers():
    x = np.arange(3.0)
    x.attach_grad()
    with autograd.record():
        y = x.astype(int).astype(float) * x
    y.backward()
    numpy.testing.assert_array_equal(numpy.asarray(x.grad), [0, 1, 2])


@pytest.mark.parametrize("dtype", ["i8", "u8"])
def test_large_integers_are_rounded_once(mode, dtype):
    rng = numpy.random.default_rng(0)
    bounds = numpy.iinfo(dtype)
    near = [v + d for e in (31, 32, 52, 53, 54, 62, 63) for v in (2**e, -(2**e)) for d in range(-3, 4)]
    edges = [v for v in [*near, bounds.min, bounds.max, bounds.max - 1] if bounds.min <= v <= bounds.max]
    random = rng.integers(bounds.min, bounds.max, 10_000, dtype, endpoint=True)
    for x in (
        numpy.array(edges, dtype),
        random,
        random[::-3],
        random >> rng.integers(0, 63, 10_000).astype(dtype),
    ):
        numpy.testing.assert_array_equal(numpy.asarray(np.array(x).astype("f8")), [float(int(v)) for v in x])


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1", "?", "F", "f2"])
@pytest.mark.filterwarnings("ignore")
def test_fill_takes_what_numpy_takes(dtype):
    values = (
        3,
        2.5,
        True,
        1e300,
        -1,
        numpy.nan,
        1 + 2j,
        "4",
        None,
        numpy.float32(2),
        numpy.array(3),
        [1],
        2**70,
    )
    for value in values:
        outcomes = []
        for module in (numpy, np):
            array = module.zeros((3, 4), dtype)[::2, 1:]
            try:
                array.fill(value)
                outcomes.append(str(numpy.asarray(array).tolist()))
            except (TypeError, ValueError, OverflowError) as error:
                outcomes.append((type(error), str(error)))
        assert outcomes[0] == outcomes[1], value


def test_fill_leaves_earlier_values_to_the_gradient():
    x = np.ones(3)
    x.attach_grad()
    with autograd.record():
        y = x * 2
        z = y * 1
        y.fill(5.0)
        total = (y * x + z).sum()
    total.backward()
    numpy.testing.assert_array_equal(numpy.asarray(x.grad), [7, 7, 7])
