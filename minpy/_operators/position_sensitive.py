"""Regions of score maps, where each bin of a region's grid reads maps of its own."""

import numpy

import minpy.numpy as np
from minpy._operators.deformable import bilinear_at
from minpy._operators.registry import operator
from minpy._operators.repetition import beside


def _corners(rois, scale, shift):
    """Image numbers and x1, y1, width, height of regions, in elements of the data; extents of at least 0.1."""
    values = numpy.asarray(rois.detach()).astype("float32")
    ends = numpy.sign(values) * numpy.floor(numpy.abs(values) + numpy.float32(0.5))
    start = ends[:, 1:3] * numpy.float32(scale) - numpy.float32(shift)
    stop = (ends[:, 3:5] + 1) * numpy.float32(scale) - numpy.float32(shift)
    return values[:, 0].astype(int), start, numpy.maximum(stop - start, numpy.float32(0.1))


def _maps(data, output_dim, group_size, pooled_size):
    """The data as (n, output_dim, group, group, height, width), and the group of each bin along an axis."""
    n, channels, height, width = np.shape(data)
    if channels != output_dim * group_size * group_size:
        raise ValueError(
            f"position-sensitive pooling: {output_dim} results of {group_size} x {group_size} groups need"
            f" {output_dim * group_size**2} channels; the shape is {np.shape(data)}"
        )
    group = numpy.clip(numpy.arange(pooled_size) * group_size // pooled_size, 0, group_size - 1)
    return np.reshape(data, (n, output_dim, group_size, group_size, height, width)), group


def _bin_weights(start, extent, bins, length):
    """The matrix (bins, length) that is 1 where an element belongs to a bin."""
    size = extent / bins
    place = numpy.arange(bins, dtype="float32")
    low = numpy.clip(numpy.floor(place * size + start), 0, length)[:, None]
    high = numpy.clip(numpy.ceil((place + 1) * size + start), 0, length)[:, None]
    elements = numpy.arange(length)
    return ((elements >= low) & (elements < high)).astype("float32")


@operator("_contrib_PSROIPooling", inputs=2)
def psroi_pooling(data, rois, spatial_scale, output_dim, pooled_size, group_size=0):
    """The mean of each bin of a grid over each region, in the score map of that bin.

    Parameters
    ----------
    data : ndarray
        Of shape (n, output_dim * group_size**2, height, width).
    rois : ndarray
        Of shape (regions, 5): image number, x1, y1, x2, y2.
    spatial_scale : float
        What coordinates are multiplied by.
    output_dim : int
        Channels of the result.
    pooled_size : int
        Bins along each axis.
    group_size : int
        Score maps along each axis; 0: as many as bins.

    Returns
    -------
    ndarray
        Of shape (regions, output_dim, pooled_size, pooled_size); 0 in empty bins.

    References
    ----------
    Dai et al.: R-FCN, arXiv:1605.06409.
    """
    maps, group = _maps(data, output_dim, group_size or pooled_size, pooled_size)
    height, width = np.shape(data)[2:]
    results = []
    for image, (x, y), (w, h) in zip(*_corners(rois, spatial_scale, 0)):
        rows, columns = _bin_weights(y, h, pooled_size, height), _bin_weights(x, w, pooled_size, width)
        count = numpy.maximum(rows.sum(1)[:, None] * columns.sum(1), 1)
        own = maps[int(image)][:, group][:, :, group]  # (output_dim, bins, bins, height, width)
        weight = rows[:, None, :, None] * columns[None, :, None, :] / count[:, :, None, None]
        results.append(np.sum(own * beside(data, np.array(weight)), axis=(-2, -1)))
    return np.stack(results)


@operator("_contrib_DeformablePSROIPooling", inputs=3)
def deformable_psroi_pooling(
    data,
    rois,
    trans=None,
    spatial_scale=1.0,
    output_dim=1,
    group_size=1,
    pooled_size=1,
    part_size=0,
    sample_per_part=1,
    trans_std=0.0,
    no_trans=False,
):
    """`psroi_pooling` by bilinear samples in bins that are displaced by data.

    Parameters
    ----------
    data, rois, spatial_scale, output_dim, group_size, pooled_size
        As for `psroi_pooling`.
    trans : ndarray
        Displacements, of shape (regions, 2 * classes, part_size, part_size): to the right and down for each class of
        channels, in units of the region's extent.
    part_size : int
        Parts of a region along each axis that have a displacement; 0: as many as bins.
    sample_per_part : int
        Samples of a bin along each axis.
    trans_std : float
        What displacements are multiplied by.
    no_trans : bool
        Displace nothing.

    Returns
    -------
    ndarray
        Of shape (regions, output_dim, pooled_size, pooled_size).

    References
    ----------
    Dai et al.: Deformable Convolutional Networks, arXiv:1703.06211.
    """
    maps, group = _maps(data, output_dim, group_size, pooled_size)
    height, width = np.shape(data)[2:]
    no_trans = no_trans or trans is None
    classes = 1 if no_trans else np.shape(trans)[1] // 2
    part_size = part_size or pooled_size
    part = numpy.arange(pooled_size) * part_size // pooled_size
    steps = numpy.arange(sample_per_part, dtype="float32")
    results = []
    for number, (image, start, extent) in enumerate(zip(*_corners(rois, spatial_scale, 0.5))):
        size = extent / numpy.float32(pooled_size)
        places = []
        for axis in (0, 1):  # x, y: (classes, bins down, bins right, samples)
            base = numpy.arange(pooled_size, dtype="float32") * size[axis] + start[axis]
            inner = steps * (size[axis] / numpy.float32(sample_per_part))
            bins, samples = (base[None, :], inner[None, :]) if axis == 0 else (base[:, None], inner[:, None])
            grid = numpy.broadcast_to(bins, (pooled_size,) * 2)[..., None, None] + samples
            grid = numpy.broadcast_to(grid, (classes, *(pooled_size,) * 2, *(sample_per_part,) * 2))
            place = beside(data, np.array(grid))
            if not no_trans:
                shift = np.reshape(trans[number], (classes, 2, part_size, part_size))[:, axis]
                shift = shift[:, part][:, :, part] * (float(trans_std) * float(extent[axis]))
                place = place + shift[..., None, None]
            places.append(place)
        results.append(_displaced(maps[int(image)], group, *places, height, width))
    return np.stack(results)


def _displaced(maps, group, x, y, height, width):
    """The means of the samples at x and y of one region that lie on the data."""
    classes, bins, samples = np.shape(x)[0], np.shape(x)[1], np.shape(x)[-1]
    here_x, here_y = x.detach(), y.detach()
    counts = (here_x >= -0.5) * (here_x <= width - 0.5) * (here_y >= -0.5) * (here_y <= height - 0.5)
    own = maps[:, group][:, :, group]  # (output_dim, bins, bins, height, width)
    each = np.shape(own)[0] // classes
    own = np.reshape(own, (classes, each, bins * bins, height, width))
    own = np.moveaxis(own, 1, 2)  # (classes, bins * bins, each, height, width)
    points = (classes, bins * bins, samples * samples)
    found = bilinear_at(
        own, np.reshape(np.clip(y, 0, height - 1), points), np.reshape(np.clip(x, 0, width - 1), points)
    )
    counts = np.reshape(counts, points)[:, :, None]
    mean = np.sum(found * counts, axis=-1) / np.maximum(np.sum(counts, axis=-1), 1)
    return np.reshape(np.moveaxis(mean, 2, 1), (classes * each, bins, bins))
