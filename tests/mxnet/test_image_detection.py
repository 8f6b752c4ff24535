"""image.detection and ImageDetRecordIter: what MXNet 1.9.1 gave under the same seeds, in data/detection.npz."""

import pathlib
import random

import numpy
import pytest

import minpy as mx
from minpy import recordio
from minpy.base import MXNetError

RECORDED = numpy.load(pathlib.Path(__file__).parent / "data" / "detection.npz")
LABEL = numpy.float32([[0, 0.1, 0.2, 0.5, 0.6], [1, 0.4, 0.3, 0.9, 0.95], [2, 0.01, 0.01, 0.05, 0.06]])
MANY = {
    "rand_crop": 0.5,
    "rand_pad": 0.5,
    "rand_mirror": True,
    "mean": True,
    "std": True,
    "brightness": 0.1,
    "contrast": 0.1,
    "saturation": 0.1,
    "hue": 0.1,
    "pca_noise": 0.05,
    "rand_gray": 0.2,
    "min_object_covered": [0.3, 0.5, 0.9],
    "area_range": (0.3, 3.0),
}


def labels_of_image(rng, i):
    objects = []
    for k in range(1 + i % 3):
        x0, y0 = rng.uniform(0, 0.5, 2)
        x1, y1 = x0 + rng.uniform(0.2, 0.5), y0 + rng.uniform(0.2, 0.5)
        objects += [k, x0, y0, x1, y1]
    return objects


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Five images of 40 x 50 with one to three objects."""
    path = tmp_path_factory.mktemp("records") / "d"
    rng = numpy.random.RandomState(0)
    writer = recordio.MXIndexedRecordIO(f"{path}.idx", f"{path}.rec", "w")
    for i in range(5):
        image = numpy.kron(rng.randint(0, 255, (8, 10, 3)), numpy.ones((5, 5, 1))).astype("uint8")
        label = numpy.float32([4, 5, 50, 40, *labels_of_image(rng, i)])
        header = recordio.IRHeader(0, label, i, 0)
        writer.write_idx(i, recordio.pack_img(header, image, quality=9, img_fmt=".png"))
    writer.close()
    return {"path_imgrec": f"{path}.rec", "path_imgidx": f"{path}.idx"}


def seed(value):
    random.seed(value)
    numpy.random.seed(value)
    mx.random.seed(value)


def check(name, array):
    numpy.testing.assert_allclose(array, RECORDED[name], rtol=1e-5, atol=1e-6)


def test_augmenters():
    """Images and labels are MXNet's, draw by draw."""
    seed(3)
    image = mx.nd.array(numpy.random.RandomState(1).randint(0, 255, (40, 50, 3)), dtype="uint8")
    augmenters = {
        "crop": mx.image.DetRandomCropAug(),
        "narrow": mx.image.DetRandomCropAug(0.5, (0.5, 2), (0.1, 0.9), 0.5, 20),
        "pad": mx.image.DetRandomPadAug(),
        "flip": mx.image.DetHorizontalFlipAug(0.5),
        "several": mx.image.CreateMultiRandCropAugmenter(
            [0.1, 0.3, 0.9], area_range=[(0.1, 1.0), (0.2, 1.0), (0.3, 0.9)], skip_prob=0.2
        ),
        "fixed": mx.image.DetRandomCropAug(0.1, 1.0, 0.5),
    }
    for name, augmenter in augmenters.items():
        for i in range(12):
            found, label = augmenter(image, LABEL.copy())
            check(f"{name} {i} label", label)
            values = found.asnumpy().astype("f8")
            check(f"{name} {i} image", [*values.shape, values.sum(), values[0].sum(), values[:, 0].sum()])


@pytest.mark.parametrize("k, settings", [(0, {}), (1, MANY)])
def test_iterator(k, settings, records):
    seed(5)
    for handle in ("pad", "discard", "roll_over"):
        it = mx.image.ImageDetIter(
            2, (3, 24, 32), **records, shuffle=True, last_batch_handle=handle, **settings
        )
        assert it.label_shape == (3, 5) and it.provide_label == [("label", (2, 3, 5))]
        for epoch in range(2):
            for i, batch in enumerate(it):
                name = f"iterator {k} {handle} {epoch} {i}"
                check(name + " label", batch.label[0].asnumpy())
                check(name + " pad", batch.pad)
                numpy.testing.assert_allclose(
                    batch.data[0].asnumpy().mean(), RECORDED[name + " mean"], rtol=1e-3
                )
            it.reset()


def test_dumps():
    made = mx.image.CreateDetAugmenter((3, 24, 32), resize=30, rand_crop=0.5, rand_mirror=True)
    assert [one.dumps() for one in made[:3]] == [
        ["detborrowaug", '["resizeaug", {"size": 30, "interp": 2}]'],
        [
            "detrandomselectaug",
            [
                '["detrandomcropaug", {"min_object_covered": 0.1, "aspect_ratio_range": [0.75, 1.33], "area_range":'
                ' [0.05, 3.0], "min_eject_coverage": 0.3, "max_attempts": 50}]'
            ],
        ],
        '["dethorizontalflipaug", {"p": 0.5}]',
    ]


