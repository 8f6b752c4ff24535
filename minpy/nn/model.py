"""The base of networks that `minpy.nn.solver.Solver` trains."""

import numpy

from minpy import nd

__all__ = ["ModelBase", "ParamsNameNotFoundError", "UnknownAccessModeError"]


class ParamsNameNotFoundError(ValueError):
    """A parameter that a file does not have."""


class UnknownAccessModeError(ValueError):
    """A mode other than the known ones."""


class ModelBase:
    """A network: its parameters, and what it computes from them.

    A subclass announces its parameters in ``__init__`` and defines `forward` and `loss`, or for several inputs or
    labels `forward_batch` and `loss_batch`.

    Attributes
    ----------
    params, aux_params : dict of str to ndarray
        Parameters, and values like running means that no gradient changes. `Solver.init` fills them.
    param_configs : dict of str to dict
        What was announced: `shape`, and perhaps `init_rule` and `init_config`.
    aux_param_configs : dict of str to ndarray
        Initial values.

    Examples
    --------
    >>> class Linear(ModelBase):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.add_param("w", (784, 10)).add_param("b", (10,), init_rule="constant")
    ...
    ...     def forward(self, X, mode):
    ...         return layers.affine(X, self.params["w"], self.params["b"])
    ...
    ...     def loss(self, predict, y):
    ...         return layers.softmax_loss(predict, y)
    """

    def __init__(self):
        self.params = {}
        self.param_configs = {}
        self.aux_params = {}
        self.aux_param_configs = {}

    def add_param(self, name, shape, **kwargs):
        """Announce a parameter.

        Parameters
        ----------
        name : str
        shape : tuple of int
        **kwargs
            `init_rule`, the name of a function in `minpy.nn.init`, and `init_config`, its settings; without them
            the solver's apply.

        Returns
        -------
        ModelBase
            Itself, for one more call.
        """
        return self.add_params({name: {"shape": shape, **kwargs}})

    def add_params(self, param_dict):
        """Announce several parameters.

        Parameters
        ----------
        param_dict : dict of str to dict
            As in `param_configs`; `minpy.core.Function.get_params` returns one.

        Returns
        -------
        ModelBase
            Itself.
        """
        for name, config in param_dict.items():
            assert name not in self.param_configs, f"Duplicate parameter name {name}"
            self.param_configs[name] = config
        return self

    def add_aux_param(self, name, value):
        """Announce a value that no gradient changes.

        Parameters
        ----------
        name : str
        value : ndarray or None
            The first one.

        Returns
        -------
        ModelBase
            Itself.
        """
        assert name not in self.aux_param_configs, f"Duplicate auxiliary parameter name {name}"
        self.aux_param_configs[name] = value
        return self

    def forward_batch(self, batch, mode):
        """The output for a batch: `forward` of its first input.

        Parameters
        ----------
        batch : DataBatch
            With the lists of arrays `data` and `label`.
        mode : {'train', 'test'}
        """
        return self.forward(batch.data[0], mode)

    def loss_batch(self, batch, forward_outputs):
        """The loss of a batch: `loss` with its first label.

        Parameters
        ----------
        batch : DataBatch
        forward_outputs : ndarray
            What `forward_batch` returned.
        """
        return self.loss(forward_outputs, batch.label[0])

    def forward(self, X, mode):  # noqa: N803
        """The output for an input.

        Parameters
        ----------
        X : ndarray
        mode : {'train', 'test'}
        """
        raise NotImplementedError()

    def loss(self, predict, y):
        """The loss of an output.

        Parameters
        ----------
        predict : ndarray
            What `forward` returned.
        y : ndarray
            The labels.
        """
        raise NotImplementedError()

    def save(self, prefix):
        """Write the parameters to ``prefix.params``, in the format of `mx.nd.save`.

        Parameters
        ----------
        prefix : str
        """
        arrays = {key: value for key, value in self._stored().items() if value is not None}
        nd.save(
            f"{prefix}.params", {key: nd.array(value, dtype=value.dtype) for key, value in arrays.items()}
        )

    def load(self, prefix):
        """Read the parameters from ``prefix.params`` into those there are.

        Parameters
        ----------
        prefix : str

        Raises
        ------
        ParamsNameNotFoundError
            When the file lacks one.
        """
        path = f"{prefix}.params"
        loaded = nd.load(path)
        for key, value in self._stored().items():
            if value is None:
                continue
            if key not in loaded:
                raise ParamsNameNotFoundError(f"{path} has no {key}; it has {sorted(loaded)}")
            value[...] = numpy.asarray(loaded[key])

    def _stored(self):
        """All values by their names in files."""
        return {
            **{f"param_{name}": value for name, value in self.params.items()},
            **{f"aux_param_{name}": value for name, value in self.aux_params.items()},
        }
