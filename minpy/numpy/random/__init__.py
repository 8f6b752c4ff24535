"""numpy.random over minpy's arrays: the same streams, bit for bit.

The generators are subclasses of NumPy's, so they keep their state there and other libraries accept them; their
methods return our arrays and write into ours (shuffle, out=).
"""

import sys

import numpy.random as _source

from minpy import _core
from minpy.numpy import _namespace

_IN_PLACE = ("shuffle",)


def _writes_back(name, function):
    """numpy's shuffle: lists must be shuffled themselves, even when they hold our arrays."""
    on_arrays = _core.make_fallback(name, function, function.__name__ == "shuffle" and "." in name[7:])

    def shuffle(*args, **kwargs):
        takes_array = any(isinstance(value, _core.ndarray) for value in (*args, *kwargs.values()))
        return (on_arrays if takes_array else function)(*args, **kwargs)

    shuffle.__doc__ = function.__doc__
    return shuffle


def _wrapped_methods(original):
    methods = {}
    for name in dir(original):
        method = getattr(original, name)
        if name[0] == "_" or not callable(method):
            continue
        dotted = f"random.{original.__name__}.{name}"
        if name in _IN_PLACE:
            methods[name] = _writes_back(dotted, method)
        elif name not in ("get_state", "set_state", "seed", "spawn", "bytes"):
            methods[name] = _core.make_fallback(dotted, method, -1)
    return methods


def _rebuild(kind, bit_generator, state):
    generator = kind(bit_generator)
    if state is not None:
        generator.set_state(state)
    return generator


def _wrapped_class(original):
    """A subclass of `original` whose methods return our arrays."""

    def __reduce__(self):
        state = self.get_state(legacy=False) if hasattr(self, "get_state") else None
        return _rebuild, (type(self), self._bit_generator, state)

    namespace = {**_wrapped_methods(original), "__reduce__": __reduce__, "__doc__": original.__doc__}
    namespace["__module__"] = "minpy.numpy.random"
    return _namespace.register_twin(original, type(original.__name__, (original,), namespace))


Generator = _wrapped_class(_source.Generator)
RandomState = _wrapped_class(_source.RandomState)
shuffle = _writes_back("random.shuffle", _source.shuffle)


def default_rng(seed=None):
    if isinstance(seed, Generator):
        return seed
    if isinstance(seed, _source.Generator):
        return Generator(seed.bit_generator)
    if isinstance(seed, _core.ndarray):
        seed = _core.to_numpy(seed)
    return Generator(_source.default_rng(seed).bit_generator)


default_rng.__doc__ = _source.default_rng.__doc__
_namespace.register_twin(_source.default_rng, default_rng)
_namespace.fill_module(sys.modules[__name__], _source, "random")