def test_wrong_arguments():
    with pytest.raises(TypeError, match="Borrowing from invalid Augmenter"):
        mx.image.DetBorrowAug(len)
    with pytest.raises(ValueError, match="Allow DetAugmenter in list only"):
        mx.image.DetRandomSelectAug([mx.image.CastAug()])
    with pytest.warns(UserWarning, match="Skip DetRandomCropAug due to invalid area_range"):
        assert not mx.image.DetRandomCropAug(area_range=(0.5, 0.1)).enabled
    with pytest.warns(UserWarning, match="Skip DetRandomPadAug due to invalid aspect_ratio_range"):
        assert not mx.image.DetRandomPadAug(aspect_ratio_range=(2, 1)).enabled


def test_shapes_of_labels(records):
    it = mx.image.ImageDetIter(2, (3, 24, 32), **records)
    other = mx.image.ImageDetIter(2, (3, 24, 32), **records)
    it.reshape((3, 48, 48), (7, 5))
    assert it.provide_data[0].shape == (2, 3, 48, 48) and it.label_shape == (7, 5)
    assert it.sync_label_shape(other) is other and other.label_shape == (7, 5)
    assert other.next().label[0].shape == (2, 7, 5)
    with pytest.raises(ValueError, match="Attempts to reduce label count from 7 to 2, not allowed."):
        it.reshape(label_shape=(2, 5))
    with pytest.raises(ValueError, match="object width inconsistent: 5 vs 6"):
        it.reshape(label_shape=(9, 6))


def test_wrong_labels():
    parse = mx.image.ImageDetIter._parse_label
    with pytest.raises(RuntimeError, match="Label shape is invalid"):
        parse(numpy.float32([2, 5, 0]))
    with pytest.raises(RuntimeError, match="inconsistent with annotation width 5"):
        parse(numpy.float32([2, 5, 0, 0.1, 0.1, 0.2, 0.2, 1]))
    with pytest.raises(RuntimeError, match="no valid label"):
        parse(numpy.float32([2, 5, 0, 0.5, 0.1, 0.2, 0.2]))


# --- ImageDetRecordIter ---


def det_records(records, **settings):
    return mx.io.ImageDetRecordIter(
        path_imgrec=records["path_imgrec"], data_shape=(3, 24, 32), batch_size=2, **settings
    )


def test_record_iterator(records):
    it = det_records(records, mean_r=10, std_r=2)
    assert it.provide_label == [("softmax_label", (2, 23))]
    for i, batch in enumerate(it):
        check(f"records {i} label", batch.label[0].asnumpy())
        check(f"records {i} pad", batch.pad)
        check(f"records {i} row", batch.data[0][:, :, 0, :4].asnumpy())


@pytest.mark.parametrize("mode", ["fit", "shrink"])
def test_sizes(records, mode):
    batch = det_records(records, resize_mode=mode).next()
    assert batch.label[0][:, :4].asnumpy().tolist() == [[3, 24, 30, 9], [3, 24, 30, 14]]
    assert not batch.data[0][:, :, :, 30:].asnumpy().any()


def test_mirrored(records):
    plain, mirrored = (det_records(records, rand_mirror_prob=p).next() for p in (0, 1))
    assert numpy.array_equal(mirrored.data[0].asnumpy(), plain.data[0].asnumpy()[..., ::-1])
    check("records mirrored", mirrored.label[0].asnumpy())


def test_cropped_and_padded(records):
    """Objects stay on what they were on: the mean colour of a box changes little."""
    it = det_records(
        records,
        rand_crop_prob=1,
        rand_pad_prob=0.5,
        max_pad_scale=2,
        num_crop_sampler=2,
        min_crop_scales=(0.4, 0.7),
        min_crop_object_coverages=0.6,
        seed=4,
    )
    sizes = []
    for batch in it:
        for row in batch.label[0].asnumpy():
            objects = row[8 : 4 + int(row[3])].reshape(-1, 5)
            assert 1 <= len(objects) <= 3 and (objects[:, 3:] > objects[:, 1:3]).all()
            assert (objects[:, 1:] >= 0).all() and (objects[:, 1:] <= 1).all()
            sizes += objects[:, 3].tolist()
    assert len(set(sizes)) > 3


def test_wrong_settings(records):
    with pytest.raises(MXNetError, match="label_pad_width: 5 smaller than estimated width: 19"):
        det_records(records, label_pad_width=5)
    assert det_records(records, label_pad_width=30).provide_label == [("softmax_label", (2, 34))]
    with pytest.raises(MXNetError, match="does not support max_random_hue"):
        det_records(records, max_random_hue=3)
    with pytest.raises(MXNetError, match="resize_mode must be force, shrink or fit"):
        det_records(records, resize_mode="stretch")
