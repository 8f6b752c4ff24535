"""Images: functions and augmenters; data/resized.npz was made by MXNet 1.9.1."""

import json
import pathlib
import random

import numpy
import pytest

from minpy import image, nd
from minpy.base import MXNetError

GOLDEN = dict(numpy.load(pathlib.Path(__file__).parent / "data" / "resized.npz"))
SMALL, BIG = GOLDEN["im"], GOLDEN["big"]
RESIZED = [name for name in GOLDEN if name.startswith("resize_")]
# In steps of the values 0 to 255: MXNet's OpenCV applies cubic weights in floats.
STEPS = {"u1": 1, "f4": 2e-3}


def array(values, dtype=None):
    return nd.array(values, dtype=dtype or values.dtype)


def differences(found, expected):
    assert isinstance(found, nd.NDArray)
    assert found.shape == expected.shape and found.dtype == expected.dtype
    return abs(found.asnumpy().astype(float) - expected.astype(float))


@pytest.mark.parametrize("name", RESIZED)
def test_resize(name):
    _, interp, size, _, dtype = name.split("_")
    expected = GOLDEN[name]
    found = image.imresize(array(BIG, dtype), expected.shape[1], expected.shape[0], int(interp))
    off = differences(found, expected)
    assert off.max() <= STEPS[dtype]
    if dtype == "u1" and interp != "2":
        assert (off > 0).mean() < 0.01


def test_crops():
    assert image.scale_down((640, 480), (720, 120)) == (640, 106)
    x = array(BIG)
    part, place = image.center_crop(x, (20, 10))
    assert place == (15, 15, 20, 10) and (part.asnumpy() == BIG[15:25, 15:35]).all()
    random.seed(0)
    part, (x0, y0, w, h) = image.random_crop(x, (20, 10))
    random.seed(0)
    assert (x0, y0) == (random.randint(0, 30), random.randint(0, 30)) and (w, h) == (20, 10)
    assert (part.asnumpy() == BIG[y0 : y0 + h, x0 : x0 + w]).all()
    assert image.center_crop(x, (100, 100))[0].shape == (100, 100, 3)
    assert image.resize_short(x, 20).shape == (20, 25, 3)
    for _ in range(20):
        part, (x0, y0, w, h) = image.random_size_crop(x, (8, 6), (0.1, 0.5), (0.75, 1.33))
        assert part.shape == (6, 8, 3) and w * h <= 0.6 * 2000 and x0 + w <= 50 and y0 + h <= 40
    assert image.fixed_crop(x, 1, 2, 5, 6, (3, 4)).shape == (4, 3, 3)
    with pytest.raises(ValueError, match="Unknown interp method 7"):
        image.imresize(x, 3, 3, 7)
    assert image.imresize(x, 60, 60, 9).shape == (60, 60, 3)


def test_border():
    x = array(SMALL)
    found = image.copyMakeBorder(x, 1, 2, 3, 4, values=(1, 2, 3)).asnumpy()
    assert found.shape == (10, 16, 3) and found[0, 0].tolist() == [1, 2, 3]
    assert (found[1:8, 3:12] == SMALL).all()
    edge = image.copyMakeBorder(x, 1, 0, 0, 0, type=1).asnumpy()
    assert (edge[0] == SMALL[0]).all()


def test_rotation():
    x = nd.array(numpy.random.rand(2, 3, 5, 5))
    quarter = image.imrotate(x, 90).asnumpy()
    assert numpy.allclose(quarter, numpy.rot90(x.asnumpy(), 1, (2, 3)), atol=1e-5)
    assert numpy.allclose(image.imrotate(x[0], 0).asnumpy(), x[0].asnumpy(), atol=1e-6)
    ramp = nd.arange(25).reshape((1, 1, 5, 5))
    expected = [
        1.4641011953353882,
        3.9282031059265137,
        6.39230489730835,
        8.856406211853027,
        11.320507049560547,
    ]
    assert numpy.allclose(image.imrotate(ramp, 30, zoom_in=True).asnumpy()[0, 0, 0], expected, rtol=1e-5)
    expected = [2.00961971282959, 7.401923656463623, 12.0, 16.59807586669922, 13.205780982971191]
    assert numpy.allclose(image.imrotate(ramp, 30, zoom_out=True).asnumpy()[0, 0, 2], expected, rtol=1e-5)
    ones = nd.ones((1, 9, 9))
    assert image.imrotate(ones, 45).asnumpy()[0, 0, 0] == 0
    assert image.imrotate(ones, 45, zoom_in=True).asnumpy().min() > 0.99
    assert image.random_rotate(x, (-10, 10)).shape == x.shape
    with pytest.raises(ValueError, match="cannot be both True"):
        image.imrotate(x, 10, True, True)
    with pytest.raises(TypeError, match="Only `float32` images"):
        image.imrotate(x.astype("uint8"), 10)
    with pytest.raises(ValueError, match="must be equal to the number of rotation angles"):
        image.imrotate(x, nd.array([1, 2, 3]))


