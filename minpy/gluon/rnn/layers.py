"""The layers RNN, LSTM and GRU: whole sequences at once, by the fused operator RNN."""

import re

from minpy import nd
from minpy.context import current_context
from minpy.gluon.hybrid import HybridBlock, front_end
from minpy.gluon.rnn import cells, composed
from minpy.gluon.rnn.sequences import made_states

__all__ = ["GRU", "LSTM", "RNN"]

_GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}
_PARAMETER = re.compile(r"(l|r)(\d+)_(i2h|h2h|h2r)_(weight|bias)\Z")


class _RNNLayer(HybridBlock):
    """A stack of recurrent layers; parameters are l0_i2h_weight, l0_h2h_weight, l0_i2h_bias, l0_h2h_bias, r0_... ."""

    def __init__(
        self,
        hidden_size,
        num_layers,
        layout,
        dropout,
        bidirectional,
        input_size,
        initializers,
        mode,
        dtype,
        projection_size=None,
        clip=(None, None, False),
        use_sequence_length=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if layout not in ("TNC", "NTC"):
            raise AssertionError(f"Invalid layout {layout}; must be one of ['TNC' or 'NTC']")
        self._hidden_size, self._projection_size = hidden_size, projection_size or None
        self._num_layers, self._mode, self._layout = num_layers, mode, layout
        self._dropout, self._dir = dropout, 2 if bidirectional else 1
        self._input_size, self._initializers = input_size, initializers
        self._clip, self._dtype = clip, dtype
        self._use_sequence_length = use_sequence_length
        self._gates = _GATES[mode]
        self.skip_states = None
        self._make_parameters()

    def _make_parameters(self):
        rows, out = self._gates * self._hidden_size, self._projection_size or self._hidden_size
        inputs = self._input_size
        for layer in range(self._num_layers):
            for direction in "lr"[: self._dir]:
                shapes = {
                    "i2h_weight": (rows, inputs),
                    "h2h_weight": (rows, out),
                    "i2h_bias": (rows,),
                    "h2h_bias": (rows,),
                }
                if self._projection_size:
                    shapes["h2r_weight"] = (out, self._hidden_size)
                for kind, shape in shapes.items():
                    name = f"{direction}{layer}_{kind}"
                    parameter = self.params.get(
                        name,
                        shape=shape,
                        init=self._initializers.get(kind),
                        allow_deferred_init=True,
                        dtype=self._dtype,
                    )
                    setattr(self, name, parameter)
            inputs = out * self._dir

    def __repr__(self):
        rows, inputs = self.l0_i2h_weight.shape
        text = f"{type(self).__name__}({inputs or None} -> {rows // self._gates}, {self._layout}"
        if self._num_layers != 1:
            text += f", num_layers={self._num_layers}"
        if self._dropout != 0:
            text += f", dropout={self._dropout}"
        return text + (", bidirectional)" if self._dir == 2 else ")")

    def _structural_params(self, prefix=""):
        """Names in files are those that cells would have: `_unfused.0.i2h_weight`."""
        prefix = prefix + "." if prefix else ""
        found = {}
        for name, parameter in self._reg_params.items():
            direction, layer, source, kind = _PARAMETER.match(name).groups()
            cell = f".{direction}_cell" if self._dir == 2 else ""
            found[f"{prefix}_unfused.{layer}{cell}.{source}_{kind}"] = parameter
        return found

    _collect_params_with_prefix = _structural_params

    def _unfuse(self):
        """The same layers as a stack of cells, with the same parameters."""
        if self._projection_size or self._clip != (None, None, False):
            raise AssertionError("_unfuse does not support projections and clipped states")
        stack = composed.HybridSequentialRNNCell(prefix=self.prefix, params=self.params)
        inputs = self._input_size
        with stack.name_scope():
            for layer in range(self._num_layers):
                made = [self._cell(f"{direction}{layer}_", inputs) for direction in "lr"[: self._dir]]
                stack.add(composed.BidirectionalCell(*made) if self._dir == 2 else made[0])
                if self._dropout > 0 and layer != self._num_layers - 1:
                    stack.add(composed.DropoutCell(self._dropout))
                inputs = self._hidden_size * self._dir
        return stack

    def _cell(self, prefix, input_size):
        settings = {
            f"{name}_initializer": init for name, init in self._initializers.items() if "h2r" not in name
        }
        settings.update(input_size=input_size, prefix=prefix)
        if self._mode == "lstm":
            return cells.LSTMCell(self._hidden_size, **settings)
        if self._mode == "gru":
            return cells.GRUCell(self._hidden_size, **settings)
        return cells.RNNCell(self._hidden_size, activation=self._mode.removeprefix("rnn_"), **settings)

    def cast(self, dtype):
        """Change the dtype of the parameters and of the beginning states."""
        super().cast(dtype)
        self._dtype = dtype

    def state_info(self, batch_size=0):
        """Shape, layout and dtype of each state."""
        sizes = [self._projection_size or self._hidden_size]
        if self._mode == "lstm":
            sizes.append(self._hidden_size)
        rows = self._num_layers * self._dir
        return [
            {"shape": (rows, batch_size, size), "__layout__": "LNC", "dtype": self._dtype} for size in sizes
        ]

    def begin_state(self, batch_size=0, func=nd.zeros, **kwargs):
        """The states before the first step.

        Parameters
        ----------
        batch_size : int
            Number of sequences.
        func : callable
            Makes a state: nd.zeros, nd.ones, sym.var ...
        **kwargs
            Further arguments of `func`, such as ctx and dtype.
        """
        infos = self.state_info(batch_size)
        return made_states(func, [f"{self.prefix}h0_{i}" for i in range(len(infos))], infos, kwargs)

    def __call__(self, inputs, states=None, sequence_length=None):
        self.skip_states = states is None
        if states is None:
            F = front_end(inputs)
            if F is nd:
                states = self.begin_state(
                    inputs.shape[self._layout.find("N")],
                    ctx=getattr(inputs, "context", current_context()),
                    dtype=inputs.dtype,
                )
            else:
                states = self.begin_state(0, func=F.zeros)
        elif not isinstance(states, (list, tuple)):
            states = [states]
        if self._use_sequence_length:
            return super().__call__(inputs, states, sequence_length)
        return super().__call__(inputs, states)

    def forward(self, inputs, states, *args):
        """Completes the parameters of the first layer by the input, and computes."""
        if front_end(inputs) is nd:
            for direction in "lr"[: self._dir]:
                weight = getattr(self, f"{direction}0_i2h_weight")
                if weight.shape[1] == 0:
                    weight.shape = (weight.shape[0], inputs.shape[2])
                    weight._finish_deferred_init()
        return super().forward(inputs, states, *args)

    def hybrid_forward(self, F, inputs, states, sequence_length=None, **params):
        if F is nd:
            expected = self.state_info(inputs.shape[self._layout.find("N")])
            for state, info in zip(states, expected):
                if tuple(state.shape) != info["shape"]:
                    raise ValueError(
                        f"Invalid recurrent state shape. Expecting {info['shape']}, got {tuple(state.shape)}."
                    )
        if self._layout == "NTC":
            inputs = F.swapaxes(inputs, dim1=0, dim2=1)
        rest = [sequence_length] if self._use_sequence_length else []
        low, high, clip_nan = self._clip
        outputs, *states = F.RNN(
            inputs,
            F.concat(*[F.reshape(params[name], shape=(-1,)) for name in self._flat_order()], dim=0),
            *states,
            *rest,
            use_sequence_length=self._use_sequence_length,
            state_size=self._hidden_size,
            projection_size=self._projection_size,
            num_layers=self._num_layers,
            bidirectional=self._dir == 2,
            p=self._dropout,
            state_outputs=True,
            mode=self._mode,
            lstm_state_clip_min=low,
            lstm_state_clip_max=high,
            lstm_state_clip_nan=clip_nan,
        )
        if self._layout == "NTC":
            outputs = F.swapaxes(outputs, dim1=0, dim2=1)
        return outputs if self.skip_states else (outputs, states)

    def _flat_order(self):
        """The parameters in the order in which the operator takes them."""
        sources = ("i2h", "h2h", "h2r") if self._projection_size else ("i2h", "h2h")
        for kind in ("weight", "bias"):
            for layer in range(self._num_layers):
                for direction in "lr"[: self._dir]:
                    for source in sources:
                        if (source, kind) != ("h2r", "bias"):
                            yield f"{direction}{layer}_{source}_{kind}"


def _initializers(i2h_weight, h2h_weight, i2h_bias, h2h_bias, **more):
    return {
        "i2h_weight": i2h_weight,
        "h2h_weight": h2h_weight,
        "i2h_bias": i2h_bias,
        "h2h_bias": h2h_bias,
        **more,
    }


_COMMON = """
    Parameters
    ----------
    hidden_size : int
        Length of the state.
    num_layers : int
        Number of layers, each of which gets what the one below gives.
    layout : {'TNC', 'NTC'}
        Axes of input and output: time, batch, channels.
    dropout : float
        Share of the inputs of the layers but the first that is dropped while training.
    bidirectional : bool
        Go backward in time too, and join the results.
    i2h_weight_initializer, h2h_weight_initializer : str or Initializer
        Of the weights of inputs and states.
    i2h_bias_initializer, h2h_bias_initializer : str or Initializer
        Of the biases.
    input_size : int
        Number of channels of the input; 0: told by the first one.
    dtype : str
        Of the parameters.
    use_sequence_length : bool
        The layer is called with (inputs, states, sequence_length), lengths of shape (batch,).
    prefix, params
        See Block.

    Notes
    -----
    `layer(inputs)` gives the outputs; `layer(inputs, states)` gives outputs and the states after the last step.
    """


class RNN(_RNNLayer):
    __doc__ = f"""Plain recurrent layers: h' = activation(W x + b + R h + c).
    {_COMMON}"""

    def __init__(self, hidden_size, num_layers=1, activation="relu", layout="TNC", dropout=0, bidirectional=False,
                 i2h_weight_initializer=None, h2h_weight_initializer=None, i2h_bias_initializer="zeros",
                 h2h_bias_initializer="zeros", input_size=0, dtype="float32", **kwargs):  # fmt: skip
        inits = _initializers(
            i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer
        )
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, inits,
                         "rnn_" + activation, dtype, **kwargs)  # fmt: skip


