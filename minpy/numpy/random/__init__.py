"""numpy.random over minpy's arrays: the same streams, bit for bit.

The generators are subclasses of NumPy's, so they keep their state there and other libraries accept them; their
methods return our arrays and write into ours (shuffle, out=). CounterGenerator is ours alone.
"""

import functools as _functools
import sys

import numpy.random as _source

from minpy import _core
from minpy.numpy import _namespace
from minpy.numpy.random import _philox
from minpy.numpy.random._counter import CounterGenerator as CounterGenerator


def _wrapped_method(original, name):
    # The call goes to a plain generator: NumPy's methods call each other and expect NumPy's arrays.
    dotted, method = f"random.{original.__name__}.{name}", getattr(original, name)
    run = _core.make_fallback(dotted, method, 1 if name == "shuffle" else -1)

    def call(self, *args, **kwargs):
        return run(self._plain, *args, **kwargs)

    call.__name__, call.__doc__, call.__wrapped__ = name, method.__doc__, method
    call.__qualname__ = f"{original.__name__}.{name}"
    return call


def _quick_random(by_numpy):
    """Generator's method `random`, with our kernels for the bit generators that they know."""

    @_functools.wraps(by_numpy.__wrapped__)
    def random(self, *args, **kwargs):
        drawn = _philox.random(self._bit_generator, args, kwargs)
        return by_numpy(self, *args, **kwargs) if drawn is None else drawn

    random.__qualname__ = by_numpy.__qualname__
    return random


def _bit_generator(named):
    """A bit generator, or one of the class that an old pickle names."""
    return getattr(_source, named)() if isinstance(named, str) else named


def _rebuild_generator(bit_generator):
    return Generator(_bit_generator(bit_generator))


def _rebuild_state(bit_generator):
    return RandomState(_bit_generator(bit_generator))


class _CountsOriginals(type):
    """The metatype of the generators: NumPy's own instances (of old pickles, of other libraries) count as ours."""

    def __instancecheck__(cls, instance):
        return type.__instancecheck__(cls, instance) or type(instance) is cls.__dict__.get("__wrapped__")


def _wrapped_class(original):
    """A subclass of `original` whose methods return our arrays."""

    def __init__(self, *args, **kwargs):
        original.__init__(self, *_core.to_numpy(args), **_core.to_numpy(kwargs))
        self._plain = original(self._bit_generator)

    def __reduce__(self):
        if original is _source.Generator:
            return _rebuild_generator, (self._bit_generator,), None
        return _rebuild_state, (self._bit_generator,), self._plain.get_state(legacy=False)

    def __setstate__(self, state):
        if state is not None:
            self._plain.set_state(state)

    def spawn(self, n_children):
        return [type(self)(child.bit_generator) for child in self._plain.spawn(n_children)]

    spawn.__doc__ = getattr(original, "spawn", spawn).__doc__
    names = [name for name in dir(original) if name[0] != "_" and callable(getattr(original, name))]
    namespace = {name: _wrapped_method(original, name) for name in names}
    if original is _source.Generator:
        namespace["random"] = _quick_random(namespace["random"])
    if "spawn" in names:
        namespace["spawn"] = spawn
    namespace |= {"__init__": __init__, "__reduce__": __reduce__, "__setstate__": __setstate__}
    namespace |= {"__doc__": original.__doc__, "__module__": "minpy.numpy.random", "__wrapped__": original}
    twin = _CountsOriginals(original.__name__, (original,), namespace)
    return _namespace.register_twin(original, twin)


class _TakesOurArrays(type):
    """The metatype of the seeding classes: their instances are NumPy's own, made from our arrays too."""

    def __call__(cls, *args, **kwargs):
        return cls.__wrapped__(*_core.to_numpy(args), **_core.to_numpy(kwargs))

    def __instancecheck__(cls, instance):
        return isinstance(instance, cls.__wrapped__)

    def __subclasscheck__(cls, candidate):
        return issubclass(candidate, cls.__wrapped__)

    def __mro_entries__(cls, bases):
        return (cls.__wrapped__,)

    def __getattr__(cls, name):
        return getattr(cls.__wrapped__, name)


def _seeding_class(original):
    namespace = {"__doc__": original.__doc__, "__module__": "minpy.numpy.random", "__wrapped__": original}
    return _TakesOurArrays(original.__name__, (), namespace)


MT19937 = _seeding_class(_source.MT19937)
PCG64 = _seeding_class(_source.PCG64)
PCG64DXSM = _seeding_class(_source.PCG64DXSM)
Philox = _seeding_class(_source.Philox)
SFC64 = _seeding_class(_source.SFC64)
SeedSequence = _seeding_class(_source.SeedSequence)
Generator = _wrapped_class(_source.Generator)
RandomState = _wrapped_class(_source.RandomState)


def default_rng(seed=None):
    if isinstance(seed, _source.Generator):
        return seed if hasattr(seed, "_plain") else Generator(seed.bit_generator)
    if isinstance(seed, _core.ndarray):
        seed = _core.to_numpy(seed)
    return Generator(_source.default_rng(seed).bit_generator)


default_rng.__doc__ = _source.default_rng.__doc__
_namespace.register_twin(_source.default_rng, default_rng)
_namespace.fill_module(sys.modules[__name__], _source, "random")


_lazy_attribute = __getattr__  # noqa: F821  (of fill_module)


def __getattr__(name):
    return _namespace.policy_attribute(name) if name in ("policy", "set_policy") else _lazy_attribute(name)
