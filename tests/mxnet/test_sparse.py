"""nd.sparse: results and storage formats as recorded from MXNet 1.9.1."""

import copy
import pathlib
import pickle

import numpy
import pytest

import minpy as mx
from minpy import autograd, nd
from minpy.base import MXNetError

sparse = nd.sparse
DATA = pathlib.Path(__file__).parent / "data"
A = numpy.float32([[0, 1, 0], [2, 0, 3], [0, 0, 0]])
B = numpy.float32([[0, 1, 1], [0, 0, 3], [0, 0, 0]])
M = numpy.float32([[1, 2], [3, 4], [5, 6]])


def csr(values=A):
    return nd.array(values).tostype("csr")


def rsp(values=A):
    return nd.array(values).tostype("row_sparse")


def parts(array):
    names = {"csr": ("data", "indices", "indptr"), "row_sparse": ("data", "indices")}[array.stype]
    return [getattr(array, name).asnumpy().tolist() for name in names]


# --- Files ---


@pytest.mark.parametrize("name", ["p_sparse", "p_sparse_zero", "p_sparse_f64"])
def test_golden_files(name, tmp_path):
    """Files of MXNet 1.9.1 are loaded, and written back byte for byte."""
    path = DATA / f"{name}.params"
    arrays = nd.load(str(path))
    if name == "p_sparse_zero":
        assert {k: (v.stype, v.shape, v.asnumpy().any()) for k, v in arrays.items()} == {
            "csr0": ("csr", (3, 4), False),
            "rsp0": ("row_sparse", (3, 4), False),
        }
    else:
        assert arrays["csr"].asnumpy().tolist() == [[0, 1, 0], [2, 0, 3], [0, 0, 0], [0, 4, 0]]
        assert numpy.dtype(arrays["csr"].dtype) == ("float64" if name == "p_sparse_f64" else "float32")
        arrays["csr"].check_format()
    if name == "p_sparse":
        assert arrays["rsp"].asnumpy().tolist() == [[0, 0], [1, 2], [0, 0], [3, 4]]
    nd.save(str(tmp_path / "copy"), arrays)
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


# --- Creation ---


def test_parts_of_a_csr():
    c = csr()
    assert parts(c) == [[1, 2, 3], [1, 0, 2], [0, 1, 3, 3]]
    assert c.stype == "csr" and c.shape == (3, 3) and c.dtype is numpy.float32 and len(c) == 3
    assert c.indices.dtype is numpy.int64 and c.indptr.dtype is numpy.int64
    assert repr(c) == str(c) == "\n<CSRNDArray 3x3 @cpu(0)>"
    assert numpy.array_equal(c.asnumpy(), A) and numpy.array_equal(c.todense().asnumpy(), A)


def test_parts_of_a_row_sparse_array():
    r = rsp()
    assert parts(r) == [[[0, 1, 0], [2, 0, 3]], [0, 1]]
    assert repr(r) == "\n<RowSparseNDArray 3x3 @cpu(0)>"
    assert numpy.array_equal(r.asnumpy(), A) and numpy.array_equal(r.tostype("default").asnumpy(), A)


def test_csr_matrix():
    made = sparse.csr_matrix(([1, 2, 3], [1, 0, 2], [0, 1, 3, 3]))
    assert made.shape == (3, 3) and numpy.array_equal(made.asnumpy(), A) and made.dtype is numpy.float32
    assert parts(sparse.csr_matrix((2, 3))) == [[], [], [0, 0, 0]]
    assert parts(sparse.csr_matrix([[0, 1], [2, 0]])) == [[1, 2], [1, 0], [0, 1, 2]]
    summed = sparse.csr_matrix(([1, 2, 5], ([1, 0, 1], [1, 2, 1])), shape=(2, 4))
    assert parts(summed) == [[2, 6], [2, 1], [0, 1, 2]]
    assert sparse.csr_matrix(numpy.ones((2, 3))).dtype is numpy.float64
    with pytest.raises(ValueError, match=r"Shape mismatch detected. \(3, 3\) v.s. \(2, 2\)"):
        sparse.csr_matrix(A, shape=(2, 2))
    with pytest.raises(ValueError, match="Unexpected length of input tuple: 1"):
        sparse.csr_matrix((3,))
    with pytest.raises(ValueError, match="the NDArray should be 2 Dimensional"):
        sparse.csr_matrix(numpy.ones((2, 3, 4)))
    with pytest.raises(MXNetError):
        sparse.csr_matrix(([1, 2], [1, 0, 2], [0, 1, 3, 3]), shape=(3, 3))


