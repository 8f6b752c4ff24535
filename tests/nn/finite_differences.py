"""Checks of gradients in double precision: first order against finite differences, second order the same way."""

import numpy

import minpy.numpy as np
from minpy import autograd


def gradients(f, arrays, head, create_graph=False):
    """The gradients of sum(head * f(*arrays)) by the arrays."""
    with autograd.record():
        out = f(*arrays)
    return autograd.grad(
        out, list(arrays), head_grads=head, create_graph=create_graph, retain_graph=create_graph
    )


def numeric_gradients(f, arrays, head, step=1e-6):
    results = []
    for k, a in enumerate(arrays):
        base = numpy.asarray(a)
        found = numpy.zeros(base.shape)
        for i in numpy.ndindex(base.shape):
            sums = []
            for sign in (1, -1):
                moved = base.copy()
                moved[i] += sign * step
                args = list(arrays)
                args[k] = np.array(moved)
                sums.append(float(numpy.sum(numpy.asarray(f(*args)) * numpy.asarray(head))))
            found[i] = (sums[0] - sums[1]) / (2 * step)
        results.append(found)
    return results


def check_gradients(f, *values, order=2, rtol=1e-5, atol=1e-7, seed=0):
    """Compares f's gradients at `values` with finite differences, up to the given order.

    `f` maps float64 arrays to one float64 array. Small arrays only: each element costs two evaluations.
    """
    random = numpy.random.default_rng(seed)
    arrays = [np.array(numpy.asarray(v, dtype=numpy.float64)) for v in values]
    for a in arrays:
        a.attach_grad()
    head = np.array(random.normal(size=f(*arrays).shape))
    found = gradients(f, arrays, head)
    for a, got, want in zip(arrays, found, numeric_gradients(f, arrays, head)):
        assert got.shape == a.shape
        numpy.testing.assert_allclose(numpy.asarray(got), want, rtol=rtol, atol=atol)
    if order == 1:
        return
    weights = [np.array(random.normal(size=a.shape)) for a in arrays]

    with autograd.record():
        out = f(*arrays)
        first = autograd.grad(out, arrays, head_grads=head, create_graph=True, retain_graph=True)
        total = sum(np.sum(w * g) for w, g in zip(weights, first))
        total = total + sum(np.sum(0 * a) for a in arrays)  # so that each array is reachable
    second = autograd.grad(total, arrays)

    def plain_directional(*xs):
        fresh = [np.array(numpy.asarray(x)) for x in xs]
        for x in fresh:
            x.attach_grad()
        return np.array(sum(float(np.sum(w * g)) for w, g in zip(weights, gradients(f, fresh, head))))

    for got, want in zip(second, numeric_gradients(plain_directional, arrays, np.array(1.0))):
        numpy.testing.assert_allclose(numpy.asarray(got), want, rtol=10 * rtol, atol=10 * atol)
