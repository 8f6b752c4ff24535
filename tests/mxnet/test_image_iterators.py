"""ImageRecordIter and ImageIter; the numbers were printed by MXNet 1.9.1 for the same images."""

import os
import pathlib
import random

import numpy
import pytest

import minpy as mx
from minpy import recordio
from minpy.base import MXNetError

pytest.importorskip("PIL")


def picture(i):
    base = numpy.add.outer(numpy.add.outer(numpy.arange(12) * 9, numpy.arange(10) * 7), numpy.arange(3) * 20)
    return numpy.clip(base + i * 5, 0, 255).astype(numpy.uint8)  # blue, green, red


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    paths = {"path_imgrec": str(folder / "x.rec"), "path_imgidx": str(folder / "x.idx")}
    with recordio.MXIndexedRecordIO(paths["path_imgidx"], paths["path_imgrec"], "w") as file:
        for i in range(10):
            file.write_idx(i, recordio.pack_img(recordio.IRHeader(0, float(i), i, 0), picture(i), 3, ".png"))
    return paths


def open_iter(records, shape=(3, 12, 10), kind=mx.io.ImageRecordIter, **kwargs):
    return kind(path_imgrec=records["path_imgrec"], data_shape=shape, batch_size=4, **kwargs)


def summary(it):
    return [
        (b.data[0].asnumpy().ravel()[:3].tolist(), b.label[0].asnumpy().ravel().tolist(), b.pad) for b in it
    ]


def test_rounds_the_last_batch(records):
    it = open_iter(records)
    assert summary(it) == [
        ([40, 47, 54], [0, 1, 2, 3], 0),
        ([60, 67, 74], [4, 5, 6, 7], 0),
        ([80, 87, 94], [8, 9, 0, 1], 2),
    ]
    it.reset()
    assert summary(it) == [([50, 57, 64], [2, 3, 4, 5], 0), ([70, 77, 84], [6, 7, 8, 9], 0)]
    assert it.provide_data[0].shape == (4, 3, 12, 10) and it.provide_label[0].shape == (4,)
    it.reset()
    batch = next(it)
    assert (batch.data[0].asnumpy()[1] == picture(1)[:, :, ::-1].transpose(2, 0, 1)).all()
    assert batch.index.tolist() == [0, 1, 2, 3]
    cut = open_iter(records, round_batch=False)
    assert summary(cut)[2][1:] == ([8, 9, 0, 0], 2)


@pytest.mark.parametrize(
    ("kwargs", "first"),
    [
        ({"shape": (3, 8, 8)}, [65, 72, 79]),
        ({"mean_r": 10, "mean_g": 20, "mean_b": 30, "std_r": 2, "scale": 0.5}, [7.5, 9.25, 11]),
        ({"mean_r": 10, "std_r": 2, "std_g": 4}, [15, 18.5, 22]),
        ({"shape": (3, 16, 16)}, [44, 47, 51]),
        ({"shape": (3, 16, 16), "resize": 16}, [44, 47, 51]),
        ({"shape": (3, 6, 5), "resize": 6}, [45, 57, 69]),
        ({"shape": (3, 14, 12), "pad": 2, "fill_value": 127}, [127, 127, 127]),
        ({"mirror": True}, [103, 96, 89]),
    ],
)
def test_augmentations_without_chance(records, kwargs, first):
    assert summary(open_iter(records, **kwargs))[0][0] == first


def test_dtypes(records):
    for kind, dtype in ((mx.io.ImageRecordUInt8Iter, numpy.uint8), (mx.io.ImageRecordInt8Iter, numpy.int8)):
        it = open_iter(records, kind=kind, mean_r=10)
        assert it.provide_data[0].dtype == dtype and summary(it)[0][0] == [40, 47, 54]
    assert open_iter(records, dtype="uint8").next().data[0].dtype == numpy.uint8
    grey = open_iter(records, shape=(1, 12, 10)).next().data[0].asnumpy()
    assert grey.shape == (4, 1, 12, 10) and abs(grey[0, 0, 0, 0] - 23) <= 1


def test_first_versions():
    assert mx.io.ImageRecordIter_v1 is mx.io.ImageRecordIter
    assert mx.io.ImageRecordUInt8Iter_v1 is mx.io.ImageRecordUInt8Iter


def test_order_and_parts(records):
    it = open_iter(records, shuffle=True, seed=5)
    first = [label for _, labels, pad in summary(it) for label in labels[: 4 - pad]]
    assert sorted(first) == list(range(10)) and first != list(range(10))
    again = open_iter(records, shuffle=True, seed=5)
    assert [label for _, labels, pad in summary(again) for label in labels[: 4 - pad]] == first
    part = open_iter(records, num_parts=3, part_index=1, path_imgidx=records["path_imgidx"])
    assert summary(part)[0][1] == [4, 5, 6, 7]


def test_augmentations_by_chance_follow_the_seed(records):
    options = {
        "shape": (3, 8, 8),
        "rand_crop": True,
        "rand_mirror": True,
        "brightness": 0.2,
        "contrast": 0.2,
        "saturation": 0.2,
        "pca_noise": 0.1,
        "max_random_contrast": 0.1,
        "max_random_illumination": 3,
        "seed_aug": 3,
    }

    def data(**more):
        return [batch.data[0].asnumpy() for batch in open_iter(records, **{**options, **more})]

    first, again, other = data(), data(preprocess_threads=1), data(seed_aug=4)
    assert all((x == y).all() for x, y in zip(first, again, strict=True))
    assert (first[0] != other[0]).any()
    resized = data(random_resized_crop=True, min_random_area=0.2, max_aspect_ratio=0.3)
    assert resized[0].shape == (4, 3, 8, 8)


