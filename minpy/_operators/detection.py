"""Boxes of object detection: overlap, suppression, matching, coding against anchors, and the SSD operators.

All but the values that `box_nms` lets through are constants to the gradient, as in MXNet.
"""

import math

import numpy

import minpy.numpy as np
from minpy import _core
from minpy._operators.registry import operator

_kernels = _core.kernels


def numbers(array):
    """The elements as a floating NumPy array, without their history."""
    found = numpy.asarray(array)
    if found.dtype in (numpy.float32, numpy.float64):
        return found
    return found.astype(numpy.float32)


def result_like(found, like):
    """NumPy's array as ours, of the floating dtype of `like`."""
    dtype = like.dtype if numpy.dtype(like.dtype).kind in "fV" else numpy.float32
    return np.array(found.astype(dtype, copy=False))


def _require_format(name, value):
    if value not in ("corner", "center"):
        raise ValueError(f"{name} must be 'corner' or 'center', not {value!r}")


def _require_boxes(name, array, ndim=None):
    shape = np.shape(array)
    if not shape or shape[-1] != 4 or (ndim and len(shape) != ndim):
        wanted = "(..., 4)" if ndim is None else f"of {ndim} axes, the last of length 4"
        raise ValueError(f"{name} must have a shape {wanted}, not {shape}")


def _corners(boxes):
    """(x, y, width, height) as (x1, y1, x2, y2); of either module's arrays."""
    centre, half = boxes[..., :2], boxes[..., 2:4] / 2
    return centre - half, centre + half


def _centres(boxes):
    low, high = boxes[..., :2], boxes[..., 2:4]
    return (low + high) / 2, high - low


def _overlaps(a, b):
    """Intersection over union of corner boxes, broadcast against each other."""
    shared = numpy.minimum(a[..., 2:], b[..., 2:]) - numpy.maximum(a[..., :2], b[..., :2])
    both = numpy.where((shared > 0).all(-1), shared.prod(-1), 0)
    sizes = [numpy.maximum(c[..., 2:] - c[..., :2], 0).prod(-1) for c in (a, b)]
    union = sizes[0] + sizes[1] - both
    return numpy.where(both > 0, both / numpy.where(union > 0, union, 1), 0).astype(a.dtype, copy=False)


