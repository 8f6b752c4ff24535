"""Initializers that choose by the name of the parameter."""

import logging
import re


class Load:
    """Initializes from a file or dict of arrays.

    Parameters
    ----------
    param : str or dict of str to NDArray
        A file that `nd.load` reads, or its contents. ``arg:`` and ``aux:`` before names are dropped.
    default_init : callable, optional
        For names that are not there.
    verbose : bool
        Whether the source of each array is logged.
    """

    def __init__(self, param, default_init=None, verbose=False):
        if isinstance(param, str):
            from minpy import nd

            param = nd.load(param)
        assert isinstance(param, dict)
        self.param = {re.sub("^(arg|aux):", "", name): array for name, array in param.items()}
        self.default_init = default_init
        self.verbose = verbose

    def __call__(self, name, arr):
        if name in self.param:
            loaded = self.param[name]
            assert arr.shape == loaded.shape, (
                f"Parameter {name} cannot be initialized from loading. "
                f"Shape mismatch, target {arr.shape} vs loaded {loaded.shape}"
            )
            arr[:] = loaded
        else:
            assert self.default_init is not None, (
                f"Cannot Initialize {name}. Not found in loaded param and no default Initializer is provided."
            )
            self.default_init(name, arr)
        if self.verbose:
            logging.info("Initialized %s by %s", name, "loading" if name in self.param else "default")


class Mixed:
    """Initializes by the first initializer whose pattern matches the name.

    Parameters
    ----------
    patterns : list of str
        Regular expressions for the start of names.
    initializers : list of Initializer
        One for each.

    Examples
    --------
    >>> mx.init.Mixed(["bias", ".*"], [mx.init.Zero(), mx.init.Uniform(0.1)])
    """

    def __init__(self, patterns, initializers):
        assert len(patterns) == len(initializers)
        self.map = [(re.compile(pattern), init) for pattern, init in zip(patterns, initializers)]

    def __call__(self, name, arr):
        for pattern, init in self.map:
            if pattern.match(name):
                init(name, arr)
                return
        raise ValueError(
            f"Parameter name {name} did not match any pattern. Consider "
            'add a ".*" pattern at the and with default Initializer.'
        )
