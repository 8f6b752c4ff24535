"""Factorisations of stacks of matrices: what defines them, shapes of single matrices, errors."""

import numpy
import pytest

from minpy import autograd, nd


def _matrices(*shape, seed=0):
    return nd.array(numpy.random.default_rng(seed).standard_normal(shape), dtype="float64")


def test_factors_give_the_matrix_back():
    a = _matrices(2, 3, 5)
    q, low = nd.linalg.gelqf(a)
    numpy.testing.assert_allclose(nd.batch_dot(low, q).asnumpy(), a.asnumpy(), atol=1e-12)
    s = nd.linalg.syrk(a)
    u, values = nd.linalg.syevd(s)
    rebuilt = nd.batch_dot(u.transpose((0, 2, 1)), values.expand_dims(2) * u)
    numpy.testing.assert_allclose(rebuilt.asnumpy(), s.asnumpy(), atol=1e-12)
    low = nd.linalg.potrf(s)
    numpy.testing.assert_allclose(nd.linalg.trmm(low, low, True, True).asnumpy(), s.asnumpy(), atol=1e-12)
    numpy.testing.assert_allclose(
        nd.linalg.potri(low).asnumpy(), nd.linalg.inverse(s).asnumpy(), rtol=1e-9, atol=1e-9
    )


def test_numbers_of_one_matrix_have_shape_1():
    a = nd.array([[4, 1], [1, 3]])
    for result in (nd.linalg.det(a), nd.linalg.sumlogdiag(a), *nd.linalg.slogdet(a)):
        assert type(result) is nd.NDArray
        assert result.shape == (1,)
    assert nd.linalg.det(a).asscalar() == pytest.approx(11)


def test_gradients_of_the_numbers_of_one_matrix():
    a = nd.array([[4, 1], [1, 3]])
    a.attach_grad()
    with autograd.record():
        total = nd.linalg.det(a) + nd.linalg.slogdet(a)[1] * 11
    assert type(total) is nd.NDArray
    total.backward()
    assert a.grad.asnumpy() == pytest.approx(numpy.array([[6, -2], [-2, 8.0]]), rel=1e-5)


def test_second_derivatives_exist():
    a = nd.array([[4, 1], [1, 3]], dtype="float64")
    a.attach_grad()
    with autograd.record():
        (first,) = autograd.grad(nd.linalg.det(a), [a], create_graph=True)
        (first[0, 0] * 2).backward()
    assert a.grad.asnumpy() == pytest.approx(numpy.array([[0, 0], [0, 2.0]]), abs=1e-12)


@pytest.mark.parametrize("offset", [-2, -1, 0, 1, 2])
def test_triangles_and_diagonals_come_back(offset):
    v = _matrices(2, 6)
    assert nd.linalg.extracttrian(nd.linalg.maketrian(v, offset=offset), offset=offset).tolist() == v.tolist()
    assert nd.linalg.extractdiag(nd.linalg.makediag(v, offset=offset), offset=offset).tolist() == v.tolist()


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"square matrices are required, the shape is \(2, 3\)"):
        nd.linalg.potrf(nd.ones((2, 3)))
    with pytest.raises(ValueError, match="5 elements do not fill a triangle"):
        nd.linalg.maketrian(nd.ones((5,)))
