"""Inception v3."""

from minpy.gluon import nn
from minpy.gluon.model_zoo.vision.named import Network, loaded, named

__all__ = ["Inception3", "inception_v3"]

_WIDE, _HIGH = (1, 7), (7, 1)


def _convolution(channels, kernel, stride=1, padding=0):
    out = nn.HybridSequential(prefix="")
    out.add(nn.Conv2D(channels, kernel, strides=stride, padding=padding, use_bias=False))
    out.add(nn.BatchNorm(epsilon=0.001), nn.Activation("relu"))
    return out


def _same(channels, kernel):
    """Settings of a convolution that keeps height and width."""
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    return channels, kernel, 1, tuple(n // 2 for n in sides)


def _halving(channels):
    return channels, 3, 2, 0


def _branch(*convolutions, pool=None):
    out = nn.HybridSequential(prefix="")
    if pool is not None:
        out.add(pool)
    for settings in convolutions:
        out.add(_convolution(*settings))
    return out


def _average():
    return nn.AvgPool2D(pool_size=3, strides=1, padding=1)


def _side_by_side(prefix, *branches):
    """Branches, each a function that makes one: their layers get their names in this order."""
    out = nn.HybridConcurrent(axis=1, prefix=prefix)
    with out.name_scope():
        for make in branches:
            out.add(make())
    return out


def _module_a(pooled, prefix):
    return _side_by_side(
        prefix,
        lambda: _branch(_same(64, 1)),
        lambda: _branch(_same(48, 1), _same(64, 5)),
        lambda: _branch(_same(64, 1), _same(96, 3), _same(96, 3)),
        lambda: _branch(_same(pooled, 1), pool=_average()),
    )


def _module_b(prefix):
    return _side_by_side(
        prefix,
        lambda: _branch(_halving(384)),
        lambda: _branch(_same(64, 1), _same(96, 3), _halving(96)),
        lambda: _branch(pool=nn.MaxPool2D(pool_size=3, strides=2)),
    )


def _module_c(n, prefix):
    return _side_by_side(
        prefix,
        lambda: _branch(_same(192, 1)),
        lambda: _branch(_same(n, 1), _same(n, _WIDE), _same(192, _HIGH)),
        lambda: _branch(_same(n, 1), _same(n, _HIGH), _same(n, _WIDE), _same(n, _HIGH), _same(192, _WIDE)),
        lambda: _branch(_same(192, 1), pool=_average()),
    )


def _module_d(prefix):
    return _side_by_side(
        prefix,
        lambda: _branch(_same(192, 1), _halving(320)),
        lambda: _branch(_same(192, 1), _same(192, _WIDE), _same(192, _HIGH), _halving(192)),
        lambda: _branch(pool=nn.MaxPool2D(pool_size=3, strides=2)),
    )


def _forked(*convolutions):
    """Convolutions, then two side by side."""
    out = nn.HybridSequential(prefix="")
    out.add(_branch(*convolutions))
    fork = nn.HybridConcurrent(axis=1, prefix="")
    fork.add(_branch(_same(384, (1, 3))), _branch(_same(384, (3, 1))))
    out.add(fork)
    return out


def _module_e(prefix):
    return _side_by_side(
        prefix,
        lambda: _branch(_same(320, 1)),
        lambda: _forked(_same(384, 1)),
        lambda: _forked(_same(448, 1), _same(384, 3)),
        lambda: _branch(_same(192, 1), pool=_average()),
    )


class Inception3(Network):
    """Inception v3 (Szegedy et al., arXiv:1512.00567), for images of 299 pixels.

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
            self.features.add(
                _convolution(32, 3, 2),
                _convolution(32, 3),
                _convolution(64, 3, padding=1),
                nn.MaxPool2D(pool_size=3, strides=2),
                _convolution(80, 1),
                _convolution(192, 3),
                nn.MaxPool2D(pool_size=3, strides=2),
                *(_module_a(n, f"A{i}_") for i, n in enumerate((32, 64, 64), 1)),
                _module_b("B_"),
                *(_module_c(n, f"C{i}_") for i, n in enumerate((128, 160, 160, 192), 1)),
                _module_d("D_"),
                _module_e("E1_"),
                _module_e("E2_"),
                nn.AvgPool2D(pool_size=8),
                nn.Dropout(0.5),
            )
            self.output = nn.Dense(classes)


def _make(pretrained=False, ctx=None, root=None, **kwargs):
    return loaded(Inception3(**kwargs), "inceptionv3", pretrained, ctx, root)


inception_v3 = named("inception_v3", "inceptionv3", _make, "Inception v3 (arXiv:1512.00567).")
