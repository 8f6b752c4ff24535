"""ResNet v1 and v2: 18 to 152 layers."""

from minpy.gluon import nn
from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.model_zoo.vision.named import Network, loaded, named

__all__ = [
    "BasicBlockV1",
    "BasicBlockV2",
    "BottleneckV1",
    "BottleneckV2",
    "ResNetV1",
    "ResNetV2",
    "get_resnet",
]

_BLOCK_PARAMETERS = """
    Parameters
    ----------
    channels : int
        Channels of the output.
    stride : int
        Stride of one of the convolutions.
    downsample : bool
        Whether what is added goes through a convolution too.
    in_channels : int
        Channels of the input; 0: told by the first batch.
    **kwargs
        See Block.
    """


def _conv3x3(channels, stride, in_channels):
    return nn.Conv2D(
        channels, kernel_size=3, strides=stride, padding=1, use_bias=False, in_channels=in_channels
    )


def _conv1x1(channels, stride, in_channels=0):
    return nn.Conv2D(channels, kernel_size=1, strides=stride, use_bias=False, in_channels=in_channels)


class _BlockV1(HybridBlock):
    """relu(body(x) + x); the body comes from the class."""

    def __init__(self, channels, stride, downsample=False, in_channels=0, **kwargs):
        super().__init__(**kwargs)
        self.body = nn.HybridSequential(prefix="")
        self._fill_body(channels, stride, in_channels)
        self.downsample = None
        if downsample:
            self.downsample = nn.HybridSequential(prefix="")
            self.downsample.add(_conv1x1(channels, stride, in_channels), nn.BatchNorm())

    def hybrid_forward(self, F, x):
        residual = x if self.downsample is None else self.downsample(x)
        return F.Activation(self.body(x) + residual, act_type="relu")


class BasicBlockV1(_BlockV1):
    __doc__ = f"""Two convolutions, for ResNet v1 of 18 and 34 layers (arXiv:1512.03385).
    {_BLOCK_PARAMETERS}"""

    def _fill_body(self, channels, stride, in_channels):
        self.body.add(_conv3x3(channels, stride, in_channels), nn.BatchNorm(), nn.Activation("relu"))
        self.body.add(_conv3x3(channels, 1, channels), nn.BatchNorm())


class BottleneckV1(_BlockV1):
    __doc__ = f"""Three convolutions, for ResNet v1 of 50 and more layers (arXiv:1512.03385).
    {_BLOCK_PARAMETERS}"""

    def _fill_body(self, channels, stride, in_channels):
        inner = channels // 4
        self.body.add(nn.Conv2D(inner, kernel_size=1, strides=stride), nn.BatchNorm(), nn.Activation("relu"))
        self.body.add(_conv3x3(inner, 1, inner), nn.BatchNorm(), nn.Activation("relu"))
        self.body.add(nn.Conv2D(channels, kernel_size=1, strides=1), nn.BatchNorm())


class _BlockV2(HybridBlock):
    """Convolutions, each after a normalisation and relu; the first of these serves what is added too."""

    def __init__(self, channels, stride, downsample=False, in_channels=0, **kwargs):
        super().__init__(**kwargs)
        self._steps = 0
        for make in self._convolutions(channels, stride, in_channels):
            self._steps += 1
            setattr(self, f"bn{self._steps}", nn.BatchNorm())
            setattr(self, f"conv{self._steps}", make())
        self.downsample = _conv1x1(channels, stride, in_channels) if downsample else None

    def hybrid_forward(self, F, x):
        residual = x
        for i in range(1, self._steps + 1):
            x = F.Activation(getattr(self, f"bn{i}")(x), act_type="relu")
            if i == 1 and self.downsample is not None:
                residual = self.downsample(x)
            x = getattr(self, f"conv{i}")(x)
        return x + residual


class BasicBlockV2(_BlockV2):
    __doc__ = f"""Two convolutions, for ResNet v2 of 18 and 34 layers (arXiv:1603.05027).
    {_BLOCK_PARAMETERS}"""

    def _convolutions(self, channels, stride, in_channels):
        return (
            lambda: _conv3x3(channels, stride, in_channels),
            lambda: _conv3x3(channels, 1, channels),
        )


class BottleneckV2(_BlockV2):
    __doc__ = f"""Three convolutions, for ResNet v2 of 50 and more layers (arXiv:1603.05027).
    {_BLOCK_PARAMETERS}"""

    def _convolutions(self, channels, stride, in_channels):
        inner = channels // 4
        return (
            lambda: _conv1x1(inner, 1),
            lambda: _conv3x3(inner, stride, inner),
            lambda: _conv1x1(channels, 1),
        )


