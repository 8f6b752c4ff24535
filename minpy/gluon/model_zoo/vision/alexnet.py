"""AlexNet."""

from minpy.gluon import nn
from minpy.gluon.model_zoo.vision.named import Network, loaded, named

__all__ = ["AlexNet", "alexnet"]


class AlexNet(Network):
    """AlexNet with one column (Krizhevsky, arXiv:1404.5997).

    Parameters
    ----------
    classes : int
        Number of outputs.
    **kwargs
        See Block.
    """

    def __init__(self, classes=1000, **kwargs):
        super().__init__(**kwargs)
        with self.name_scope():
            self.features = nn.HybridSequential(prefix="")
            with self.features.name_scope():
                self._add_convolutions()
                for _ in range(2):
                    self.features.add(nn.Dense(4096, activation="relu"), nn.Dropout(0.5))
            self.output = nn.Dense(classes)

    def _add_convolutions(self):
        settings = (  # channels, kernel, stride, padding, whether a pool follows
            (64, 11, 4, 2, True),
            (192, 5, 1, 2, True),
            (384, 3, 1, 1, False),
            (256, 3, 1, 1, False),
            (256, 3, 1, 1, True),
        )
        for channels, kernel, stride, padding, pool in settings:
            self.features.add(nn.Conv2D(channels, kernel, strides=stride, padding=padding, activation="relu"))
            if pool:
                self.features.add(nn.MaxPool2D(pool_size=3, strides=2))
        self.features.add(nn.Flatten())


def _make(pretrained=False, ctx=None, root=None, **kwargs):
    return loaded(AlexNet(**kwargs), "alexnet", pretrained, ctx, root)


alexnet = named("alexnet", "alexnet", _make, "AlexNet (Krizhevsky, arXiv:1404.5997).")
