"""Initializers with given values."""

import json

import numpy as np

from minpy.initializer._base import InitDesc, Initializer, alias, create, register


@register
@alias("zeros")
class Zero(Initializer):
    """Weights are zero."""

    def __init__(self):
        super().__init__()

    def _init_weight(self, _, arr):
        arr[:] = 0


@register
@alias("ones")
class One(Initializer):
    """Weights are one."""

    def __init__(self):
        super().__init__()

    def _init_weight(self, _, arr):
        arr[:] = 1


@register
class Constant(Initializer):
    """Weights are a given value.

    Parameters
    ----------
    value : float or array
        An array has the shape of the weights, or one that broadcasts to it.
    """

    def __init__(self, value):
        super().__init__(value=value)
        self.value = value

    def _init_weight(self, _, arr):
        arr[:] = self.value

    def dumps(self):
        value = self.value if np.isscalar(self.value) else np.asarray(self.value).tolist()
        return json.dumps([type(self).__name__.lower(), {**self._kwargs, "value": value}])

    def __eq__(self, other):
        if not isinstance(other, Initializer):
            return NotImplemented
        return type(self) is type(other) and np.array_equal(np.asarray(self.value), np.asarray(other.value))


@register
class Bilinear(Initializer):
    """Weights of a deconvolution that scales images up by bilinear interpolation."""

    def __init__(self):
        super().__init__()

    def _init_weight(self, name, arr):
        self._init_bilinear(name, arr)


@register
class LSTMBias(Initializer):
    """Biases of an LSTM cell: zero but for those of the forget gate.

    Parameters
    ----------
    forget_bias : float
    """

    def __init__(self, forget_bias=1.0):
        super().__init__(forget_bias=forget_bias)
        self.forget_bias = forget_bias

    def _init_weight(self, name, arr):
        arr[:] = 0.0
        hidden = arr.shape[0] // 4  # gates: input, forget, cell, output
        arr[hidden : 2 * hidden] = self.forget_bias


_GATES = {
    "rnn_relu": ("",),
    "rnn_tanh": ("",),
    "lstm": ("_i", "_f", "_c", "_o"),
    "gru": ("_r", "_z", "_o"),
}


@register
class FusedRNN(Initializer):
    """The one vector of parameters of a fused RNN, by an initializer for its parts.

    Parameters
    ----------
    init : Initializer, str or None
        For the parts, which have names like ``l0_i2h_f_weight``; None is the global initializer.
    num_hidden : int
        Units of each layer.
    num_layers : int
    mode : {'rnn_relu', 'rnn_tanh', 'lstm', 'gru'}
    bidirectional : bool
    forget_bias : float
        Both biases of the forget gates of an LSTM.
    """

    def __init__(self, init, num_hidden, num_layers, mode, bidirectional=False, forget_bias=1.0):
        init = create(init) if isinstance(init, str) else init
        super().__init__(
            init=None if init is None else init.dumps(),
            num_hidden=num_hidden,
            num_layers=num_layers,
            mode=mode,
            bidirectional=bidirectional,
            forget_bias=forget_bias,
        )
        self._init = init
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._forget_bias = forget_bias

    def _init_weight(self, desc, arr):
        from minpy import nd

        start = 0
        for name, shape in self._parts(arr.size):
            part = nd.zeros(shape, dtype=arr.dtype)
            if self._mode == "lstm" and name.endswith("_f_bias"):
                part[:] = self._forget_bias
            else:
                init = desc.global_init if self._init is None else self._init
                init(InitDesc(name, global_init=desc.global_init), part)
            stop = start + part.size
            arr[start:stop] = part.reshape((-1,))
            start = stop
        assert start == arr.size, f"{arr.size} parameters are not a whole number of units of {self._mode}"

    def _parts(self, size):
        """Names and shapes of the parts in their order: all weights, then all biases."""
        gates, hidden = _GATES[self._mode], self._num_hidden
        directions = ("l", "r") if self._bidirectional else ("l",)
        rows = len(directions) * len(gates) * hidden
        above = (self._num_layers - 1) * (hidden + len(directions) * hidden + 2)
        inputs = size // rows - above - hidden - 2
        cells = [(layer, direction) for layer in range(self._num_layers) for direction in directions]
        for layer, direction in cells:
            below = inputs if layer == 0 else len(directions) * hidden
            for kind, columns in (("i2h", below), ("h2h", hidden)):
                yield from ((f"{direction}{layer}_{kind}{g}_weight", (hidden, columns)) for g in gates)
        for layer, direction in cells:
            for kind in ("i2h", "h2h"):
                yield from ((f"{direction}{layer}_{kind}{g}_bias", (hidden,)) for g in gates)
