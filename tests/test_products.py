"""einsum, tensordot and kron against NumPy: subscripts of every kind, views, errors and gradients."""

import hypothesis
import numpy
import pytest
from hypothesis import strategies as st
from oracle import DTYPES, outcome, sample

import minpy.numpy as np
from minpy.core import grad


def assert_agrees(ours, theirs, where=""):
    """The same outcome; numbers within rounding of their sums."""
    a, error_a = outcome(ours)
    b, error_b = outcome(theirs)
    assert (type(error_a), str(error_a)) == (type(error_b), str(error_b)), where
    if error_b is not None:
        return
    # NumPy 2.0 to 2.2 gave some results without axes as arrays.
    if numpy.ndim(b) or not (2, 0) <= tuple(map(int, numpy.__version__.split(".")[:2])) < (2, 3):
        assert isinstance(a, np.ndarray) == isinstance(b, numpy.ndarray), (where, type(a), type(b))
    a, b = numpy.asarray(a), numpy.asarray(b)
    assert a.dtype == b.dtype and a.shape == b.shape, (where, a.dtype, b.dtype, a.shape, b.shape)
    if a.dtype.kind in "fc":
        scale = max(1.0, float(numpy.max(numpy.abs(b), initial=0)))
        numpy.testing.assert_allclose(
            a, b, rtol=0, atol=1000 * scale * numpy.finfo(a.dtype).eps, err_msg=where
        )
    else:
        numpy.testing.assert_array_equal(a, b, err_msg=where)


def both(name, *args, **kwargs):
    ours = [np.asarray(a) if isinstance(a, numpy.ndarray) else a for a in args]
    assert_agrees(
        lambda: getattr(np, name)(*ours, **kwargs),
        lambda: getattr(numpy, name)(*args, **kwargs),
        f"{name} {[a if not isinstance(a, numpy.ndarray) else a.shape for a in args]} {kwargs}",
    )


SIZES = {"i": 2, "j": 3, "k": 4, "l": 5, "a": 1, "Z": 3}
SUBSCRIPTS = """i i-> i->i ij ji ij->ji ij-> ij->i ij->j ii ii->i iij->j iij->ij iiji->j ijk->ki ijk->kji
i,i i,i-> i,i->i i,j i,j->ji i,j-> ij,jk ij,jk->ki ij,jk->ik ij,jk-> ij,jk->ijk ij,ij->i ij,ij->ij ij,ij-> ij,ij->j
ij,j ij,j->ij ij,k->ikj ijk,ikl->ijl ijk,kil->jil ijk,jil->kl kij,lij->kl ii,ij->j iij,jk->ik ij,jk,kl->il
ij,jk,kl-> i,i,i i,j,k->kji ijk,jl,kl->il ij,ij,ij->ij ij,jk,ik-> i,,i ij, , ,,-> ia,aj->ij ja,ia->ij Zi,iZ->Z
ijk,ilm,njm,nlk,aaa-> ab,bc,cd,de,ef,fg,gh,hi,ij ij,jk,kl,li->""".replace("ab,bc", "ia,aj").split()


def operands(subscripts, dtype="f8", seed=0):
    rng = numpy.random.default_rng(seed)
    sizes = {**dict.fromkeys("bcdefghmn", 2), **SIZES}
    return [
        (rng.integers(-3, 4, [sizes[c] for c in term]) + (0.25 if dtype[0] in "fc" else 0)).astype(dtype)
        for term in subscripts.partition("->")[0].split(",")
    ]


@pytest.mark.parametrize("optimize", [False, True, "greedy", "optimal"])
@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_subscripts(subscripts, optimize):
    if optimize == "optimal" and subscripts.count(",") > 5:
        pytest.skip("NumPy takes minutes to find that path")
    for dtype in ("f8", "f4", "c16", "i4", "i8", "?", "f2"):
        args = operands(subscripts, dtype)
        both("einsum", subscripts, *args, optimize=optimize)
        lists = [
            part for a, t in zip(args, subscripts.partition("->")[0].split(",")) for part in (a, numbers(t))
        ]
        both("einsum", *lists, optimize=optimize)
        if "->" in subscripts:
            both("einsum", *lists, numbers(subscripts.partition("->")[2]), optimize=optimize)


def numbers(term):
    return [ord(c) - 65 if c < "a" else ord(c) - 71 for c in term]


