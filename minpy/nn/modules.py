"""Layers for `minpy.nn.model_builder`."""

import minpy.numpy as np
from minpy import sym
from minpy.core import Function
from minpy.nn import layers
from minpy.nn.model_builder import Layer

__all__ = [
    "BatchFlatten",
    "BatchNorm",
    "BatchReshape",
    "Convolution",
    "Dropout",
    "Embedding",
    "Flatten",
    "FullyConnected",
    "Identity",
    "LSTM",
    "Logistic",
    "Pooling",
    "RNN",
    "ReLU",
    "Reshape",
    "Symbolic",
    "Tanh",
    "Variable",
]


class Variable(Layer):
    """A parameter as the output of a layer without input.

    Parameters
    ----------
    shape : tuple of int
    init_configs, update_configs : dict, optional
        Settings for its initial value and its updates.
    name : str, optional
    """

    _module_name = "variable"

    def __init__(self, shape, init_configs=None, update_configs=None, name=None):
        super().__init__(("variable",), None, name)
        self._shape = shape
        self._register_init_configs(init_configs)
        self._register_update_configs(update_configs)

    def forward(self):
        """The parameter."""
        return self._get_param(self.variable)

    def param_shapes(self, *args):
        """The shape by the parameter's name."""
        return {self.variable: self._shape}


class Identity(Layer):
    """Its input."""

    _module_name = "identity"

    def __init__(self, name=None):
        super().__init__(name=name)

    def forward(self, X):  # noqa: N803
        """The input."""
        return X


class ReLU(Layer):
    """The larger of the input and 0."""

    _module_name = "ReLU"

    def __init__(self, name=None):
        super().__init__(name=name)

    def forward(self, X, *args):  # noqa: N803
        """The output."""
        return layers.relu(X)


class Logistic(Layer):
    """``1 / (1 + exp(-x))``."""

    _module_name = "logistic"

    def forward(self, X, *args):  # noqa: N803
        """The output."""
        return layers.sigmoid(X)


class Tanh(Layer):
    """The hyperbolic tangent."""

    _module_name = "tanh"

    def forward(self, X, *args):  # noqa: N803
        """The output."""
        return np.tanh(X)


class Dropout(Layer):
    """Sets elements to 0 at random in training, and scales by ``1 - p`` in inference.

    Parameters
    ----------
    p : float
        The probability of each element to be dropped.
    """

    _module_name = "dropout"

    def __init__(self, p):
        super().__init__()
        self._p = p

    def forward(self, data):
        """The output."""
        return layers.dropout(data, self._p, "train" if self._mode == "training" else "test")


class Reshape(Layer):
    """The input in another shape.

    Parameters
    ----------
    shape : tuple of int
    """

    _module_name = "reshape"

    def __init__(self, shape):
        super().__init__()
        self._shape = tuple(shape)

    def forward(self, X, *args):  # noqa: N803
        """The output."""
        return np.reshape(X, self._shape)


class BatchReshape(Reshape):
    """Each sample of the input in another shape.

    Parameters
    ----------
    shape : tuple of int
        Without the batch.
    """

    _module_name = "batch_reshape"

    def forward(self, X, *args):  # noqa: N803
        """The output."""
        return np.reshape(X, X.shape[:1] + self._shape)


class Flatten(Layer):
    """The input in one dimension."""

    _module_name = "flatten"

    def forward(self, X):  # noqa: N803
        """The output."""
        return np.reshape(X, (X.size,))


