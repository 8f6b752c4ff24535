"""Further layers: branches, more pixels from channels, and names that MXNet 1.x has here."""

from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.nn import BatchNorm, Embedding
from minpy.gluon.nn.branches import Concurrent, HybridConcurrent, Identity

__all__ = [
    "Concurrent",
    "HybridConcurrent",
    "Identity",
    "PixelShuffle1D",
    "PixelShuffle2D",
    "PixelShuffle3D",
    "SparseEmbedding",
    "SyncBatchNorm",
]


class SparseEmbedding(Embedding):
    """`gluon.nn.Embedding`, whose table and gradient are stored by rows.

    Parameters
    ----------
    input_dim, output_dim : int
        Number and length of the vectors.
    dtype : str
        Of the vectors.
    weight_initializer : str or Initializer
        Of the vectors.
    **kwargs
        See Block.
    """

    def __init__(self, input_dim, output_dim, dtype="float32", weight_initializer=None, **kwargs):
        super().__init__(input_dim, output_dim, dtype, weight_initializer, sparse_grad=True, **kwargs)
        self.weight._stype = "row_sparse"

    def __repr__(self):
        return "Sparse" + super().__repr__()


class SyncBatchNorm(BatchNorm):
    """`gluon.nn.BatchNorm` over the batch of one device.

    Parameters
    ----------
    in_channels : int
        Number of channels; 0: told by the first batch.
    num_devices : int
        Accepted as in MXNet: devices compute one after the other here, and do not wait for each other's statistics.
    **kwargs
        See BatchNorm.
    """

    def __init__(self, in_channels=0, num_devices=None, momentum=0.9, epsilon=1e-5, center=True, scale=True,
                 use_global_stats=False, beta_initializer="zeros", gamma_initializer="ones",
                 running_mean_initializer="zeros", running_variance_initializer="ones", **kwargs):  # fmt: skip
        super().__init__(1, momentum, epsilon, center, scale, use_global_stats, beta_initializer, gamma_initializer,
                         running_mean_initializer, running_variance_initializer, in_channels, **kwargs)  # fmt: skip


class _PixelShuffle(HybridBlock):
    """(batch, factors * channels, sizes) to (batch, channels, sizes times factors)."""

    _axes = 0

    def __init__(self, factor):
        super().__init__()
        self._factors = (factor,) * self._axes if isinstance(factor, int) else tuple(map(int, factor))
        if len(self._factors) != self._axes:
            raise AssertionError(f"wrong length {len(self._factors)}")

    def __repr__(self):
        return f"{type(self).__name__}({self._factors if self._axes > 1 else self._factors[0]})"

    def hybrid_forward(self, F, x):
        n = self._axes
        keep = (0,) * n
        rest = 1
        for factor in self._factors:
            rest *= factor
        x = F.reshape(x, shape=(0, -4, -1, rest, *keep))
        for i, factor in enumerate(self._factors[:-1]):
            rest //= factor
            x = F.reshape(x, shape=(*(0,) * (2 + i), -4, factor, rest, *keep))
        order = [0, 1]
        for i in range(n):
            order += [2 + n + i, 2 + i]
        return F.reshape(F.transpose(x, axes=tuple(order)), shape=(0, 0, *(-3,) * n))


def _doc(axes, shape):
    return f"""Makes pixels of channels, {axes}: {shape} (Shi et al., arXiv:1609.05158).

    Parameters
    ----------
    factor : int or tuple of int
        How many times longer each axis becomes.
    """


class PixelShuffle1D(_PixelShuffle):
    __doc__ = _doc("along one axis", "(N, f*C, W) becomes (N, C, f*W)")
    _axes = 1


class PixelShuffle2D(_PixelShuffle):
    __doc__ = _doc("along two axes", "(N, f1*f2*C, H, W) becomes (N, C, f1*H, f2*W)")
    _axes = 2


class PixelShuffle3D(_PixelShuffle):
    __doc__ = _doc("along three axes", "(N, f1*f2*f3*C, D, H, W) becomes (N, C, f1*D, f2*H, f3*W)")
    _axes = 3
