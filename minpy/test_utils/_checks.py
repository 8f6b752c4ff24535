"""Checks of gradients, optimizers, networks and random generators."""

import contextlib
import functools
import os

import numpy

import minpy.random
from minpy import autograd, nd
from minpy.engine import waitall
from minpy.test_utils._comparison import (
    assert_almost_equal,
    compare_ndarray_tuple,
    default_context,
    default_numeric_eps,
    get_tolerance,
)
from minpy.util import get_gpu_count

__all__ = [
    "check_gluon_hybridize_consistency",
    "check_numeric_gradient",
    "chi_square_check",
    "compare_optimizer",
    "discard_stderr",
    "environment",
    "gen_buckets_probs_with_ppf",
    "list_gpus",
    "mean_check",
    "retry",
    "var_check",
    "verify_generator",
]

_STDERR = 2


def list_gpus():
    """The numbers of the GPUs that there are."""
    return range(get_gpu_count())


def check_numeric_gradient(
    sym,
    location,
    aux_states=None,
    numeric_eps=None,
    rtol=None,
    atol=None,
    grad_nodes=None,
    use_forward_train=True,
    ctx=None,
    grad_stype_dict=None,
    dtype=numpy.float32,
):
    """Raise AssertionError unless the gradients of a function are those of finite differences.

    Parameters
    ----------
    sym : Symbol or callable
        From NDArrays to an NDArray.
    location : list or dict of array_like
        Its arguments; those of a function as a list.
    aux_states : list or dict of array_like
        Of a symbol.
    numeric_eps : float or dict from dtype to float
        Distance of the two points of a difference; by default that of the dtype.
    rtol, atol : float
    grad_nodes : list of int, or of str, or dict of str
        The positions, or the names, of the arguments to check; by default all. A dict has 'write', 'add' or 'null'.
    use_forward_train : bool
        Whether differences are taken in training mode.
    ctx : Context
    grad_stype_dict : None
        Gradients are dense.
    dtype : dtype
    """
    ctx = ctx or default_context()
    if hasattr(sym, "list_arguments"):
        from minpy.test_utils._symbols import check_symbol_gradients

        eps = get_tolerance(numpy.zeros(0, dtype), numeric_eps, default_numeric_eps())
        check_symbol_gradients(
            sym, location, aux_states, eps, rtol, atol, grad_nodes, use_forward_train, ctx, dtype
        )
        return
    if not callable(sym):
        raise TypeError(f"a function of NDArrays or a Symbol is required, {type(sym).__name__} was given")
    arguments = [nd.array(value, ctx=ctx, dtype=dtype) for value in location]
    for argument in arguments:
        argument.attach_grad()
    with autograd.record():
        out = sym(*arguments)
        weights = nd.array(numpy.random.rand(*out.shape) + 0.1, ctx=ctx, dtype=dtype)
        loss = (out * weights).sum()
    loss.backward()
    eps = get_tolerance(out, numeric_eps, default_numeric_eps())
    for i in range(len(arguments)) if grad_nodes is None else grad_nodes:
        found = arguments[i].grad.asnumpy()
        numeric = _differences(sym, arguments, i, weights.asnumpy(), eps, use_forward_train)
        assert_almost_equal(numeric, found, rtol, atol, (f"NUMERICAL_{i}", f"BACKWARD_{i}"))


def _differences(function, arguments, which, weights, eps, train_mode):
    values = arguments[which].asnumpy()
    result = numpy.zeros_like(values)
    scope = autograd.train_mode if train_mode else autograd.predict_mode

    def at(index, step):
        moved = values.copy()
        moved[index] += step
        changed = [nd.array(moved, dtype=moved.dtype) if i == which else x for i, x in enumerate(arguments)]
        with scope():
            return function(*changed).asnumpy()

    for index in numpy.ndindex(values.shape):
        result[index] = ((at(index, eps / 2) - at(index, -eps / 2)) * weights).sum() / eps
    return result


def check_gluon_hybridize_consistency(
    net_builder, data_l, numpy_func=None, test_grad=True, rtol=1e-4, atol=1e-4
):
    """Raise AssertionError unless a block gives the same with and without hybridize.

    Parameters
    ----------
    net_builder : callable
        Makes the block; takes `prefix`.
    data_l : list of array
        The block's arguments.
    numpy_func : callable
        What the block should compute, of NumPy arrays.
    test_grad : bool
        Whether gradients of the arguments are compared too.
    rtol, atol : float
    """
    net = net_builder(prefix="net_")
    net.initialize()
    outputs, gradients = [], []
    for hybridize in (False, True):
        if hybridize:
            net.hybridize()
        for recording in (False, True) if test_grad else (False,):
            inputs = [array.copy() for array in data_l]
            if recording:
                for array in inputs:
                    array.attach_grad()
                with autograd.record():
                    out = net(*inputs)
                out.backward(out)
                gradients.append([array.grad.asnumpy() for array in inputs])
            else:
                out = net(*inputs)
            outputs.append(out.asnumpy())
    for out in outputs:
        assert_almost_equal(out, outputs[0], rtol=rtol, atol=atol)
    for found in gradients:
        for gradient, first in zip(found, gradients[0], strict=True):
            assert_almost_equal(gradient, first, rtol=rtol, atol=atol)
    if numpy_func is not None:
        assert_almost_equal(outputs[0], numpy_func(*[x.asnumpy() for x in data_l]), rtol=rtol, atol=atol)


