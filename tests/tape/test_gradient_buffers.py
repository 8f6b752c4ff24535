"""The buffer of a variable's gradient: kept while somebody holds it, replaced by the gradient while nobody does."""

import numpy

import minpy.numpy as np
from minpy import autograd, nd


def run_backward(x):
    with autograd.record():
        y = np.sum(x * x * x)
    y.backward()


def test_held_buffers_stay():
    for held in (lambda g: g, lambda g: g[...], lambda g: memoryview(g), lambda g: numpy.asarray(g)):
        x = np.arange(6.0)
        x.attach_grad()
        run_backward(x)
        buffer = held(x.grad)
        x[...] = 2
        run_backward(x)
        assert numpy.asarray(buffer).tolist() == [12.0] * 6


def test_gradients_can_be_written_and_do_not_alias():
    for x in (np.ones((3, 2)), np.array(2.0), nd.ones((3, 2))):
        x.attach_grad()
        with autograd.record():
            y = x + 0  # its gradient is the head gradient itself
        head = np.ones(x.shape, dtype=x.dtype)
        y.backward(head)
        x.grad[...] = 7
        assert numpy.all(numpy.asarray(head) == 1)
        assert numpy.all(numpy.asarray(x) != 7)
        assert numpy.all(numpy.asarray(x.grad) == 7)


def test_two_variables_with_one_gradient():
    a, b = np.ones(4), np.ones(4)
    a.attach_grad(), b.attach_grad()
    with autograd.record():
        y = np.sum((a + b) * 3)
    y.backward()
    a.grad[...] = 0
    assert b.grad.tolist() == [3.0] * 4


def test_adding_gradients():
    x = np.arange(3.0)
    x.attach_grad("add")
    for _ in range(3):
        run_backward(x)
    assert x.grad.tolist() == [0.0, 9.0, 36.0]


def test_held_arrays_get_the_gradient_without_a_copy():
    x = np.ones((256, 256), dtype="float32")
    w = np.ones((256, 256), dtype="float32")
    w.attach_grad()
    buffer = w.grad
    with autograd.record():
        y = np.sum(x @ w)
    y.backward()
    assert w.grad is buffer and (numpy.asarray(buffer) == 256).all()


def test_views_of_a_buffer_follow_it():
    x = np.arange(6.0)
    x.attach_grad()
    view = x.grad[1:3]
    run_backward(x)
    assert view.tolist() == [3.0, 12.0] and np.shares_memory(view, x.grad)
