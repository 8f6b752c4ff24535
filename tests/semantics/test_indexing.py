"""Reading and writing by every kind of index, against NumPy: values, dtypes, layout, aliasing, errors."""

import operator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parity import as_numpy, assert_same_outcome, assert_same_value

import minpy.numpy as mnp

SETTINGS = settings(max_examples=4 * settings.default.max_examples, suppress_health_check=list(HealthCheck))
DTYPES = ["f4", "f8", "i8", "i2", "u1", "?", "c16", "f2"]


@st.composite
def array_pairs(draw, min_dims=0):
    """The same array in NumPy and minpy, possibly a strided or transposed view: (ours, theirs)."""
    shape = draw(
        st.lists(st.integers(0 if draw(st.integers(0, 9)) == 0 else 1, 4), min_size=min_dims, max_size=4)
    )
    dtype = draw(st.sampled_from(DTYPES))
    theirs = (np.arange(np.prod(shape, dtype=int)) % 100).reshape(shape).astype(dtype).copy()
    ours = mnp.array(theirs)
    axes = draw(st.permutations(range(len(shape))))
    steps = tuple(slice(None, None, draw(st.sampled_from([1, 1, 2, -1]))) for _ in shape)
    if draw(st.booleans()):
        ours, theirs = ours[(*steps, ...)].transpose(axes), theirs[(*steps, ...)].transpose(axes)
    return ours, theirs


def integers_near(draw, n, slip):
    return draw(st.integers(-n - slip, n - 1 + slip)) if n or slip else 0


@st.composite
def parts(draw, shape, advanced, slip):
    """One part of an index for the leading axes of ``shape`` and the number of axes that it uses."""
    kinds = ["int", "slice", "slice", "none"] + ["array", "array", "mask", "npint", "bool", "0d"] * advanced
    kind = draw(st.sampled_from(kinds))
    n = shape[0] if shape else 0
    if kind == "none":
        return None, 0
    if kind == "bool":
        return draw(st.sampled_from([True, False, np.True_])), 0
    if kind == "slice":
        bound = st.none() | st.integers(-6, 6)
        return slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, -1, -3]))), 1
    if kind == "int":
        return integers_near(draw, n, slip), 1
    if kind == "npint":
        return np.int64(integers_near(draw, n, slip)), 1
    if kind == "0d":
        return np.array(integers_near(draw, n, slip)), 1
    if kind == "mask":
        dims = draw(st.integers(1, max(1, min(2, len(shape)))))
        size = [m + (draw(st.integers(0, 1)) if slip else 0) for m in shape[:dims]]
        bits = draw(st.lists(st.booleans(), min_size=int(np.prod(size)), max_size=int(np.prod(size))))
        return np.array(bits, dtype=bool).reshape(size), dims
    index_shape = draw(st.sampled_from([(1,), (2,), (3,), (2, 1), (2, 3), (1, 3), (0,)]))
    values = [integers_near(draw, n, slip) for _ in range(int(np.prod(index_shape)))]
    if not n and not slip:
        index_shape, values = (0,), []
    index = np.array(values, dtype=draw(st.sampled_from(["i8", "i4", "i1"]))).reshape(index_shape)
    return (index.T if draw(st.booleans()) else index), 1


@st.composite
def keys(draw, shape, advanced=True):
    """An index that mostly fits ``shape``."""
    slip = int(draw(st.integers(0, 11)) == 0)
    shape, items, used = list(shape), [], 0
    limit = draw(st.integers(0, len(shape) + 1))
    while used < limit and len(items) < 7:
        item, n = draw(parts(shape[used:], advanced, slip))
        if used + n > len(shape) + slip:
            break
        items.append(item)
        used += n
    if draw(st.integers(0, 3)) == 0:
        # Axes after the ellipsis are no longer the leading ones; errors of both sides then have to agree too.
        items.insert(draw(st.integers(0, len(items))), Ellipsis)
    return items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


def ours_of(key, form):
    """The key with its arrays as minpy arrays, lists or left as they are."""
    if isinstance(key, tuple):
        return tuple(ours_of(k, [f]) for k, f in zip(key, form * len(key)))
    if not isinstance(key, np.ndarray) or form[0] == "numpy":
        return key
    if form[0] == "list":
        return key.tolist() if key.ndim and key.size else key
    return mnp.array(key)


FORMS = st.lists(st.sampled_from(["numpy", "list", "minpy"]), min_size=1, max_size=3)