def test_row_sparse_array():
    made = sparse.row_sparse_array(([[1, 2]], [1]), shape=(3, 2))
    assert made.asnumpy().tolist() == [[0, 0], [1, 2], [0, 0]]
    assert sparse.row_sparse_array(([[1, 2]], [1])).shape == (2, 2)
    assert parts(sparse.row_sparse_array((2, 3, 4))) == [[], []]
    cube = numpy.zeros((3, 2, 2))
    cube[1, 0, 1] = 5
    assert parts(sparse.row_sparse_array(cube)) == [[[[0, 5], [0, 0]]], [1]]
    with pytest.raises(ValueError, match="Unexpected input type: CSRNDArray"):
        sparse.row_sparse_array(csr())
    with pytest.raises(MXNetError):
        sparse.row_sparse_array(([[1, 2]], [1]), shape=(3, 3))


def test_zeros_and_array():
    assert sparse.zeros("csr", (3, 3)).data.shape == (0,)
    assert sparse.zeros("row_sparse", (3, 4), dtype="float64").data.shape == (0, 4)
    assert nd.zeros((2, 3), stype="csr").stype == "csr"
    assert sparse.zeros("default", (2, 3)).stype == "default"
    with pytest.raises(ValueError, match="unknown storage typefoo"):
        sparse.zeros("foo", (2, 3))
    assert sparse.empty("csr", (2, 3)).stype == "csr"
    assert parts(sparse.array(csr())) == parts(csr()) and parts(sparse.array(rsp())) == parts(rsp())
    with pytest.raises(ValueError, match="Please use mx.nd.array"):
        sparse.array(A)


def test_scipy():
    scipy_sparse = pytest.importorskip("scipy.sparse")
    matrix = scipy_sparse.csr_matrix(A)
    for made in (sparse.array(matrix), nd.array(matrix), sparse.csr_matrix(matrix)):
        assert parts(made) == parts(csr())
    assert (csr().asscipy() != matrix).nnz == 0


# --- Conversion ---


def test_storage_formats():
    assert sparse.cast_storage(nd.array(A), "csr").stype == "csr"
    assert nd.cast_storage(csr(), "default").stype == "default"
    with pytest.raises(ValueError, match="cast_storage from csr to row_sparse is not supported"):
        csr().tostype("row_sparse")
    with pytest.raises(MXNetError, match="Invalid Input: 'foo'"):
        csr().tostype("foo")


def test_copies():
    for x in (csr(), rsp()):
        for again in (x.copy(), copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.astype("float64")):
            assert again is not x and parts(again) == parts(x)
        assert x.astype("float32", copy=False) is x
        assert x.astype("float64").dtype is numpy.float64
        moved = x.as_in_context(mx.cpu(1))
        assert moved.context == mx.cpu(1) and moved.data.context == mx.cpu(1)
        dense = nd.zeros((3, 3))
        assert x.copyto(dense) is dense and numpy.array_equal(dense.asnumpy(), A)
        target = sparse.zeros(x.stype, (3, 3))
        assert x.copyto(target) is target and parts(target) == parts(x)
        target = sparse.zeros(x.stype, (3, 3))
        assert nd.array(A).copyto(target) is target and parts(target) == parts(x)
        with pytest.raises(MXNetError, match="Incompatible attr"):
            x.copyto(sparse.zeros(x.stype, (2, 3)))
    with pytest.raises(TypeError, match="copyto does not support destination NDArray stype row_sparse"):
        csr().copyto(rsp())


def test_rows_of_a_csr():
    c = csr()
    assert parts(c[0]) == [[1], [1], [0, 1]] and c[0].shape == (1, 3)
    assert parts(c[1:3]) == [[2, 3], [0, 2], [0, 2, 2]]
    assert parts(c[-1]) == [[], [], [0, 0]]
    assert c[2:1].shape == (0, 3) and c[0:9].shape == (3, 3) and c[:] is c
    for key in (slice(None, None, 2), (0, 1), "a"):
        with pytest.raises(ValueError):
            c[key]
    with pytest.raises(IndexError):
        c[5]
    assert parts(sparse.slice(c, begin=(0, 1), end=(3, 3))) == [[1, 3], [0, 1], [0, 1, 2, 2]]
    assert [row.asnumpy().tolist() for row in c] == A[:, None].tolist()


def test_assignment():
    for x in (csr(), rsp()):
        x[:] = nd.array(B)
        assert numpy.array_equal(x.asnumpy(), B)
        x[:] = A
        assert numpy.array_equal(x.asnumpy(), A)
        with pytest.raises(TypeError, match="only supports"):
            x[0] = 1


