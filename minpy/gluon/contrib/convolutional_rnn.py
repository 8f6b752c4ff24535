"""Cells whose states are signals, images or volumes: products with weights are convolutions."""

from minpy._nested import per_axis
from minpy.gluon.rnn.base import HybridRecurrentCell

_LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
_DOC = """{what} with convolutions over {dims} axes.

    Parameters
    ----------
    input_shape : tuple of int
        Of an input without its batch, such as (channels, height, width).
    hidden_channels : int
        Channels of the output and the states.
    i2h_kernel, i2h_pad, i2h_dilate : int or tuple of int
        Of the convolution of the input.
    h2h_kernel, h2h_dilate : int or tuple of int
        Of the convolution of the state, which keeps its size; the kernel's sides are odd.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : str or Initializer
    conv_layout : str
        Axes of input and states with the batch, such as '{layout}'.
    activation : str or Block
    prefix, params
        See Block.
    """


class _ConvCell(HybridRecurrentCell):
    _dims = 2
    _gates = ("",)
    _state_count = 1

    def __init__(self, input_shape, hidden_channels, i2h_kernel, h2h_kernel, i2h_pad=0, i2h_dilate=1, h2h_dilate=1,
                 i2h_weight_initializer=None, h2h_weight_initializer=None, i2h_bias_initializer="zeros",
                 h2h_bias_initializer="zeros", conv_layout=None, activation="tanh", prefix=None, params=None):  # fmt: skip
        super().__init__(prefix=prefix, params=params)
        self._hidden_channels, self._input_shape = hidden_channels, input_shape
        self._conv_layout, self._activation = conv_layout or _LAYOUTS[self._dims], activation
        i2h_kernel, i2h_pad, i2h_dilate, h2h_kernel, h2h_dilate = (
            self._each(value) for value in (i2h_kernel, i2h_pad, i2h_dilate, h2h_kernel, h2h_dilate)
        )
        assert all(k % 2 == 1 for k in h2h_kernel), f"Only support odd number, get h2h_kernel= {h2h_kernel}"
        h2h_pad = tuple(d * (k - 1) // 2 for d, k in zip(h2h_dilate, h2h_kernel))
        self._options = {
            "i2h": {"kernel": i2h_kernel, "pad": i2h_pad, "dilate": i2h_dilate},
            "h2h": {"kernel": h2h_kernel, "pad": h2h_pad, "dilate": h2h_dilate},
        }
        self._channel_axis = self._conv_layout.find("C")
        first = self._channel_axis == 1
        channels, sizes = (input_shape[0], input_shape[1:]) if first else (input_shape[-1], input_shape[:-1])
        out = tuple(
            n + 2 * p - d * (k - 1) if n else 0 for n, k, p, d in zip(sizes, i2h_kernel, i2h_pad, i2h_dilate)
        )
        self._state_shape = (hidden_channels, *out) if first else (*out, hidden_channels)
        total = hidden_channels * len(self._gates)
        for name, kernel, depth, init in (
            ("i2h_weight", i2h_kernel, channels, i2h_weight_initializer),
            ("h2h_weight", h2h_kernel, hidden_channels, h2h_weight_initializer),
        ):
            shape = (total, depth, *kernel) if first else (total, *kernel, depth)
            setattr(self, name, self.params.get(name, shape=shape, init=init, allow_deferred_init=True))
        for name, init in (("i2h_bias", i2h_bias_initializer), ("h2h_bias", h2h_bias_initializer)):
            setattr(self, name, self.params.get(name, shape=(total,), init=init, allow_deferred_init=True))

    def _each(self, value):
        value = per_axis(value, self._dims)
        assert len(value) == self._dims, (
            f"For {self._dims}D convolution, the convolution settings can only be either int or list/tuple of length"
            f" {self._dims}"
        )
        return value

    @property
    def _gate_names(self):
        return self._gates

    def __repr__(self):
        shape = self.i2h_weight.shape
        channels = shape[1 if self._channel_axis == 1 else -1]
        return f"{type(self).__name__}({channels or None} -> {shape[0]}, {self._activation}, {self._conv_layout})"

    def state_info(self, batch_size=0):
        """Shape and layout of the states."""
        info = {"shape": (batch_size, *self._state_shape), "__layout__": self._conv_layout}
        return [dict(info) for _ in range(self._state_count)]

    def hybrid_forward(self, F, inputs, states, i2h_weight, h2h_weight, i2h_bias, h2h_bias):
        prefix = f"t{self._counter}_"
        i2h, h2h = (
            F.Convolution(
                data=data,
                weight=weight,
                bias=bias,
                num_filter=self._hidden_channels * len(self._gates),
                stride=(1,) * self._dims,
                layout=self._conv_layout,
                name=prefix + key,
                **self._options[key],
            )
            for key, data, weight, bias in (
                ("i2h", inputs, i2h_weight, i2h_bias),
                ("h2h", states[0], h2h_weight, h2h_bias),
            )
        )
        return self._step(F, prefix, i2h, h2h, states)

    def _act(self, F, value, name):
        return self._get_activation(F, value, self._activation, name=name)

    def _parts(self, F, value, name):
        return F.SliceChannel(value, num_outputs=len(self._gates), axis=self._channel_axis, name=name)


class _Simple(_ConvCell):
    def _alias(self):
        return "conv_rnn"

    def _step(self, F, prefix, i2h, h2h, states):
        output = self._act(F, i2h + h2h, prefix + "out")
        return output, [output]


class _LSTM(_ConvCell):
    _gates, _state_count = ("_i", "_f", "_c", "_o"), 2

    def _alias(self):
        return "conv_lstm"

    def _step(self, F, prefix, i2h, h2h, states):
        let_in, keep, new, let_out = self._parts(F, i2h + h2h, prefix + "slice")
        let_in, keep, let_out = (F.sigmoid(gate) for gate in (let_in, keep, let_out))
        cell = F.elemwise_add(
            keep * states[1], let_in * self._act(F, new, prefix + "c"), name=prefix + "state"
        )
        output = F.elemwise_mul(let_out, self._act(F, cell, prefix + "shown"), name=prefix + "out")
        return output, [output, cell]


class _GRU(_ConvCell):
    _gates = ("_r", "_z", "_o")

    def _alias(self):
        return "conv_gru"

    def _step(self, F, prefix, i2h, h2h, states):
        i2h_r, i2h_z, i2h = self._parts(F, i2h, prefix + "i2h_slice")
        h2h_r, h2h_z, h2h = self._parts(F, h2h, prefix + "h2h_slice")
        reset, update = F.sigmoid(i2h_r + h2h_r), F.sigmoid(i2h_z + h2h_z)
        new = self._act(F, i2h + reset * h2h, prefix + "h_act")
        output = F.elemwise_add((1.0 - update) * new, update * states[0], name=prefix + "out")
        return output, [output]


__all__ = []
for _kind, _base, _what in (
    ("RNN", _Simple, "``activation(i2h(input) + h2h(state))``"),
    ("LSTM", _LSTM, "Long short-term memory"),
    ("GRU", _GRU, "Gated recurrent unit"),
):
    for _dims, _layout in _LAYOUTS.items():
        _name = f"Conv{_dims}D{_kind}Cell"
        _doc = _DOC.format(what=_what, dims=_dims, layout=_layout)
        globals()[_name] = type(_name, (_base,), {"_dims": _dims, "__doc__": _doc, "__module__": __name__})
        __all__.append(_name)