def test_labels_of_a_list(records, tmp_path):
    path = tmp_path / "labels.lst"
    path.write_text("".join(f"{i}\t{i + 1}\t{i + 2}\tname\n" for i in range(10)))
    it = open_iter(records, path_imglist=str(path), label_width=2)
    assert it.provide_label[0].shape == (4, 2) and summary(it)[0][1] == [1, 2, 2, 3, 3, 4, 4, 5]
    with pytest.raises(MXNetError, match="image 0 has 1 labels, label_width is 2"):
        open_iter(records, label_width=2).next()


def test_errors(records, tmp_path):
    with pytest.raises(MXNetError, match="does not support max_rotate_angle"):
        open_iter(records, max_rotate_angle=10)
    with pytest.warns(UserWarning, match="ImageRecordIter has no parameter 'rand_corp'"):
        open_iter(records, rand_corp=True)
    with pytest.raises(MXNetError, match="No such file"):
        open_iter({"path_imgrec": str(tmp_path / "nope")})
    whole = pathlib.Path(records["path_imgrec"]).read_bytes()
    (tmp_path / "cut.rec").write_bytes(whole[:-30])
    with pytest.raises(MXNetError, match="cut.rec"):
        list(open_iter({"path_imgrec": str(tmp_path / "cut.rec")}))
    (tmp_path / "text.rec").write_bytes(b"no records here")
    with pytest.raises(MXNetError, match="Invalid RecordIO File .*text.rec at byte 0"):
        open_iter({"path_imgrec": str(tmp_path / "text.rec")})
    with recordio.MXRecordIO(str(tmp_path / "bad.rec"), "w") as file:
        file.write(recordio.pack(recordio.IRHeader(0, 1.0, 0, 0), b"no image"))
    with pytest.raises(MXNetError, match="could not be decoded"):
        open_iter({"path_imgrec": str(tmp_path / "bad.rec")}).next()
    assert os.path.exists(records["path_imgidx"])


def image_iter(records, indexed=True, **kwargs):
    paths = records if indexed else {"path_imgrec": records["path_imgrec"]}
    return mx.image.ImageIter(4, (3, 8, 8), **paths, **kwargs)


IMAGE_EPOCHS = {
    "pad": [[([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0), ([8, 9, 0, 1], 2)]] * 2,
    "discard": [[([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0)]] * 2,
    "roll_over": [
        [([0, 1, 2, 3], 0), ([4, 5, 6, 7], 0)],
        [([8, 9, 0, 1], 2), ([2, 3, 4, 5], 0), ([6, 7, 8, 9], 0)],
    ],
}


@pytest.mark.parametrize("how", IMAGE_EPOCHS)
@pytest.mark.parametrize("indexed", [True, False])
def test_image_iter(records, how, indexed):
    it = image_iter(records, indexed, last_batch_handle=how)
    assert it.provide_data == [("data", (4, 3, 8, 8))] and it.provide_label == [("softmax_label", (4,))]
    for expected in IMAGE_EPOCHS[how]:
        found = summary(it)
        assert [(labels, pad) for _, labels, pad in found] == expected
        assert found[0][0][0] == 65 + 5 * expected[0][0][0]
        it.reset()


def test_image_iter_order_and_parts(records):
    random.seed(0)
    it = image_iter(records, shuffle=True)
    random.seed(0)
    order = list(range(10))
    random.shuffle(order)
    assert [label for _, labels, pad in summary(it) for label in labels[: 4 - pad]] == order
    part = image_iter(records, num_parts=2, part_index=1, mean=numpy.array([1.0, 2, 3]))
    assert summary(part)[0] == ([89, 96, 103], [5, 6, 7, 8], 0)


def test_image_iter_of_files(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    for name in ("a.png", "b.png"):
        pillow.fromarray(picture(0)).save(tmp_path / name)
    (tmp_path / "bad.png").write_bytes(b"bad")
    (tmp_path / "list.lst").write_text("0\t5\ta.png\n1\t6\tb.png\n")
    listed = mx.image.ImageIter(
        2, (3, 8, 8), path_imglist=str(tmp_path / "list.lst"), path_root=str(tmp_path)
    )
    assert summary(listed)[0][1:] == ([5, 6], 0)
    rows = [[1, 2, "a.png"], [[3, 4], "b.png"]]
    wide = mx.image.ImageIter(2, (3, 8, 8), label_width=2, imglist=rows, path_root=str(tmp_path))
    assert summary(wide)[0][1] == [1, 2, 3, 4]
    with pytest.raises(RuntimeError, match="Broken image filename: bad.png"):
        mx.image.ImageIter(1, (3, 8, 8), imglist=[[0, "bad.png"]], path_root=str(tmp_path)).next()
    with pytest.raises(ValueError, match="expects inputs to have 3 channels"):
        mx.image.ImageIter(1, (1, 8, 8), imglist=rows)
    with pytest.raises(ValueError, match="should have length 3"):
        mx.image.ImageIter(1, (8, 8), imglist=rows)