@SETTINGS
@given(data=st.data())
def test_basic_get_gives_the_same_view(data):
    ours, theirs = data.draw(array_pairs())
    key = data.draw(keys(theirs.shape, advanced=False))
    x, y = assert_same_outcome(lambda: ours[key], lambda: theirs[key])
    if isinstance(y, np.ndarray):
        assert np.shares_memory(as_numpy(x), as_numpy(ours)) == np.shares_memory(y, theirs)
        y[...], x[...] = 1, 1
        assert_same_value(ours, theirs)


@SETTINGS
@given(data=st.data(), form=FORMS)
def test_any_get(data, form):
    ours, theirs = data.draw(array_pairs())
    key = data.draw(keys(theirs.shape))
    plain = ours_of(
        key, ["list" if f == "list" else "numpy" for f in form]
    )  # lists lose the layout of arrays
    x, y = assert_same_outcome(lambda: ours[ours_of(key, form)], lambda: theirs[plain])
    if isinstance(y, np.ndarray):
        assert np.shares_memory(as_numpy(x), as_numpy(ours)) == np.shares_memory(y, theirs)


@st.composite
def values_for(draw, selected, array):
    """A value to assign to a selection like ``selected``; sometimes one that does not fit."""
    shape = list(np.shape(selected))
    kind = draw(st.sampled_from(["python", "python", "full", "full", "last", "ones", "wrong", "big"]))
    if kind == "python":
        return draw(
            st.sampled_from(
                [0, 1, 3, -2, 200, 2.5, 1e40, float("nan"), True, 1 + 2j, np.float32(3), np.int8(4)]
            )
        )
    if kind == "big":
        return 2**70
    if kind == "last":
        shape = shape[-1:]
    elif kind == "ones":
        shape = [1, *[n if draw(st.booleans()) else 1 for n in shape]]
    elif kind == "wrong":
        shape = [*shape, 2]
    dtype = draw(st.sampled_from([array.dtype, array.dtype, *map(np.dtype, DTYPES)]))
    return (np.arange(np.prod(shape, dtype=int)) % 7 + 50).reshape(shape).astype(dtype)


@SETTINGS
@given(data=st.data(), form=FORMS)
def test_any_set(data, form):
    ours, theirs = data.draw(array_pairs())
    key = data.draw(keys(theirs.shape))
    try:
        selected = theirs[key]
    except IndexError:
        selected = theirs
    value = data.draw(values_for(selected, theirs))
    mine = mnp.array(value) if isinstance(value, np.ndarray) and data.draw(st.booleans()) else value
    form = [f if f != "list" else "minpy" for f in form]
    assert_same_outcome(
        lambda: operator.setitem(ours, ours_of(key, form), mine), lambda: operator.setitem(theirs, key, value)
    )
    assert_same_value(ours, theirs)


@SETTINGS
@given(data=st.data())
def test_overlapping_set(data):
    ours, theirs = data.draw(array_pairs(min_dims=1))
    target, source = (
        tuple(
            slice(
                *data.draw(
                    st.sampled_from([(None,), (1, None), (None, -1), (None, None, -1), (None, None, 2)])
                )
            )
            for _ in theirs.shape
        )
        for _ in range(2)
    )
    axes = data.draw(st.permutations(range(theirs.ndim)))
    assert_same_outcome(
        lambda: operator.setitem(ours, target, ours[source].transpose(axes)),
        lambda: operator.setitem(theirs, target, theirs[source].transpose(axes)),
    )
    assert_same_value(ours, theirs)


@pytest.mark.parametrize(
    "write",
    [
        lambda a: operator.setitem(a, slice(1, None), a[:-1]),
        lambda a: operator.setitem(a, slice(None, -1), a[1:]),
        lambda a: operator.setitem(a, slice(None), a[::-1]),
        lambda a: operator.setitem(a, [0, 1, 2], a[[2, 1, 0]]),
        lambda a: operator.setitem(a, [0, 1, 2], a[1:4]),
        lambda a: operator.setitem(a, a > 3, a[: (a > 3).sum()]),
        lambda a: operator.setitem(a, a, a[::-1]),
        lambda a: operator.setitem(a, a, 7 - a),
    ],
)
def test_overlapping_one_dimensional_set(write):
    ours, theirs = mnp.array(np.arange(8)), np.arange(8)
    write(ours)
    write(theirs)
    if theirs.tolist() == [7, 6, 5, 4, 4, 5, 6, 7] and np.__version__ < "2":
        theirs = np.arange(8)[::-1].copy()  # NumPy 1 reads the index array while it writes over it
    assert_same_value(ours, theirs)


