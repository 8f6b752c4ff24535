"""ConvRNNCell, ConvLSTMCell and ConvGRUCell: cells whose states are images."""

import functools

from minpy import symbol
from minpy.rnn.base import GATES, BaseRNNCell, gru_step, lstm_step, rnn_step

__all__ = ["BaseConvRNNCell", "ConvGRUCell", "ConvLSTMCell", "ConvRNNCell"]

_leaky = functools.partial(symbol.LeakyReLU, act_type="leaky", slope=0.2)


class BaseConvRNNCell(BaseRNNCell):
    """A cell whose gates come from convolutions of input and state.

    Parameters
    ----------
    input_shape : tuple of int
        Of the input of one step, batch included.
    num_hidden : int
        Channels of the output.
    h2h_kernel, h2h_dilate : tuple of int
        Of the convolution of the state; the kernel's sides are odd.
    i2h_kernel, i2h_stride, i2h_pad, i2h_dilate : tuple of int
        Of the convolution of the input.
    i2h_weight_initializer, h2h_weight_initializer, i2h_bias_initializer, h2h_bias_initializer : Initializer or str
    activation : str or callable
    prefix : str
    params : RNNParams
    conv_layout : str
    """

    _state_count = 1
    _default_prefix = ""

    def __init__(
        self,
        input_shape,
        num_hidden,
        h2h_kernel=(3, 3),
        h2h_dilate=(1, 1),
        i2h_kernel=(3, 3),
        i2h_stride=(1, 1),
        i2h_pad=(1, 1),
        i2h_dilate=(1, 1),
        i2h_weight_initializer=None,
        h2h_weight_initializer=None,
        i2h_bias_initializer="zeros",
        h2h_bias_initializer="zeros",
        activation=_leaky,
        prefix=None,
        params=None,
        conv_layout="NCHW",
    ):
        super().__init__(self._default_prefix if prefix is None else prefix, params)
        assert all(n % 2 == 1 for n in h2h_kernel), f"Only support odd number, get h2h_kernel= {h2h_kernel}"
        self._num_hidden, self._conv_layout, self._activation = num_hidden, conv_layout, activation
        h2h_pad = tuple(d * (k - 1) // 2 for d, k in zip(h2h_dilate, h2h_kernel))
        self._convolutions = {
            "i2h": {"kernel": i2h_kernel, "stride": i2h_stride, "pad": i2h_pad, "dilate": i2h_dilate},
            "h2h": {"kernel": h2h_kernel, "stride": (1, 1), "pad": h2h_pad, "dilate": h2h_dilate},
        }
        once = symbol.Convolution(
            symbol.Variable("data"), num_filter=num_hidden, layout=conv_layout, **self._convolutions["i2h"]
        )
        self._state_shape = (0, *once.infer_shape(data=input_shape)[1][0][1:])
        self._weights = {
            "i2h": (
                self.params.get("i2h_weight", init=i2h_weight_initializer),
                self.params.get("i2h_bias", init=i2h_bias_initializer),
            ),
            "h2h": (
                self.params.get("h2h_weight", init=h2h_weight_initializer),
                self.params.get("h2h_bias", init=h2h_bias_initializer),
            ),
        }

    @property
    def state_info(self):
        return [
            {"shape": self._state_shape, "__layout__": self._conv_layout} for _ in range(self._state_count)
        ]

    def _products(self, inputs, states, name):
        for key, data in (("i2h", inputs), ("h2h", states[0])):
            weight, bias = self._weights[key]
            yield symbol.Convolution(
                data=data,
                weight=weight,
                bias=bias,
                num_filter=self._num_hidden * self._num_gates,
                layout=self._conv_layout,
                name=name + key,
                **self._convolutions[key],
            )


class ConvRNNCell(BaseConvRNNCell):
    """``activation(i2h(input) + h2h(state))`` with convolutions; parameters as of BaseConvRNNCell."""

    _default_prefix, _gate_names = "ConvRNN_", ("",)

    def __call__(self, inputs, states):
        name = self._step_name()
        i2h, h2h = self._products(inputs, states, name)
        return rnn_step(self, i2h, h2h, name, self._activation)


class ConvLSTMCell(BaseConvRNNCell):
    """Long short-term memory with convolutions; parameters as of BaseConvRNNCell."""

    _default_prefix, _gate_names, _state_count = "ConvLSTM_", GATES["lstm"], 2

    def __call__(self, inputs, states):
        name = self._step_name()
        i2h, h2h = self._products(inputs, states, name)
        axis = self._conv_layout.find("C")
        return lstm_step(self, i2h + h2h, states, name, self._activation, axis=axis)


class ConvGRUCell(BaseConvRNNCell):
    """Gated recurrent unit with convolutions; parameters as of BaseConvRNNCell."""

    _default_prefix, _gate_names = "ConvGRU_", GATES["gru"]

    def __call__(self, inputs, states):
        name = self._step_name()
        i2h, h2h = self._products(inputs, states, name)
        channels = self._conv_layout.find("C")
        axis = {} if channels == 1 else {"axis": channels}  # MXNet names it for its LSTM only
        return gru_step(self, i2h, h2h, states, name, self._activation, **axis)
