"""Factories: classes that can be made from their name, or from the JSON that describes an instance.

register = get_register_func(Animal, "animal")
create = get_create_func(Animal, "animal")

@register
class Dog(Animal): ...

create("dog", legs=4), create('["dog", {"legs": 4}]'), create('{"animal": "dog", "legs": 4}')
"""

import json
import warnings

__all__ = ["get_alias_func", "get_create_func", "get_register_func", "get_registry"]

_REGISTRY = {}


def get_registry(base_class):
    """A copy of the dict from lower-case name to class for the subclasses of `base_class`."""
    return _REGISTRY.setdefault(base_class, {}).copy()


def get_register_func(base_class, nickname):
    """The decorator that registers subclasses of `base_class`; `nickname` is what messages call them."""
    registry = _REGISTRY.setdefault(base_class, {})

    def register(klass, name=None):
        assert issubclass(klass, base_class), f"Can only register subclass of {base_class.__name__}"
        name = (klass.__name__ if name is None else name).lower()
        if name in registry:
            old = registry[name]
            warnings.warn(
                f"\033[91mNew {nickname} {klass.__module__}.{klass.__name__} registered with name {name} is"
                f"overriding existing {nickname} {old.__module__}.{old.__name__}\033[0m",
                UserWarning,
                stacklevel=2,
            )
        registry[name] = klass
        return klass

    register.__doc__ = f"Register a subclass of {base_class.__name__} under its name in lower case."
    return register


def add_class(registry, klass, nickname):
    """Put a class into a dict under its name in lower case; warns when it takes another's place."""
    name = klass.__name__.lower()
    if name in registry:
        old = registry[name]
        warnings.warn(
            f"WARNING: New {nickname} {klass.__module__}.{klass.__name__} is overriding existing {nickname}"
            f" {old.__module__}.{old.__name__}",
            stacklevel=3,
        )
    registry[name] = klass
    return klass


def by_names(table):
    """A decorator, called with names, that puts functions into a dict under them."""

    def named(*names):
        def register(function):
            table.update(dict.fromkeys(names, function))
            return function

        return register

    return named


def get_alias_func(base_class, nickname):
    """The function that makes decorators which register a class under further names."""
    register = get_register_func(base_class, nickname)

    def alias(*aliases):
        def add(klass):
            for name in aliases:
                register(klass, name)
            return klass

        return add

    alias.__doc__ = f"A decorator that registers a {nickname} under the given names."
    return alias


def get_create_func(base_class, nickname):
    """The function that makes instances from names and descriptions.

    The function returned takes as its first argument, or as the keyword `nickname`, an instance (returned as it
    is), a name, a JSON list ``[name, {arguments}]``, or a dict or JSON object of arguments with the name under
    `nickname`; then the arguments of the class.
    """
    registry = _REGISTRY.setdefault(base_class, {})

    def create(*args, **kwargs):
        name, args = (args[0], args[1:]) if args else (kwargs.pop(nickname), args)
        if isinstance(name, base_class):
            assert not args and not kwargs, (
                f"{nickname} is already an instance. Additional arguments are invalid"
            )
            return name
        if isinstance(name, dict):
            return create(**name)
        assert isinstance(name, str), f"{nickname} must be of string type"
        if name.startswith(("[", "{")):
            assert not args and not kwargs
            described = json.loads(name)
            return (
                create(**described) if isinstance(described, dict) else create(described[0], **described[1])
            )
        name = name.lower()
        assert name in registry, f"{name} is not registered. Please register with {nickname}.register first"
        return registry[name](*args, **kwargs)

    create.__doc__ = f"Make a {nickname} from its name, its JSON description, or an instance."
    return create
