"""Region proposals against a plain loop."""

import numpy
import pytest

import minpy.numpy as np
from minpy import npx


def overlap(a, b):
    sides = [min(a[k + 2], b[k + 2]) - max(a[k], b[k]) + 1 for k in (0, 1)]
    both = max(sides[0], 0) * max(sides[1], 0)
    areas = [(c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b)]
    return both / (sum(areas) - both)


def proposals(scores, offsets, info, stride, scales, ratios, least, before, after, threshold):
    count, height, width = len(scales) * len(ratios), *scores.shape[1:]
    found = []
    for row, column, k in numpy.ndindex(height, width, count):
        ratio, scale = ratios[k // len(scales)], scales[k % len(scales)]
        side = numpy.floor(numpy.sqrt(numpy.floor(stride**2 / ratio)) + 0.5)
        size = numpy.array([side, numpy.floor(side * ratio + 0.5)]) * scale
        centre = numpy.array([column, row]) * stride + (stride - 1) / 2
        d = offsets[4 * k : 4 * k + 4, row, column]
        centre = centre + d[:2] * size
        size = numpy.exp(d[2:]) * size
        limit = info[[1, 0]] - 1
        low, high = (numpy.clip(centre + s * (size - 1) / 2, 0, limit) for s in (-1, 1))
        score = scores[count + k, row, column]
        if row >= info[0] // stride or column >= info[1] // stride:
            score = -1
        if ((high - low + 1) < least * info[2]).any():
            low, high, score = low - least * info[2] / 2, high + least * info[2] / 2, -1
        found.append((score, *low, *high))
    found.sort(key=lambda r: -r[0])
    kept = []
    for r in found[:before]:
        if all(overlap(r[1:], other[1:]) <= threshold for other in kept):
            kept.append(r)
    kept = kept[:after]
    return [kept[i % len(kept)] for i in range(after)]


@pytest.mark.parametrize("before, after, threshold", [(60, 12, 0.7), (500, 40, 0.2)])
def test_proposal(before, after, threshold):
    random = numpy.random.default_rng(0)
    scales, ratios, stride, least = (2, 4), (0.5, 1, 2), 8, 6
    scores, offsets = random.uniform(0, 1, (2, 12, 5, 6)), random.normal(0, 0.2, (2, 24, 5, 6))
    info = numpy.array([[35.0, 39.0, 1.0], [40.0, 48.0, 1.5]])
    rois, kept = npx.proposal(
        *(np.array(a) for a in (scores, offsets, info)),
        before,
        after,
        threshold,
        least,
        scales,
        ratios,
        stride,
        True,
    )
    for i in range(2):
        want = proposals(
            scores[i], offsets[i], info[i], stride, scales, ratios, least, before, after, threshold
        )
        part = slice(i * after, (i + 1) * after)
        numpy.testing.assert_array_equal(rois[part, 0], i)
        numpy.testing.assert_allclose(kept[part, 0], [r[0] for r in want])
        numpy.testing.assert_allclose(rois[part, 1:], [r[1:] for r in want], atol=1e-9)


def test_errors():
    with pytest.raises(ValueError, match="12 anchors require"):
        npx.proposal(np.ones((1, 6, 2, 2)), np.ones((1, 12, 2, 2)), np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"\(batch, 3\)"):
        npx.proposal(np.ones((1, 6, 2, 2)), np.ones((1, 12, 2, 2)), np.ones((1, 2)))
