"""Calibration for integers of 8 bits; the quantised networks themselves were oneDNN's."""

import numpy

from minpy.base import MXNetError
from minpy.context import Context, cpu
from minpy.io import DataBatch, DataDesc, DataIter
from minpy.module import Module
from minpy.nd import NDArray
from minpy.nd import load as nd_load
from minpy.nd import save as nd_save
from minpy.symbol import Symbol
from minpy.symbol import load as sym_load

__all__ = [
    "Context",
    "DataBatch",
    "DataDesc",
    "DataIter",
    "Module",
    "NDArray",
    "Symbol",
    "calib_graph",
    "combine_histogram",
    "cpu",
    "nd_load",
    "nd_save",
    "quantize_graph",
    "quantize_model",
    "quantize_model_mkldnn",
    "quantize_net",
    "quantize_net_v2",
    "sym_load",
]


def combine_histogram(old_hist, arr, new_min, new_max, new_th):
    """A symmetric histogram with the elements of another array in it.

    Parameters
    ----------
    old_hist : tuple
        Counts, edges, least and greatest element, and the threshold: edges go from minus it to it.
    arr : numpy.ndarray
        The elements to add.
    new_min, new_max, new_th : float
        Its least and greatest element, and the largest magnitude.

    Returns
    -------
    tuple
        The same for all elements; beyond the old threshold there are more bins of the same width.
    """
    counts, edges, old_min, old_max, old_th = old_hist
    if new_th > old_th:
        step = 2 * old_th / len(counts)
        more = int((new_th - old_th) // step + 1)
        old_th += more * step
        counts = numpy.pad(counts, more)
    found, edges = numpy.histogram(arr, bins=len(counts), range=(-old_th, old_th))
    return counts + found, edges, min(old_min, new_min), max(old_max, new_max), old_th


def _smooth_distribution(p, eps=0.0001):
    """The distribution with eps in the place of zeros, taken from the others; None when that is too much."""
    zeros = p == 0
    count, others = zeros.sum(), p.size - zeros.sum()
    if not others:
        raise ValueError("The discrete probability distribution is malformed. All entries are 0.")
    taken = eps * float(count) / float(others)
    if taken >= 1.0:
        return None
    return p.astype(numpy.float32) + eps * zeros - taken * ~zeros


def _absent(name):
    def call(*args, **kwargs):
        raise MXNetError(
            f"quantization.{name}: the int8 operators of MXNet are oneDNN's and do not exist here; amp.convert_model and"
            " amp.convert_hybrid_block make networks in float16 or bfloat16"
        )

    call.__name__ = name
    call.__doc__ = "Raises MXNetError: there are no operators on integers of 8 bits."
    return call


calib_graph = _absent("calib_graph")
quantize_graph = _absent("quantize_graph")
quantize_model = _absent("quantize_model")
quantize_model_mkldnn = _absent("quantize_model_mkldnn")
quantize_net = _absent("quantize_net")
quantize_net_v2 = _absent("quantize_net_v2")
