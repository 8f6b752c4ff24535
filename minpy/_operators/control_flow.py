"""Loops and branches as operators: here they are Python's own, and the tape follows what is executed."""

import numbers

import numpy

import minpy.numpy as np
from minpy._nested import as_list
from minpy._operators.registry import operator

_LEAVES = (np.ndarray, numpy.generic, numbers.Number)  # elements of arrays are NumPy's scalars


def _flatten(tree, what):
    """The arrays of a nested list, and its form: None for an array, else a list of forms."""
    if not isinstance(tree, (list, tuple)):
        if not isinstance(tree, _LEAVES):
            raise TypeError(f"{what} must be an array or a nested list of arrays, not {type(tree).__name__}")
        return [tree], None
    leaves, form = [], []
    for item in tree:
        found, inner = _flatten(item, what)
        leaves += found
        form.append((len(found), inner))
    return leaves, form


def _regroup(leaves, form):
    if form is None:
        return leaves[0]
    tree, at = [], 0
    for count, inner in form:
        tree.append(_regroup(leaves[at : at + count], inner))
        at += count
    return tree


def _truth(value, what):
    try:
        return bool(value)
    except (TypeError, ValueError):
        raise ValueError(f"{what} must be a number or an array of one number, not {value!r}") from None


@operator("_contrib_foreach", inputs=0)
def foreach(body, data, init_states):
    """Call a function on the slices of arrays along their first axis, carrying states along.

    Parameters
    ----------
    body : callable
        ``outputs, states = body(slices, states)``; it gets slices in the form of `data`.
    data : ndarray or nested list of ndarray
        All of one length along the first axis.
    init_states : ndarray or nested list of ndarray
        The states of the first call.

    Returns
    -------
    outputs : ndarray or nested list
        The outputs of all calls, stacked along a new first axis.
    states : ndarray or nested list
        Those of the last call.

    Examples
    --------
    >>> totals, last = npx.foreach(lambda x, s: (x + s, x + s), np.arange(4.0), np.zeros(()))
    """
    arrays, form = _flatten(data, "foreach: data")
    _flatten(init_states, "foreach: init_states")
    if any(np.ndim(a) == 0 for a in arrays):
        raise TypeError("foreach: data must be an array with an axis, or a nested list of them")
    lengths = {len(a) for a in arrays}
    if len(lengths) != 1:
        raise ValueError(
            f"foreach: the arrays of data must have one length along the first axis, not {sorted(lengths)}"
        )
    states, steps, out_form = init_states, [], []
    for i in range(lengths.pop()):
        outputs, states = body(_regroup([a[i] for a in arrays], form), states)
        found, out_form = _flatten(outputs, "foreach: what body returns")
        steps.append(found)
    return _regroup([np.stack(column) for column in zip(*steps, strict=True)], out_form), states


@operator("_contrib_while_loop", inputs=0)
def while_loop(cond, func, loop_vars, max_iterations=None):
    """Call a function on variables as long as a condition on them holds.

    Parameters
    ----------
    cond : callable
        ``cond(*loop_vars)`` is a number or an array of one.
    func : callable
        ``step_output, new_loop_vars = func(*loop_vars)``; either may be None or a list.
    loop_vars : ndarray or list of ndarray
        The variables of the first call.
    max_iterations : int
        Required: the length of the results.

    Returns
    -------
    outputs : nested list of ndarray
        The outputs of all calls, stacked along a new first axis of `max_iterations`, zeros at its end.
    loop_vars : ndarray or list of ndarray
        Those of the last call.
    """
    if max_iterations is None:
        raise ValueError("while_loop: max_iterations must be given")
    max_iterations = int(max_iterations)
    single = not isinstance(loop_vars, (list, tuple))
    variables = [loop_vars] if single else list(loop_vars)
    if not variables:
        raise ValueError("while_loop: loop_vars must contain at least one array")
    steps, form = [], []
    while len(steps) < max_iterations and _truth(cond(*variables), "while_loop: what cond returns"):
        output, new = func(*variables)
        new = [] if new is None else as_list(new)
        if len(new) != len(variables):
            raise ValueError(
                f"while_loop: func must return as many loop_vars as it gets, {len(variables)}, not {len(new)}"
            )
        variables = new
        found, form = _flatten([] if output is None else output, "while_loop: what func returns")
        if steps and len(found) != len(steps[0]):
            raise ValueError(
                f"while_loop: func must return as many outputs in each step, {len(steps[0])}, not {len(found)}"
            )
        steps.append(found)
    outputs = [_padded(column, max_iterations) for column in zip(*steps, strict=True)]
    return _regroup(outputs, form), variables[0] if single else variables


def _padded(column, length):
    stacked = np.stack(column)
    if len(column) == length:
        return stacked
    rest = np.zeros((length - len(column), *stacked.shape[1:]), dtype=stacked.dtype)
    return np.concatenate([stacked, rest])


@operator("_contrib_cond", inputs=0)
def cond(pred, then_func, else_func):
    """Call one of two functions without arguments, as a condition says, and return what it returns.

    Parameters
    ----------
    pred : number or ndarray of one number
    then_func, else_func : callable
    """
    return then_func() if _truth(pred, "cond: pred") else else_func()
