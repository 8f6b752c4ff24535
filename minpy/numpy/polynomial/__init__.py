"""numpy.polynomial over minpy's arrays: the convenience classes evaluate to our arrays."""

import sys

import numpy.polynomial as _source

from minpy import _core
from minpy.numpy import _namespace


def _returning_ours(name, original):
    run = _core.make_fallback(f"polynomial.{original.__qualname__}", original, -1)

    def call(self, *args, **kwargs):
        return run(self, *args, **kwargs)

    call.__name__, call.__doc__, call.__wrapped__ = name, original.__doc__, original
    return call


def _wrapped_class(original):
    methods = {
        name: _returning_ours(name, getattr(original, name)) for name in ("__call__", "roots", "linspace")
    }
    namespace = {**methods, "__doc__": original.__doc__, "__module__": "minpy.numpy.polynomial"}
    return _namespace.register_twin(original, type(original)(original.__name__, (original,), namespace))


Polynomial, Chebyshev, Hermite, HermiteE, Laguerre, Legendre = map(
    _wrapped_class,
    (
        _source.Polynomial,
        _source.Chebyshev,
        _source.Hermite,
        _source.HermiteE,
        _source.Laguerre,
        _source.Legendre,
    ),
)
_namespace.fill_module(sys.modules[__name__], _source, "polynomial")
