"""Boxes against plain loops, and against values of MXNet 1.9.1 where its steps are the definition."""

import numpy
import pytest
from finite_differences import check_gradients

import minpy.numpy as np
from minpy import autograd, npx


def iou(a, b):
    width, height = (min(a[k + 2], b[k + 2]) - max(a[k], b[k]) for k in (0, 1))
    both = max(width, 0) * max(height, 0)
    sizes = [max(c[2] - c[0], 0) * max(c[3] - c[1], 0) for c in (a, b)]
    return both / (sum(sizes) - both) if both > 0 else 0


def corner(box):
    return [box[0] - box[2] / 2, box[1] - box[3] / 2, box[0] + box[2] / 2, box[1] + box[3] / 2]


def some_boxes(random, *shape):
    return numpy.sort(random.uniform(0, 1, (*shape, 2, 2)), axis=-2).reshape(*shape, 4)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_box_iou(dtype):
    random = numpy.random.default_rng(0)
    a, b = some_boxes(random, 2, 3).astype(dtype), some_boxes(random, 5).astype(dtype)
    b[0] = [0.5, 0.5, 0.5, 0.9]
    b[1] = b[1][[2, 1, 0, 3]]
    for name, convert in (("corner", list), ("center", corner)):
        got = npx.box_iou(np.array(a), np.array(b), format=name)
        want = [
            [[iou(convert(p), convert(q)) for q in b.astype("f8")] for p in row] for row in a.astype("f8")
        ]
        assert got.dtype == dtype and got.shape == (2, 3, 5)
        numpy.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def suppressed(rows, threshold, valid=0, topk=-1, id_index=-1, background=-1, force=False, convert=list):
    """The numbers of the kept rows (class, score, four coordinates)."""
    order = [i for i in range(len(rows)) if rows[i][1] > valid]
    if id_index >= 0:
        order = [i for i in order if rows[i][id_index] != background]
    order.sort(key=lambda i: -rows[i][1])
    kept = []
    for i in order[: topk if topk > 0 else None]:
        rivals = [j for j in kept if force or id_index < 0 or rows[j][id_index] == rows[i][id_index]]
        if all(iou(convert(rows[i][2:]), convert(rows[j][2:])) <= threshold for j in rivals):
            kept.append(i)
    return kept


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "ours, reference",
    [
        ({"overlap_thresh": 0.1}, {"threshold": 0.1}),
        ({"overlap_thresh": 0.3, "id_index": 0}, {"threshold": 0.3, "id_index": 0}),
        (
            {"overlap_thresh": 0.3, "id_index": 0, "force_suppress": True},
            {"threshold": 0.3, "id_index": 0, "force": True},
        ),
        ({"id_index": 0, "background_id": 1}, {"threshold": 0.5, "id_index": 0, "background": 1}),
        ({"topk": 6}, {"threshold": 0.5, "topk": 6}),
        ({"valid_thresh": 0.6}, {"threshold": 0.5, "valid": 0.6}),
        ({"in_format": "center", "out_format": "center"}, {"threshold": 0.5, "convert": corner}),
    ],
)
def test_box_nms(ours, reference, dtype):
    random = numpy.random.default_rng(0)
    data = numpy.concatenate(
        [
            random.integers(0, 3, (2, 2, 30, 1)),
            random.uniform(0, 1, (2, 2, 30, 1)),
            some_boxes(random, 2, 2, 30),
        ],
        axis=-1,
    ).astype(dtype)
    a = np.array(data)
    a.attach_grad()
    with autograd.record():
        got = npx.box_nms(a, **ours)
    head = random.normal(size=got.shape).astype(dtype)
    got.backward(np.array(head))
    assert got.dtype == dtype
    for place in numpy.ndindex(2, 2):
        kept = suppressed(data[place].astype("f8"), **reference)
        want, gradient = numpy.full((30, 6), -1.0), numpy.zeros((30, 6))
        want[: len(kept)] = data[place][kept]
        gradient[kept] = head[place][: len(kept)]
        numpy.testing.assert_array_equal(got[place], want.astype(dtype))
        numpy.testing.assert_array_equal(a.grad[place], gradient.astype(dtype))


def test_box_nms_formats_and_second_order():
    data = numpy.array([[0.9, 0.1, 0.1, 0.5, 0.7], [0.5, 0.1, 0.1, 0.5, 0.6], [0.6, 0.7, 0.7, 0.9, 0.8]])
    f = {"coord_start": 1, "score_index": 0, "in_format": "corner", "out_format": "center"}
    got = npx.box_nms(np.array(data), **f)
    numpy.testing.assert_allclose(got, [[0.9, 0.3, 0.4, 0.4, 0.6], [0.6, 0.8, 0.75, 0.2, 0.1], [-1] * 5])
    check_gradients(lambda d: npx.box_nms(d, **f) ** 2, data, rtol=1e-4)