def compare_optimizer(
    opt1,
    opt2,
    shape,
    dtype,
    w_stype="default",
    g_stype="default",
    rtol=1e-4,
    atol=1e-5,
    compare_states=True,
    ntensors=1,
):
    """Raise AssertionError unless two optimizers make the same step.

    Parameters
    ----------
    opt1, opt2 : Optimizer
    shape : tuple of int, or list of them
        Of the weights.
    dtype : dtype
    w_stype, g_stype : {'default'}
    rtol, atol : float
    compare_states : bool
    ntensors : int
        How many weights there are.
    """
    assert w_stype == g_stype == "default", "weights and gradients are dense"
    shapes = shape if isinstance(shape, list) else [shape]
    assert len(shapes) == ntensors
    for i, one in enumerate(shapes):
        weight, gradient = (minpy.random.uniform(shape=one, dtype=dtype) for _ in range(2))
        results = []
        for optimizer in (opt1, opt2):
            copy = weight.copy()
            state = optimizer.create_state_multi_precision(i, copy)
            optimizer.update_multi_precision(i, copy, gradient.copy(), state)
            results.append((copy, state))
        assert_almost_equal(results[0][0], results[1][0], rtol=rtol, atol=atol)
        if compare_states:
            compare_ndarray_tuple(results[0][1], results[1][1], rtol, atol)


def retry(n):
    """Decorate a test that draws random numbers: it may fail n - 1 times."""
    assert n > 0

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            for attempt in range(n):
                try:
                    function(*args, **kwargs)
                    return
                except AssertionError:
                    if attempt == n - 1:
                        raise
                    waitall()

        return wrapper

    return decorate


@contextlib.contextmanager
def environment(*args):
    """A ``with`` block in which environment variables have other values.

    Parameters
    ----------
    *args : str, str or dict
        A name and its value, or a dictionary of several; None removes a variable.
    """
    changes = args[0] if len(args) == 1 and isinstance(args[0], dict) else dict([args])
    before = {name: os.environ.get(name) for name in changes}
    try:
        _set_environment(changes)
        yield
    finally:
        waitall()
        _set_environment(before)


def _set_environment(values):
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def discard_stderr():
    """A ``with`` block in which nothing is written to the standard error, also not by C code."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        saved = os.dup(_STDERR)
        try:
            os.dup2(nowhere.fileno(), _STDERR)
            yield
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)


def mean_check(generator, mu, sigma, nsamples=1000000):
    """Whether the mean of `generator(nsamples)` is within three standard errors of `mu`."""
    return bool(abs(numpy.asarray(generator(nsamples)).mean() - mu) < 3 * sigma / numpy.sqrt(nsamples))


def var_check(generator, sigma, nsamples=1000000):
    """Whether the variance of `generator(nsamples)` is within three standard errors of sigma squared."""
    variance = numpy.asarray(generator(nsamples)).var(ddof=1)
    return bool(abs(variance - sigma**2) < 3 * numpy.sqrt(2 * sigma**4 / (nsamples - 1)))


def gen_buckets_probs_with_ppf(ppf, nbuckets):
    """Intervals of equal probability, from the inverse of a distribution function.

    Parameters
    ----------
    ppf : callable
    nbuckets : int

    Returns
    -------
    tuple of list
        The intervals and their probabilities.
    """
    assert nbuckets > 0
    bounds = [ppf(i / nbuckets) for i in range(nbuckets + 1)]
    return list(zip(bounds[:-1], bounds[1:], strict=True)), [1.0 / nbuckets] * nbuckets


def chi_square_check(generator, buckets, probs, nsamples=1000000):
    """Compare how often samples fall into buckets with the probabilities of that.

    Parameters
    ----------
    generator : callable
        From a number to so many samples.
    buckets : list
        Of numbers, or of intervals in ascending order.
    probs : list of float
    nsamples : int

    Returns
    -------
    tuple
        The probability of a difference as large, and the observed and the expected counts.
    """
    from scipy import stats

    assert isinstance(buckets, list) and len(probs) == len(buckets)
    samples = numpy.asarray(generator(nsamples)).ravel()
    if isinstance(buckets[0], (list, tuple)):
        flat = numpy.array(buckets, dtype=numpy.float64).ravel()
        assert (numpy.diff(flat) >= 0).all()
        where = numpy.searchsorted(flat, samples, side="right")
        observed = numpy.array([numpy.count_nonzero(where == 2 * i + 1) for i in range(len(buckets))])
    else:
        observed = numpy.array([numpy.count_nonzero(samples == value) for value in buckets])
    expected = nsamples * numpy.asarray(probs, dtype=numpy.float64)
    scaled = expected * (observed.sum() / expected.sum())
    return stats.chisquare(observed, scaled)[1], observed, expected


def verify_generator(generator, buckets, probs, nsamples=1000000, nrepeat=5, success_rate=0.2, alpha=0.05):
    """Raise AssertionError unless `chi_square_check` is content often enough.

    Parameters
    ----------
    generator, buckets, probs, nsamples
        See `chi_square_check`.
    nrepeat : int
        How often it is called.
    success_rate : float
        The share of calls whose result must exceed `alpha`.
    alpha : float

    Returns
    -------
    list of float
        The results of the calls.
    """
    results = [chi_square_check(generator, buckets, probs, nsamples) for _ in range(nrepeat)]
    found = [p for p, _, _ in results]
    if sum(p > alpha for p in found) < nrepeat * success_rate:
        raise AssertionError(
            f"Generator test fails, Chi-square p={found}, obs_freq={[list(r[1]) for r in results]}, "
            f"expected_freq={[list(r[2]) for r in results]}.\nbuckets={buckets}, probs={probs}"
        )
    return found
