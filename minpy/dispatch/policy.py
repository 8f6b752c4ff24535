"""Dispatch policies: whether a call runs in a native kernel, in NumPy, or in whichever there is.

    minpy.set_global_policy("only_numpy")       # or an instance, such as OnlyNumPyPolicy()

    with minpy.OnlyNumPyPolicy(): ...           # inside a block
    @minpy.wrap_policy(minpy.OnlyNativePolicy())  # inside a function

`prefer_native` (the default; MinPy's name for it is `prefer_mxnet`) takes the native kernel where there is one
and NumPy otherwise; `only_numpy` sends every operator and function to NumPy; `only_native` (`only_mxnet`) raises
where NumPy would have to help. Policies hold for the whole process. See Note [Policies].
"""

import functools

from minpy import _core, config

__all__ = [
    "AutoBlacklistPolicy",
    "OnlyMXNetPolicy",
    "OnlyNativePolicy",
    "OnlyNumPyPolicy",
    "Policy",
    "PreferMXNetPolicy",
    "PreferNativePolicy",
    "create",
    "get_global_policy",
    "op_stat",
    "reset_op_stat",
    "set_global_policy",
    "show_op_stat",
    "wrap_policy",
]


class Policy:
    """Base of the policies: a context manager that restores the policy before it."""

    name = None
    _code = None

    def __enter__(self):
        self.__dict__.setdefault("_outer", []).append(_current)
        set_global_policy(self)
        return self

    def __exit__(self, *exception):
        set_global_policy(self._outer.pop())

    def __repr__(self):
        return f"{type(self).__name__}()"

    @staticmethod
    def show_op_stat():
        """Print how many calls went where; the same as `minpy.show_op_stat()`."""
        show_op_stat()


class PreferNativePolicy(Policy):
    """Native kernels where they exist, else NumPy. The default."""

    name, _code = "prefer_native", 0


class OnlyNumPyPolicy(Policy):
    """Every operator and function runs in NumPy, on the same arrays."""

    name, _code = "only_numpy", 1


class OnlyNativePolicy(Policy):
    """Native kernels only: a call that would need NumPy raises RuntimeError with the function's name."""

    name, _code = "only_native", 2


PreferMXNetPolicy = PreferNativePolicy
OnlyMXNetPolicy = OnlyNativePolicy


class AutoBlacklistPolicy(PreferNativePolicy):
    """The default policy by another name: MinPy learnt rules about calls that MXNet cannot serve, none are needed here.

    Parameters
    ----------
    gen_rule, append_rule, loc
        Taken and not used.
    """

    def __init__(self, gen_rule=False, append_rule=True, loc=None):
        pass


_BY_NAME = {
    "prefer_native": PreferNativePolicy,
    "prefer_mxnet": PreferNativePolicy,
    "only_numpy": OnlyNumPyPolicy,
    "only_native": OnlyNativePolicy,
    "only_mxnet": OnlyNativePolicy,
}
_current = PreferNativePolicy()


def set_global_policy(policy):
    """Choose the policy of the whole process.

    Parameters
    ----------
    policy : str or Policy
        'prefer_native' ('prefer_mxnet'), 'only_numpy', 'only_native' ('only_mxnet'), or an instance.

    Raises
    ------
    TypeError
        For anything else.
    """
    global _current
    _current = policy = create(policy)
    _core.set_policy(policy._code)
    config.only_native = policy._code == OnlyNativePolicy._code


def create(policy):
    """A policy by its name.

    Parameters
    ----------
    policy : str or Policy
        As for `set_global_policy`; an instance is returned as it is.

    Raises
    ------
    TypeError
        For anything else.
    """
    if isinstance(policy, str) and policy in _BY_NAME:
        policy = _BY_NAME[policy]()
    if not isinstance(policy, Policy) or policy._code is None:
        raise TypeError(f"Unknown policy name {policy!r}: expected one of {', '.join(_BY_NAME)} or a Policy")
    return policy


def get_global_policy():
    """The policy in force."""
    return _current


def wrap_policy(policy):
    """A decorator that runs a function under `policy`."""
    policy = create(policy)

    def decorate(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            with policy:
                return function(*args, **kwargs)

        return call

    return decorate


class OpStat(dict):
    """Calls by function: {name: (native calls, NumPy calls)}. Its text is a table, the busiest first."""

    def __str__(self):
        native, numpy = (sum(counts[side] for counts in self.values()) for side in (0, 1))
        share = 100.0 * native / (native + numpy) if native + numpy else 0.0
        rows = sorted(self.items(), key=lambda item: -sum(item[1]))
        return "\n".join(
            [
                "--------Op Dispatch Statistics Start--------",
                f"{'function':<32} {'native':>10} {'NumPy':>10}",
                *(f"{name:<32} {counts[0]:>10} {counts[1]:>10}" for name, counts in rows),
                f"Total Dispatch Proportion: {share:.1f}% native, {100.0 - share if rows else 0.0:.1f}% in NumPy",
                "--------Op Dispatch Statistics End--------",
            ]
        )


def op_stat():
    """How often each function was called since the start or `reset_op_stat`.

    Returns
    -------
    OpStat
        {name: (calls served by a native kernel, calls served by NumPy)}; methods are named 'ndarray.sum'.
    """
    operators, functions, in_numpy = _core.call_counts()
    called = dict(in_numpy)
    for counts in (operators, functions):
        for name, count in counts.items():
            called[name] = max(called.get(name, 0), count)
    return OpStat(
        (name, (count - in_numpy.get(name, 0), in_numpy.get(name, 0))) for name, count in called.items()
    )


def reset_op_stat():
    """Start counting from zero."""
    _core.reset_call_counts()


def show_op_stat():
    """Print the table of `op_stat()`."""
    print(op_stat())
