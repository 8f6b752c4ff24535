"""Optimizer steps on many weights in one call, and those on float32 copies of weights of lower precision.

MXNet's operators take all arrays of the first weight, then all of the second; `lrs` and `wds` have a number for each
weight. The steps are those of minpy/_operators/updates.py.
"""

import numpy

import minpy.numpy as np
from minpy._operators.finiteness import arrays_of
from minpy._operators.registry import operator
from minpy._operators.updates import (
    adamw_update,
    lamb_update_phase1,
    lamb_update_phase2,
    mp_sgd_mom_update,
    mp_sgd_update,
    nag_mom_update,
    sgd_mom_update,
    sgd_update,
)


@operator("mp_nag_mom_update", inputs=4, npx=False)
def mp_nag_mom_update(
    weight, grad, mom, weight32, lr, momentum=0.0, wd=0.0, rescale_grad=1.0, clip_gradient=-1.0
):
    """nag_mom_update on a float32 copy of a weight of lower precision."""
    grad = grad.astype("float32")
    weight32[...] = nag_mom_update(weight32, grad, mom, lr, momentum, wd, rescale_grad, clip_gradient)
    return weight32.astype(weight.dtype)


@operator("mp_lamb_update_phase1", inputs=5, npx=False)
def mp_lamb_update_phase1(weight, grad, mean, var, weight32, t, wd, **settings):
    """lamb_update_phase1 on a float32 copy of a weight of lower precision; the direction is float32."""
    return lamb_update_phase1(weight32, grad.astype("float32"), mean, var, t, wd, **settings)


@operator("mp_lamb_update_phase2", inputs=5, npx=False)
def mp_lamb_update_phase2(weight, g, r1, r2, weight32, lr, lower_bound=-1.0, upper_bound=-1.0):
    """lamb_update_phase2 on a float32 copy of a weight of lower precision."""
    weight32[...] = lamb_update_phase2(weight32, g, r1, r2, lr, lower_bound, upper_bound)
    return weight32.astype(weight.dtype)


@operator("_mp_adamw_update", "_contrib_mp_adamw_update", inputs=5, npx=False)
def mp_adamw_update(weight, grad, mean, var, weight32, rescale_grad, lr, eta, **settings):
    """adamw_update on a float32 copy of a weight of lower precision."""
    weight32[...] = adamw_update(
        weight32, grad.astype("float32"), mean, var, rescale_grad, lr, eta, **settings
    )
    return weight32.astype(weight.dtype)


def _groups(data, size):
    """The arrays of each weight: `size` after each other."""
    data = arrays_of(data)
    if len(data) % size:
        raise ValueError(f"{len(data)} arrays were given, which is no multiple of {size}")
    return [data[i : i + size] for i in range(0, len(data), size)]


def _checked(groups, **numbers):
    for name, values in numbers.items():
        if len(values) != len(groups):
            raise ValueError(f"{name} has {len(values)} numbers for {len(groups)} weights")


def _all(results):
    return results if len(results) > 1 else results[0]


def _numbers(value):
    """One number for each weight, from a tuple or an array."""
    values = value.asnumpy() if hasattr(value, "asnumpy") else value
    return [float(v) for v in numpy.ravel(numpy.asarray(values))]


# Of each kind: the step on one weight, how many arrays it takes, and whether there is momentum.
_STEPS = {
    "sgd": (sgd_update, 2, False),
    "sgd_mom": (sgd_mom_update, 3, True),
    "mp_sgd": (mp_sgd_update, 3, False),
    "mp_sgd_mom": (mp_sgd_mom_update, 4, True),
}


