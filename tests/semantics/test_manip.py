"""Reshaping, joining, splitting and selecting, against NumPy: values, dtypes, layout, views and errors."""

import numpy as np
import pytest
from parity import as_numpy, assert_same_outcome

import minpy.numpy as mnp

LAYOUTS = {
    "scalar": lambda xp: xp.array(2.5),
    "vector": lambda xp: xp.array([3.0, 0, 2, 5]),
    "reversed": lambda xp: xp.array([3, 0, 2, 5, 1, 0])[::-1],
    "strided": lambda xp: xp.array([3, 0, 2, 5, 1, 0], dtype="f4")[::2],
    "matrix": lambda xp: xp.array([[1.0, 2, 0, 4], [5, 0, 7, 8], [9, 10, 11, 0]]),
    "transposed": lambda xp: xp.array([[1, 2, 0, 4], [5, 0, 7, 8], [9, 10, 11, 0]], dtype="i2").T,
    "window": lambda xp: xp.array([[1.0, 2, 0, 4], [5, 0, 7, 8], [9, 10, 11, 0]])[1:, ::2],
    "cube": lambda xp: xp.array([[[1, 2, 3], [4, 5, 6]]] * 4, dtype="c8"),
    "permuted": lambda xp: xp.array([[[1, 0, 3], [4, 5, 6]]] * 4, dtype="i8").transpose(2, 0, 1),
    "ones": lambda xp: xp.array([[[7]], [[8]]], dtype="u1"),
    "empty": lambda xp: xp.array([[], []]),
    "flags": lambda xp: xp.array([True, False, True, True]),
    "repeated": lambda xp: xp.broadcast_to(xp.array([1.0, 2]), (3, 2)),
    "half": lambda xp: xp.array([[1, 2], [3, 4]], dtype="f2"),
}
SHAPES = [
    (),
    (1,),
    4,
    -1,
    (-1,),
    (2, 2),
    (2, -1),
    (-1, 1),
    (3, 4),
    (4, 3),
    (2, 6),
    (1, 12),
    (4, 6),
    (-1, -1),
    (2, 12),
    (0,),
    (6, 1),
    (1, 6, 1),
    (0, -1),
    (24,),
    (2, 3, 4),
    (3, -1, 2),
    [2, -1],
    (-2,),
    (2.0,),
    None,
    "x",
]
AXES = [None, 0, 1, -1, 2, -3, 5, (0,), (0, 1), (1, 0), (0, 0), (), 1.5]

