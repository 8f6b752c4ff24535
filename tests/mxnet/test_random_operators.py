"""The operators of random numbers; the values are MXNet 1.9.1's."""

import inspect

import numpy
import pytest

import minpy as mx
from minpy import nd

FAMILY = "uniform normal gamma exponential poisson negative_binomial generalized_negative_binomial".split()


def test_namespaces():
    assert nd.random.uniform is mx.random.uniform and nd.random.randn is mx.random.randn
    assert not hasattr(nd.random, "seed")
    assert nd.uniform is nd.random_uniform and nd.normal is nd.random_normal
    for name in FAMILY:
        for place in (f"random_{name}", f"sample_{name}"):
            assert getattr(nd, place) is getattr(nd.op, "_" + place)
        assert callable(getattr(nd.random, f"{name}_like"))
    for name in ("random_randint", "sample_multinomial", "shuffle"):
        assert callable(getattr(nd, name))


@pytest.mark.parametrize("name", FAMILY)
def test_random_and_sample_are_the_functions_of_mx_random(name):
    numbers = [0.5] if name in ("exponential", "poisson") else [0.5, 0.75]
    mx.random.seed(3)
    expected = getattr(mx.random, name)(
        *([2.0] if name == "exponential" else numbers), shape=(4, 2)
    ).asnumpy()
    mx.random.seed(3)
    drawn = getattr(nd, f"random_{name}")(*numbers, shape=(4, 2), ctx="cpu(1)", dtype="float32")
    assert drawn.context == mx.cpu(1)
    numpy.testing.assert_array_equal(drawn.asnumpy(), expected)
    arrays = [nd.array([number] * 4) for number in numbers]
    mx.random.seed(3)
    numpy.testing.assert_array_equal(getattr(nd, f"sample_{name}")(*arrays, shape=2).asnumpy(), expected)
    mx.random.seed(3)
    parameters = dict(zip(inspect.signature(getattr(nd, f"random_{name}")).parameters, numbers))
    like = nd.op.__dict__[f"_random_{name}_like"](nd.zeros((4, 2)), **parameters)
    numpy.testing.assert_array_equal(like.asnumpy(), expected)


def test_parameters_by_name():
    mx.random.seed(1)
    drawn = nd.sample_normal(mu=nd.array([0, 10]), sigma=nd.array([1, 2]), shape=2)
    expected = [[-0.6776515245437622, 0.1007394790649414], [11.151908874511719, 9.30614948272705]]
    assert drawn.asnumpy().tolist() == expected
    mx.random.seed(1)
    drawn = nd.sample_multinomial(nd.array([[0.2, 0.8], [0.5, 0.5]]), shape=(3,))
    assert drawn.asnumpy().tolist() == [[1, 0, 0], [1, 0, 1]]
    index, logs = nd.sample_multinomial(nd.array([[0.0, 1.0]]), get_prob=True)
    assert index.asnumpy().tolist() == [1] and logs.asnumpy().tolist() == [0]
    out = nd.zeros((3,))
    assert nd.random_normal(loc=100, scale=1, shape=(3,), out=out) is out and (out.asnumpy() > 90).all()
    assert set(nd.random_randint(low=0, high=2, shape=50).asnumpy().tolist()) == {0, 1}
    assert sorted(nd.shuffle(nd.arange(5)).asnumpy().tolist()) == [0, 1, 2, 3, 4]


def test_mistakes():
    with pytest.raises(TypeError):
        nd.random_uniform(0, 1, shape=2, high=3)
    with pytest.raises(ValueError, match="Invalid context string tpu"):
        nd.random_uniform(shape=2, ctx="tpu(0)")
    with pytest.raises(mx.MXNetError, match="scale parameter in gaussian has to be positive"):
        nd.random_normal(0, -1, shape=2)


def test_documentation():
    doc = inspect.getdoc(nd.sample_normal)
    assert (
        doc.startswith("Normal numbers of mean `mu` and deviation `sigma`.") and "mu, sigma : NDArray" in doc
    )
    assert (
        str(inspect.signature(nd.random_uniform)) == "(low=0.0, high=1.0, shape=None, ctx=None, dtype=None)"
    )
