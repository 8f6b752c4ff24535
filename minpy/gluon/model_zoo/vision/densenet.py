"""DenseNet: 121 to 201 layers."""

from minpy.gluon import nn
from minpy.gluon.model_zoo.vision.named import Network, loaded, named

__all__ = ["DenseNet", "densenet121", "densenet161", "densenet169", "densenet201", "get_densenet"]

# Channels at first, channels that each layer adds, layers of each block.
densenet_spec = {
    121: (64, 32, [6, 12, 24, 16]),
    161: (96, 48, [6, 12, 36, 24]),
    169: (64, 32, [6, 12, 32, 32]),
    201: (64, 32, [6, 12, 48, 32]),
}


def _add_normalised(out, channels, kernel):
    out.add(nn.BatchNorm(), nn.Activation("relu"))
    out.add(nn.Conv2D(channels, kernel_size=kernel, padding=kernel // 2, use_bias=False))


def _layer(growth_rate, bn_size, dropout):
    features = nn.HybridSequential(prefix="")
    _add_normalised(features, bn_size * growth_rate, 1)
    _add_normalised(features, growth_rate, 3)
    if dropout:
        features.add(nn.Dropout(dropout))
    out = nn.HybridConcurrent(axis=1, prefix="")
    out.add(nn.Identity(), features)
    return out


class DenseNet(Network):
    """DenseNet: each layer gets the outputs of all before it (Huang et al., arXiv:1608.06993).

    Parameters
    ----------
    num_init_features : int
        Channels of the first convolution.
    growth_rate : int
        Channels that each layer adds.
    block_config : list of int
        Number of layers of each block.
    bn_size : int
        Channels within a layer, in multiples of `growth_rate`.
    dropout : float
        Rate of dropout after each layer.
    classes : int
        Number of outputs.
    **kwargs
        See Block.
    """

    def __init__(
        self,
        num_init_features,
        growth_rate,
        block_config,
        bn_size=4,
        dropout=0,
        classes=1000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(
                nn.Conv2D(num_init_features, kernel_size=7, strides=2, padding=3, use_bias=False)
            )
            self.features.add(nn.BatchNorm(), nn.Activation("relu"))
            self.features.add(nn.MaxPool2D(pool_size=3, strides=2, padding=1))
            channels = num_init_features
            for i, count in enumerate(block_config):
                self._add_block(i + 1, count, growth_rate, bn_size, dropout)
                channels += count * growth_rate
                if i != len(block_config) - 1:
                    channels //= 2
                    self._add_transition(channels)
            self.features.add(nn.BatchNorm(), nn.Activation("relu"))
            self.features.add(nn.AvgPool2D(pool_size=7), nn.Flatten())
            self.output = nn.Dense(classes)

    def _add_block(self, stage, count, *settings):
        block = nn.HybridSequential(prefix=f"stage{stage}_")
        with block.name_scope():
            for _ in range(count):
                block.add(_layer(*settings))
        self.features.add(block)

    def _add_transition(self, channels):
        out = nn.HybridSequential(prefix="")
        _add_normalised(out, channels, 1)
        out.add(nn.AvgPool2D(pool_size=2, strides=2))
        self.features.add(out)


def get_densenet(num_layers, pretrained=False, ctx=None, root=None, **kwargs):
    """DenseNet with 121, 161, 169 or 201 layers.

    Parameters
    ----------
    num_layers : int
        Number of layers.
    pretrained : bool
        Whether to load trained weights.
    ctx : Context
        Where to load them; None: the CPU.
    root : str
        Folder that keeps files of weights; None: $MXNET_HOME/models.
    **kwargs
        See DenseNet.
    """
    net = DenseNet(*densenet_spec[num_layers], **kwargs)
    return loaded(net, f"densenet{num_layers}", pretrained, ctx, root)


def _define(layers):
    def make(**kwargs):
        return get_densenet(layers, **kwargs)

    name = f"densenet{layers}"
    return named(name, name, make, f"DenseNet with {layers} layers (arXiv:1608.06993).")


densenet121, densenet161, densenet169, densenet201 = map(_define, densenet_spec)
