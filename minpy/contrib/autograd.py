"""Gradients by the names of MXNet's first version of `mx.autograd`."""

import functools

from minpy import autograd, nd

__all__ = [
    "backward",
    "compute_gradient",
    "grad",
    "grad_and_loss",
    "mark_variables",
    "set_is_training",
    "test_section",
    "train_section",
]


def set_is_training(is_train):
    """Turn recording and training on or off; returns what it was before."""
    autograd.set_training(is_train)
    return autograd.set_recording(is_train)


def train_section():
    """A scope that records, in which layers act as in training."""
    return autograd.record()


def test_section():
    """A scope that does not record, in which layers act as in inference."""
    return autograd.pause()


def mark_variables(variables, gradients, grad_reqs="write"):
    """See `mx.autograd.mark_variables`."""
    autograd.mark_variables(variables, gradients, grad_reqs)


def backward(outputs, out_grads=None, retain_graph=False):
    """Fill the gradients of the variables that a list of outputs was computed from."""
    assert isinstance(outputs, (list, tuple)), "outputs must be a list or tuple of NDArrays"
    autograd.backward(list(outputs), out_grads, retain_graph)


def compute_gradient(outputs):
    """`backward` with gradients of ones."""
    backward(outputs)


def grad_and_loss(func, argnum=None):
    """A function that returns the gradients of `func` and its outputs.

    Parameters
    ----------
    func : callable
        Of NDArrays.
    argnum : int or list of int
        Which arguments to differentiate; None: all.
    """

    @functools.wraps(func)
    def wrapped(*args):
        chosen = range(len(args)) if argnum is None else argnum if isinstance(argnum, list) else [argnum]
        variables = [args[i] for i in chosen]
        for x in variables:
            assert isinstance(x, nd.NDArray), "type of autograd input should NDArray."
        grads = [nd.zeros_like(x) for x in variables]
        mark_variables(variables, grads)
        with train_section():
            outputs = func(*args)
        compute_gradient([outputs] if isinstance(outputs, nd.NDArray) else outputs)
        return [x.grad for x in variables], outputs

    return wrapped


def grad(func, argnum=None):
    """The same without the outputs."""
    both = grad_and_loss(func, argnum)

    @functools.wraps(func)
    def wrapped(*args):
        return both(*args)[0]

    return wrapped
