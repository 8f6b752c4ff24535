"""Regions that may hold objects, from the scores and offsets that a network predicts for anchors."""

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators.detection import numbers, result_like
from minpy._operators.registry import operator

_kernels = _core.kernels


@operator("_contrib_Proposal", "_contrib_MultiProposal", inputs=3)
def proposal(
    cls_prob,
    bbox_pred,
    im_info,
    rpn_pre_nms_top_n=6000,
    rpn_post_nms_top_n=300,
    threshold=0.7,
    rpn_min_size=16,
    scales=(4.0, 8.0, 16.0, 32.0),
    ratios=(0.5, 1.0, 2.0),
    feature_stride=16,
    output_score=False,
    iou_loss=False,
):
    """The regions of highest score that do not overlap much.

    Parameters
    ----------
    cls_prob : ndarray
        (batch, 2 * anchors, height, width): probabilities of background, then of objects.
    bbox_pred : ndarray
        (batch, 4 * anchors, height, width): predicted offsets of each anchor.
    im_info : ndarray
        (batch, 3): height, width and scale of the images.
    rpn_pre_nms_top_n : int
        So many regions of highest score take part; all if not positive.
    rpn_post_nms_top_n : int
        So many regions of each image are returned; those that are found are repeated to fill them.
    threshold : float
        A region is dropped when it overlaps a better one by more.
    rpn_min_size : int
        The least size of a region, in elements of the image before it was scaled; others get a score of -1.
    scales, ratios : tuple of float
        The anchors' sizes, in strides, and ratios of height to width; each ratio has each scale.
    feature_stride : int
        Elements of the image for one of the feature map.
    output_score : bool
        Return the scores too.
    iou_loss : bool
        The offsets are of the corners.

    Returns
    -------
    ndarray, or tuple of two
        (batch * rpn_post_nms_top_n, 5): the image's number, x1, y1, x2, y2; and the scores, of one column. No gradient
        flows through them.

    References
    ----------
    Ren, He, Girshick, Sun: Faster R-CNN, arXiv:1506.01497.
    """
    scores, offsets, info = numbers(cls_prob), numbers(bbox_pred), numbers(im_info)
    anchors = _anchors(feature_stride, scales, ratios).astype(scores.dtype)
    count = len(anchors)
    if scores.ndim != 4 or offsets.ndim != 4 or info.shape != (len(scores), 3):
        raise ValueError(
            "proposal: cls_prob and bbox_pred must have 4 axes and im_info shape (batch, 3), the shapes are "
            f"{scores.shape}, {offsets.shape} and {info.shape}"
        )
    batch, _, height, width = scores.shape
    wanted = [(batch, n * count, height, width) for n in (2, 4)]
    if [scores.shape, offsets.shape] != wanted:
        raise ValueError(
            f"proposal: {count} anchors require cls_prob and bbox_pred of shapes {wanted}, not "
            f"{[scores.shape, offsets.shape]}"
        )
    shifts = numpy.stack(numpy.meshgrid(numpy.arange(width), numpy.arange(height)), axis=-1) * feature_stride
    boxes = (numpy.tile(shifts, 2)[:, :, None] + anchors).astype(scores.dtype)
    offsets = offsets.reshape(batch, count, 4, height, width).transpose(0, 3, 4, 1, 2)
    found = _moved(boxes, offsets, iou_loss)
    limits = info[:, None, None, None, [1, 0, 1, 0]] - 1
    found = numpy.maximum(numpy.minimum(found, limits), 0)
    ranked = scores[:, count:].transpose(0, 2, 3, 1).copy()
    rows, columns = (numpy.arange(n)[None, :] for n in (height, width))
    outside = (rows >= info[:, :1] // feature_stride)[:, :, None] | (
        columns >= info[:, 1:2] // feature_stride
    )[:, None]
    ranked[outside] = -1
    least = (rpn_min_size * info[:, 2])[:, None, None, None]
    small = (found[..., 2:] - found[..., :2] + 1 < least[..., None]).any(-1)
    ranked[small] = -1
    half = numpy.where(small, least / 2, 0)[..., None].astype(found.dtype)
    found += half * numpy.array([-1, -1, 1, 1], found.dtype)
    rois, kept = _best(
        found.reshape(batch, -1, 4),
        ranked.reshape(batch, -1),
        rpn_pre_nms_top_n,
        rpn_post_nms_top_n,
        threshold,
    )
    rois = result_like(rois, cls_prob)
    return (rois, result_like(kept, cls_prob)) if output_score else rois


def _anchors(stride, scales, ratios):
    """Boxes around the first element's square, of its area times scale squared, in whole elements before scaling."""
    centre, area = (stride - 1) / 2, stride * stride
    boxes = []
    for ratio in ratios:
        width = numpy.floor(numpy.sqrt(numpy.floor(area / ratio)) + 0.5)
        height = numpy.floor(width * ratio + 0.5)
        for scale in scales:
            x, y = (width * scale - 1) / 2, (height * scale - 1) / 2
            boxes.append((centre - x, centre - y, centre + x, centre + y))
    return numpy.array(boxes)


def _moved(boxes, offsets, by_corners):
    if by_corners:
        return boxes + offsets
    size = boxes[..., 2:] - boxes[..., :2] + 1
    centre = boxes[..., :2] + (size - 1) / 2 + offsets[..., :2] * size
    half = (numpy.exp(offsets[..., 2:]) * size - 1) / 2
    return numpy.concatenate([centre - half, centre + half], axis=-1)


def _best(boxes, scores, before, after, threshold):
    """The boxes that suppression leaves, each image's repeated to `after` rows, and their scores."""
    extended = boxes + numpy.array([0, 0, 1, 1], boxes.dtype)  # the last element belongs to a box
    order, keep = (
        numpy.asarray(a)
        for a in _kernels.box_suppression(
            np.array(extended), np.array(scores), threshold=threshold, limit=before if before > 0 else -1
        )
    )
    after = after if after > 0 else scores.shape[1]
    rois = numpy.zeros((len(boxes), after, 5), boxes.dtype)
    kept = numpy.zeros((len(boxes), after, 1), boxes.dtype)
    for i in range(len(boxes)):
        chosen = order[i][keep[i]][:after]
        if not len(chosen):
            continue
        chosen = chosen[numpy.arange(after) % len(chosen)]
        rois[i, :, 0], rois[i, :, 1:], kept[i, :, 0] = i, boxes[i, chosen], scores[i, chosen]
    return rois.reshape(-1, 5), kept.reshape(-1, 1)
