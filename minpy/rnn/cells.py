"""RNNCell, LSTMCell and GRUCell."""

from minpy import initializer, symbol
from minpy.rnn.base import GATES, BaseRNNCell, gru_step, lstm_step, rnn_step

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _DenseCell(BaseRNNCell):
    """A cell whose gates come from products with input and state.

    Parameters
    ----------
    num_hidden : int
        Length of the output and of each state.
    prefix : str
        What names start with.
    params : RNNParams
        Shares weights with another cell.
    """

    _state_count = 1

    def __init__(self, num_hidden, prefix, params=None, bias_init=None):
        super().__init__(prefix, params)
        self._num_hidden = num_hidden
        bias = {} if bias_init is None else {"init": bias_init}
        self._weights = {
            "i2h": (self.params.get("i2h_weight"), self.params.get("i2h_bias", **bias)),
            "h2h": (self.params.get("h2h_weight"), self.params.get("h2h_bias")),
        }

    @property
    def state_info(self):
        return [{"shape": (0, self._num_hidden), "__layout__": "NC"} for _ in range(self._state_count)]

    def _products(self, inputs, states, name):
        for key, data in (("i2h", inputs), ("h2h", states[0])):
            weight, bias = self._weights[key]
            yield symbol.FullyConnected(
                data=data,
                weight=weight,
                bias=bias,
                num_hidden=self._num_hidden * self._num_gates,
                name=name + key,
            )


class RNNCell(_DenseCell):
    """``activation(i2h(input) + h2h(state))``.

    Parameters
    ----------
    num_hidden : int
        Length of the output.
    activation : str or callable
        See `mx.sym.Activation`.
    prefix : str
    params : RNNParams
    """

    _gate_names = ("",)

    def __init__(self, num_hidden, activation="tanh", prefix="rnn_", params=None):
        super().__init__(num_hidden, prefix, params)
        self._activation = activation

    def __call__(self, inputs, states):
        name = self._step_name()
        i2h, h2h = self._products(inputs, states, name)
        return rnn_step(self, i2h, h2h, name, self._activation)


class LSTMCell(_DenseCell):
    """Long short-term memory.

    Parameters
    ----------
    num_hidden : int
        Length of the output.
    prefix : str
    params : RNNParams
    forget_bias : float
        What the bias of the forget gate starts with.
    """

    _gate_names, _state_count = GATES["lstm"], 2

    def __init__(self, num_hidden, prefix="lstm_", params=None, forget_bias=1.0):
        super().__init__(num_hidden, prefix, params, initializer.LSTMBias(forget_bias=forget_bias))

    def __call__(self, inputs, states):
        name = self._step_name()
        i2h, h2h = self._products(inputs, states, name)
        return lstm_step(self, i2h + h2h, states, name, "tanh")


class GRUCell(_DenseCell):
    """Gated recurrent unit, as cuDNN has it.

    Parameters
    ----------
    num_hidden : int
        Length of the output.
    prefix : str
    params : RNNParams
    """

    _gate_names = GATES["gru"]

    def __init__(self, num_hidden, prefix="gru_", params=None):
        super().__init__(num_hidden, prefix, params)

    def __call__(self, inputs, states):
        name = self._step_name()
        i2h, h2h = self._products(inputs, states, f"{name}_")
        return gru_step(self, i2h, h2h, states, name, "tanh")