@operator("_contrib_box_iou", inputs=2)
def box_iou(lhs, rhs, format="corner"):
    """The overlap of each box of one array with each of another: intersection over union.

    Parameters
    ----------
    lhs, rhs : ndarray
        (..., 4).
    format : {"corner", "center"}
        x1, y1, x2, y2, or x, y, width, height.

    Returns
    -------
    ndarray
        lhs.shape[:-1] + rhs.shape[:-1]. No gradient flows through it.
    """
    _require_format("box_iou: format", format)
    _require_boxes("box_iou: lhs", lhs)
    _require_boxes("box_iou: rhs", rhs)
    a, b = numbers(lhs), numbers(rhs)
    if format == "center":
        a, b = (numpy.concatenate(_corners(c), axis=-1) for c in (a, b))
    shape = a.shape[:-1] + b.shape[:-1]
    return result_like(
        _overlaps(a.reshape(a.size // 4, 1, 4), b.reshape(1, b.size // 4, 4)).reshape(shape), lhs
    )


@operator("_contrib_box_nms", "_contrib_box_non_maximum_suppression")
def box_nms(
    data,
    overlap_thresh=0.5,
    valid_thresh=0,
    topk=-1,
    coord_start=2,
    score_index=1,
    id_index=-1,
    background_id=-1,
    force_suppress=False,
    in_format="corner",
    out_format="corner",
):
    """Drop boxes that overlap a better one.

    Parameters
    ----------
    data : ndarray
        (..., n, k): n boxes of k numbers.
    overlap_thresh : float
        A box is dropped when its overlap with a kept one of higher score is above this.
    valid_thresh : float
        Boxes of scores not above this are dropped at once.
    topk : int
        Only so many boxes of the highest scores take part; all if not positive.
    coord_start, score_index : int
        Where the four coordinates begin, and where the score is.
    id_index : int
        Where the class is; if given, only boxes of one class suppress each other.
    background_id : int
        The class whose boxes are dropped at once.
    force_suppress : bool
        Boxes suppress each other whatever their classes.
    in_format, out_format : {"corner", "center"}
        x1, y1, x2, y2, or x, y, width, height.

    Returns
    -------
    ndarray
        Of the shape of `data`: the kept boxes by falling score, then rows of -1. The gradient goes to the kept ones.
    """
    _require_format("box_nms: in_format", in_format)
    _require_format("box_nms: out_format", out_format)
    shape = np.shape(data)
    if len(shape) < 2 or not 0 <= coord_start <= shape[-1] - 4 or not 0 <= score_index < shape[-1]:
        raise ValueError(
            f"box_nms: data must have shape (..., n, k) with a score and four coordinates among the k; its shape is "
            f"{shape}, score_index {score_index}, coord_start {coord_start}"
        )
    if id_index >= shape[-1]:
        raise ValueError(f"box_nms: id_index {id_index} is beyond the boxes' {shape[-1]} numbers")
    batched = (math.prod(shape[:-2]), *shape[-2:])
    rows, raw = data.reshape(batched), numbers(data).reshape(batched)
    coordinates = slice(coord_start, coord_start + 4)
    boxes = raw[..., coordinates]
    if in_format == "center":
        boxes = numpy.concatenate(_corners(boxes), axis=-1)
    valid = raw[..., score_index] > valid_thresh
    classes = None
    if id_index >= 0:
        valid &= raw[..., id_index] != background_id
        classes = None if force_suppress else raw[..., id_index]
    scores = numpy.where(valid, raw[..., score_index], -numpy.inf)
    order, keep = _suppress(boxes, scores, classes, overlap_thresh, topk)
    first = numpy.argsort(~keep, axis=1, kind="stable")
    kept = numpy.take_along_axis(keep, first, axis=1)[..., None]
    places = numpy.where(kept, numpy.take_along_axis(order, first, axis=1)[..., None], 0)
    chosen = np.take_along_axis(
        rows, np.array(numpy.broadcast_to(places, raw.shape).astype(numpy.int64)), axis=1
    )
    if in_format != out_format:
        convert = _corners if out_format == "corner" else _centres
        parts = (
            chosen[..., :coord_start],
            *convert(chosen[..., coordinates]),
            chosen[..., coord_start + 4 :],
        )
        chosen = np.concatenate(parts, axis=-1)
    return np.where(np.array(kept), chosen, -1).astype(chosen.dtype).reshape(shape)


def _suppress(boxes, scores, classes, threshold, limit):
    """The order by score and which to keep; the kernel's arrays as NumPy's."""
    order, keep = _kernels.box_suppression(
        np.array(boxes),
        np.array(scores.astype(boxes.dtype, copy=False)),
        None if classes is None else np.array(classes),
        threshold=threshold,
        limit=limit if limit > 0 else -1,
    )
    return numpy.asarray(order), numpy.asarray(keep)


@operator("_contrib_bipartite_matching")
def bipartite_matching(data, is_ascend=False, *, threshold, topk=-1):
    """Match rows with columns greedily, the best score first.

    Parameters
    ----------
    data : ndarray
        (..., rows, columns): scores.
    is_ascend : bool
        Low scores are good.
    threshold : float
        Scores must be above it (below it, if low ones are good).
    topk : int
        If positive, no pair is added when there are more than so many: at most topk + 1, as in MXNet.

    Returns
    -------
    tuple of ndarray
        Each row's column or -1, of shape (..., rows), and each column's row or -1, (..., columns).
    """
    shape = np.shape(data)
    if len(shape) < 2:
        raise ValueError(f"bipartite_matching: data must have shape (..., rows, columns), not {shape}")
    rows, columns = _kernels.bipartite_matching(
        np.array(numbers(data).reshape(math.prod(shape[:-2]), *shape[-2:])),
        threshold=threshold,
        rising=is_ascend,
        limit=topk + 1 if topk > 0 else -1,
    )
    return rows.reshape(shape[:-1]).astype(data.dtype), columns.reshape(*shape[:-2], shape[-1]).astype(
        data.dtype
    )


@operator("_contrib_box_encode", inputs=6)
def box_encode(samples, matches, anchors, refs, means=None, stds=None):
    """The targets of a box regression: matched boxes relative to their anchors.

    Parameters
    ----------
    samples : ndarray
        (batch, n): above 0.5 for anchors that have a match.
    matches : ndarray
        (batch, n): the numbers of the matched boxes.
    anchors : ndarray
        (batch, n, 4), corners.
    refs : ndarray
        (batch, m, 4), corners: the boxes that are matched.
    means, stds : ndarray
        (4,): subtracted from the targets, then divided by.

    Returns
    -------
    tuple of ndarray
        Targets and masks, (batch, n, 4); both 0 where there is no match. No gradient flows through them.

    Raises
    ------
    IndexError
        The match of a sample is not the number of a box.
    """
    _require_boxes("box_encode: anchors", anchors, 3)
    _require_boxes("box_encode: refs", refs, 3)
    boxes, found = numbers(anchors), numbers(refs)
    used = numbers(samples) > 0.5
    place = numpy.where(used, numbers(matches), 0).astype(numpy.int64)
    if place.shape != boxes.shape[:2]:
        raise ValueError(
            f"box_encode: samples and matches must have shape {boxes.shape[:2]}, not {place.shape}"
        )
    wrong = numpy.argwhere(used & ((place < 0) | (place >= found.shape[1])))
    if len(wrong):
        where = tuple(wrong[0].tolist())
        raise IndexError(
            f"box_encode: the match at {where} is {place[where]}, but there are {found.shape[1]} boxes"
        )
    if not found.shape[1]:
        found = numpy.zeros((len(found), 1, 4), found.dtype)
    matched = numpy.take_along_axis(found, numpy.broadcast_to(place[..., None], (*place.shape, 4)), axis=1)
    means = numpy.zeros(4) if means is None else numbers(means)
    stds = numpy.ones(4) if stds is None else numbers(stds)
    targets = (_relative(boxes, matched, used) - means) / stds
    masks = numpy.broadcast_to(used[..., None], boxes.shape)
    return result_like(numpy.where(masks, targets, 0), anchors), result_like(masks, anchors)


def _relative(anchors, boxes, used):
    """Offsets in units of the anchors' sizes, and logarithms of the ratios of sizes."""
    (centre, size), (to, new) = _centres(anchors), _centres(boxes)
    with numpy.errstate(all="ignore"):
        shift, ratio = (to - centre) / size, numpy.log(new / size)
    return numpy.where(used[..., None], numpy.concatenate([shift, ratio], axis=-1), 0)


@operator("_contrib_box_decode", inputs=2)
def box_decode(data, anchors, std0=1.0, std1=1.0, std2=1.0, std3=1.0, clip=-1.0, format="center"):
    """Boxes from predicted offsets: the reverse of `box_encode`.

    Parameters
    ----------
    data : ndarray
        (batch, n, 4): the predictions.
    anchors : ndarray
        (1, n, 4).
    std0, std1, std2, std3 : float
        What the predictions are multiplied with.
    clip : float
        If positive, the largest logarithm of a size's ratio.
    format : {"center", "corner"}
        Of the anchors: x, y, width, height, or x1, y1, x2, y2.

    Returns
    -------
    ndarray
        (batch, n, 4), corners. No gradient flows through it.
    """
    _require_format("box_decode: format", format)
    _require_boxes("box_decode: data", data, 3)
    _require_boxes("box_decode: anchors", anchors, 3)
    boxes = numbers(anchors)
    centre, size = (boxes[..., :2], boxes[..., 2:]) if format == "center" else _centres(boxes)
    scaled = numbers(data) * numpy.array([std0, std1, std2, std3], dtype=boxes.dtype)
    grown = scaled[..., 2:]
    if clip > 0:
        grown = numpy.minimum(grown, clip)
    middle, half = scaled[..., :2] * size + centre, numpy.exp(grown) * size / 2
    return result_like(numpy.concatenate([middle - half, middle + half], axis=-1), data)


# --- The operators of single-shot detection ---


@operator("_contrib_MultiBoxPrior", "_npx_multibox_prior")
def multibox_prior(data, sizes=(1.0,), ratios=(1.0,), clip=False, steps=(-1.0, -1.0), offsets=(0.5, 0.5)):
    """Anchor boxes around each point of a feature map.

    Parameters
    ----------
    data : ndarray
        (batch, channels, height, width); only the size counts.
    sizes : tuple of float
        The boxes' sizes as parts of the image's height.
    ratios : tuple of float
        Their ratios of width to height. Each size gets the first ratio, and the first size each other ratio.
    clip : bool
        Keep the corners within 0 and 1.
    steps : tuple of float
        From one point to the next, in y and x; by default the reciprocal of the height and width.
    offsets : tuple of float
        Of the centres, in y and x, in steps.

    Returns
    -------
    ndarray
        (1, height * width * (len(sizes) + len(ratios) - 1), 4), corners, relative to the image.

    References
    ----------
    Liu and others: SSD: Single Shot MultiBox Detector, arXiv:1512.02325.
    """
    if np.ndim(data) != 4 or 0 in data.shape[2:]:
        raise ValueError(f"multibox_prior: data must be images of 4 axes, its shape is {np.shape(data)}")
    sizes, ratios = (tuple(v) if hasattr(v, "__len__") else (v,) for v in (sizes, ratios))
    if not sizes or not ratios or min(sizes) <= 0 or min(ratios) <= 0:
        raise ValueError(f"multibox_prior: sizes and ratios must be positive, not {sizes} and {ratios}")
    height, width = data.shape[2:]
    step = [1 / n if s <= 0 else s for s, n in zip(steps, (height, width))]
    ys, xs = ((numpy.arange(n) + o) * s for n, o, s in zip((height, width), offsets, step))
    pairs = [(s, ratios[0]) for s in sizes] + [(sizes[0], r) for r in ratios[1:]]
    halves = numpy.array([(s * height / width * r**0.5 / 2, s / r**0.5 / 2) for s, r in pairs])
    centres = numpy.stack(numpy.broadcast_arrays(xs[None, :, None], ys[:, None, None]), axis=-1)
    boxes = numpy.concatenate([centres - halves, centres + halves], axis=-1)
    if clip:
        boxes = boxes.clip(0, 1)
    return result_like(boxes.reshape(1, -1, 4), data)


@operator("_contrib_MultiBoxTarget", "_npx_multibox_target", inputs=3)
def multibox_target(
    anchor,
    label,
    cls_pred,
    overlap_threshold=0.5,
    ignore_label=-1,
    negative_mining_ratio=-1,
    negative_mining_thresh=0.5,
    minimum_negative_samples=0,
    variances=(0.1, 0.1, 0.2, 0.2),
):
    """What the anchors of a single-shot detector should predict.

    Parameters
    ----------
    anchor : ndarray
        (1, n, 4), corners.
    label : ndarray
        (batch, m, 5 or more): class, x1, y1, x2, y2; the first row of class -1 ends an image's list.
    cls_pred : ndarray
        (batch, classes + 1, n): predicted scores, for the mining of hard negatives.
    overlap_threshold : float
        Anchors that overlap a box by more are matched with it, besides the best anchor of each box.
    ignore_label : float
        The class target of anchors that do not count.
    negative_mining_ratio : float
        If positive, so many negatives for each positive are used, those that look least like background; the others
        are ignored.
    negative_mining_thresh : float
        Negatives that overlap a box by as much are not mined.
    minimum_negative_samples : int
        Accepted for compatibility; MXNet does not look at it.
    variances : tuple of float
        What the location targets are divided by.

    Returns
    -------
    tuple of ndarray
        Location targets and masks, (batch, 4 n), and class targets, (batch, n): 0 for background.
    """
    boxes, labels, scores = numbers(anchor), numbers(label), numbers(cls_pred)
    _require_boxes("multibox_target: anchor", anchor, 3)
    count = boxes.shape[1]
    if labels.ndim != 3 or labels.shape[2] < 5 or len(boxes) != 1:
        raise ValueError(
            "multibox_target: anchor must have shape (1, n, 4) and label (batch, m, 5 or more), not "
            f"{boxes.shape} and {labels.shape}"
        )
    if scores.ndim != 3 or (scores.shape[0], scores.shape[2]) != (len(labels), count):
        raise ValueError(
            f"multibox_target: cls_pred must have shape ({len(labels)}, classes + 1, {count}), not {scores.shape}"
        )
    mining = (negative_mining_ratio, negative_mining_thresh)
    locations, masks = numpy.zeros((2, len(labels), count, 4), boxes.dtype)
    classes = numpy.full((len(labels), count), ignore_label, boxes.dtype)
    for i, rows in enumerate(labels):
        ends = numpy.flatnonzero(rows[:, 0] == -1)
        truth = rows[: ends[0]] if len(ends) else rows
        if not len(truth):
            continue
        best, positive, negative = _match_anchors(
            boxes[0], truth[:, 1:5], scores[i], overlap_threshold, mining
        )
        locations[i] = _relative(boxes[0], truth[best, 1:5], positive) / numpy.array(variances, boxes.dtype)
        masks[i] = positive[:, None]
        classes[i, negative] = 0
        classes[i, positive] = truth[best[positive], 0] + 1
    flat = (len(labels), 4 * count)
    return (
        result_like(locations.reshape(flat), anchor),
        result_like(masks.reshape(flat), anchor),
        result_like(classes, anchor),
    )


def _match_anchors(anchors, truth, scores, threshold, mining):
    """For each anchor the number of its box, whether it is positive and whether it is negative."""
    overlaps = _overlaps(anchors[:, None], truth[None].astype(anchors.dtype))
    partner = numpy.asarray(_kernels.bipartite_matching(np.array(overlaps[None]), threshold=1e-6)[0])[0]
    first = partner >= 0
    largest = overlaps.max(1)
    best = numpy.where(first, partner, overlaps.argmax(1)).astype(numpy.int64)
    positive = first | (largest > threshold) if threshold > 0 else first
    ratio, limit = mining
    if ratio <= 0:
        return best, positive, ~positive
    wanted = min(int(positive.sum() * ratio), len(anchors) - int(positive.sum()))
    candidates = numpy.flatnonzero(~positive & (largest < limit))
    powers = numpy.exp(scores - scores.max(0))
    background = powers[0] / powers.sum(0)
    negative = numpy.zeros(len(anchors), bool)
    negative[candidates[numpy.argsort(background[candidates], kind="stable")[:wanted]]] = True
    return best, positive, negative


@operator("_contrib_MultiBoxDetection", "_npx_multibox_detection", inputs=3)
def multibox_detection(
    cls_prob,
    loc_pred,
    anchor,
    clip=True,
    threshold=0.01,
    background_id=0,
    nms_threshold=0.5,
    force_suppress=False,
    variances=(0.1, 0.1, 0.2, 0.2),
    nms_topk=-1,
):
    """The boxes that a single-shot detector has found.

    Parameters
    ----------
    cls_prob : ndarray
        (batch, classes + 1, n): probabilities, those of the background first.
    loc_pred : ndarray
        (batch, 4 n): predicted offsets.
    anchor : ndarray
        (1, n, 4), corners.
    clip : bool
        Keep the corners within 0 and 1.
    threshold : float
        The least probability of a detection.
    background_id : int
        Accepted for compatibility; class 0 is the background, as in MXNet.
    nms_threshold : float
        Detections that overlap a better one (of their class) by at least this are marked as dropped. Not within
        (0, 1]: none are, and detections keep their anchors' order.
    force_suppress : bool
        Detections suppress each other whatever their classes.
    variances : tuple of float
        What the predictions are multiplied with.
    nms_topk : int
        If positive, detections after so many are dropped.

    Returns
    -------
    ndarray
        (batch, n, 6): class (from 0, -1 for dropped ones), probability, x1, y1, x2, y2, by falling probability, then
        rows of -1.
    """
    scores, offsets, boxes = numbers(cls_prob), numbers(loc_pred), numbers(anchor)
    _require_boxes("multibox_detection: anchor", anchor, 3)
    if scores.ndim != 3 or scores.shape[1] < 2 or offsets.shape != (len(scores), 4 * scores.shape[2]):
        raise ValueError(
            "multibox_detection: cls_prob must have shape (batch, classes + 1, n) and loc_pred (batch, 4 n), not "
            f"{scores.shape} and {offsets.shape}"
        )
    if boxes.shape[:2] != (1, scores.shape[2]):
        raise ValueError(
            f"multibox_detection: anchor must have shape (1, {scores.shape[2]}, 4), not {boxes.shape}"
        )
    decoded = box_decode(offsets.reshape(len(scores), -1, 4), boxes, *variances, format="corner")
    corners = numpy.asarray(decoded).clip(0, 1) if clip else numpy.asarray(decoded)
    probability, kind = scores[:, 1:].max(1), scores[:, 1:].argmax(1).astype(scores.dtype)
    found = probability >= numpy.dtype(scores.dtype).type(threshold)
    ranked = numpy.where(found, probability, -numpy.inf)
    if 0 < nms_threshold <= 1:
        at_least = numpy.nextafter(float(numpy.dtype(scores.dtype).type(nms_threshold)), 0)
        classes = None if force_suppress else kind
        order = numpy.argsort(-ranked, axis=1, kind="stable")
        kept = _suppress(corners.astype(scores.dtype, copy=False), ranked, classes, at_least, nms_topk)[1]
    else:
        order = numpy.argsort(~found, axis=1, kind="stable")
        kept = numpy.take_along_axis(found, order, axis=1)
    rows = numpy.concatenate([kind[..., None], probability[..., None], corners], axis=-1)
    rows = numpy.take_along_axis(rows, numpy.broadcast_to(order[..., None], rows.shape), axis=1)
    rows[..., 0] = numpy.where(kept, rows[..., 0], -1)
    rows[~numpy.take_along_axis(found, order, axis=1)] = -1
    return result_like(rows, cls_prob)
