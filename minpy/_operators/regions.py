"""Regions of images, brought to one size for the layers that classify them."""

import operator as _operator

from minpy import _core
from minpy._operators.registry import operator

_kernels = _core.kernels


@operator("ROIPooling", inputs=2)
def roi_pooling(data, rois, pooled_size, spatial_scale):
    """The largest element of each bin of a grid over each region.

    Parameters
    ----------
    data : ndarray
        (batch, channels, height, width).
    rois : ndarray
        (n, 5): the number of the image, x1, y1, x2, y2; the corners belong to the region. A region with a negative
        image number gives zeros. No gradient flows to them.
    pooled_size : tuple of int
        Rows and columns of the grid.
    spatial_scale : float
        The size of `data` relative to the image that the regions' coordinates are of.

    Returns
    -------
    ndarray
        (n, channels, *pooled_size); 0 where a bin has no elements.

    Raises
    ------
    IndexError
        A region is of an image that does not exist.

    References
    ----------
    Girshick: Fast R-CNN, arXiv:1504.08083.
    """
    return _kernels.roi_pooling(data, rois, bins=_bins(pooled_size), scale=spatial_scale)[0]


@operator("_contrib_ROIAlign", inputs=2)
def roi_align(
    data, rois, pooled_size, spatial_scale, sample_ratio=-1, position_sensitive=False, aligned=False
):
    """The mean of bilinear samples in each bin of a grid over each region.

    Parameters
    ----------
    data : ndarray
        (batch, channels, height, width).
    rois : ndarray
        (n, 5), as for `roi_pooling`.
    pooled_size : tuple of int
        Rows and columns of the grid.
    spatial_scale : float
        The size of `data` relative to the image that the regions' coordinates are of.
    sample_ratio : int
        Samples of a bin along each axis; by default as many as the bin has elements, rounded up.
    position_sensitive : bool
        Each bin reads a channel of its own: channels = rows * columns * channels of the result.
    aligned : bool
        Element 0 covers -0.5 to 0.5 instead of 0 to 1. Regions must then have an extent, else they have at least 1.

    Returns
    -------
    ndarray
        (n, channels, *pooled_size).

    References
    ----------
    He, Gkioxari, Dollar, Girshick: Mask R-CNN, arXiv:1703.06870.
    """
    return _kernels.roi_align(
        data,
        rois,
        bins=_bins(pooled_size),
        scale=spatial_scale,
        samples=sample_ratio,
        position_sensitive=position_sensitive,
        aligned=aligned,
    )


def _bins(pooled_size):
    if hasattr(pooled_size, "__len__"):
        return tuple(_operator.index(n) for n in pooled_size)
    return (_operator.index(pooled_size),) * 2
