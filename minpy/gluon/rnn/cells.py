"""The cells: RNNCell, LSTMCell, GRUCell."""

from minpy.gluon.rnn.base import HybridRecurrentCell

__all__ = ["GRUCell", "LSTMCell", "RNNCell"]


class _GatedCell(HybridRecurrentCell):
    """Weights and biases of inputs and states, for a number of gates."""

    _gates = 1

    def __init__(
        self,
        hidden_size,
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        input_size=0,
        prefix=None,
        params=None,
    ):
        super().__init__(prefix=prefix, params=params)
        self._hidden_size, self._input_size = hidden_size, input_size
        rows = self._gates * hidden_size
        for name, shape, init in (
            ("i2h_weight", (rows, input_size), i2h_weight_initializer),
            ("h2h_weight", (rows, hidden_size), h2h_weight_initializer),
            ("i2h_bias", (rows,), i2h_bias_initializer),
            ("h2h_bias", (rows,), h2h_bias_initializer),
        ):
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))

    def _alias(self):
        return type(self).__name__.lower().removesuffix("cell")

    def state_info(self, batch_size=0):
        """Shape and layout of the state."""
        return [{"shape": (batch_size, self._hidden_size), "__layout__": "NC"}]

    def __repr__(self):
        rows, inputs = self.i2h_weight.shape
        activation = f", {self._activation}" if type(self) is RNNCell else ""
        return f"{type(self).__name__}({inputs or None} -> {rows}{activation})"

    def _products(self, F, inputs, state, i2h_weight, h2h_weight, i2h_bias, h2h_bias):
        """What inputs and states contribute to the gates."""
        prefix = f"t{self._counter}_"
        size = self._gates * self._hidden_size
        i2h = F.FullyConnected(inputs, i2h_weight, i2h_bias, num_hidden=size, name=prefix + "i2h")
        h2h = F.FullyConnected(state, h2h_weight, h2h_bias, num_hidden=size, name=prefix + "h2h")
        return prefix, i2h, h2h


class RNNCell(_GatedCell):
    """A step of a plain recurrent layer: h' = activation(W x + b + R h + c).

    Parameters
    ----------
    hidden_size : int
        Length of state and output.
    activation : str or Symbol
        See Activation.
    i2h_weight_initializer, h2h_weight_initializer : str or Initializer
        Of W and R.
    i2h_bias_initializer, h2h_bias_initializer : str or Initializer
        Of b and c.
    input_size : int
        Length of the input; 0: told by the first one.
    prefix, params
        See Block.
    """

    def __init__(
        self,
        hidden_size,
        activation="tanh",
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        input_size=0,
        prefix=None,
        params=None,
    ):
        super().__init__(
            hidden_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            input_size,
            prefix,
            params,
        )
        self._activation = activation

    def hybrid_forward(self, F, inputs, states, i2h_weight, h2h_weight, i2h_bias, h2h_bias):
        prefix, i2h, h2h = self._products(F, inputs, states[0], i2h_weight, h2h_weight, i2h_bias, h2h_bias)
        total = F.elemwise_add(i2h, h2h, name=prefix + "plus0")
        output = self._get_activation(F, total, self._activation, name=prefix + "out")
        return output, [output]


class LSTMCell(_GatedCell):
    """A step of an LSTM: gates i, f, g, o = W x + b + R h + c; cell' = s(f) cell + s(i) a(g); h' = s(o) a(cell').

    Parameters
    ----------
    hidden_size : int
        Length of state and output.
    i2h_weight_initializer, h2h_weight_initializer : str or Initializer
        Of W and R.
    i2h_bias_initializer, h2h_bias_initializer : str or Initializer
        Of b and c.
    input_size : int
        Length of the input; 0: told by the first one.
    prefix, params
        See Block.
    activation, recurrent_activation : str
        a and s, see Activation.
    """

    _gates = 4

    def __init__(
        self,
        hidden_size,
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        input_size=0,
        prefix=None,
        params=None,
        activation="tanh",
        recurrent_activation="sigmoid",
    ):
        super().__init__(
            hidden_size,
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            input_size,
            prefix,
            params,
        )
        self._activation = activation
        self._recurrent_activation = recurrent_activation

    def state_info(self, batch_size=0):
        """Shape and layout of state and cell."""
        return super().state_info(batch_size) * 2

    def hybrid_forward(self, F, inputs, states, i2h_weight, h2h_weight, i2h_bias, h2h_bias):
        prefix, i2h, h2h = self._products(F, inputs, states[0], i2h_weight, h2h_weight, i2h_bias, h2h_bias)
        gates = F.elemwise_add(i2h, h2h, name=prefix + "plus0")
        parts = F.SliceChannel(gates, num_outputs=4, name=prefix + "slice")
        kinds = (self._recurrent_activation,) * 2 + (self._activation, self._recurrent_activation)
        let_in, keep, new, let_out = (
            self._get_activation(F, part, kind, name=prefix + name)
            for part, kind, name in zip(parts, kinds, "ifco")
        )
        cell = F.elemwise_add(
            F.elemwise_mul(keep, states[1], name=prefix + "mul0"),
            F.elemwise_mul(let_in, new, name=prefix + "mul1"),
            name=prefix + "state",
        )
        shown = self._get_activation(F, cell, self._activation, name=prefix + "activation0")
        output = F.elemwise_mul(let_out, shown, name=prefix + "out")
        return output, [output, cell]


class GRUCell(_GatedCell):
    """A step of a GRU: r, z = sigmoid(W x + b + R h + c), n = tanh(W x + b + r (R h + c)), h' = (1 - z) n + z h.

    Parameters
    ----------
    hidden_size : int
        Length of state and output.
    i2h_weight_initializer, h2h_weight_initializer : str or Initializer
        Of W and R.
    i2h_bias_initializer, h2h_bias_initializer : str or Initializer
        Of b and c.
    input_size : int
        Length of the input; 0: told by the first one.
    prefix, params
        See Block.
    """

    _gates = 3

    def hybrid_forward(self, F, inputs, states, i2h_weight, h2h_weight, i2h_bias, h2h_bias):
        state = states[0]
        prefix, i2h, h2h = self._products(F, inputs, state, i2h_weight, h2h_weight, i2h_bias, h2h_bias)
        i2h_r, i2h_z, i2h_n = F.SliceChannel(i2h, num_outputs=3, name=prefix + "i2h_slice")
        h2h_r, h2h_z, h2h_n = F.SliceChannel(h2h, num_outputs=3, name=prefix + "h2h_slice")
        reset, update = (
            F.Activation(F.elemwise_add(i, h, name=prefix + plus), act_type="sigmoid", name=prefix + name)
            for i, h, plus, name in ((i2h_r, h2h_r, "plus0", "r_act"), (i2h_z, h2h_z, "plus1", "z_act"))
        )
        recalled = F.elemwise_mul(reset, h2h_n, name=prefix + "mul0")
        new = F.Activation(
            F.elemwise_add(i2h_n, recalled, name=prefix + "plus2"), act_type="tanh", name=prefix + "h_act"
        )
        ones = F.ones_like(update, name=prefix + "ones_like0")
        output = F.elemwise_add(
            F.elemwise_mul(F.elemwise_sub(ones, update, name=prefix + "minus0"), new, name=prefix + "mul1"),
            F.elemwise_mul(update, state, name=prefix + "mul20"),
            name=prefix + "out",
        )
        return output, [output]
