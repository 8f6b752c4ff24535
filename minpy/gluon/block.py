"""Block: the base of all layers and networks."""

import importlib
import warnings
from collections import OrderedDict

from minpy import nd
from minpy.gluon import deferred
from minpy.gluon.located import ERRORS, locate
from minpy.gluon.naming import BlockScope
from minpy.gluon.parameter import DeferredInitializationError, Parameter
from minpy.gluon.parameter_dict import ParameterDict, brief
from minpy.gluon.summary import print_summary
from minpy.gluon.utils import HookHandle

__all__ = ["Block"]


class Block:
    """A layer or a network: parameters, child blocks, and a `forward` method.

    Children and parameters that are assigned to attributes are registered. Children made inside
    `with self.name_scope():` get names below this block's.

    Parameters
    ----------
    prefix : str
        Comes before the names of the parameters; None: made from the class's name and a counter.
    params : ParameterDict
        Share parameters with another block.

    Examples
    --------
    >>> class Net(gluon.Block):
    ...     def __init__(self, **kwargs):
    ...         super().__init__(**kwargs)
    ...         with self.name_scope():
    ...             self.hidden = gluon.nn.Dense(20)
    ...             self.out = gluon.nn.Dense(10)
    ...
    ...     def forward(self, x):
    ...         return self.out(nd.relu(self.hidden(x)))
    """

    def __init__(self, prefix=None, params=None):
        self._empty_prefix = prefix == ""
        self._prefix, self._params = BlockScope.create(prefix, params, self._alias())
        self._name = self._prefix.removesuffix("_")
        self._scope = BlockScope(self)
        self._children = OrderedDict()
        self._reg_params = {}
        self._forward_hooks = OrderedDict()
        self._forward_pre_hooks = OrderedDict()

    def _alias(self):
        return type(self).__name__.lower()

    def __repr__(self):
        rows = "\n".join(f"  ({key}): {indented(repr(child))}" for key, child in self._children.items())
        return f"{type(self).__name__}(\n{rows}\n)"

    def __setattr__(self, name, value):
        existing = getattr(self, name, None)
        if isinstance(existing, (Parameter, Block)) and not isinstance(value, type(existing)):
            raise TypeError(
                f"Changing attribute type for {name} from {type(existing)} to {type(value)}is not allowed."
            )
        if isinstance(value, Block):
            self.register_child(value, name)
        elif isinstance(value, Parameter):
            if self._reg_params.get(name, value) is not value:
                raise AssertionError(
                    f"Overriding Parameter attribute {name} is not allowed. If you want to share parameters between"
                    " blocks, please set 'params' at Block construction instead."
                )
            self._reg_params[name] = value
        super().__setattr__(name, value)

    # --- Names and parameters ---

    @property
    def prefix(self):
        """What comes before the names of the parameters."""
        return self._prefix

    @property
    def name(self):
        """The prefix without its final underscore."""
        return self._name

    @property
    def params(self):
        """The block's own parameters, without those of its children."""
        return self._params

    def name_scope(self):
        """A scope in which new blocks and parameters get names below this block's."""
        return self._scope

    def collect_params(self, select=None):
        """The parameters of the block and everything below it.

        Parameters
        ----------
        select : str
            A regular expression that names must match from their start; None: all.
        """
        self._check_container_children()
        found = ParameterDict(self._params.prefix)
        found.update(self.params.select(select))
        for child in self._children.values():
            found.update(child.collect_params(select=select))
        return found

    def _check_container_children(self):
        children = list(self._children.values())
        for name, value in vars(self).items():
            if isinstance(value, (list, tuple, dict)) and not name.startswith("__"):
                items = value.values() if isinstance(value, dict) else value
                if name != "_children" and any(isinstance(v, Block) and v not in children for v in items):
                    warnings.warn(
                        f'"{name}" is an unregistered container with Blocks. Note that Blocks inside the list, tuple or'
                        " dict will not be registered automatically. Make sure to register them using register_child()"
                        " or switching to nn.Sequential/nn.HybridSequential instead. ",
                        stacklevel=3,
                    )

    def _structural_params(self, prefix=""):
        """The parameters by their place in the structure: `0.weight`, `features.3.weight`."""
        prefix = prefix + "." if prefix else ""
        found = {prefix + key: value for key, value in self._reg_params.items()}
        for name, child in self._children.items():
            found.update(child._structural_params(prefix + name))
        return found

    _collect_params_with_prefix = _structural_params

    # --- Files ---

    def save_parameters(self, filename, deduplicate=False):
        """Save the parameters by their place in the structure.

        Parameters
        ----------
        filename : str
            File name or URL.
        deduplicate : bool
            Save a shared parameter once only.
        """
        params = self._structural_params()
        if deduplicate:
            first = {}
            params = {name: p for name, p in params.items() if first.setdefault(id(p), name) == name}
        nd.save(filename, {name: p._reduced() for name, p in params.items()})

    def load_parameters(self, filename, ctx=None, allow_missing=False, ignore_extra=False, cast_dtype=False,
                        dtype_source="current"):  # fmt: skip
        """Load parameters from a file of any layout that MXNet 1.x wrote.

        Parameters
        ----------
        filename : str
            File name or URL.
        ctx : Context or list of Context
            Devices for parameters that are not initialised yet.
        allow_missing : bool
            Leave parameters alone that the file lacks.
        ignore_extra : bool
            Ignore names that the block has no parameter for.
        cast_dtype : bool
            Convert values of another dtype.
        dtype_source : {'current', 'saved'}
            Which dtype the parameter has then.
        """
        loaded = nd.load(filename)
        params = self._structural_params()
        if not loaded and not params:
            return
        if not isinstance(loaded, dict):
            raise ValueError(f"Cannot load parameters from unnamed array file {filename}")
        if not any("." in name for name in loaded) and not set(loaded) & set(params):
            self.collect_params().load(
                filename,
                ctx,
                allow_missing,
                ignore_extra,
                self._restored_prefix(loaded),
                cast_dtype,
                dtype_source,
            )
            return
        if not allow_missing:
            self._require_all(params, loaded, filename)
        for name, array in loaded.items():
            if name in params:
                params[name]._load_init(array, ctx, cast_dtype, dtype_source)
            elif not ignore_extra:
                raise ValueError(
                    f"Parameter '{name}' loaded from file '{filename}' is not present in ParameterDict, which contains"
                    f" parameters {brief(params)}. Set ignore_extra=True to ignore. "
                )

    def _restored_prefix(self, loaded):
        """Old files have names with the block's prefix, or with it taken off."""
        names = {name.removeprefix("arg:").removeprefix("aux:") for name in loaded}
        own = set(self.collect_params().keys())
        return "" if names & own else self.prefix

    @staticmethod
    def _require_all(params, loaded, filename):
        same = {}
        for name, p in params.items():
            same.setdefault(id(p), []).append(name)
        for name, p in params.items():
            if not any(twin in loaded for twin in same[id(p)]):
                raise AssertionError(
                    f"Parameter '{name}' is missing in file '{filename}', which contains parameters:"
                    f" {brief(loaded)}. Set allow_missing=True to ignore missing parameters."
                )

    def save_params(self, filename):
        """Save by full names without the prefix; deprecated, see `save_parameters`."""
        warnings.warn("save_params is deprecated. Please use save_parameters. "
                      "Note that if you want load from SymbolBlock later, please use export instead. For details, see"
                      " https://mxnet.incubator.apache.org/tutorials/gluon/save_lo ad_params.html", stacklevel=2)  # fmt: skip
        self.collect_params().save(filename, strip_prefix=self.prefix)

    def load_params(self, filename, ctx=None, allow_missing=False, ignore_extra=False):
        """Load parameters; deprecated, see `load_parameters`."""
        warnings.warn("load_params is deprecated. Please use load_parameters.", stacklevel=2)
        self.load_parameters(filename, ctx, allow_missing, ignore_extra)

    # --- Structure ---

    def register_child(self, block, name=None):
        """Add a child; assignment to an attribute does it."""
        self._children[str(len(self._children)) if name is None else name] = block

    def register_forward_pre_hook(self, hook):
        """Call hook(block, inputs) before each forward call; returns a handle to take it off."""
        return HookHandle.of(self._forward_pre_hooks, hook)

    def register_forward_hook(self, hook):
        """Call hook(block, inputs, outputs) after each forward call; returns a handle to take it off."""
        return HookHandle.of(self._forward_hooks, hook)

    def apply(self, fn):
        """Call fn on every block below, then on this one."""
        for child in self._children.values():
            child.apply(fn)
        fn(self)
        return self

    def initialize(self, init=None, ctx=None, verbose=False, force_reinit=False):
        """Initialise all parameters; see `ParameterDict.initialize`. The default is Uniform(0.07)."""
        self.collect_params().initialize(init, ctx, verbose, force_reinit)

    def hybridize(self, active=True, **kwargs):
        """Have the hybrid blocks below compiled; see `HybridBlock.hybridize`."""
        for child in self._children.values():
            child.hybridize(active, **kwargs)

    def cast(self, dtype):
        """Change the dtype of all parameters."""
        for child in self._children.values():
            child.cast(dtype)
        for parameter in self.params.values():
            parameter.cast(dtype)

    def reset_ctx(self, ctx):
        """Move all parameters to other devices."""
        self.collect_params().reset_ctx(ctx)

    reset_device = reset_ctx

    def zero_grad(self):
        """Set all gradients to zero."""
        self.collect_params().zero_grad()

    # --- Running ---

    def __call__(self, *args):
        for hook in self._forward_pre_hooks.values():
            hook(self, args)
        try:
            out = self.forward(*args)
        except ERRORS as error:
            locate(error, self)
            raise
        for hook in self._forward_hooks.values():
            hook(self, args, out)
        return out

    def forward(self, *args):
        """Compute the outputs; to be defined by the class."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward")

    def summary(self, *inputs):
        """Print the layers with their output shapes and numbers of parameters, for one batch of inputs."""
        print_summary(self, inputs)

    def _argument(self, parameter, ctx):
        """The data of a parameter on a device, or what stands for it until its shape is known."""
        try:
            return parameter.data(ctx)
        except DeferredInitializationError:
            return deferred.Pending(parameter, ctx, self)


def indented(text):
    lines = text.split("\n")
    return "\n".join([lines[0], *("  " + line for line in lines[1:])])


# MXNet has all kinds of blocks in this module.
_ELSEWHERE = {"HybridBlock": "minpy.gluon.hybrid", "SymbolBlock": "minpy.gluon.symbol_block"}


def __getattr__(name):
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module 'minpy.gluon.block' has no attribute {name!r}")