class _ResNet(Network):
    """The first convolution, stages of blocks, what comes after them, a Dense."""

    def __init__(self, block, layers, channels, classes=1000, thumbnail=False, **kwargs):
        super().__init__(**kwargs)
        if len(layers) != len(channels) - 1:
            raise AssertionError(f"{len(layers)} stages need channels for one more, not {len(channels)}")
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self._add_before()
            if thumbnail:
                self.features.add(_conv3x3(channels[0], 1, 0))
            else:
                self.features.add(nn.Conv2D(channels[0], 7, 2, 3, use_bias=False), nn.BatchNorm())
                self.features.add(nn.Activation("relu"), nn.MaxPool2D(3, 2, 1))
            for i, count in enumerate(layers):
                self._add_stage(i + 1, block, count, channels[i], channels[i + 1])
            self._add_after()
            self.output = nn.Dense(classes, in_units=channels[-1])

    def _add_stage(self, number, block, count, before, after):
        stage = nn.HybridSequential(prefix=f"stage{number}_")
        stride = 1 if number == 1 else 2
        with stage.name_scope():
            stage.add(block(after, stride, after != before, in_channels=before, prefix=""))
            for _ in range(count - 1):
                stage.add(block(after, 1, False, in_channels=after, prefix=""))
        self.features.add(stage)


_NETWORK_PARAMETERS = """
    Parameters
    ----------
    block : type
        Class of the blocks.
    layers : list of int
        Number of blocks of each stage.
    channels : list of int
        Channels of the first convolution and of each stage.
    classes : int
        Number of outputs.
    thumbnail : bool
        For small images: the first convolution keeps height and width.
    **kwargs
        See Block.
    """


class ResNetV1(_ResNet):
    __doc__ = f"""ResNet (He et al., arXiv:1512.03385).
    {_NETWORK_PARAMETERS}"""

    def _add_before(self):
        pass

    def _add_after(self):
        self.features.add(nn.GlobalAvgPool2D())


class ResNetV2(_ResNet):
    __doc__ = f"""ResNet whose blocks normalise first (He et al., arXiv:1603.05027).
    {_NETWORK_PARAMETERS}"""

    def _add_before(self):
        self.features.add(nn.BatchNorm(scale=False, center=False))

    def _add_after(self):
        self.features.add(nn.BatchNorm(), nn.Activation("relu"))
        self.features.add(nn.GlobalAvgPool2D(), nn.Flatten())


_BASIC, _BOTTLENECK = [64, 64, 128, 256, 512], [64, 256, 512, 1024, 2048]
resnet_spec = {
    18: ("basic_block", [2, 2, 2, 2], _BASIC),
    34: ("basic_block", [3, 4, 6, 3], _BASIC),
    50: ("bottle_neck", [3, 4, 6, 3], _BOTTLENECK),
    101: ("bottle_neck", [3, 4, 23, 3], _BOTTLENECK),
    152: ("bottle_neck", [3, 8, 36, 3], _BOTTLENECK),
}
resnet_net_versions = [ResNetV1, ResNetV2]
resnet_block_versions = [
    {"basic_block": BasicBlockV1, "bottle_neck": BottleneckV1},
    {"basic_block": BasicBlockV2, "bottle_neck": BottleneckV2},
]


def get_resnet(version, num_layers, pretrained=False, ctx=None, root=None, **kwargs):
    """ResNet.

    Parameters
    ----------
    version : {1, 2}
        Whether blocks normalise after convolutions, or before.
    num_layers : {18, 34, 50, 101, 152}
        Number of layers.
    pretrained : bool
        Whether to load trained weights.
    ctx : Context
        Where to load them; None: the CPU.
    root : str
        Folder that keeps files of weights; None: $MXNET_HOME/models.
    **kwargs
        See ResNetV1.
    """
    if num_layers not in resnet_spec:
        raise AssertionError(f"Invalid number of layers: {num_layers}. Options are {resnet_spec.keys()}")
    if version not in (1, 2):
        raise AssertionError(f"Invalid resnet version: {version}. Options are 1 and 2.")
    kind, layers, channels = resnet_spec[num_layers]
    block = resnet_block_versions[version - 1][kind]
    net = resnet_net_versions[version - 1](block, layers, channels, **kwargs)
    return loaded(net, f"resnet{num_layers}_v{version}", pretrained, ctx, root)


def _define(version, layers):
    def make(**kwargs):
        return get_resnet(version, layers, **kwargs)

    name = f"resnet{layers}_v{version}"
    paper = ("1512.03385", "1603.05027")[version - 1]
    globals()[name] = named(name, name, make, f"ResNet v{version} with {layers} layers (arXiv:{paper}).")
    __all__.append(name)


for _version in (1, 2):
    for _layers in resnet_spec:
        _define(_version, _layers)
