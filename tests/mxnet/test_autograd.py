"""mx.autograd on NDArrays: values, scopes and refusals as MXNet 1.9.1 has them."""

import numpy
import pytest

import minpy as mx
from minpy import autograd, nd


def variable(values=(1.0, 2.0, 3.0), **kwargs):
    x = nd.array(values)
    x.attach_grad(**kwargs)
    return x


def square(x):
    with autograd.record():
        return x * x


def flags():
    return autograd.is_recording(), autograd.is_training()


def test_scopes():
    with autograd.record():
        assert flags() == (True, True)
        with autograd.pause():
            assert flags() == (False, False)
        with autograd.pause(train_mode=True):
            assert flags() == (False, True)
        with autograd.predict_mode():
            assert flags() == (True, False)
    with autograd.record(train_mode=False):
        assert flags() == (True, False)
        with autograd.train_mode():
            assert flags() == (True, True)
    with autograd.train_mode():
        assert flags() == (False, True)
    with pytest.raises(ZeroDivisionError), autograd.record():
        1 / 0  # noqa: B018
    assert flags() == (False, False)
    assert (autograd.set_recording(True), autograd.set_training(True)) == (False, False)
    assert (autograd.set_recording(False), autograd.set_training(False)) == (True, True)


def test_grad_buffers():
    assert nd.array([1.0]).grad is None
    x = variable()
    assert type(x.grad) is nd.NDArray and x.grad.asnumpy().tolist() == [0, 0, 0]
    kept = x.grad
    square(x).backward()
    assert kept.asnumpy().tolist() == [2, 4, 6] == x.grad.asnumpy().tolist()
    square(x).backward()
    assert x.grad.asnumpy().tolist() == [2, 4, 6]
    x.grad[:] = 5
    assert x.grad.asnumpy().tolist() == [5, 5, 5]
    x.attach_grad()
    assert x.grad.asnumpy().tolist() == [0, 0, 0]


def test_add_and_null():
    x = variable(grad_req="add")
    for _ in range(2):
        square(x).backward()
    assert x.grad.asnumpy().tolist() == [4, 8, 12]
    x = variable(grad_req="null")
    with pytest.raises(
        mx.MXNetError, match="There are no inputs in computation graph that require gradients."
    ):
        square(x).backward()
    with pytest.raises(KeyError, match="foo"):
        variable(grad_req="foo")


@pytest.mark.parametrize("how", ["again", "outside", "constant"])
def test_no_graph(how):
    x = variable()
    if how == "again":
        y = square(x)
        y.backward()
    else:
        y = x * x if how == "outside" else nd.array([1.0])
    with pytest.raises(
        mx.MXNetError, match="Cannot differentiate node because it is not in a computational graph"
    ):
        y.backward()


def test_retain_graph():
    x = variable(grad_req="add")
    y = square(x)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.asnumpy().tolist() == [4, 8, 12]


def test_head_gradients():
    x = variable()
    square(x).backward(nd.array([1, 0, 2]))
    assert x.grad.asnumpy().tolist() == [2, 0, 12]
    square(x).backward(out_grad=nd.array([0, 0, 1]))
    assert x.grad.asnumpy().tolist() == [0, 0, 6]
    autograd.backward([square(x), square(x)], [None, nd.array([0, 0, 1])])
    assert x.grad.asnumpy().tolist() == [2, 4, 12]
    with pytest.raises(AssertionError, match="heads and head_grads must be lists of the same length"):
        autograd.backward([square(x)], [nd.ones(3), nd.ones(3)])
    with pytest.raises(ValueError, match="shape"):
        square(x).backward(nd.ones(2))


def test_grad_gives_a_list_of_ndarrays():
    x = variable()
    for variables in (x, [x]):
        found = autograd.grad(square(x), variables)
        assert type(found) is list and type(found[0]) is nd.NDArray
        assert found[0].asnumpy().tolist() == [2, 4, 6]
    assert x.grad.asnumpy().tolist() == [0, 0, 0]
    (found,) = autograd.grad(square(x), x, head_grads=nd.array([2, 1, 1]))
    assert found.asnumpy().tolist() == [4, 4, 6]
    with pytest.raises(AssertionError, match="variables cannot be an empty list."):
        autograd.grad(square(x), [])
    with pytest.raises(mx.MXNetError, match="1-th variable because it is unreachable from the outputs"):
        autograd.grad(square(x), variable())


def test_grad_on_another_device():
    x = nd.array([1.0, 2.0], ctx=mx.cpu(1))
    x.attach_grad()
    assert autograd.grad(square(x), x)[0].context == mx.cpu(1) == x.grad.context


def test_second_order():
    x = variable()
    with autograd.record():
        (first,) = autograd.grad(x**3, x, create_graph=True, retain_graph=True)
        second = (first * first).sum()
    assert type(first) is nd.NDArray
    second.backward()
    numpy.testing.assert_allclose(x.grad.asnumpy(), [36, 288, 972])  # d/dx 9 x^4


def test_mark_variables():
    x, gradient = nd.ones(3), nd.zeros(3)
    autograd.mark_variables([x], [gradient])
    with autograd.record():
        y = x * 3
    y.backward()
    assert gradient.asnumpy().tolist() == [3, 3, 3]
    autograd.mark_variables(x, gradient, "add")
    with autograd.record():
        y = x * 3
    y.backward()
    assert gradient.asnumpy().tolist() == [6, 6, 6] == x.grad.asnumpy().tolist()
    with pytest.raises(KeyError, match="foo"):
        autograd.mark_variables([x], [gradient], ["foo"])
    with pytest.raises(ValueError, match="shape"):
        autograd.mark_variables([x], [nd.zeros(2)])


@pytest.mark.parametrize("write", ["x += 1", "x[:] = 1", "x[0] = 1"])
def test_writing_to_a_variable_while_recording(write):
    x = variable()
    message = "Assigning to NDArrays that are already in a computational graph"
    with autograd.record(), pytest.raises(mx.MXNetError, match=message):
        exec(write)
    exec(write)
    assert x.asnumpy()[0] in (1, 2)


def test_detach_and_attach_cut_the_graph():
    x = variable()
    with autograd.record():
        y = (x * x).detach() * x
    y.backward()
    assert x.grad.asnumpy().tolist() == [1, 4, 9]
    x = variable()
    y = square(x)
    y.attach_grad()
    with autograd.record():
        z = y * 2
    z.backward()
    assert x.grad.asnumpy().tolist() == [0, 0, 0] and y.grad.asnumpy().tolist() == [2, 2, 2]


class Sum(autograd.Function):
    def forward(self, x, y):
        self.save_for_backward(x, y)
        return x + y, x * y

    def backward(self, d_sum, d_product):
        x, y = self.saved_tensors
        return d_sum + d_product * y, d_sum + d_product * x


def test_function():
    x, y = variable(), variable((4.0, 5.0, 6.0))
    function = Sum()
    with autograd.record():
        total, product = function(x, y)
        z = total + 2 * product
    assert type(total) is nd.NDArray
    z.backward()
    assert x.grad.asnumpy().tolist() == [9, 11, 13] and y.grad.asnumpy().tolist() == [3, 5, 7]
    with pytest.raises(AssertionError, match="Each Function instance can only be called once"):
        function(x, y)


def test_get_symbol():
    with pytest.raises(NotImplementedError, match="mx.sym.Variable"):
        autograd.get_symbol(square(variable()))