def _declare(kind, step, size, has_momentum):
    def run(data, lrs, wds, settings, momentum):
        groups = _groups(data, size)
        _checked(groups, lrs=lrs, wds=wds)
        if has_momentum:
            settings["momentum"] = momentum
        return _all([step(*group, lr=lr, wd=wd, **settings) for group, lr, wd in zip(groups, lrs, wds)])

    def multi(*data, lrs, wds, momentum=0.0, rescale_grad=1.0, clip_gradient=-1.0, num_weights=None):
        settings = {"rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
        return run(data, _numbers(lrs), _numbers(wds), settings, momentum)

    def preloaded(*data, momentum=0.0, rescale_grad=1.0, clip_gradient=-1.0, num_weights=None):
        *data, lrs, wds = arrays_of(data)
        settings = {"rescale_grad": rescale_grad, "clip_gradient": clip_gradient}
        return run(data, _numbers(lrs), _numbers(wds), settings, momentum)

    for function, name in ((multi, f"multi_{kind}_update"), (preloaded, f"preloaded_multi_{kind}_update")):
        function.__name__ = name
        function.__doc__ = f"{kind}_update of many weights, whose arrays follow each other" + (
            "; the last two arrays hold the rates and decays." if function is preloaded else "."
        )
        operator(name, inputs=1, npx=False)(function)


for _kind, _row in _STEPS.items():
    _declare(_kind, *_row)


# --- AdamW and LAMB: lists of weights, of gradients and so on ---


def _interleaved(name, run, kinds):
    """Declares run(groups of arrays, ...) in the spelling where the arrays of each weight follow each other."""

    def multi(*data, num_weights=None, num_tensors=None, **settings):
        data, extra = arrays_of(data), {}
        if "adamw" in name:
            *data, extra["rescale_grad"] = data
        columns = [list(column) for column in zip(*_groups(data, kinds))]
        return run(*columns, **extra, **settings)

    multi.__name__ = f"{name}_interleaved"
    multi.__doc__ = f"`contrib.{name}` where all arrays of a weight follow each other."
    operator(f"_{name}", inputs=1, npx=False)(multi)


_ADAMW_DOC = """AdamW of many weights.

    Parameters
    ----------
    weights, grads, mean, var{more} : list of ndarray
        {what}
    rescale_grad : float or ndarray
        Gradients are multiplied by it; nothing happens when it is 0 or not finite.
    lrs, wds, etas : tuple of float
        Rates, decays and schedules for each weight.
    **settings
        beta1, beta2, epsilon, clip_gradient.

    Returns
    -------
    list of ndarray
    """
_WHAT = "For each weight; mean and var{more} are changed."


@operator("_contrib_multi_adamw_update", inputs=5, npx=False)
def multi_adamw_update(weights, grads, mean, var, rescale_grad, lrs, wds, etas, size=0, **settings):
    _checked(weights, lrs=lrs, wds=wds, etas=etas)
    rows = zip(weights, grads, mean, var, lrs, wds, etas)
    return _all(
        [
            adamw_update(w, g, m, v, rescale_grad, lr, eta, wd=wd, **settings)
            for w, g, m, v, lr, wd, eta in rows
        ]
    )


@operator("_contrib_multi_mp_adamw_update", inputs=6, npx=False)
def multi_mp_adamw_update(
    weights, grads, mean, var, weights32, rescale_grad, lrs, wds, etas, size=0, **settings
):
    _checked(weights, lrs=lrs, wds=wds, etas=etas)
    rows = zip(weights, grads, mean, var, weights32, lrs, wds, etas)
    return _all(
        [
            mp_adamw_update(w, g, m, v, w32, rescale_grad, lr, eta, wd=wd, **settings)
            for w, g, m, v, w32, lr, wd, eta in rows
        ]
    )


multi_adamw_update.__doc__ = _ADAMW_DOC.format(more="", what=_WHAT.format(more=""))
multi_mp_adamw_update.__doc__ = _ADAMW_DOC.format(
    more=", weights32", what=_WHAT.format(more=" and weights32")
)


def _norm(array):
    return np.sqrt(np.sum(np.square(array.astype("float32"))))


def _lamb(weight, grad, mean, var, step, lr, wd, lower_bound=-1.0, upper_bound=-1.0, stored=None, **settings):
    direction = lamb_update_phase1(weight, grad, mean, var, step, wd, **settings)
    norms = _norm(weight), _norm(direction)
    return lamb_update_phase2(weight, direction, *norms, lr, lower_bound, upper_bound)


@operator("_contrib_multi_lamb_update", inputs=4, npx=False)
def multi_lamb_update(weights, grads, mean, var, step_count, lrs, wds, num_tensors=0, **settings):
    """LAMB of many weights.

    Parameters
    ----------
    weights, grads, mean, var : list of ndarray
        For each weight; mean and var are changed.
    step_count : tuple of int
        The number of each weight's step, from 1.
    lrs, wds : tuple of float
        Rates and decays.
    **settings
        beta1, beta2, epsilon, bias_correction, rescale_grad, clip_gradient, lower_bound, upper_bound.

    Returns
    -------
    list of ndarray
    """
    _checked(weights, step_count=step_count, lrs=lrs, wds=wds)
    return _all([_lamb(*row, **settings) for row in zip(weights, grads, mean, var, step_count, lrs, wds)])


@operator("_contrib_multi_mp_lamb_update", inputs=5, npx=False)
def multi_mp_lamb_update(
    weights, grads, mean, var, weights32, step_count, lrs, wds, num_tensors=0, **settings
):
    """multi_lamb_update on float32 copies `weights32` of weights of lower precision."""
    _checked(weights, step_count=step_count, lrs=lrs, wds=wds)
    results = []
    for w, g, m, v, w32, step, lr, wd in zip(weights, grads, mean, var, weights32, step_count, lrs, wds):
        w32[...] = _lamb(w32, g.astype("float32"), m, v, step, lr, wd, **settings)
        results.append(w32.astype(w.dtype))
    return _all(results)


def _with_rates(run):
    return lambda *columns, learning_rates, **settings: run(*columns, lrs=learning_rates, **settings)


_interleaved("multi_adamw_update", multi_adamw_update, 4)
_interleaved("multi_mp_adamw_update", multi_mp_adamw_update, 5)
_interleaved("multi_lamb_update", _with_rates(multi_lamb_update), 4)
_interleaved("multi_mp_lamb_update", _with_rates(multi_mp_lamb_update), 5)
