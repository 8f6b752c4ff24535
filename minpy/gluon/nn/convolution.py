"""Convolutions of 1, 2 and 3 axes, and their transposes."""

from minpy._nested import per_axis
from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.nn.activations import Activation

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "ReflectionPad2D",
]


class _Conv(HybridBlock):
    """What all convolutions share.

    Parameters
    ----------
    channels : int
        Number of output channels.
    kernel_size, strides, padding, dilation : int or tuple of int
        Per spatial axis.
    groups : int
        Number of groups that channels are split into.
    layout : str
        Order of the axes.
    activation : str
        Applied to the results; None: none.
    use_bias : bool
        Whether to add a bias.
    weight_initializer, bias_initializer : Initializer or str
        Of the parameters.
    in_channels : int
        Number of input channels; 0: told by the first batch.
    """

    _ndim = 2
    _op_name = "Convolution"

    def __init__(self, channels, kernel_size, strides, padding, dilation, groups, layout, activation, use_bias,
                 weight_initializer, bias_initializer, in_channels, adj=None, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        n = self._ndim
        if isinstance(kernel_size, (list, tuple)) and len(kernel_size) != n:
            raise AssertionError(f"kernel_size must be a number or a list of {n} ints")
        self._channels, self._in_channels = channels, in_channels
        self._kwargs = {
            "kernel": per_axis(kernel_size, n),
            "stride": per_axis(strides, n),
            "dilate": per_axis(dilation, n),
            "pad": per_axis(padding, n),
            "num_filter": channels,
            "num_group": groups,
            "no_bias": not use_bias,
            "layout": layout,
        }
        if adj is not None:
            self._kwargs["adj"] = per_axis(adj, n)
        with self.name_scope():
            self.weight = self.params.get(
                "weight", shape=self._weight_shape(), init=weight_initializer, allow_deferred_init=True
            )
            self.bias = None
            if use_bias:
                self.bias = self.params.get(
                    "bias", shape=(channels,), init=bias_initializer, allow_deferred_init=True
                )
            self.act = Activation(activation, prefix=activation + "_") if activation is not None else None

    def _alias(self):
        return "conv"

    def _weight_shape(self):
        inner = self._in_channels // self._kwargs["num_group"]
        first, second = (self._channels, inner)
        if self._op_name == "Deconvolution":
            first, second = self._in_channels, self._channels // self._kwargs["num_group"]
        kernel = self._kwargs["kernel"]
        return (first, second, *kernel) if self._kwargs["layout"][1] == "C" else (first, *kernel, second)

    def hybrid_forward(self, F, x, weight, bias=None):
        if self.act is not None and self._op_name == "Convolution" and self.act.fuses(x, ("relu",)):
            return F.Convolution(x, weight, bias, act_type="relu", **self._kwargs)
        out = getattr(F, self._op_name)(x, weight, bias, name="fwd", **self._kwargs)
        return out if self.act is None else self.act(out)

    def __repr__(self):
        kw, n = self._kwargs, self._ndim
        shape = self.weight.shape
        axis = 1 if kw["layout"][1] == "C" else -1
        mapping = f"{shape[axis] * kw['num_group'] or None} -> {shape[0]}"
        if self._op_name == "Deconvolution":
            mapping = f"{self._channels} -> {shape[0]}"
        text = f"{type(self).__name__}({mapping}, kernel_size={kw['kernel']}, stride={kw['stride']}"
        if kw["pad"] != (0,) * n:
            text += f", padding={kw['pad']}"
        if kw["dilate"] != (1,) * n:
            text += f", dilation={kw['dilate']}"
        if kw.get("adj", (0,) * n) != (0,) * n:
            text += f", output_padding={kw['adj']}"
        if kw["num_group"] != 1:
            text += f", groups={kw['num_group']}"
        if self.bias is None:
            text += ", bias=False"
        if self.act:
            text += f", {self.act}"
        return text + ")"


def _convolution(ndim, layout, sentence):
    class Conv(_Conv):
        _ndim = ndim

        def __init__(self, channels, kernel_size, strides=1, padding=0, dilation=1, groups=1, layout=layout,
                     activation=None, use_bias=True, weight_initializer=None, bias_initializer="zeros",
                     in_channels=0, **kwargs):  # fmt: skip
            super().__init__(channels, kernel_size, strides, padding, dilation, groups, layout, activation, use_bias,
                             weight_initializer, bias_initializer, in_channels, **kwargs)  # fmt: skip

    return _named(Conv, f"Conv{ndim}D", sentence)


def _transposed(ndim, layout, sentence):
    class Conv(_Conv):
        _ndim = ndim
        _op_name = "Deconvolution"

        def __init__(self, channels, kernel_size, strides=1, padding=0, output_padding=0, dilation=1, groups=1,
                     layout=layout, activation=None, use_bias=True, weight_initializer=None,
                     bias_initializer="zeros", in_channels=0, **kwargs):  # fmt: skip
            super().__init__(channels, kernel_size, strides, padding, dilation, groups, layout, activation, use_bias,
                             weight_initializer, bias_initializer, in_channels, adj=output_padding,
                             **kwargs)  # fmt: skip
            self.outpad = per_axis(output_padding, ndim)

    return _named(Conv, f"Conv{ndim}DTranspose", sentence)


def _named(cls, name, sentence):
    cls.__name__ = cls.__qualname__ = name
    cls.__doc__ = sentence + "\n\n" + _Conv.__doc__.split("\n\n", 1)[1]
    return cls


Conv1D = _convolution(1, "NCW", "Convolution over one axis.")
Conv2D = _convolution(2, "NCHW", "Convolution over two axes.")
Conv3D = _convolution(3, "NCDHW", "Convolution over three axes.")
Conv1DTranspose = _transposed(
    1, "NCW", "Transposed convolution over one axis; `output_padding` lengthens the result."
)
Conv2DTranspose = _transposed(
    2, "NCHW", "Transposed convolution over two axes; `output_padding` enlarges the result."
)
Conv3DTranspose = _transposed(
    3, "NCDHW", "Transposed convolution over three axes; `output_padding` enlarges it."
)


class ReflectionPad2D(HybridBlock):
    """Pads the last two axes with their reflection.

    Parameters
    ----------
    padding : int or tuple of 8 int
        On each side, or (before, after) for each of the four axes.
    """

    def __init__(self, padding=0, **kwargs):
        super().__init__(**kwargs)
        self._padding = (0, 0, 0, 0, *((padding,) * 4)) if isinstance(padding, int) else tuple(padding)
        if len(self._padding) != 8:
            raise AssertionError(f"padding must be an int or 8 of them, got {padding}")

    def hybrid_forward(self, F, x):
        return F.pad(x, mode="reflect", pad_width=self._padding)