def test_square_transposed_onto_itself():
    ours, theirs = mnp.array(np.arange(16.0).reshape(4, 4)), np.arange(16.0).reshape(4, 4).copy()
    ours[...] = ours.T
    theirs[...] = theirs.T
    assert_same_value(ours, theirs)


BAD_KEYS = [
    5,
    -4,
    (0, 0, 0),
    (0, 9),
    1.0,
    "x",
    (0, "x"),
    2**70,
    (..., ...),
    [1.5],
    [5],
    [[0, -7]],
    (slice(0, 1, 0),),
    np.ones(4, bool),
    np.ones((3, 5), bool),
    ([0, 1], [0, 1, 2]),
    {},
    (None,) * 65,
    np.array(1.0),
    [[], [1]],
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda x: type(x).__name__ if type(x) is object else repr(x))
def test_bad_keys_raise_numpys_error(key):
    ours, theirs = mnp.array(np.arange(12.0).reshape(3, 4)), np.arange(12.0).reshape(3, 4).copy()
    assert_same_outcome(lambda: ours[key], lambda: theirs[key])
    assert_same_outcome(lambda: operator.setitem(ours, key, 1), lambda: operator.setitem(theirs, key, 1))
    assert_same_value(ours, theirs)


BAD_VALUES = [np.zeros(2), np.zeros((2, 3)), "x", None, [1, [2, 3]], 2**70, object(), 1j]


@pytest.mark.parametrize(
    "value", BAD_VALUES, ids=lambda x: type(x).__name__ if type(x) is object else repr(x)
)
@pytest.mark.parametrize("dtype", ["f8", "i1"])
@pytest.mark.parametrize(
    "key",
    [slice(None), (slice(None), [0, 1, 2]), 1, (1, 1), [True, False, True]],
    ids=lambda x: type(x).__name__ if type(x) is object else repr(x),
)
def test_bad_values_raise_numpys_error(value, dtype, key):
    ours, theirs = mnp.array(np.ones((3, 4), dtype)), np.ones((3, 4), dtype)
    assert_same_outcome(
        lambda: operator.setitem(ours, key, value), lambda: operator.setitem(theirs, key, value)
    )


def test_read_only_refuses_every_write():
    ours = mnp.broadcast_to(mnp.array(np.arange(3.0)), (2, 3))
    theirs = np.broadcast_to(np.arange(3.0), (2, 3))
    for key in (0, (0, 1), [0], slice(None), theirs > 1):
        assert_same_outcome(
            lambda k=key: operator.setitem(ours, k, 1), lambda k=key: operator.setitem(theirs, k, 1)
        )


def test_deleting_and_iterating():
    ours, theirs = mnp.array(np.arange(6).reshape(2, 3)), np.arange(6).reshape(2, 3)
    assert_same_outcome(lambda: operator.delitem(ours, 0), lambda: operator.delitem(theirs, 0))
    for x, y in zip(ours, theirs, strict=True):
        assert_same_value(x, y)
        for s, t in zip(x, y, strict=True):
            assert_same_value(s, t)
    assert_same_outcome(lambda: iter(mnp.array(1.0)), lambda: iter(np.array(1.0)))
    first, *rest = ours
    first[0] = 99
    assert ours[0, 0] == 99 and len(rest) == 1


def test_large_selections():
    rng = np.random.default_rng(0)
    theirs = rng.standard_normal((300, 70))
    ours = mnp.array(theirs)
    mask, rows, columns = theirs > 0.3, rng.integers(-300, 300, 5000), rng.integers(0, 70, 5000)
    for key in (
        mask,
        rows,
        (rows, columns),
        (slice(None), columns),
        mask[:, 0],
        (rows[:, None], columns[:9]),
    ):
        assert_same_outcome(lambda k=key: ours[k], lambda k=key: theirs[k])
        ours[key] = -1.5
        theirs[key] = -1.5
        assert_same_value(ours, theirs)


@pytest.mark.parametrize("dtype", ["?", "i2", "f4", "f8", "D"])
@pytest.mark.parametrize("width", [1, 3, 15, 16, 17, 64, 131])
def test_a_number_goes_to_rows_chosen_by_index(dtype, width):
    rows = np.array([4, 0, 4, -2])
    for key in (rows, (slice(None), rows % width), (rows, slice(1, None, 2)), (rows, slice(None, None, -1))):
        want = np.zeros((6, width), dtype)
        ours = mnp.array(want)
        want[key] = ours[key] = 3
        np.testing.assert_array_equal(np.asarray(ours), want)
