"""Computations on arrays that are traced once for each kind of arguments, and then run by their plan.

See Note [Traced calls] in docs/internals.md.
"""

import contextlib
import itertools
import threading
import warnings

from minpy import _core
from minpy._nested import leaves, replaced
from minpy._operators import registry

__all__ = ["Compiled", "Untraceable", "untraced"]

_MOST_PLANS = 128  # of one computation; the oldest goes
_lock = threading.Lock()
_traces = 0


class Untraceable(Exception):
    """The arguments are of no kind that can be traced."""


@contextlib.contextmanager
def untraced():
    """While it is entered, calls on arrays are not written down."""
    _core.set_quiet(1)
    try:
        yield
    finally:
        _core.set_quiet(-1)


def _count_traces(change):
    """Operators written in Python ask for `registry.call_operator` while any thread traces."""
    global _traces
    with _lock:
        _traces += change
        registry.call_operator = _core.call_operator if _traces else None


def _signature(value):
    """What a plan depends on; two arguments of equal signatures can share one."""
    if isinstance(value, _core.ndarray):
        return type(value), value.shape, value.dtype, _core.context_of(value)
    if isinstance(value, (list, tuple)):
        return type(value), *map(_signature, value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return type(value), value
    raise Untraceable


def _arrays(value):
    return [leaf for leaf in leaves(value) if isinstance(leaf, _core.ndarray)]


def _with_arrays(value, arrays):
    """The nested value with its arrays replaced by the next ones of the iterator."""
    return replaced(value, lambda leaf: next(arrays) if isinstance(leaf, _core.ndarray) else leaf)


class _Entry:
    """A plan with what it needs to run: who has its captured arrays now, and the form of the results.

    The form has, in the place of each result, its number in the list of all arrays and then all constants.
    """

    __slots__ = ("constants", "form", "plan", "single", "sources")

    def __init__(self, plan, owners, result):
        self.plan = plan
        self.sources = [owners.get(id(array)) or (_Fixed(array), 0) for array in plan.captured]
        self.single = isinstance(result, _core.ndarray)
        self.constants = [leaf for leaf in leaves(result) if not isinstance(leaf, _core.ndarray)]
        arrays = itertools.count()
        constants = itertools.count(len(_arrays(result)))
        self.form = replaced(
            result, lambda leaf: next(arrays if isinstance(leaf, _core.ndarray) else constants)
        )

    def run(self, inputs):
        """The nested results, or None when a captured array or a result has changed its kind."""
        try:
            captured = [owner._by_number[number] for owner, number in self.sources]
        except KeyError:
            return None
        outputs = self.plan.run(inputs, captured)
        if outputs is None:
            return None
        return outputs[0] if self.single else replaced(self.form, [*outputs, *self.constants].__getitem__)


class _Fixed:
    """Has an array that nobody replaces, as a parameter has its arrays."""

    __slots__ = ("_by_number",)

    def __init__(self, array):
        self._by_number = {0: array}


class Compiled:
    """A function of arrays that is traced at its first call for each kind of arguments.

    Parameters
    ----------
    function : callable
        Takes arrays, None, numbers, text, and lists and tuples of them; returns arrays, also nested.
    name : str
        For messages.
    owners : callable
        Gives ``(array, parameter, number)`` for each array that the function uses besides its arguments and that may
        be replaced between calls: a run takes ``parameter._by_number[number]``.
    bound : bool
        All calls have arrays of the same dtypes, shapes and devices, and nothing else.
    """

    def __init__(self, function, name, owners=tuple, bound=False):
        self._function, self._name, self._owners, self._bound = function, name, owners, bound
        self._entries = {}
        self._warned = False

    def __call__(self, *args):
        """What the function returns.

        Raises
        ------
        MXNetError
            While tracing, where Python reads the values of arrays; the message has the line.
        Untraceable
            When the arguments are of other kinds; nothing was done then.
        """
        key, inputs = (_core.is_recording(), _core.is_training()), list(args)
        if not self._bound:
            key, inputs = (*key, *map(_signature, args)), _arrays(args)
        entry = self._entries.get(key, False)
        if entry is None:  # it cannot be traced
            return self._function(*args)
        if entry:
            result = entry.run(inputs)
            if result is not None:
                return result
        return self._trace(key, args, inputs)

    def _trace(self, key, args, inputs):
        if len({id(array) for array in inputs}) < len(inputs):  # one array in two places: two slots
            seen = set()
            inputs = [x if not (id(x) in seen or seen.add(id(x))) else x[...] for x in inputs]
            args = _with_arrays(args, iter(inputs))
        _count_traces(1)
        try:
            _core.begin_trace(inputs, [array for array, _, _ in self._owners()])
            result = self._function(*args)
            plan, reason, outputs = _core.end_trace(_arrays(result))
        finally:
            _core.abort_trace()
            _count_traces(-1)
        if plan is None:
            self._warn(reason)
            entry = None
        else:
            owners = {id(array): (owner, number) for array, owner, number in self._owners()}
            entry = _Entry(plan, owners, result)
        if len(self._entries) >= _MOST_PLANS:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = entry
        return _with_arrays(result, iter(outputs))

    def _warn(self, reason):
        if reason and not self._warned:
            self._warned = True
            warnings.warn(f"{self._name} runs without being compiled. {reason}", stacklevel=4)

    @property
    def plans(self):
        """The plans so far, in the order of their first calls."""
        return [entry.plan for entry in self._entries.values() if entry]

    @property
    def failed_label(self):
        """The label of the call that raised last, or ""."""
        return next((p.failed for p in reversed(self.plans) if p.failed), "")
