"""ParameterDict: the parameters of a Block by name, with a prefix, and their files."""

import os
import re
from collections import OrderedDict

import numpy

from minpy import initializer, nd
from minpy._nested import per_axis
from minpy._operators.inference import merged
from minpy.gluon.parameter import Constant, Parameter, fits

__all__ = ["ParameterDict"]


class ParameterDict:
    """Parameters by name, in the order in which they were made.

    Parameters
    ----------
    prefix : str
        Comes before the names that `get` is given.
    shared : ParameterDict
        Where `get` looks too.
    """

    def __init__(self, prefix="", shared=None):
        self._prefix = prefix
        self._params = OrderedDict()
        self._shared = shared

    def __repr__(self):
        rows = "".join(f"  {value}\n" for value in self.values())
        return f"{self._prefix + ' ' if self._prefix else ''}(\n{rows})"

    def __getitem__(self, key):
        return self._params[key]

    def __setitem__(self, key, value):
        self._params[key] = value

    def __iter__(self):
        return iter(self._params)

    def __len__(self):
        return len(self._params)

    def __contains__(self, key):
        return key in self._params

    def items(self):
        """Pairs of name and Parameter."""
        return self._params.items()

    def keys(self):
        """The names."""
        return self._params.keys()

    def values(self):
        """The Parameters."""
        return self._params.values()

    @property
    def prefix(self):
        """What comes before the names."""
        return self._prefix

    def _find(self, name):
        if name in self._params:
            return self._params[name]
        if self._shared is not None and name in self._shared:
            self._params[name] = self._shared[name]
            return self._params[name]
        return None

    def get(self, name, **kwargs):
        """The Parameter of that name, which is made when there is none.

        Parameters
        ----------
        name : str
            Without the prefix.
        **kwargs
            Arguments of Parameter; an existing one must agree with them.
        """
        name = self._prefix + name
        found = self._find(name)
        if found is None:
            self._params[name] = found = Parameter(name, **kwargs)
            return found
        for key, value in kwargs.items():
            self._agree(found, key, value)
        return found

    def _agree(self, parameter, key, value):
        have = getattr(parameter, key, None)
        if have is None or value is None:
            if value is not None:
                setattr(parameter, "_shape" if key == "shape" else key, value)
            return
        if key == "shape":
            value = per_axis(value)
            if len(value) == len(have):
                try:
                    parameter._shape = merged(tuple(max(n, 0) for n in have), tuple(max(n, 0) for n in value))
                    return
                except ValueError:
                    pass
        elif key == "dtype":
            if numpy.dtype(value) == numpy.dtype(have):
                return
        elif value == have:
            return
        raise AssertionError(
            f"Cannot retrieve Parameter '{parameter.name}' because desired attribute does not match with stored for"
            f" attribute '{key}': desired '{value}' vs stored '{have}'."
        )

    def get_constant(self, name, value=None):
        """The Constant of that name, which is made from `value` when there is none."""
        name = self._prefix + name
        found = self._find(name)
        if found is not None:
            if not isinstance(found, Constant):
                raise AssertionError(f"Parameter '{name}' already exists but it is not a constant.")
            same = value is None or numpy.array_equal(numpy.asarray(value), found.value.asnumpy())
            if not same:
                raise AssertionError(
                    f"Constant '{name}' already exists but it's value doesn't match new value"
                )
            return found
        if value is None:
            raise KeyError(
                f"No constant named '{name}'. Please specify value if you want to create a new constant."
            )
        self._params[name] = found = Constant(name, value)
        return found

    def update(self, other):
        """Add the parameters of another dict; a name must not stand for two."""
        for name, value in other.items():
            if self._params.get(name, value) is not value:
                raise AssertionError(
                    f"Cannot update self with other because they have different Parameters with the same name '{name}'"
                )
        self._params.update(other.items())

    def initialize(self, init=None, ctx=None, verbose=False, force_reinit=False):
        """Initialise all; parameters with an initializer of their own use that."""
        init = initializer.Uniform() if init is None else init
        if verbose and not isinstance(init, str):
            init.set_verbosity(verbose=verbose)
        for value in self.values():
            value.initialize(None, ctx, init, force_reinit=force_reinit)

    def zero_grad(self):
        """Set all gradients to zero."""
        for value in self.values():
            value.zero_grad()

    def reset_ctx(self, ctx):
        """Move all parameters to other devices."""
        for value in self.values():
            value.reset_ctx(ctx)

    reset_device = reset_ctx

    def list_ctx(self):
        """All devices that hold parameters."""
        contexts = {ctx: None for value in self.values() for ctx in value.list_ctx()}
        return list(contexts)

    def setattr(self, name, value):
        """Set an attribute of all parameters."""
        for parameter in self.values():
            setattr(parameter, name, value)

    def select(self, pattern):
        """Those whose names match a regular expression from their start; None: all."""
        if pattern is None:
            return self
        chosen = ParameterDict(self._prefix)
        expression = re.compile(pattern)
        chosen._params.update((name, p) for name, p in self.items() if expression.match(name))
        return chosen

    def save(self, filename, strip_prefix=""):
        """Save the values by name, from which a prefix is taken off."""
        arrays = {}
        for parameter in self.values():
            if not parameter.name.startswith(strip_prefix):
                raise ValueError(
                    f"Prefix '{strip_prefix}' is to be striped before saving, but Parameter's name"
                    f" '{parameter.name}' does not start with '{strip_prefix}'. this may be due to your Block shares"
                    " parameters from other Blocks or you forgot to use 'with name_scope()' when creating child"
                    " blocks. For more info on naming, please see"
                    " https://mxnet.io/api/python/docs/tutorials/packages/gluon/blocks/naming.html"
                )
            arrays[parameter.name[len(strip_prefix) :]] = parameter._reduced()
        nd.save(filename, arrays)

    def load(self, filename, ctx=None, allow_missing=False, ignore_extra=False, restore_prefix="", cast_dtype=False,
             dtype_source="current"):  # fmt: skip
        """Load values by name, before which a prefix is put.

        A file of the same network under other prefixes is recognised: by names that differ in what all of them begin
        with, or else by order, kinds and shapes.
        """
        loaded = nd.load(filename)
        if not isinstance(loaded, dict):
            raise ValueError(f"Cannot load parameters from unnamed array file {filename}")
        loaded = {name.removeprefix("arg:").removeprefix("aux:"): a for name, a in loaded.items()}
        if any(restore_prefix + name in self for name in loaded):
            loaded = {restore_prefix + name: a for name, a in loaded.items()}
        else:
            renamed = _by_common_prefix(self, loaded) or _by_order(self, loaded)
            loaded = renamed or {restore_prefix + name: a for name, a in loaded.items()}
        if not allow_missing:
            for name in self:
                if name not in loaded:
                    raise AssertionError(
                        f"Parameter '{name[len(restore_prefix) :]}' is missing in file '{filename}', which contains"
                        f" parameters: {brief([n[len(restore_prefix) :] for n in loaded])}. Please make sure source"
                        " and target networks have the same prefix."
                        "For more info on naming, please see"
                        " https://mxnet.io/api/python/docs/tutorials/packages/gluon/blocks/naming.html"
                    )
        for name, array in loaded.items():
            if name not in self:
                if not ignore_extra:
                    raise AssertionError(
                        f"Parameter '{name[len(restore_prefix) :]}' loaded from file '{filename}' is not present in"
                        f" ParameterDict, choices are: {brief([n[len(restore_prefix) :] for n in self])}. Set"
                        " ignore_extra to True to ignore. Please make sure source and target networks have the same"
                        " prefix."
                    )
                continue
            self[name]._load_init(array, ctx, cast_dtype, dtype_source)