class BatchFlatten(Layer):
    """Each sample of the input in one dimension."""

    _module_name = "flatten"

    def forward(self, X):  # noqa: N803
        """The output."""
        return np.reshape(X, (X.shape[0], X.size // X.shape[0]))


class Symbolic(Layer):
    """A Symbol as a layer: its arguments other than `variables` are the parameters.

    Parameters
    ----------
    symbol : Symbol
    variables : sequence of str, optional
        The names of the inputs; 'data' by default.
    init_configs, update_configs : dict, optional
        Settings for initial values and updates: for all parameters, or by a parameter's name.
    name : str, optional
    """

    _module_name = "symbolic"

    def __init__(self, symbol, variables=None, init_configs=None, update_configs=None, name=None):
        self._symbol = symbol
        self._variables = ("data",) if variables is None else tuple(variables)
        params = tuple(n for n in symbol.list_arguments() if n not in self._variables)
        super().__init__(params, tuple(symbol.list_auxiliary_states()), name)
        self._func = Function(symbol, name=self._name)
        self._register_init_configs(init_configs)
        self._register_update_configs(update_configs)

    def forward(self, **kwargs):
        """The output, or a tuple of them, for arrays by the names of the inputs."""
        arrays = dict(zip(self._module_param_names, self._get_params(*self._param_names)))
        states = dict(zip(self._module_aux_param_names, self._get_aux_params(*self._aux_param_names)))
        self._func.is_train = self._mode == "training"
        outputs = self._func(**kwargs, **arrays, **states)
        return tuple(outputs) if isinstance(outputs, list) else outputs

    def _shapes(self, kwargs):
        return self._symbol.infer_shape(**kwargs)

    def param_shapes(self, **kwargs):
        """The shapes of the parameters by name, for the shapes of the inputs."""
        shapes = dict(zip(self._symbol.list_arguments(), self._shapes(kwargs)[0]))
        return {full: shapes[local] for local, full in zip(self._module_param_names, self._param_names)}

    def aux_param_shapes(self, **kwargs):
        """The shapes of the auxiliary states by name, for the shapes of the inputs."""
        return dict(zip(self._aux_param_names, self._shapes(kwargs)[2]))


class _Operator(Symbolic):
    """One operator of MXNet on `data`; the arguments are those of ``mx.sym``'s function.

    Parameters
    ----------
    *args, **kwargs
        For the operator, and `init_configs` and `update_configs`.
    """

    def __init__(self, *args, init_configs=None, update_configs=None, **kwargs):
        symbol = getattr(sym, type(self).__name__)(sym.Variable("data"), *args, **kwargs)
        super().__init__(symbol, None, init_configs, update_configs)

    def forward(self, data):
        """The output."""
        return super().forward(data=data)

    def param_shapes(self, input_shape):
        """The shapes of the parameters by name, for the shape of the input."""
        return super().param_shapes(data=input_shape)

    def aux_param_shapes(self, input_shape):
        """The shapes of the auxiliary states by name, for the shape of the input."""
        return super().aux_param_shapes(data=input_shape)


class FullyConnected(_Operator):
    """A fully connected layer; the arguments are those of `mx.sym.FullyConnected`."""


class Embedding(_Operator):
    """Rows of a table by number; the arguments are those of `mx.sym.Embedding`."""


class Convolution(_Operator):
    """A convolution; the arguments are those of `mx.sym.Convolution`."""


class Pooling(_Operator):
    """Pooling; the arguments are those of `mx.sym.Pooling`."""


class BatchNorm(_Operator):
    """Batch normalization; the arguments are those of `mx.sym.BatchNorm`."""


class _Step(Symbolic):
    """One step of a recurrent layer; states that are not given are zeros."""

    def __init__(self, symbol, states, num_hidden):
        self._states, self._num_hidden = states, num_hidden
        super().__init__(symbol, ("data", *states))

    def _with_states(self, data, states):
        zeros = np.zeros((data.shape[0], self._num_hidden), dtype=data.dtype)
        given = {name: zeros if state is None else state for name, state in zip(self._states, states)}
        return super().forward(data=data, **given)

    def param_shapes(self, data, **states):
        """The shapes of the parameters by name, for the shape of the input."""
        shape = (data[0], self._num_hidden)
        return super().param_shapes(data=data, **dict.fromkeys(self._states, shape))

    def aux_param_shapes(self, *args, **kwargs):
        """No auxiliary states."""
        return {}


class RNN(_Step):
    """One step of an Elman network.

    Parameters
    ----------
    num_hidden : int
    act_type : {'relu', 'sigmoid', 'softrelu', 'tanh'}
    """

    def __init__(self, num_hidden, act_type):
        data = sym.FullyConnected(sym.Variable("data"), num_hidden=num_hidden, no_bias=True)
        hidden = sym.FullyConnected(sym.Variable("hidden"), num_hidden=num_hidden, name="HH")
        super().__init__(sym.Activation(data + hidden, act_type=act_type), ("hidden",), num_hidden)

    def forward(self, data, hidden=None):
        """The next state."""
        return self._with_states(data, (hidden,))

    def param_shapes(self, data, hidden=None):
        """The shapes of the parameters by name, for the shape of the input."""
        return super().param_shapes(data)


class LSTM(_Step):
    """One step of an LSTM.

    Parameters
    ----------
    num_hidden : int
    act_type : {'relu', 'sigmoid', 'softrelu', 'tanh'}
        Of the new cell on its way to the new state.
    """

    def __init__(self, num_hidden, act_type):
        data = sym.FullyConnected(sym.Variable("data"), num_hidden=4 * num_hidden, no_bias=True)
        hidden = sym.FullyConnected(sym.Variable("hidden"), num_hidden=4 * num_hidden)
        parts = sym.SliceChannel(data + hidden, num_outputs=4, axis=1)
        i, f, o = (sym.Activation(parts[k], act_type="sigmoid") for k in range(3))
        cell = f * sym.Variable("cell") + i * sym.Activation(parts[3], act_type="tanh")
        state = o * sym.Activation(cell, act_type=act_type)
        super().__init__(sym.Group([state, cell]), ("hidden", "cell"), num_hidden)

    def forward(self, data, hidden=None, cell=None):
        """The next state and the next cell."""
        return self._with_states(data, (hidden, cell))

    def param_shapes(self, data, hidden=None, cell=None):
        """The shapes of the parameters by name, for the shape of the input."""
        return super().param_shapes(data)
