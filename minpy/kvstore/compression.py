"""Compression of gradients before they are summed, with what it leaves out carried over to the next time."""

from minpy import nd
from minpy.base import MXNetError

__all__ = ["create_compression"]


class TwoBit:
    """Each element becomes threshold, -threshold or 0; the rest is added to the next gradient of its source.

    Parameters
    ----------
    threshold : float
        Greater than 0.
    """

    def __init__(self, threshold=0.5):
        self.threshold = float(threshold)
        if not self.threshold > 0:
            raise MXNetError(
                f"Check failed: params.threshold > 0 ({threshold} vs. 0) : threshold must be greater than 0"
            )
        self._residuals = {}

    def __call__(self, source, gradient):
        """The compressed gradient; `source` says whose rest belongs to it."""
        rest = self._residuals.get(source)
        wanted = gradient if rest is None else rest + gradient
        sent = self.threshold * ((wanted >= self.threshold) - (wanted <= -self.threshold))
        self._residuals[source] = wanted - sent
        return sent


class HalfPrecision:
    """Elements are rounded to float16."""

    def __call__(self, source, gradient):
        """The rounded gradient, in its own dtype."""
        return gradient.astype("float16").astype(gradient.dtype)


def create_compression(params):
    """The compression that parameters describe.

    Parameters
    ----------
    params : dict
        `type`: '2bit', with `threshold` (default 0.5), or 'fp16'.

    Raises
    ------
    MXNetError
        When the type is missing or unknown, or the threshold not positive.
    """
    if not isinstance(params, dict):
        raise AssertionError(f"unexpected type for param_dict: {type(params)}")
    if "type" not in params:
        raise MXNetError("Required parameter type of string is not presented")
    kind = str(params["type"])
    if kind == "2bit":
        return TwoBit(params.get("threshold", 0.5))
    if kind == "fp16":
        return HalfPrecision()
    raise MXNetError(f"Unknown type for gradient compression {kind}")


def compressible(array):
    """Whether an array is one whose elements can be compressed: dense and of floats."""
    return isinstance(array, nd.NDArray) and array.stype == "default"
