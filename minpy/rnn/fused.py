"""FusedRNNCell: all layers and steps as one operator."""

import warnings

from minpy import initializer, nd, symbol
from minpy.rnn.base import GATES, BaseRNNCell, sequence
from minpy.rnn.cells import GRUCell, LSTMCell, RNNCell
from minpy.rnn.composed import BidirectionalCell, DropoutCell, SequentialRNNCell

__all__ = ["FusedRNNCell"]


class FusedRNNCell(BaseRNNCell):
    """Layers of a recurrent network, which can only be unrolled at once.

    Parameters
    ----------
    num_hidden : int
        Length of the states.
    num_layers : int
    mode : {'rnn_relu', 'rnn_tanh', 'lstm', 'gru'}
    bidirectional : bool
    dropout : float
        Between layers.
    get_next_state : bool
        Whether `unroll` returns the states after the last step.
    forget_bias : float
        See LSTMCell.
    prefix : str
        None: the mode.
    params : RNNParams
    """

    def __init__(self, num_hidden, num_layers=1, mode="lstm", bidirectional=False, dropout=0.0, get_next_state=False,
                 forget_bias=1.0, prefix=None, params=None):  # fmt: skip
        super().__init__(f"{mode}_" if prefix is None else prefix, params)
        self._num_hidden, self._num_layers, self._mode = num_hidden, num_layers, mode
        self._bidirectional, self._dropout, self._get_next_state = bidirectional, dropout, get_next_state
        self._directions = ["l", "r"] if bidirectional else ["l"]
        init = initializer.FusedRNN(None, num_hidden, num_layers, mode, bidirectional, forget_bias)
        self._parameter = self.params.get("parameters", init=init)

    @property
    def state_info(self):
        shape = (len(self._directions) * self._num_layers, 0, self._num_hidden)
        return [{"shape": shape, "__layout__": "LNC"} for _ in range(2 if self._mode == "lstm" else 1)]

    @property
    def _gate_names(self):
        return GATES[self._mode]

    def _parts(self, num_input):
        """The name and shape of each part of the vector of all weights, in their order."""
        h, b = self._num_hidden, len(self._directions)
        for kind in ("weight", "bias"):
            for layer in range(self._num_layers):
                width = b * h if layer else num_input
                for direction in self._directions:
                    for group, columns in (("i2h", width), ("h2h", h)):
                        for gate in self._gate_names:
                            name = f"{self._prefix}{direction}{layer}_{group}{gate}_{kind}"
                            yield name, (h, columns) if kind == "weight" else (h,)

    def unpack_weights(self, args):
        args = args.copy()
        vector = args.pop(self._parameter.name)
        b, m, h = len(self._directions), self._num_gates, self._num_hidden
        num_input = vector.size // b // h // m - (self._num_layers - 1) * (h + b * h + 2) - h - 2
        at = 0
        for name, shape in self._parts(num_input):
            size = shape[0] * (shape[1] if len(shape) == 2 else 1)
            args[name] = vector[at : at + size].reshape(shape).copy()
            at += size
        assert at == vector.size, "Invalid parameters size for FusedRNNCell"
        return args

    def pack_weights(self, args):
        args = args.copy()
        first = args[f"{self._prefix}l0_i2h{self._gate_names[0]}_weight"]
        parts = [args.pop(name).reshape((-1,)) for name, _ in self._parts(first.shape[1])]
        args[self._parameter.name] = nd.concatenate(parts)
        return args

    def __call__(self, inputs, states):
        raise NotImplementedError("FusedRNNCell cannot be stepped. Please use unroll")

    def unroll(self, length, inputs, begin_state=None, layout="NTC", merge_outputs=None):
        self.reset()
        inputs, axis = sequence(length, inputs, layout, True)
        if axis == 1:
            warnings.warn(
                "NTC layout detected. Consider using TNC for FusedRNNCell for faster speed", stacklevel=2
            )
            inputs = symbol.swapaxes(inputs, dim1=0, dim2=1)
        else:
            assert axis == 0, f"Unsupported layout {layout}"
        states = self.begin_state() if begin_state is None else begin_state
        result = symbol.RNN(
            data=inputs,
            parameters=self._parameter,
            state_size=self._num_hidden,
            num_layers=self._num_layers,
            bidirectional=self._bidirectional,
            p=self._dropout,
            state_outputs=self._get_next_state,
            mode=self._mode,
            name=f"{self._prefix}rnn",
            **dict(zip(("state", "state_cell"), states)),
        )
        outputs, states = (result[0], list(result)[1:]) if self._get_next_state else (result, [])
        for state in states:
            state._set_attr(__layout__="LNC")
        if axis == 1:
            outputs = symbol.swapaxes(outputs, dim1=0, dim2=1)
        return sequence(length, outputs, layout, merge_outputs)[0], states

    def unfuse(self):
        """The same network as a SequentialRNNCell, which takes the unpacked weights."""
        make = {
            "rnn_relu": lambda prefix: RNNCell(self._num_hidden, activation="relu", prefix=prefix),
            "rnn_tanh": lambda prefix: RNNCell(self._num_hidden, activation="tanh", prefix=prefix),
            "lstm": lambda prefix: LSTMCell(self._num_hidden, prefix=prefix),
            "gru": lambda prefix: GRUCell(self._num_hidden, prefix=prefix),
        }[self._mode]
        stack = SequentialRNNCell()
        for i in range(self._num_layers):
            cells = [make(f"{self._prefix}{direction}{i}_") for direction in self._directions]
            both = self._bidirectional
            stack.add(
                BidirectionalCell(*cells, output_prefix=f"{self._prefix}bi_l{i}_") if both else cells[0]
            )
            if self._dropout > 0 and i != self._num_layers - 1:
                stack.add(DropoutCell(self._dropout, prefix=f"{self._prefix}_dropout{i}_"))
        return stack