ELLIPSES = """...->... ...i->i... i...->... ...i,i->... ...ij,...jk->...ik ...ij,jk->...ik i...j,...k->ijk... ...,...
...,i->...i ij...,jk...->ik... ...ii->...i i...,...i-> ...j->""".split()


@pytest.mark.parametrize("subscripts", ELLIPSES)
def test_ellipsis(subscripts):
    rng = numpy.random.default_rng(1)
    for shapes in (
        [(2, 2, 2), (2, 2)],
        [(3, 2, 2), (1, 2, 2)],
        [(2, 2), (2,)],
        [(2,), (2, 2, 2)],
        [(2, 2), (2, 2)],
    ):
        args = [rng.standard_normal(s) for s in shapes[: subscripts.count(",") + 1]]
        for optimize in (False, True):
            both("einsum", subscripts, *args, optimize=optimize)


@st.composite
def calls(draw):
    letters = "abcde"
    sizes = {c: draw(st.integers(0 if draw(st.integers(0, 9)) == 0 else 1, 4)) for c in letters}
    terms = draw(st.lists(st.text(letters, min_size=0, max_size=4), min_size=1, max_size=4))
    used = sorted(set("".join(terms)))
    text = ",".join(terms)
    if draw(st.booleans()):
        text += "->" + "".join(draw(st.permutations(used))[: draw(st.integers(0, len(used)))])
    dtype = draw(st.sampled_from(["f8", "f4", "c8", "i8"]))
    seed = draw(st.integers(0, 99))
    args = []
    for k, term in enumerate(terms):
        shape = [1 if draw(st.integers(0, 7)) == 0 and term.count(c) == 1 else sizes[c] for c in term]
        a = sample(dtype, shape, seed + k)
        a = numpy.where(numpy.abs(a) < 1000, a, 1).astype(dtype)
        args.append(a.T.copy().T if draw(st.booleans()) else a)
    return text, args


@hypothesis.given(calls(), st.booleans())
def test_any_subscripts(call, optimize):
    text, args = call
    both("einsum", text, *args, optimize=optimize)


@pytest.mark.parametrize(
    "args",
    [
        ("ij,jk", numpy.ones((2, 3))),
        ("ij", numpy.ones(2)),
        ("ij,jk", numpy.ones((2, 3)), numpy.ones((4, 2))),
        ("ii", numpy.ones((2, 3))),
        ("i->j", numpy.ones(2)),
        ("i->ii", numpy.ones(2)),
        ("i-j", numpy.ones(2)),
        ("i->i->i", numpy.ones(2)),
        ("i..j", numpy.ones((2, 2))),
        ("......", numpy.ones((2, 2))),
        ("i%", numpy.ones((2, 2))),
        ("...i->i", numpy.ones((2, 2))),
        ("i", "x"),
        ("",),
        (),
        ("i",),
        (numpy.ones(2),),
        (numpy.ones(2), [60]),
        (numpy.ones(2), [-1]),
        (numpy.ones(2), [1.5]),
        (numpy.ones((2, 2)), [0]),
    ],
    ids=str,
)
def test_errors(args):
    for optimize in (False, True):
        both("einsum", *args, optimize=optimize)


def test_other_arguments():
    a = numpy.arange(6.0).reshape(2, 3)
    both("einsum", "ij->ji", a, dtype="f4", casting="same_kind")
    both("einsum", "ij,kj", a, a, order="F")
    both("einsum", "ij,kj", a, a, optimize=["einsum_path", (0, 1)])
    both("einsum", "ij,kj", a, a, optimize="bogus")
    both("einsum", "ij,kj", a, a, bogus=1)
    both("einsum", "ij,kj", a, [[1, 2, 3]])
    both("einsum", ",ij", 2, a)
    both("einsum", "ij,ij", a.astype("f4"), a)
    both("einsum", "i,i,i->i", numpy.ones(2, "i1"), numpy.ones(2, "u1"), numpy.ones(2, "f2"))
    both("einsum", "a,a", numpy.ones(1), numpy.ones(1), optimize=True)
    both("einsum", "a,ab,b", numpy.ones(2), numpy.ones((2, 1)), numpy.ones(1), optimize=True)
    out = np.zeros((2, 2))
    assert np.einsum("ij,kj", np.asarray(a), np.asarray(a), out=out) is out
    numpy.testing.assert_array_equal(numpy.asarray(out), a @ a.T)