CASES = {
    **{f"reshape{s}{o}": lambda xp, a, s=s, o=o: xp.reshape(a, s, order=o) for s in SHAPES for o in "CFA"},
    **{
        f"reshape_copy{s}{c}": lambda xp, a, s=s, c=c: a.reshape(s, copy=c)
        for s in (-1, (2, -1), (3, 4))
        for c in (True, False)
        if np.__version__ >= "2"  # which has the keyword
    },
    **{
        f"method_reshape{s}": lambda xp, a, s=s: a.reshape(*s)
        for s in [(2, 2), (-1, 2), (3, 4), (), (4, 3), (2, "x")]
    },
    **{f"ravel{o}": lambda xp, a, o=o: xp.ravel(a, o) for o in ("C", "F", "A", "K", "X", None)},
    **{f"method_ravel{o}": lambda xp, a, o=o: a.ravel(order=o) for o in "CFAK"},
    **{f"flatten{o}": lambda xp, a, o=o: a.flatten(o) for o in "CFAK"},
    **{
        f"transpose{x}": lambda xp, a, x=x: xp.transpose(a, x)
        for x in [*AXES, (2, 1, 0), (1, 2, 0), (-1, 0, 1), (0, -1)]
    },
    **{
        f"method_transpose{x}": lambda xp, a, x=x: a.transpose(*x)
        for x in [(), (None,), (1, 0), (0, 1, 2), ((1, 0),), (0, 0)]
    },
    **{
        f"swapaxes{x}": lambda xp, a, x=x: xp.swapaxes(a, *x)
        for x in [(0, 1), (-1, 0), (0, 2), (0, 0), (5, 0)]
    },
    **{
        f"moveaxis{x}": lambda xp, a, x=x: xp.moveaxis(a, *x)
        for x in [(0, -1), (0, 1), ((0, 1), (1, 0)), (0, 7), ((0,), (0, 1)), (0, 0)]
    },
    **{f"expand_dims{x}": lambda xp, a, x=x: xp.expand_dims(a, x) for x in AXES},
    **{f"squeeze{x}": lambda xp, a, x=x: xp.squeeze(a, x) for x in AXES},
    **{f"method_squeeze{x}": lambda xp, a, x=x: a.squeeze(axis=x) for x in (None, 1, (1, 2))},
    **{
        f"broadcast_to{s}": lambda xp, a, s=s: xp.broadcast_to(a, s)
        for s in [4, (2, 4), (3, 4), (2, 3, 4), (4, 3, 4), (5, 4, 2, 3), (2, 1, 1), (), (-1, 4), (1, 3, 2)]
    },
    **{
        f"diagonal{x}": lambda xp, a, x=x: xp.diagonal(a, *x)
        for x in [(), (1,), (-1,), (9,), (0, 1, 0), (0, 0, 2), (0, 1, 1), (0, 5)]
    },
    **{f"flip{x}": lambda xp, a, x=x: xp.flip(a, x) for x in AXES},
    "fliplr": lambda xp, a: xp.fliplr(a),
    "flipud": lambda xp, a: xp.flipud(a),
    "rot90": lambda xp, a: xp.rot90(a),
    "matrix_transpose": lambda xp, a: xp.matrix_transpose(a),
    "permute_dims": lambda xp, a: xp.permute_dims(a, (1, 0)),
    "atleast_1d": lambda xp, a: xp.atleast_1d(a),
    "atleast_2d": lambda xp, a: xp.atleast_2d(a),
    "atleast_3d": lambda xp, a: xp.atleast_3d(a),
    "atleast_many": lambda xp, a: xp.atleast_2d(a, 3, a),
    **{
        f"concatenate{x}": lambda xp, a, x=x: xp.concatenate([a, a], axis=x)
        for x in (0, 1, -1, None, 5, 2, "x")
    },
    "concatenate_none": lambda xp, a: xp.concatenate([]),
    "concatenate_one": lambda xp, a: xp.concatenate((a,)),
    "concatenate_rows": lambda xp, a: xp.concatenate(a),
    "concatenate_mixed": lambda xp, a: xp.concatenate([a, a.astype("f8"), a[:1]]),
    "concatenate_orders": lambda xp, a: xp.concatenate([a, a.copy(order="C")], axis=-1),
    "concatenate_misfit": lambda xp, a: xp.concatenate([a, a[..., :1]]),
    "concatenate_ndim": lambda xp, a: xp.concatenate([a, a[0]]),
    "concatenate_dtype": lambda xp, a: xp.concatenate([a, a], dtype="c16"),
    "concatenate_casting": lambda xp, a: xp.concatenate([a, a], dtype="i1", casting="safe"),
    "concatenate_lists": lambda xp, a: xp.concatenate([a, [1, 2]]),
    "concatenate_strings": lambda xp, a: xp.concatenate([["x"], ["y"]]),
    "concat": lambda xp, a: xp.concat([a, a]),
    "concatenate_keyword": lambda xp, a: xp.concatenate(arrays=[a, a]),
    **{f"stack{x}": lambda xp, a, x=x: xp.stack([a, a, a], axis=x) for x in (0, 1, -1, -2, 5)},
    "stack_misfit": lambda xp, a: xp.stack([a, a[:1]]),
    "stack_none": lambda xp, a: xp.stack([]),
    "stack_rows": lambda xp, a: xp.stack(a),
    "vstack": lambda xp, a: xp.vstack([a, a]),
    "hstack": lambda xp, a: xp.hstack((a, a)),
    "dstack": lambda xp, a: xp.dstack([a, a]),
    "column_stack": lambda xp, a: xp.column_stack([a, a]),
    "vstack_dtype": lambda xp, a: xp.vstack([a, a], dtype="c16"),
    "vstack_array": lambda xp, a: xp.vstack(a),
    "hstack_array": lambda xp, a: xp.hstack(a),
    "column_stack_array": lambda xp, a: xp.column_stack(a),
    **{f"append{x}": lambda xp, a, x=x: xp.append(a, a, x) for x in (None, 0, 1)},
    "append_number": lambda xp, a: xp.append(a, 5),
    **{
        f"split{x}": lambda xp, a, x=x: xp.split(a, *x)
        for x in [(2,), (3,), (2, 1), ([1],), ([1, 3],), ([2, 1],), ([-1],), ([9],), (0,), (2, 9), ([],)]
    },
    **{
        f"array_split{x}": lambda xp, a, x=x: xp.array_split(a, *x)
        for x in [(2,), (3,), (3, 1), (7,), ([1, 2], -1), (-1,)]
    },
    "hsplit": lambda xp, a: xp.hsplit(a, 2),
    "vsplit": lambda xp, a: xp.vsplit(a, [1]),
    "dsplit": lambda xp, a: xp.dsplit(a, 3),
    **{
        f"take{i}{x}{m}": lambda xp, a, i=i, x=x, m=m: xp.take(a, i, axis=x, mode=m)
        for i in (0, -1, [0, 1], [[-1, 0]], 9, [], [True, False])
        for x in (None, 0, 1, -1)
        for m in ("raise", "wrap", "clip")
    },
    "take_float": lambda xp, a: xp.take(a, 1.0),
    "take_out": lambda xp, a: a.take([0, 0], out=xp.zeros(2, a.dtype)),
    "take_mode": lambda xp, a: a.take(0, mode="other"),
    "take_method": lambda xp, a: a.take([0], 0),
    **{
        f"compress{c}{x}": lambda xp, a, c=c, x=x: xp.compress(c, a, axis=x)
        for c in ([True], [False, True], [1, 0, 2], [0] * 30, [0] * 30 + [1], [[True]])
        for x in (None, 0, 1)
    },
    "compress_method": lambda xp, a: a.compress([True, True], axis=0),
    "nonzero": lambda xp, a: xp.nonzero(a),
    "nonzero_method": lambda xp, a: a.nonzero(),
    "argwhere": lambda xp, a: xp.argwhere(a),
    "flatnonzero": lambda xp, a: xp.flatnonzero(a),
    "where": lambda xp, a: xp.where(a),
    "where_self": lambda xp, a: xp.where(a, a, a),
    **{f"where{y!r}": lambda xp, a, y=y: xp.where(a > 2, a, y) for y in (0, 1.5, True, 2**40, 1j, None)},
    **{f"where_left{y!r}": lambda xp, a, y=y: xp.where(a > 2, y, a) for y in (0, -1, 1.5)},
    "where_row": lambda xp, a: xp.where(a, a[:1], xp.array(3, dtype="i4")),
    "where_misfit": lambda xp, a: xp.where(a, [1] * 7, 0),
    "where_numbers": lambda xp, a: xp.where(a, 1, 2.5),
    "where_two": lambda xp, a: xp.where(a, 1),
    "where_keyword": lambda xp, a: xp.where(condition=a),
    "where_scalars": lambda xp, a: xp.where(a, np.float32(1), np.int8(2)),
    **{
        f"repeat{r}{x}": lambda xp, a, r=r, x=x: xp.repeat(a, r, axis=x)
        for r in (0, 2, [1, 2, 0, 3], [2], -1, [1, -1, 1, 1], 1.5, [[1]])
        for x in (None, 0, 1)
    },
    "repeat_method": lambda xp, a: a.repeat(2, axis=-1),
    **{
        f"tile{r}": lambda xp, a, r=r: xp.tile(a, r)
        for r in (1, 2, 0, (2, 1), (1, 2), (2, 1, 3), (1, 1, 1, 1), (), -1, 1.5)
    },
    **{
        f"roll{s}{x}": lambda xp, a, s=s, x=x: xp.roll(a, s, axis=x)
        for s in (0, 1, -2, 17, (1, 2), (1,), 1.5)
        for x in (None, 0, 1, -1, (0, 1), (0, 0), 9)
    },
    **{
        f"item{i}": lambda xp, a, i=i: a.item(*i)
        for i in [(), (0,), (-1,), (3,), (0, 1), (99,), ((0, 1),), (0, 0, 0), ("x",)]
    },
    "tolist": lambda xp, a: a.tolist(),
    "T": lambda xp, a: a.T,
    "bad_keyword": lambda xp, a: xp.reshape(a, bad=1),
    "no_arguments": lambda xp, a: xp.reshape(a),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES)
