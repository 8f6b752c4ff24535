"""The base class of initializers, its rules for names, and the registry."""

import json
import logging
import warnings
from math import sqrt

import numpy as np

from minpy import random, registry


class InitDesc(str):
    """The name of a parameter, with what else decides how it is initialized.

    Parameters
    ----------
    name : str
    attrs : dict of str to str, optional
        Attributes of the variable.
    global_init : Initializer, optional
        What to use where nothing more particular is said.
    """

    def __new__(cls, name, attrs=None, global_init=None):
        desc = super().__new__(cls, name)
        desc.attrs = attrs or {}
        desc.global_init = global_init
        return desc


# The end of a name and the method that initializes such arrays, in the order of their test.
_BY_NAME = (
    ("weight", "_init_weight"),
    ("bias", "_init_bias"),
    ("gamma", "_init_gamma"),
    ("beta", "_init_beta"),
    ("min", "_init_zero"),
    ("max", "_init_one"),
    ("weight_quantize", "_init_quantized_weight"),
    ("bias_quantize", "_init_quantized_bias"),
)
# Start and end of a name that is no InitDesc.
_BY_PLAIN_NAME = (
    ("upsampling", "", "_init_bilinear"),
    ("stn_loc", "weight", "_init_zero"),
    ("stn_loc", "bias", "_init_loc_bias"),
    ("", "bias", "_init_bias"),
    ("", "gamma", "_init_gamma"),
    ("", "beta", "_init_beta"),
    ("", "weight", "_init_weight"),
    ("", "moving_mean", "_init_zero"),
    ("", "moving_var", "_init_one"),
    ("", "moving_inv_var", "_init_zero"),
    ("", "moving_avg", "_init_zero"),
    ("", "min", "_init_zero"),
    ("", "max", "_init_one"),
)


def _scaled_norm(array):
    values = np.asarray(array, dtype=np.float64)
    return str(np.float32(np.linalg.norm(values) / sqrt(values.size)))


class Initializer:
    """Base class. Subclasses define ``_init_weight(name, array)``, and may define the other rules anew.

    Parameters
    ----------
    **kwargs
        The arguments of the subclass, for `dumps`.
    """

    def __init__(self, **kwargs):
        self._kwargs = kwargs
        self._verbose = False
        self._print_func = None

    def set_verbosity(self, verbose=False, print_func=None):
        """Log each array that is initialized.

        Parameters
        ----------
        verbose : bool
        print_func : callable, optional
            From an array to the text to log; by default its norm over the root of its size.

        Returns
        -------
        Initializer
            This one.
        """
        self._verbose = verbose
        self._print_func = _scaled_norm if print_func is None else print_func
        return self

    def _verbose_print(self, desc, init, arr):
        if self._verbose and self._print_func:
            logging.info("Initialized %s as %s: %s", desc, init, self._print_func(arr))

    def dumps(self):
        """JSON text from which `create` makes such an initializer.

        Examples
        --------
        >>> mx.init.Normal(0.5).dumps()
        '["normal", {"sigma": 0.5}]'
        """
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __call__(self, desc, arr):
        """Initialize an array.

        Parameters
        ----------
        desc : InitDesc
            Plain names are deprecated, and follow older rules.
        arr : NDArray

        Raises
        ------
        ValueError
            When the name ends like none that has a rule.
        """
        if not isinstance(desc, InitDesc):
            self._legacy_init(desc, arr)
            return
        if desc.global_init is None:
            desc.global_init = self
        own = desc.attrs.get("__init__", "")
        if own:
            create(own)._init_weight(desc, arr)
            self._verbose_print(desc, own, arr)
            return
        for ending, method in _BY_NAME:
            if desc.endswith(ending):
                getattr(self, method)(desc, arr)
                self._verbose_print(desc, ending, arr)
                return
        self._init_default(desc, arr)

    def _legacy_init(self, name, arr):
        warnings.warn(
            "\033[91mCalling initializer with init(str, NDArray) has been deprecated."
            "please use init(mx.init.InitDesc(...), NDArray) instead.\033[0m",
            DeprecationWarning,
            stacklevel=3,
        )
        if not isinstance(name, str):
            raise TypeError("name must be string")
        if not hasattr(arr, "attach_grad"):
            raise TypeError("arr must be NDArray")
        for start, ending, method in _BY_PLAIN_NAME:
            if name.startswith(start) and name.endswith(ending):
                getattr(self, method)(name, arr)
                return
        self._init_default(name, arr)

    def _init_bilinear(self, _, arr):
        height, width = arr.shape[2:]
        half = np.ceil(width / 2.0)
        centre = (2 * half - 1 - half % 2) / (2.0 * half)
        x, y = (1 - abs(np.arange(size) / half - centre) for size in (width, height))
        arr[:] = np.broadcast_to(np.outer(y, x).astype("float32"), arr.shape)

    def _init_loc_bias(self, _, arr):
        assert arr.shape[0] == 6
        arr[:] = np.array([1.0, 0, 0, 0, 1.0, 0])

    def _init_zero(self, _, arr):
        arr[:] = 0.0

    def _init_one(self, _, arr):
        arr[:] = 1.0

    def _init_bias(self, _, arr):
        arr[:] = 0.0

    def _init_quantized_bias(self, _, arr):
        arr[:] = 0

    def _init_gamma(self, _, arr):
        arr[:] = 1.0

    def _init_beta(self, _, arr):
        arr[:] = 0.0

    def _init_weight(self, name, arr):
        raise NotImplementedError("Must override it")

    def _init_quantized_weight(self, _, arr):
        arr[:] = int(np.asarray(random.randint(-127, 127, dtype="int32"))[0])

    def _init_default(self, name, _):
        raise ValueError(
            f"Unknown initialization pattern for {name}. Default initialization is now limited to "
            '"weight", "bias", "gamma" (1.0), and "beta" (0.0).'
            "Please use mx.sym.Variable(init=mx.init.*) to set initialization pattern"
        )

    def __eq__(self, other):
        if not isinstance(other, Initializer):
            return NotImplemented
        return type(self) is type(other) and self._kwargs == other._kwargs


_register = registry.get_register_func(Initializer, "initializer")
alias = registry.get_alias_func(Initializer, "initializer")
create = registry.get_create_func(Initializer, "initializer")


def register(klass):
    """A class decorator: lets an initializer be made by its name in lower case.

    Examples
    --------
    >>> @mx.init.register
    ... @mx.init.alias("tenth")
    ... class Tenths(mx.init.Initializer):
    ...     def _init_weight(self, name, arr):
    ...         arr[:] = 0.1
    >>> module.init_params(mx.init.create("tenths"))
    """
    return _register(klass)