def test_views():
    a = numpy.arange(12.0).reshape(3, 4)
    for text in ("ij->ji", "ij", "...", "ji"):
        ours, theirs = np.array(a), a.copy()
        x, y = np.einsum(text, ours), numpy.einsum(text, theirs)
        assert x.strides == y.strides and x.flags.writeable and x.base is not None
        x[0] = y[0] = -1
        numpy.testing.assert_array_equal(numpy.asarray(ours), theirs)
    square = np.zeros((3, 3))
    np.einsum("ii->i", square)[:] = 1
    numpy.testing.assert_array_equal(numpy.asarray(square), numpy.eye(3))
    locked = np.einsum("ij->ji", np.broadcast_to(np.ones(3), (2, 3)))
    assert not locked.flags.writeable


TENSORDOTS = [
    2,
    1,
    0,
    3,
    -1,
    (1, 0),
    ([1, 0], [0, 1]),
    ([0], [1]),
    ((-1,), (-2,)),
    ([], []),
    ([0, 1], [0]),
    (5, 0),
]
TENSORDOTS += [None, "x", ([0, 0], [1, 1]), 1.5]


@pytest.mark.parametrize("axes", TENSORDOTS, ids=str)
@pytest.mark.parametrize("dtype", ["f8", "f4", "c8", "i8", "?"])
def test_tensordot(axes, dtype):
    rng = numpy.random.default_rng(2)
    for shapes in (
        [(3, 4), (4, 3)],
        [(2, 3, 4), (3, 4, 2)],
        [(3,), (3,)],
        [(3, 0), (0, 2)],
        [(2, 2), (2, 2)],
        [(), ()],
    ):
        args = [rng.integers(0, 4, s).astype(dtype) for s in shapes]
        both("tensordot", *args, axes)
        both("tensordot", args[0].T.copy().T, args[1][::-1] if args[1].ndim else args[1], axes=axes)
    both("tensordot", [[1.0, 2.0]], numpy.ones((2, 1)), 1)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_kron(dtype):
    for shapes in (
        [(2, 3), (3, 2)],
        [(3,), (2, 2)],
        [(2, 1, 2), (3,)],
        [(0, 2), (2, 2)],
        [(), (2,)],
        [(2,), ()],
    ):
        both("kron", sample(dtype, shapes[0], 3), sample(dtype, shapes[1], 4))
    both("kron", sample(dtype, (4, 3), 5).T, sample("f4", (2, 6), 6)[:, ::2])
    both("kron", [1, 2], [[3, 4]])


GRADIENTS = [s for s in SUBSCRIPTS if len(s) < 20] + ["...ij,jk->...ik", "ii...->i..."]


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("subscripts", GRADIENTS)
def test_einsum_gradients(subscripts, optimize):
    args = [a + 0.5 for a in operands(subscripts.replace("...", ""), seed=8)]

    def f(*arrays):
        return np.sum(np.sin(np.einsum(subscripts, *arrays, optimize=optimize) / 4))

    check_gradients(f, args)


@pytest.mark.parametrize("axes", [0, 1, 2, ([0, 1], [1, 0])], ids=str)
def test_tensordot_gradients(axes):
    rng = numpy.random.default_rng(3)
    check_gradients(
        lambda a, b: np.sum(np.sin(np.tensordot(a, b, axes))), [rng.standard_normal((3, 3)) for _ in "ab"]
    )


def test_kron_gradients():
    rng = numpy.random.default_rng(3)
    for shapes in ([(2, 3), (3, 2)], [(3,), (2, 2)], [(2,), ()]):
        check_gradients(lambda a, b: np.sum(np.sin(np.kron(a, b))), [rng.standard_normal(s) for s in shapes])


def check_gradients(f, args, step=1e-6):
    """First order by every operand, and second order in a random direction, by finite differences."""
    rng = numpy.random.default_rng(4)
    for k in range(len(args)):

        def by_one(x, k=k):
            return f(*[np.asarray(a) for a in args[:k]], x, *[np.asarray(a) for a in args[k + 1 :]])

        direction = rng.standard_normal(args[k].shape)
        slope = grad(by_one)
        along = lambda x, d=direction, slope=slope: np.sum(slope(x) * np.asarray(d))  # noqa: E731
        for function, tolerance in ((by_one, 1e-6), (along, 1e-5)):
            found = float(numpy.sum(numpy.asarray(grad(function)(np.asarray(args[k]))) * direction))
            up, down = (float(function(np.asarray(args[k] + s * direction))) for s in (step, -step))
            numpy.testing.assert_allclose(found, (up - down) / (2 * step), rtol=tolerance, atol=1e-6)
