"""Errors of a forward pass name the layer, what it was given, and what to do."""

import pytest

from minpy import nd
from minpy.gluon import nn


def network():
    net = nn.HybridSequential(prefix="net_")
    body = nn.HybridSequential()
    body.add(nn.Dense(4, in_units=5), nn.Dense(4, in_units=7))
    net.add(nn.Dense(5, in_units=3), body)
    net.initialize()
    return net


@pytest.mark.parametrize("hybrid", [False, True])
def test_the_path_both_shapes_and_a_remedy(hybrid):
    net = network()
    net.hybridize(active=hybrid)
    for _ in range(2):
        with pytest.raises(ValueError) as error:
            net(nd.ones((2, 3)))
        text = str(error.value)
        assert "in layer 1.1 of net: Dense(7 -> 4, linear)" in text and text.count("in layer") == 1
        assert "(4, 7)" in text and "4 features" in text and "in_units" in text


def test_a_layer_by_itself():
    layer = nn.Conv2D(3, 3, in_channels=2)
    layer.initialize()
    with pytest.raises(ValueError, match=rf"3 channels(.|\n)*in layer {layer.name}: Conv2D\(2 -> 3"):
        layer(nd.ones((2, 3, 8, 8)))


def test_children_in_lists_and_other_errors():
    class Net(nn.HybridBlock):
        def __init__(self):
            super().__init__(prefix="own_")
            self.layers = nn.HybridSequential()
            self.layers.add(nn.Dense(2, in_units=2))

        def hybrid_forward(self, F, x):
            return self.layers(x.reshape((2, 2)))

    net = Net()
    net.initialize()
    with pytest.raises((ValueError, Exception), match="in layer own"):
        net(nd.ones((3, 3)))
