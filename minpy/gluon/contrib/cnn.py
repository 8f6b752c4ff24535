"""Convolutions whose taps are displaced by what another convolution computes."""

from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.nn.activations import Activation

__all__ = ["DeformableConvolution", "ModulatedDeformableConvolution"]


class DeformableConvolution(HybridBlock):
    """A convolution of images, the places of whose taps are learnt (Dai et al., arXiv:1703.06211).

    Parameters
    ----------
    channels : int
        Channels of the result.
    kernel_size, strides, padding, dilation : int or tuple of int
    groups : int
        Groups of channels that are convolved apart.
    num_deformable_group : int
        Groups of channels with places of their own.
    layout : {'NCHW'}
    use_bias, offset_use_bias : bool
        Whether this convolution, and the one for the places, add a bias.
    in_channels : int
        0: told by the first batch.
    activation : str
    weight_initializer, bias_initializer, offset_weight_initializer, offset_bias_initializer : str or Initializer
    op_name, adj, prefix, params
        As in MXNet; see Block.
    """

    _numbers_per_tap = 2  # that the other convolution gives

    def __init__(self, channels, kernel_size=(1, 1), strides=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1,
                 num_deformable_group=1, layout="NCHW", use_bias=True, in_channels=0, activation=None,
                 weight_initializer=None, bias_initializer="zeros", offset_weight_initializer="zeros",
                 offset_bias_initializer="zeros", offset_use_bias=True, op_name="DeformableConvolution", adj=None,
                 prefix=None, params=None):  # fmt: skip
        super().__init__(prefix=prefix, params=params)
        assert layout == "NCHW", f"Only supports the layout 'NCHW', not {layout!r}"
        kernel, stride, pad, dilate = (
            (value,) * 2 if isinstance(value, int) else tuple(value)
            for value in (kernel_size, strides, padding, dilation)
        )
        taps = kernel[0] * kernel[1] * num_deformable_group
        common = {"kernel": kernel, "stride": stride, "dilate": dilate, "pad": pad, "num_group": groups}
        self._places = 2 * taps
        self._offset = {**common, "num_filter": self._numbers_per_tap * taps, "no_bias": not offset_use_bias}
        self._convolution = {
            **common,
            "num_filter": channels,
            "num_deformable_group": num_deformable_group,
            "no_bias": not use_bias,
        }
        depth = in_channels // groups
        with self.name_scope():
            for name, shape, init, there in (
                (
                    "offset_weight",
                    (self._offset["num_filter"], depth, *kernel),
                    offset_weight_initializer,
                    True,
                ),
                ("offset_bias", (self._offset["num_filter"],), offset_bias_initializer, offset_use_bias),
                ("deformable_conv_weight", (channels, depth, *kernel), weight_initializer, True),
                ("deformable_conv_bias", (channels,), bias_initializer, use_bias),
            ):
                made = (
                    self.params.get(name, shape=shape, init=init, allow_deferred_init=True) if there else None
                )
                setattr(self, name, made)
            self.act = Activation(activation, prefix=activation + "_") if activation else None

    def _alias(self):
        return "deformable_conv"

    def hybrid_forward(
        self, F, x, offset_weight, deformable_conv_weight, offset_bias=None, deformable_conv_bias=None
    ):
        found = F.Convolution(
            x, offset_weight, *([] if offset_bias is None else [offset_bias]), **self._offset
        )
        bias = {} if deformable_conv_bias is None else {"bias": deformable_conv_bias}
        out = self._convolved(F, x, found, weight=deformable_conv_weight, **bias)
        return out if self.act is None else self.act(out)

    def _convolved(self, F, x, found, **weights):
        return F.contrib.DeformableConvolution(
            data=x, offset=found, name="fwd", **weights, **self._convolution
        )

    def __repr__(self):
        options, shape = self._convolution, self.deformable_conv_weight.shape
        text = f"{type(self).__name__}({shape[1] or None} -> {shape[0]}, kernel_size={options['kernel']}"
        text += f", stride={options['stride']}"
        for name, key, default in (
            ("padding", "pad", (0, 0)),
            ("dilation", "dilate", (1, 1)),
            ("groups", "num_group", 1),
        ):
            if options[key] != default:
                text += f", {name}={options[key]}"
        text += ", bias=False" if self.deformable_conv_bias is None else ""
        return text + (f", {self.act})" if self.act is not None else ")")


class ModulatedDeformableConvolution(DeformableConvolution):
    """The same with learnt weights of the taps, from 0 to 2 (Zhu et al., arXiv:1811.11168); parameters as there."""

    _numbers_per_tap = 3

    def _alias(self):
        return "modulated_deformable_conv"

    def _convolved(self, F, x, found, **weights):
        offset = F.slice_axis(found, axis=1, begin=0, end=self._places)
        mask = F.sigmoid(F.slice_axis(found, axis=1, begin=self._places, end=None)) * 2
        return F.contrib.ModulatedDeformableConvolution(
            data=x, offset=offset, mask=mask, name="fwd", **weights, **self._convolution
        )