def test_equals_numpy(case, layout):
    ours, theirs = LAYOUTS[layout](mnp), LAYOUTS[layout](np)
    x, y = assert_same_outcome(lambda: CASES[case](mnp, ours), lambda: CASES[case](np, theirs))
    for r, s in zip(*((v if isinstance(v, (list, tuple)) else [v]) for v in (x, y))):
        if isinstance(s, np.ndarray):
            assert np.shares_memory(as_numpy(r), as_numpy(ours)) == np.shares_memory(s, theirs)


LISTS = [
    "reshape(4, 3)C",
    "ravelC",
    "transposeNone",
    "squeezeNone",
    "expand_dims0",
    "atleast_2d",
    "concatenate0",
    "stack0",
    "split(3,)",
    "take[0, 1]0raise",
    "nonzero",
    "repeat2None",
    "tile2",
    "roll1None",
    "flip0",
]


@pytest.mark.parametrize("case", [c for c in LISTS if c in CASES])
@pytest.mark.parametrize(
    "value",
    [[[1, 2, 3], [4, 5, 6], [7, 8, 9]], 5, (1.5, 2.5, 3.5), True, np.arange(6).reshape(3, 2), np.float32(2)],
    ids=repr,
)
def test_array_likes(case, value):
    assert_same_outcome(lambda: CASES[case](mnp, value), lambda: CASES[case](np, value), layout=False)