def png(tmp_path, pixels, name="x.png"):
    pillow = pytest.importorskip("PIL.Image")
    pillow.fromarray(pixels).save(tmp_path / name)
    return str(tmp_path / name)


def test_reading(tmp_path):
    path = png(tmp_path, SMALL)
    found = image.imread(path)
    assert found.dtype == numpy.uint8 and (found.asnumpy() == SMALL).all()
    assert (image.imread(path, to_rgb=False).asnumpy() == SMALL[:, :, ::-1]).all()
    assert image.imread(path, flag=0).shape == (7, 9, 1)
    data = pathlib.Path(path).read_bytes()
    for kind in (bytes, bytearray, lambda b: numpy.frombuffer(b, "uint8")):
        assert (image.imdecode(kind(data)).asnumpy() == SMALL).all()
    assert (image.imdecode(nd.array(list(data), dtype="uint8")).asnumpy() == SMALL).all()
    with pytest.raises(ValueError, match="please convert to bytes"):
        image.imdecode("text")
    with pytest.raises(MXNetError, match="could not be decoded as an image"):
        image.imdecode(b"no image")
    with pytest.raises(MXNetError, match='Open "nope.png": No such file'):
        image.imread("nope.png")
    (tmp_path / "cut.png").write_bytes(data[:60])
    with pytest.raises(MXNetError, match="cut.png"):
        image.imread(str(tmp_path / "cut.png"))


def test_augmenters():
    found = image.CreateAugmenter(
        (3, 20, 24), resize=30, rand_mirror=True, mean=True, std=True, brightness=0.1, hue=0.1
    )
    names = [type(one).__name__ for one in found]
    assert names == [
        "ResizeAug",
        "CenterCropAug",
        "HorizontalFlipAug",
        "CastAug",
        "ColorJitterAug",
        "HueJitterAug",
        "ColorNormalizeAug",
    ]
    x = array(BIG)
    for one in found:
        x = one(x)
    assert x.shape == (20, 24, 3) and x.dtype == numpy.float32
    assert json.loads(found[0].dumps()) == ["resizeaug", {"size": 30, "interp": 2}]
    assert json.loads(found[-1].dumps())[1]["mean"] == pytest.approx([123.68, 116.28, 103.53])
    nested = found[4].dumps()
    assert nested[0] == "colorjitteraug" and json.loads(nested[1][0]) == [
        "brightnessjitteraug",
        {"brightness": 0.1},
    ]


def test_augmenters_of_colour():
    x = array(BIG, "float32")
    assert numpy.allclose(image.BrightnessJitterAug(0)(x.copy()).asnumpy(), BIG)
    for kind in (image.ContrastJitterAug, image.SaturationJitterAug):
        assert numpy.allclose(kind(0)(x.copy()).asnumpy(), BIG, atol=1e-3)
    assert abs(image.HueJitterAug(0)(x).asnumpy() - BIG).max() < 2
    grey = image.RandomGrayAug(1.1)(x).asnumpy()
    assert numpy.allclose(grey[..., 0], BIG @ [0.21, 0.72, 0.07], rtol=1e-4)
    assert (image.HorizontalFlipAug(1.1)(x).asnumpy() == BIG[:, ::-1]).all()
    numpy.random.seed(1)
    lit = image.LightingAug(0.1, numpy.ones(3), numpy.eye(3))(x.copy()).asnumpy()
    numpy.random.seed(1)
    assert numpy.allclose(lit - BIG, numpy.random.normal(0, 0.1, 3), atol=1e-4)
    assert image.ForceResizeAug((8, 9))(x).shape == (9, 8, 3)
    assert image.RandomSizedCropAug((8, 9), 0.1, (0.8, 1.2))(x).shape == (9, 8, 3)
    assert (
        len(image.CreateAugmenter((3, 8, 8), rand_crop=True, rand_resize=True, rand_gray=0.1, pca_noise=0.1))
        == 4
    )
