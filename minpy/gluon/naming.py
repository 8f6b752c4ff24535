"""Names of blocks: a counter per kind of block, restarted inside `with block.name_scope():`."""

import threading

from minpy import name as _name
from minpy.gluon.parameter_dict import ParameterDict

_current = threading.local()


def _count(counters, hint):
    number = counters.get(hint, 0)
    counters[hint] = number + 1
    return f"{hint}{number}_"


class BlockScope:
    """Gives the children of a block their prefix while it is entered."""

    def __init__(self, block):
        self._block = block
        self._counters = {}
        self._outer = []

    @staticmethod
    def create(prefix, params, hint):
        """The prefix and the ParameterDict of a new block."""
        scope = getattr(_current, "value", None)
        if scope is None:
            if prefix is None:
                prefix = _name.NameManager._current.value.get(None, hint) + "_"
            return prefix, ParameterDict(prefix) if params is None else ParameterDict(params.prefix, params)
        if prefix is None:
            prefix = _count(scope._counters, hint)
        parent = scope._block.params
        if params is None:
            params = ParameterDict(parent.prefix + prefix, parent._shared)
        else:
            params = ParameterDict(params.prefix, params)
        return scope._block.prefix + prefix, params

    def __enter__(self):
        if self._block._empty_prefix:
            return self
        names = _name.Prefix(self._block.prefix)  # operators on symbols get names below the block's too
        self._outer.append((getattr(_current, "value", None), names))
        names.__enter__()
        _current.value = self
        return self

    def __exit__(self, *exc_info):
        if not self._block._empty_prefix:
            _current.value, names = self._outer.pop()
            names.__exit__(*exc_info)
