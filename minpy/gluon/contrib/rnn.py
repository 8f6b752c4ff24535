"""Further cells: dropout with one choice for a whole sequence, and an LSTM with a projection."""

from minpy.gluon.contrib import convolutional_rnn
from minpy.gluon.contrib.convolutional_rnn import *  # noqa: F403
from minpy.gluon.rnn.base import HybridRecurrentCell
from minpy.gluon.rnn.composed import ModifierCell

__all__ = [*convolutional_rnn.__all__, "LSTMPCell", "VariationalDropoutCell"]


class VariationalDropoutCell(ModifierCell):
    """Drops elements of inputs, states and outputs, the same ones at all steps (Gal, Ghahramani, arXiv:1512.05287).

    Of the states the first is changed, the hidden one. A new choice is made after `reset()`, which `unroll` calls.

    Parameters
    ----------
    base_cell : RecurrentCell
        The cell whose steps these are.
    drop_inputs, drop_states, drop_outputs : float
        The shares that are dropped.
    """

    def __init__(self, base_cell, drop_inputs=0.0, drop_states=0.0, drop_outputs=0.0):
        super().__init__(base_cell)
        self.drop_inputs, self.drop_states, self.drop_outputs = drop_inputs, drop_states, drop_outputs
        self._masks = {}

    def __repr__(self):
        return f"{type(self).__name__}(p_out = {self.drop_outputs}, p_state = {self.drop_states})"

    def _alias(self):
        return "vardrop"

    def reset(self):
        """Forget the choice, for another sequence."""
        super().reset()
        self._masks = {}

    def _dropped(self, F, what, value, share):
        if not share:
            return value
        if what not in self._masks:
            self._masks[what] = F.Dropout(F.ones_like(value), p=share)
        return value * self._masks[what]

    def hybrid_forward(self, F, inputs, states):
        states = [self._dropped(F, "states", states[0], self.drop_states), *states[1:]]
        output, states = self.base_cell(self._dropped(F, "inputs", inputs, self.drop_inputs), states)
        return self._dropped(F, "outputs", output, self.drop_outputs), states


class LSTMPCell(HybridRecurrentCell):
    """A step of an LSTM whose hidden state is a product of lower length (Sak et al., arXiv:1402.1128).

    Parameters
    ----------
    hidden_size : int
        Length of the cell.
    projection_size : int
        Length of the hidden state and the output.
    i2h_weight_initializer, h2h_weight_initializer, h2r_weight_initializer : str or Initializer
        Of the weights of inputs and states, and of the product.
    i2h_bias_initializer, h2h_bias_initializer : str or Initializer
        Of the biases.
    input_size : int
        Length of the input; 0: told by the first one.
    prefix, params
        See Block.
    """

    def __init__(self, hidden_size, projection_size, i2h_weight_initializer=None, h2h_weight_initializer=None,
                 h2r_weight_initializer=None, i2h_bias_initializer="zeros", h2h_bias_initializer="zeros",
                 input_size=0, prefix=None, params=None):  # fmt: skip
        super().__init__(prefix=prefix, params=params)
        self._hidden_size, self._projection_size = hidden_size, projection_size
        self._input_size = input_size
        for name, shape, init in (
            ("i2h_weight", (4 * hidden_size, input_size), i2h_weight_initializer),
            ("h2h_weight", (4 * hidden_size, projection_size), h2h_weight_initializer),
            ("h2r_weight", (projection_size, hidden_size), h2r_weight_initializer),
            ("i2h_bias", (4 * hidden_size,), i2h_bias_initializer),
            ("h2h_bias", (4 * hidden_size,), h2h_bias_initializer),
        ):
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))

    def _alias(self):
        return "lstmp"

    def state_info(self, batch_size=0):
        """Shape and layout of state and cell."""
        sizes = (self._projection_size, self._hidden_size)
        return [{"shape": (batch_size, size), "__layout__": "NC"} for size in sizes]

    def __repr__(self):
        rows, inputs = self.i2h_weight.shape
        return f"{type(self).__name__}({inputs or None} -> {rows} -> {self.h2r_weight.shape[0]})"

    def hybrid_forward(self, F, inputs, states, i2h_weight, h2h_weight, h2r_weight, i2h_bias, h2h_bias):
        prefix, size = f"t{self._counter}_", 4 * self._hidden_size
        i2h = F.FullyConnected(inputs, i2h_weight, i2h_bias, num_hidden=size, name=prefix + "i2h")
        h2h = F.FullyConnected(states[0], h2h_weight, h2h_bias, num_hidden=size, name=prefix + "h2h")
        parts = F.SliceChannel(i2h + h2h, num_outputs=4, name=prefix + "slice")
        kinds = ("sigmoid", "sigmoid", "tanh", "sigmoid")
        let_in, keep, new, let_out = (
            F.Activation(part, act_type=kind, name=prefix + name)
            for part, kind, name in zip(parts, kinds, "ifco")
        )
        cell = F.elemwise_add(keep * states[1], let_in * new, name=prefix + "state")
        hidden = F.elemwise_mul(let_out, F.Activation(cell, act_type="tanh"), name=prefix + "hidden")
        output = F.FullyConnected(
            hidden, h2r_weight, num_hidden=self._projection_size, no_bias=True, name=prefix + "out"
        )
        return output, [output, cell]