def test_check_format():
    csr().check_format()
    rsp().check_format()
    with pytest.raises(MXNetError, match="Indices of csr NDArray"):
        sparse.csr_matrix(([1, 2, 3], [1, 9, 2], [0, 1, 3, 3]), shape=(3, 3)).check_format()
    with pytest.raises(MXNetError, match="Indices of row_sparse NDArray"):
        sparse.row_sparse_array(([[1, 2], [3, 4]], [2, 0]), shape=(3, 2)).check_format()
    with pytest.raises(MXNetError, match="IndPtr of csr NDArray"):
        sparse.csr_matrix(([1, 2], [1, 0], [0, 2, 1, 2]), shape=(3, 3)).check_format()


# --- Arithmetic ---

OPERATIONS = [
    # expression, what it is without storage formats, the format that MXNet gives the result
    ("c + c2", A + B, "csr"),
    ("c - c2", A - B, "csr"),
    ("c * c2", A * B, "csr"),
    ("r + r2", A + B, "row_sparse"),
    ("r - r2", A - B, "row_sparse"),
    ("r * r2", A * B, "row_sparse"),
    ("c + r", A + A, "default"),
    ("c + D", A + A, "default"),
    ("D + c", A + A, "default"),
    ("c * D", A * A, "csr"),
    ("D * c", A * A, "default"),
    ("r * D", A * A, "row_sparse"),
    ("c * v", A * [1, 2, 3], "csr"),
    ("c + v", A + [1, 2, 3], "default"),
    ("c * 2", A * 2, "csr"),
    ("2 * c", A * 2, "csr"),
    ("c / 2", A / 2, "csr"),
    ("r / 2", A / 2, "row_sparse"),
    ("c + 1", A + 1, "default"),
    ("1 - c", 1 - A, "default"),
    ("c - 1", A - 1, "default"),
    ("-c", -A, "csr"),
    ("-r", -A, "row_sparse"),
    ("c > 1", A > 1, "csr"),
    ("c == c2", A == B, "default"),
    ("sp.add(r, r2)", A + B, "row_sparse"),
    ("sp.multiply(r, D)", A * A, "row_sparse"),
    ("nd.elemwise_add(r, r2)", A + B, "row_sparse"),
    ("sp.add_n(r, r2, r)", A + B + A, "row_sparse"),
    ("sp.abs(-r)", A, "row_sparse"),
    ("sp.sqrt(c)", numpy.sqrt(A), "csr"),
    ("c.square()", A * A, "csr"),
    ("c.exp()", numpy.exp(A), "default"),
    ("nd.exp(r)", numpy.exp(A), "default"),
    ("sp.clip(c, 0, 1)", A.clip(0, 1), "csr"),
    ("sp.clip(c, 1, 2)", A.clip(1, 2), "default"),
    ("sp.sum(c, axis=0)", A.sum(0), "default"),
    ("c.sum(axis=1)", A.sum(1), "default"),
    ("sp.mean(c, axis=0)", A.mean(0), "default"),
    ("sp.concat(c, c2, dim=0)", numpy.concatenate([A, B]), "csr"),
    ("sp.concat(c, c2, dim=1)", numpy.concatenate([A, B], 1), "default"),
    ("sp.where(c, D, v + D)", numpy.where(A, A, A + [1, 2, 3]), "default"),
    ("sp.zeros_like(c)", A * 0, "csr"),
    ("c.T", A.T, "default"),
]


@pytest.mark.parametrize("expression, expected, stype", OPERATIONS, ids=[o[0] for o in OPERATIONS])
def test_operations(expression, expected, stype):
    names = {
        "c": csr(),
        "c2": csr(B),
        "r": rsp(),
        "r2": rsp(B),
        "D": nd.array(A),
        "v": nd.array([1, 2, 3]),
        "sp": sparse,
        "nd": nd,
    }
    result = eval(expression, names)
    assert result.stype == stype
    if stype != "default":
        result.check_format()
    numpy.testing.assert_allclose(result.asnumpy(), expected, rtol=1e-6)


def test_zero_results_of_csr_are_dropped():
    assert parts(csr() - csr(B)) == [[-1, 2], [2, 0], [0, 1, 2, 2]]
    assert parts(csr() * csr(B)) == [[1, 9], [1, 2], [0, 1, 2, 2]]


def test_in_place():
    for x, other in ((csr(), csr(B)), (rsp(), rsp(B))):
        same = x
        x += other
        x *= 2
        assert x is same and x.stype == other.stype and numpy.array_equal(x.asnumpy(), (A + B) * 2)


def test_retain():
    r = sparse.row_sparse_array(([[1, 2], [3, 4], [5, 6]], [0, 1, 3]), shape=(4, 2))
    assert parts(r.retain(nd.array([0, 3]))) == [[[1, 2], [5, 6]], [0, 3]]
    assert parts(sparse.retain(r, nd.array([1, 2]))) == [[[3, 4], [0, 0]], [1, 2]]
    with pytest.raises(IndexError):
        r.retain(nd.array([4]))


