"""MobileNet v1 and v2, of several widths."""

from minpy.gluon import nn
from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.model_zoo.vision.named import Network, loaded, named

__all__ = ["MobileNet", "MobileNetV2", "get_mobilenet", "get_mobilenet_v2"]


class RELU6(HybridBlock):
    """max(0, min(6, x))."""

    def hybrid_forward(self, F, x):
        return F.clip(x, 0, 6, name="relu6")


def _add_convolution(out, channels, kernel=1, stride=1, pad=0, groups=1, active=True, relu6=False):
    out.add(nn.Conv2D(channels, kernel, stride, pad, groups=groups, use_bias=False))
    out.add(nn.BatchNorm(scale=True))
    if active:
        out.add(RELU6() if relu6 else nn.Activation("relu"))


class LinearBottleneck(HybridBlock):
    """A block of MobileNet v2: more channels, one convolution for each of them, fewer channels.

    Parameters
    ----------
    in_channels, channels : int
        Channels of input and output.
    t : int
        How many times more channels there are within.
    stride : int
        Stride; where it is 1 and the channels agree, the input is added.
    **kwargs
        See Block.
    """

    def __init__(self, in_channels, channels, t, stride, **kwargs):
        super().__init__(**kwargs)
        self.use_shortcut = stride == 1 and in_channels == channels
        within = in_channels * t
        with self.name_scope():
            self.out = nn.HybridSequential()
            _add_convolution(self.out, within, relu6=True)
            _add_convolution(self.out, within, 3, stride, 1, groups=within, relu6=True)
            _add_convolution(self.out, channels, active=False)

    def hybrid_forward(self, F, x):
        out = self.out(x)
        return F.elemwise_add(out, x) if self.use_shortcut else out


class MobileNet(Network):
    """MobileNet (Howard et al., arXiv:1704.04861).

    Parameters
    ----------
    multiplier : float
        Factor of the numbers of channels.
    classes : int
        Number of outputs.
    **kwargs
        See Block.
    """

    _CHANNELS = [32, 64, 128, 128, 256, 256] + [512] * 6 + [1024] * 2
    _STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]

    def __init__(self, multiplier=1.0, classes=1000, **kwargs):
        super().__init__(**kwargs)
        channels = [int(n * multiplier) for n in self._CHANNELS]
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            with self.features.name_scope():
                _add_convolution(self.features, channels[0], 3, 2, 1)
                for before, after, stride in zip(channels, channels[1:], self._STRIDES):
                    _add_convolution(self.features, before, 3, stride, 1, groups=before)
                    _add_convolution(self.features, after)
                self.features.add(nn.GlobalAvgPool2D(), nn.Flatten())
            self.output = nn.Dense(classes)


class MobileNetV2(Network):
    """MobileNet v2 (Sandler et al., arXiv:1801.04381).

    Parameters
    ----------
    multiplier : float
        Factor of the numbers of channels.
    classes : int
        Number of outputs.
    **kwargs
        See Block.
    """

    # channels, how many blocks, stride of the first one
    _STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))

    def __init__(self, multiplier=1.0, classes=1000, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="features_")
            with self.features.name_scope():
                before = int(32 * multiplier)
                _add_convolution(self.features, before, 3, 2, 1, relu6=True)
                for n, count, first_stride in self._STAGES:
                    for i in range(count):
                        after = int(n * multiplier)
                        expansion = 1 if n == 16 else 6
                        stride = first_stride if i == 0 else 1
                        self.features.add(LinearBottleneck(before, after, expansion, stride))
                        before = after
                last = int(1280 * multiplier) if multiplier > 1.0 else 1280
                _add_convolution(self.features, last, relu6=True)
                self.features.add(nn.GlobalAvgPool2D())
            self.output = nn.HybridSequential(prefix="output_")
            with self.output.name_scope():
                self.output.add(nn.Conv2D(classes, 1, use_bias=False, prefix="pred_"), nn.Flatten())


def _width(multiplier):
    text = f"{multiplier:.2f}"
    return text[:-1] if text in ("1.00", "0.50") else text


def get_mobilenet(multiplier, pretrained=False, ctx=None, root=None, **kwargs):
    """MobileNet.

    Parameters
    ----------
    multiplier : float
        Factor of the numbers of channels; there are weights for 0.25, 0.5, 0.75 and 1.
    pretrained : bool
        Whether to load trained weights.
    ctx : Context
        Where to load them; None: the CPU.
    root : str
        Folder that keeps files of weights; None: $MXNET_HOME/models.
    **kwargs
        See MobileNet.
    """
    net = MobileNet(multiplier, **kwargs)
    return loaded(net, f"mobilenet{_width(multiplier)}", pretrained, ctx, root)


def get_mobilenet_v2(multiplier, pretrained=False, ctx=None, root=None, **kwargs):
    """MobileNet v2.

    Parameters
    ----------
    multiplier : float
        Factor of the numbers of channels; there are weights for 0.25, 0.5, 0.75 and 1.
    pretrained : bool
        Whether to load trained weights.
    ctx : Context
        Where to load them; None: the CPU.
    root : str
        Folder that keeps files of weights; None: $MXNET_HOME/models.
    **kwargs
        See MobileNetV2.
    """
    net = MobileNetV2(multiplier, **kwargs)
    return loaded(net, f"mobilenetv2_{_width(multiplier)}", pretrained, ctx, root)


def _define(multiplier, make, function_prefix, model_prefix, what):
    def construct(**kwargs):
        return make(multiplier, **kwargs)

    width = _width(multiplier)
    name = function_prefix + width.replace(".", "_")
    globals()[name] = named(name, model_prefix + width, construct, f"{what}, {width} times as wide.")
    __all__.append(name)


for _multiplier in (1.0, 0.75, 0.5, 0.25):
    _define(_multiplier, get_mobilenet, "mobilenet", "mobilenet", "MobileNet (arXiv:1704.04861)")
    _define(_multiplier, get_mobilenet_v2, "mobilenet_v2_", "mobilenetv2_", "MobileNet v2 (arXiv:1801.04381)")
