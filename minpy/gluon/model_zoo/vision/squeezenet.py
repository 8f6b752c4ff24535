"""SqueezeNet 1.0 and 1.1."""

from minpy.gluon import nn
from minpy.gluon.model_zoo.vision.named import Network, loaded, named

__all__ = ["SqueezeNet", "get_squeezenet", "squeezenet1_0", "squeezenet1_1"]

# First convolution (channels, kernel), then pools ("pool") and fires (channels of the squeezing convolution; the
# expanding ones have four times as many each).
_LAYOUTS = {
    "1.0": ((96, 7), ("pool", 16, 16, 32, "pool", 32, 48, 48, 64, "pool", 64)),
    "1.1": ((64, 3), ("pool", 16, 16, "pool", 32, 32, "pool", 48, 48, 64, 64)),
}


def _convolution(channels, kernel, padding=0):
    out = nn.HybridSequential(prefix="")
    out.add(nn.Conv2D(channels, kernel, padding=padding), nn.Activation("relu"))
    return out


def _fire(squeezed):
    out = nn.HybridSequential(prefix="")
    out.add(_convolution(squeezed, 1))
    paths = nn.HybridConcurrent(axis=1, prefix="")
    paths.add(_convolution(4 * squeezed, 1), _convolution(4 * squeezed, 3, 1))
    out.add(paths)
    return out


class SqueezeNet(Network):
    """SqueezeNet (Iandola et al., arXiv:1602.07360); 1.1 computes 2.4 times less.

    Parameters
    ----------
    version : {'1.0', '1.1'}
        Version.
    classes : int
        Number of outputs.
    **kwargs
        See Block.
    """

    def __init__(self, version, classes=1000, **kwargs):
        super().__init__(**kwargs)
        if version not in _LAYOUTS:
            raise AssertionError(f"Unsupported SqueezeNet version {version}:1.0 or 1.1 expected")
        (channels, kernel), layers = _LAYOUTS[version]
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            self.features.add(nn.Conv2D(channels, kernel_size=kernel, strides=2), nn.Activation("relu"))
            for layer in layers:
                pool = layer == "pool"
                self.features.add(
                    nn.MaxPool2D(pool_size=3, strides=2, ceil_mode=True) if pool else _fire(layer)
                )
            self.features.add(nn.Dropout(0.5))
            self.output = nn.HybridSequential(prefix="")
            self.output.add(nn.Conv2D(classes, kernel_size=1), nn.Activation("relu"))
            self.output.add(nn.AvgPool2D(13), nn.Flatten())


def get_squeezenet(version, pretrained=False, ctx=None, root=None, **kwargs):
    """SqueezeNet.

    Parameters
    ----------
    version : {'1.0', '1.1'}
        Version.
    pretrained : bool
        Whether to load trained weights.
    ctx : Context
        Where to load them; None: the CPU.
    root : str
        Folder that keeps files of weights; None: $MXNET_HOME/models.
    **kwargs
        See SqueezeNet.
    """
    return loaded(SqueezeNet(version, **kwargs), f"squeezenet{version}", pretrained, ctx, root)


def _define(version):
    def make(**kwargs):
        return get_squeezenet(version, **kwargs)

    name = "squeezenet" + version.replace(".", "_")
    return named(name, f"squeezenet{version}", make, f"SqueezeNet {version} (arXiv:1602.07360).")


squeezenet1_0, squeezenet1_1 = map(_define, _LAYOUTS)