class LSTM(_RNNLayer):
    __doc__ = f"""LSTM layers (Hochreiter and Schmidhuber, 1997; see LSTMCell).

    `projection_size` makes the state a product of that length, with weights initialised by
    `h2r_weight_initializer`; `state_clip_min`, `state_clip_max` and `state_clip_nan` bound the cell.
    {_COMMON}"""

    def __init__(self, hidden_size, num_layers=1, layout="TNC", dropout=0, bidirectional=False, input_size=0,
                 i2h_weight_initializer=None, h2h_weight_initializer=None, i2h_bias_initializer="zeros",
                 h2h_bias_initializer="zeros", projection_size=None, h2r_weight_initializer=None,
                 state_clip_min=None, state_clip_max=None, state_clip_nan=False, dtype="float32",
                 **kwargs):  # fmt: skip
        inits = _initializers(
            i2h_weight_initializer,
            h2h_weight_initializer,
            i2h_bias_initializer,
            h2h_bias_initializer,
            h2r_weight=h2r_weight_initializer,
        )
        clip = (state_clip_min, state_clip_max, state_clip_nan)
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, inits,
                         "lstm", dtype, projection_size=projection_size, clip=clip, **kwargs)  # fmt: skip


class GRU(_RNNLayer):
    __doc__ = f"""GRU layers (Cho et al., arXiv:1406.1078; see GRUCell).
    {_COMMON}"""

    def __init__(self, hidden_size, num_layers=1, layout="TNC", dropout=0, bidirectional=False, input_size=0,
                 i2h_weight_initializer=None, h2h_weight_initializer=None, i2h_bias_initializer="zeros",
                 h2h_bias_initializer="zeros", dtype="float32", **kwargs):  # fmt: skip
        inits = _initializers(
            i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer
        )
        super().__init__(hidden_size, num_layers, layout, dropout, bidirectional, input_size, inits,
                         "gru", dtype, **kwargs)  # fmt: skip
