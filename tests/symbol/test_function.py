"""minpy.core.Function: symbols in imperative code."""

import numpy
import pytest

import minpy.numpy as np
from minpy import autograd, nd, sym
from minpy.core import Function, grad


def affine():
    return sym.FullyConnected(sym.Variable("x"), num_hidden=2, name="fc")


def test_shapes_parameters_and_values():
    net = sym.Convolution(sym.Variable("x"), name="conv", kernel=(3, 3), num_filter=4, no_bias=True)
    conv = Function(net, input_shapes={"x": (2, 3, 8, 8)})
    assert conv._param_shapes == {"conv_weight": (4, 3, 3, 3)}
    assert conv._out_shapes == {"conv_output": (2, 4, 6, 6)}
    assert conv.get_params() == {"conv_weight": {"shape": (4, 3, 3, 3)}}
    y = np.exp(conv(x=np.zeros((2, 3, 8, 8)), conv_weight=np.ones((4, 3, 3, 3))))
    assert type(y) is np.ndarray and y.shape == (2, 4, 6, 6) and (y == 1).all()


def test_gradients_flow_through():
    f = Function(affine(), {"x": (3, 4)})
    rng = numpy.random.default_rng(0)
    x, w, b = (np.array(rng.normal(size=s)) for s in ((3, 4), (2, 4), (2,)))
    by_weight = grad(lambda w: np.sum(np.tanh(f(x=x, fc_weight=w, fc_bias=b))))(w)
    direct = grad(lambda w: np.sum(np.tanh(x @ w.T + b)))(w)
    numpy.testing.assert_allclose(by_weight, direct, rtol=1e-12)


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="must be a dict"):
        Function(affine(), input_shapes={"x", (3, 4)})
    with pytest.raises(ValueError, match="no arguments of the symbol"):
        Function(affine(), {"y": (3, 4)})
    f = Function(affine(), {"x": (3, 4)}, name="affine")
    with pytest.raises(
        TypeError, match=r"affine: missing arguments \['fc_bias'\], unknown arguments \['z'\]"
    ):
        f(x=np.ones((3, 4)), fc_weight=np.ones((2, 4)), z=1)


def test_shapes_are_told_by_the_first_call():
    f = Function(affine())
    with pytest.raises(ValueError, match="after a call"):
        f.get_params()
    assert f(x=np.ones((3, 4)), fc_weight=np.ones((2, 4)), fc_bias=np.ones(2)).tolist() == [[5, 5]] * 3
    assert f._out_shapes == {"fc_output": (3, 2)}


def test_auxiliary_states_and_several_outputs():
    norm = sym.BatchNorm(sym.Variable("x"), fix_gamma=False, momentum=0.5, name="bn")
    f = Function(sym.Group([norm, sym.Variable("x") * 2]), {"x": (4, 2)})
    x = np.array(numpy.arange(8.0).reshape(4, 2))
    options = {"bn_gamma": np.ones(2), "bn_beta": np.zeros(2)}
    low, double = f(x=x, **options)
    assert (double == 2 * x).all() and f.aux_states["bn_moving_mean"].tolist() == [0, 0]
    with autograd.record():
        f(x=x, **options)
    assert f.aux_states["bn_moving_mean"].tolist() == [1.5, 2.0]
    assert f.aux_states["bn_moving_var"].tolist() == [3, 3]


def test_ndarrays_stay_ndarrays():
    out = Function(affine())(x=nd.ones((3, 4)), fc_weight=nd.ones((2, 4)), fc_bias=nd.ones((2,)))
    assert isinstance(out, nd.NDArray)