def test_what_dense_arrays_have():
    for call in (lambda: csr().reshape((9,)), lambda: rsp().asscalar()):
        with pytest.raises(sparse.NotSupportedForSparseNDArray, match="is not supported for SparseNDArray"):
            call()
    with pytest.raises(AttributeError):
        csr().no_such_method


# --- Products ---


@pytest.mark.parametrize(
    "kwargs, left, right, stype",
    [
        ({}, A, M, "default"),
        ({"transpose_a": True}, A.T, M, "row_sparse"),
        ({"transpose_a": True, "forward_stype": "default"}, A.T, M, "default"),
        ({"transpose_b": True}, A, M, "default"),
        ({"transpose_a": True, "transpose_b": True}, A.T, M, "row_sparse"),
    ],
)
def test_csr_times_dense(kwargs, left, right, stype):
    operand = nd.array(M.T if kwargs.get("transpose_b") else M)
    for function in (sparse.dot, nd.dot):
        result = function(csr(), operand, **kwargs)
        assert result.stype == stype
        numpy.testing.assert_allclose(result.asnumpy(), left @ right, rtol=1e-6)


def test_other_products():
    assert numpy.array_equal(sparse.dot(csr(), rsp()).asnumpy(), A @ A)
    assert numpy.array_equal(sparse.dot(csr(), csr(B)).asnumpy(), A @ B)
    left = nd.array(M.T.copy())
    assert sparse.dot(left, csr(), forward_stype="csr").stype == "csr"
    assert sparse.dot(nd.array(M), csr(), transpose_a=True).stype == "default"
    assert numpy.array_equal(sparse.dot(left, csr(), forward_stype="default").asnumpy(), M.T @ A)
    assert numpy.array_equal(sparse.dot(left, csr(), transpose_b=True).asnumpy(), M.T @ A.T)
    assert sparse.dot(csr(), nd.array([1, 2, 3])).asnumpy().tolist() == [2, 11, 0]
    with pytest.raises(MXNetError, match="dot shape error"):
        sparse.dot(csr(), nd.ones((4, 2)))


@pytest.mark.parametrize("rows", [1, 40])
def test_large_products(rows, monkeypatch):
    """Empty rows at the start, the end and between; in pieces of one column."""
    from minpy.nd.sparse import operators

    rng = numpy.random.RandomState(rows)
    left = (rng.rand(rows, 30) < 0.1) * rng.randn(rows, 30)
    left[0] = left[-1] = 0
    right = rng.randn(30, 7)
    for block in (1, 1 << 22):
        monkeypatch.setattr(operators, "_BLOCK", block)
        result = sparse.dot(sparse.csr_matrix(left), nd.array(right, dtype="float64"))
        numpy.testing.assert_allclose(result.asnumpy(), left @ right, rtol=1e-12)
        result = sparse.dot(sparse.csr_matrix(left), nd.array(left[:, :3], dtype="float64"), transpose_a=True)
        numpy.testing.assert_allclose(result.asnumpy(), left.T @ left[:, :3], rtol=1e-12)


@pytest.mark.parametrize("transpose", [False, True])
def test_gradient_of_the_dense_operand(transpose):
    w = nd.array(M)
    w.attach_grad()
    with autograd.record():
        out = sparse.dot(csr(), w, transpose_a=transpose)
        total = (out * out).sum()
    total.backward()
    matrix = A.T if transpose else A
    numpy.testing.assert_allclose(w.grad.asnumpy(), 2 * matrix.T @ (matrix @ M), rtol=1e-6)


def test_linear_regression_on_sparse_data():
    rng = numpy.random.RandomState(0)
    data = (rng.rand(200, 20) < 0.2) * rng.randn(200, 20)
    true = rng.randn(20, 1)
    x, y = sparse.csr_matrix(data.astype("f")), nd.array(data @ true)
    w = nd.zeros((20, 1))
    w.attach_grad()
    for _ in range(300):
        with autograd.record():
            loss = ((sparse.dot(x, w) - y) ** 2).mean()
        loss.backward()
        w -= 2.0 * w.grad
    numpy.testing.assert_allclose(w.asnumpy(), true, atol=1e-2)


def test_functions_get_ndarrays_in_backward():
    """What autograd.Function hands to `backward` has the methods that code for MXNet calls."""

    class Double(autograd.Function):
        def forward(self, x):
            return x * 2

        def backward(self, dy):
            assert dy.context == mx.cpu(1)
            return nd.array(dy.asnumpy() * 2, ctx=dy.context)

    x = nd.ones(3, ctx=mx.cpu(1))
    x.attach_grad()
    with autograd.record():
        y = Double()(x) * 3
    y.backward()
    assert x.grad.asnumpy().tolist() == [6, 6, 6]