def test_bipartite_matching():
    scores = np.array([[0.5, 0.6], [0.1, 0.2], [0.3, 0.4]])
    rows, columns = npx.bipartite_matching(scores, threshold=1e-12)
    numpy.testing.assert_array_equal(rows, [1, -1, 0])
    numpy.testing.assert_array_equal(columns, [2, 0])
    rows, columns = npx.bipartite_matching(scores, True, threshold=0.45)
    numpy.testing.assert_array_equal(rows, [-1, 0, 1])
    numpy.testing.assert_array_equal(columns, [1, 2])
    rows, columns = npx.bipartite_matching(np.full((2, 3, 2), 0.5), threshold=0.1)
    numpy.testing.assert_array_equal(rows, [[0, 1, -1]] * 2)
    numpy.testing.assert_array_equal(columns, [[0, 1]] * 2)
    rows, _ = npx.bipartite_matching(np.array(numpy.eye(4)), threshold=0.5, topk=1)
    assert (numpy.asarray(rows) >= 0).sum() == 2


def test_encode_and_decode_are_inverse():
    random = numpy.random.default_rng(0)
    anchors, refs = some_boxes(random, 2, 6), some_boxes(random, 2, 3)
    matches, samples = random.integers(0, 3, (2, 6)), random.integers(0, 2, (2, 6))
    stds = [0.1, 0.1, 0.2, 0.2]
    targets, masks = npx.box_encode(
        *(np.array(a) for a in (samples, matches, anchors, refs)), np.array(numpy.zeros(4)), np.array(stds)
    )
    numpy.testing.assert_array_equal(masks, numpy.broadcast_to(samples[..., None] == 1, masks.shape))
    for n in range(2):
        found = npx.box_decode(targets[n : n + 1], np.array(anchors[n : n + 1]), *stds, format="corner")
        want = numpy.where(samples[n][:, None], refs[n][matches[n]], anchors[n])
        numpy.testing.assert_allclose(found[0], want, rtol=1e-10)
    with pytest.raises(IndexError, match=r"match at \(0, 1\) is 3, but there are 3 boxes"):
        npx.box_encode(np.ones((1, 2)), np.array([[0, 3]]), np.array(anchors[:1, :2]), np.array(refs[:1]))


def test_box_decode_limits_growth():
    got = npx.box_decode(np.array([[[0, 0, 9.0, 0]]]), np.array([[[0.5, 0.5, 0.2, 0.2]]]), clip=1.0)
    numpy.testing.assert_allclose(got[0, 0], [0.5 - 0.1 * numpy.e, 0.4, 0.5 + 0.1 * numpy.e, 0.6])


def test_multibox_prior():
    got = npx.multibox_prior(np.ones((1, 3, 2, 3)), sizes=(0.5, 0.25), ratios=(1, 2, 0.5))
    assert got.shape == (1, 24, 4)
    want = [
        [0, 0, 0.3333, 0.5],
        [0.0833, 0.125, 0.25, 0.375],
        [-0.069, 0.0732, 0.4024, 0.4268],
        [0.0488, -0.1036, 0.2845, 0.6036],
    ]
    numpy.testing.assert_allclose(got[0, :4], want, atol=1e-4)
    numpy.testing.assert_allclose(got[0, -1], [0.7155, 0.3964, 0.9512, 1.1036], atol=1e-4)
    got = npx.multibox_prior(np.ones((1, 3, 2, 3)), (0.9, 0.25), (2, 0.5), True, (0.4, 0.3), (0.1, 0.6))
    numpy.testing.assert_allclose(got[0, 4], [0.3621, 0, 0.5979, 0.1284], atol=1e-4)


ANCHORS = [
    [[0.1, 0.1, 0.3, 0.3], [0.2, 0.2, 0.6, 0.6], [0.5, 0.5, 0.9, 0.9], [0, 0, 0.2, 0.2]]
    + [[0.55, 0.55, 0.95, 0.9], [0.7, 0.1, 0.9, 0.3], [0.12, 0.1, 0.3, 0.3]]
]
NONE = [-1] * 5
LABELS = [
    [[1, 0.1, 0.1, 0.3, 0.32], [0, 0.5, 0.52, 0.9, 0.9], NONE],
    [NONE, NONE, NONE],
    [[2, 0.18, 0.2, 0.5, 0.5], [1, 0, 0, 1, 1], [0, 0.5, 0.5, 0.9, 0.92]],
]