@pytest.mark.parametrize(
    "case",
    ["reshape(2, 2)C", "transposeNone", "concatenate0", "take00raise", "repeat20", "where_self", "ravelC"],
)
@pytest.mark.parametrize("dtype", ["U1", "O", "M8[s]", "i4,f8", ">f8", "g"])
def test_dtypes_that_stay_numpys(case, dtype):
    theirs = np.zeros(4, dtype)
    assert_same_outcome(lambda: CASES[case](mnp, theirs), lambda: CASES[case](np, theirs), layout=False)


def test_writing_through_views():
    ours, theirs = LAYOUTS["matrix"](mnp), LAYOUTS["matrix"](np)
    for xp, a in ((mnp, ours), (np, theirs)):
        xp.reshape(a, (2, 6))[1, 1] = -1
        xp.swapaxes(a, 0, 1)[0] = 9
        xp.split(a, 2, axis=1)[1][0] = 4
        xp.flip(a)[0, 0] += 1
        xp.expand_dims(a, 0)[0, 1] *= 2
        xp.ravel(a)[2:4] = 77
    np.testing.assert_array_equal(as_numpy(ours), theirs)


@pytest.mark.parametrize("name", ["concatenate", "stack", "vstack", "hstack"])
def test_joining_promotes_all_dtypes_at_once(name):
    for dtypes in (("i1", "u1", "f2"), ("u8", "i8", "f4"), ("?", "u2", "i2", "f2"), ("f4", "c8", "i8")):
        parts = [np.ones((2, 2), d) for d in dtypes]
        assert_same_outcome(
            lambda p=parts: getattr(mnp, name)([mnp.asarray(x) for x in p]),
            lambda p=parts: getattr(np, name)(p),
        )
