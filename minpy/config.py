"""Settings of the process: assign to the module's attributes.

    minpy.config.fallback = "warn"

`fallback` says what happens when NumPy has to serve a call that has no native kernel: "silent" (the default),
"warn" (a RuntimeWarning, once per function) or "error" (RuntimeError).

`random` says what `mx.random`, `nd.random` and `mx.np.random` draw: "mxnet" (the default) the numbers of MXNet 1.9.1
for a seed, "counter" other numbers, by a counter-based generator that is faster, uses all threads, and gives the same
numbers on any number of them. Each keeps its place while the other is in use; `mx.random.seed` starts both anew. The
environment variable MINPY_RANDOM sets it at the start.
"""

import os
import sys
import types

from minpy import _core

_FALLBACK_MODES = ("silent", "warn", "error")
_RANDOM_SOURCES = ("mxnet", "counter")


class _Config(types.ModuleType):
    _fallback = "silent"
    _only_native = False
    _random = "mxnet"

    @property
    def fallback(self):
        return self._fallback

    @fallback.setter
    def fallback(self, mode):
        if mode not in _FALLBACK_MODES:
            raise ValueError(f"minpy.config.fallback must be one of {_FALLBACK_MODES}, not {mode!r}")
        self._fallback = mode
        self._apply()

    @property
    def only_native(self):
        """Whether the policy `only_native` is in force, which wins over `fallback`."""
        return self._only_native

    @only_native.setter
    def only_native(self, on):
        self._only_native = on
        self._apply()

    @property
    def random(self):
        return self._random

    @random.setter
    def random(self, source):
        if source not in _RANDOM_SOURCES:
            raise ValueError(f"minpy.config.random must be one of {_RANDOM_SOURCES}, not {source!r}")
        self._random = source

    @property
    def num_threads(self):
        """Threads that one operation may use."""
        return _core.engine.num_threads()

    @num_threads.setter
    def num_threads(self, n):
        if n is not None and (not isinstance(n, int) or n < 1):
            raise ValueError(f"minpy.config.num_threads must be a positive int or None, not {n!r}")
        _core.engine.set_num_threads(n or 0)

    def _apply(self):
        _core.set_fallback_mode(2 if self._only_native else _FALLBACK_MODES.index(self._fallback))


sys.modules[__name__].__class__ = _Config
sys.modules[__name__].random = os.environ.get("MINPY_RANDOM") or "mxnet"
