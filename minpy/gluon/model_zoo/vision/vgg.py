"""VGG: 11 to 19 layers, with and without batch normalisation."""

from minpy.gluon import nn
from minpy.gluon.model_zoo.vision.named import Network, loaded, named
from minpy.initializer import Xavier

__all__ = ["VGG", "get_vgg"]

_FILTERS = [64, 128, 256, 512, 512]
vgg_spec = {
    11: ([1, 1, 2, 2, 2], _FILTERS),
    13: ([2, 2, 2, 2, 2], _FILTERS),
    16: ([2, 2, 3, 3, 3], _FILTERS),
    19: ([2, 2, 4, 4, 4], _FILTERS),
}


class VGG(Network):
    """VGG (Simonyan and Zisserman, arXiv:1409.1556).

    Parameters
    ----------
    layers : list of int
        Number of convolutions before each pool.
    filters : list of int
        Their channels.
    classes : int
        Number of outputs.
    batch_norm : bool
        Whether each convolution is normalised.
    **kwargs
        See Block.
    """

    def __init__(self, layers, filters, classes=1000, batch_norm=False, **kwargs):
        super().__init__(**kwargs)
        if len(layers) != len(filters):
            raise AssertionError(f"VGG: {len(layers)} stages, but channels for {len(filters)}")
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            for count, channels in zip(layers, filters):
                for _ in range(count):
                    self._add_convolution(channels, batch_norm)
                self.features.add(nn.MaxPool2D(strides=2))
            for _ in range(2):
                self.features.add(self._dense(4096, activation="relu"), nn.Dropout(rate=0.5))
            self.output = self._dense(classes)

    def _add_convolution(self, channels, batch_norm):
        init = Xavier(rnd_type="gaussian", factor_type="out", magnitude=2)
        self.features.add(
            nn.Conv2D(channels, kernel_size=3, padding=1, weight_initializer=init, bias_initializer="zeros")
        )
        if batch_norm:
            self.features.add(nn.BatchNorm())
        self.features.add(nn.Activation("relu"))

    @staticmethod
    def _dense(units, activation=None):
        return nn.Dense(units, activation=activation, weight_initializer="normal", bias_initializer="zeros")


def get_vgg(num_layers, pretrained=False, ctx=None, root=None, **kwargs):
    """VGG with 11, 13, 16 or 19 layers.

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
        See VGG.
    """
    layers, filters = vgg_spec[num_layers]
    name = f"vgg{num_layers}{'_bn' if kwargs.get('batch_norm') else ''}"
    return loaded(VGG(layers, filters, **kwargs), name, pretrained, ctx, root)


def _define(layers, batch_norm):
    name = f"vgg{layers}{'_bn' if batch_norm else ''}"

    def make(**kwargs):
        return get_vgg(layers, **{**kwargs, **({"batch_norm": True} if batch_norm else {})})

    what = f"VGG with {layers} layers{' and batch normalisation' if batch_norm else ''} (arXiv:1409.1556)."
    globals()[name] = named(name, name, make, what)
    __all__.append(name)


for _layers in vgg_spec:
    for _batch_norm in (False, True):
        _define(_layers, _batch_norm)