def _common_prefix(names):
    """What all names begin with, up to an underscore."""
    return os.path.commonprefix(list(names)).rpartition("_")[0]


def _by_common_prefix(own, loaded):
    """The arrays by the parameters' names, if those differ from the file's in what all begin with; else None."""
    if len(own) < 2 or len(loaded) < 2:
        return None
    ours, theirs = _common_prefix(own), _common_prefix(loaded)
    renamed = {ours + name[len(theirs) :]: array for name, array in loaded.items()}
    return renamed if all(name in renamed for name in own) else None


def _is_statistic(name):
    return name.endswith(("running_mean", "running_var", "moving_mean", "moving_var"))


def _by_order(own, loaded):
    """The arrays by the parameters' names, if kinds and shapes agree one after the other; else None.

    Files of checkpoints have running statistics behind everything else.
    """
    if len(own) != len(loaded):
        return None
    renamed = {}
    for statistic in (False, True):
        ours = [name for name in own if _is_statistic(name) == statistic]
        theirs = [name for name in loaded if _is_statistic(name) == statistic]
        for mine, other in zip(ours, theirs):
            kind = mine.rpartition("_")[2]
            if not fits(own[mine].shape, loaded[other].shape) or other.rpartition("_")[2] != kind:
                return None
            renamed[mine] = loaded[other]
    return renamed if len(renamed) == len(own) else None


def brief(names):
    """Some of the names, as text."""
    names = list(names)
    shown = names if len(names) <= 7 else [*names[:3], "...", *names[-3:]]
    return ", ".join(f"'{name}'" for name in shown)
