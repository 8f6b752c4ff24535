"""minpy.core's conversions and minpy.utils.gradient_checker."""

import numpy as onp
import pytest

import minpy.numpy as np
from minpy import autograd
from minpy.core import convert_args, grad, grad_and_loss, minpy_to_numpy, numpy_to_minpy, return_numpy
from minpy.utils import gradient_checker


class Wrong(autograd.Function):
    """The square, with a gradient that is 1 % too large."""

    def forward(self, x):
        self.save_for_backward(x)
        return x * x

    def backward(self, g):
        return g * self.saved_tensors[0] * 2.02


def test_conversions_share_memory():
    a = onp.arange(3.0)
    b = numpy_to_minpy({"a": [a, 1], "t": (a,)})
    assert isinstance(b["a"][0], np.ndarray) and isinstance(b["t"], tuple) and b["a"][1] == 1
    b["t"][0][0] = 7
    assert a[0] == 7
    back = minpy_to_numpy(b["a"][0])
    assert type(back) is onp.ndarray
    back[1] = 8
    assert a[1] == 8


def test_decorators():
    @convert_args
    def kind(x, y=None):
        return isinstance(x, np.ndarray) and isinstance(y, np.ndarray)

    assert kind(onp.ones(2), y=onp.ones(2))
    assert kind.__name__ == "kind"

    @return_numpy
    def pair(x):
        return x + 1, [x]

    a, (b,) = pair(np.ones(2))
    assert type(a) is onp.ndarray and type(b) is onp.ndarray


def test_gradient_functions_look_like_the_function():
    def loss(w):
        """The loss."""
        return w * w

    for f in (grad(loss), grad_and_loss(loss)):
        assert f.__name__ == "loss" and f.__doc__ == "The loss." and f.__wrapped__ is loss

    class Model:
        derivative = grad(lambda self, x: x * x * x, 1)

    assert Model().derivative(2.0) == 12.0


def test_gradient_checker():
    x, w = onp.linspace(0.5, 2, 6).reshape(2, 3), onp.ones(3)
    f = lambda x, w, power=1: np.sum(np.tanh(x @ np.asarray(w)) ** power)  # noqa: E731
    want = (1 - onp.tanh(x @ w) ** 2)[:, None] * onp.ones(3)
    onp.testing.assert_allclose(gradient_checker.grad_num(f, x, (w,)), want, rtol=1e-6)
    assert gradient_checker.check_grad(f, x, (w,), {"power": 3})
    assert not gradient_checker.check_grad(lambda x: Wrong()(x), x)
    rs = onp.random.RandomState(0)
    assert gradient_checker.quick_grad_check(f, x, (w,), {"power": 2}, verbose=False, rs=rs)
    with pytest.raises(ValueError, match="the gradient is wrong"):
        gradient_checker.quick_grad_check(lambda x: Wrong()(x), x, verbose=False, rs=rs)
    assert gradient_checker.rel_error([1.0, 2.0], [1.0, 2.2]) == pytest.approx(0.2 / 2.2)