def test_multibox_target():
    scores = np.zeros((3, 4, 7))
    targets, masks, classes = npx.multibox_target(np.array(ANCHORS), np.array(LABELS), scores)
    numpy.testing.assert_array_equal(classes, [[2, 0, 1, 0, 1, 0, 2], [-1] * 7, [0, 3, 1, 0, 2, 0, 0]])
    numpy.testing.assert_array_equal(masks, numpy.repeat(numpy.asarray(classes) > 0, 4, axis=1))
    numpy.testing.assert_allclose(targets[0, :4], [0, 0.5, 0, 0.4766], atol=1e-4)
    numpy.testing.assert_allclose(targets[0, -4:], [-0.5556, 0.5, 0.5268, 0.4766], atol=1e-4)
    numpy.testing.assert_allclose(targets[2, 4:8], [-1.5, -1.25, -1.1157, -1.4384], atol=1e-4)
    classes = npx.multibox_target(np.array(ANCHORS), np.array(LABELS), scores, overlap_threshold=0.8)[2]
    numpy.testing.assert_array_equal(classes[0], [2, 0, 1, 0, 0, 0, 2])


def test_multibox_target_mines_what_looks_least_like_background():
    scores = numpy.zeros((3, 4, 7))
    scores[0, 0] = [0, 5, 0, -3, 0, 4, 0]
    classes = npx.multibox_target(
        np.array(ANCHORS), np.array(LABELS), np.array(scores), negative_mining_ratio=0.5, ignore_label=-2
    )[2]
    numpy.testing.assert_array_equal(classes[0], [2, -2, 1, 0, 1, 0, 2])


def detection_inputs():
    probability = numpy.full((1, 3, 7), 0.1)
    probability[0, 1, :3] = [0.5, 0.8, 0.7]
    probability[0, 2, 3:] = [0.6, 0.75, 0.05, 0.55]
    probability[0, 1, 6] = 0.55
    return np.array(probability), np.zeros((1, 28)), np.array(ANCHORS)


def test_multibox_detection():
    got = npx.multibox_detection(*detection_inputs(), threshold=0.3)
    want = [[0, 0.8, 1], [1, 0.75, 4], [0, 0.7, 2], [1, 0.6, 3], [0, 0.55, 6], [-1, 0.5, 0]]
    numpy.testing.assert_allclose(got[0, :6], [[c, p, *ANCHORS[0][i]] for c, p, i in want])
    numpy.testing.assert_array_equal(got[0, 6:], -1)
    for attributes, kinds in (
        ({"force_suppress": True}, [0, 1, -1, 1, 0, -1]),
        ({"nms_topk": 2}, [0, 1, -1, -1, -1, -1]),
        ({"nms_threshold": 0.95}, [0, 1, 0, 1, 0, 0]),
    ):
        got = npx.multibox_detection(*detection_inputs(), threshold=0.3, **attributes)
        numpy.testing.assert_array_equal(got[0, :6, 0], kinds)
    got = npx.multibox_detection(*detection_inputs(), threshold=0.3, nms_threshold=0)
    numpy.testing.assert_allclose(got[0, :6, 1], [0.5, 0.8, 0.7, 0.6, 0.75, 0.55])


def test_empty():
    assert npx.box_nms(np.zeros((0, 6))).shape == (0, 6)
    assert npx.box_nms(np.zeros((0, 3, 6))).shape == (0, 3, 6)
    assert npx.box_iou(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
    assert npx.bipartite_matching(np.zeros((0, 3, 2)), threshold=1)[1].shape == (0, 2)
    assert npx.multibox_target(np.array(ANCHORS), np.zeros((2, 0, 5)), np.zeros((2, 3, 7)))[2].shape == (2, 7)


@pytest.mark.parametrize(
    "call, text",
    [
        (lambda: npx.box_nms(np.ones((3, 4))), r"\(\.\.\., n, k\)"),
        (lambda: npx.box_nms(np.ones((3, 6)), in_format="middle"), "'corner' or 'center'"),
        (lambda: npx.box_iou(np.ones((3, 5)), np.ones((3, 4))), "lhs"),
        (lambda: npx.bipartite_matching(np.ones(3), threshold=1), "rows, columns"),
        (lambda: npx.multibox_prior(np.ones((1, 3, 2, 2)), sizes=(0,)), "positive"),
        (lambda: npx.multibox_target(np.array(ANCHORS), np.ones((2, 1, 4)), np.ones((2, 3, 7))), "5 or more"),
        (lambda: npx.multibox_detection(np.ones((1, 3, 6)), np.ones((1, 28)), np.array(ANCHORS)), "cls_prob"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
