"""nd.image: random changes, errors, and what MXNet does wrong."""

import numpy
import pytest

import minpy as mx
from minpy import nd

_IMAGE = nd.array(numpy.random.default_rng(3).integers(0, 256, (6, 5, 3)), dtype="uint8")


def test_flips_keep_the_middle_column():
    assert nd.image.flip_left_right(_IMAGE).tolist() == _IMAGE.asnumpy()[:, ::-1].tolist()


def test_saturation_mixes_with_grey():
    values = _IMAGE.asnumpy().astype("float32")
    grey = values @ numpy.array([0.299, 0.587, 0.114], "float32")
    expected = values * 0.4 + grey[..., None] * 0.6
    found = nd.image.random_saturation(_IMAGE, 0.4, 0.4).asnumpy()
    assert numpy.abs(found - (expected - 0.5)).max() <= 0.51
    assert nd.image.random_saturation(_IMAGE, 1, 1).tolist() == _IMAGE.tolist()


def test_random_flips_happen_in_half_of_the_calls():
    mx.random.seed(5)
    both = [
        nd.image.random_flip_top_bottom(_IMAGE)[0, 0].tolist() == _IMAGE[0, 0].tolist() for _ in range(60)
    ]
    assert 15 < sum(both) < 45


@pytest.mark.parametrize(
    "change",
    [
        lambda x: nd.image.random_color_jitter(x, 0.4, 0.4, 0.4, 0.4),
        lambda x: nd.image.random_lighting(x, alpha_std=0.5),
        lambda x: nd.image.random_brightness(x, 0.2, 0.9),
        lambda x: nd.image.random_hue(x, 0.2, 0.9),
    ],
)
def test_random_colours_follow_the_seed(change):
    results = []
    for seed in (1, 1, 2):
        mx.random.seed(seed)
        results.append(change(_IMAGE))
    assert results[0].dtype is numpy.uint8
    assert results[0].tolist() == results[1].tolist() != results[2].tolist()


def test_nothing_changes_by_factors_of_one():
    assert nd.image.random_color_jitter(_IMAGE, 0, 0, 0, 0).tolist() == _IMAGE.tolist()
    turned = nd.image.random_hue(_IMAGE.astype("float32"), 1, 1)
    numpy.testing.assert_allclose(turned.asnumpy(), _IMAGE.asnumpy(), atol=1e-3)


def test_errors():
    with pytest.raises(ValueError, match="columns 3:7 of rows 0:2 are not in 5 x 6"):
        nd.image.crop(_IMAGE, 3, 0, 4, 2)
    with pytest.raises(ValueError, match="the shape is \\(6, 5\\)"):
        nd.image.to_tensor(_IMAGE[:, :, 0])
    with pytest.raises(ValueError, match="2 values do not fit 3 channels"):
        nd.image.normalize(nd.zeros((3, 2, 2)), mean=(1, 2))
    with pytest.raises(ValueError, match="interp must be"):
        nd.image.resize(_IMAGE, 3, interp=7)
