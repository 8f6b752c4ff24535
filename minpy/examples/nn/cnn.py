"""A convolution as a symbol, all else in NumPy style: python -m minpy.examples.nn.cnn."""

import math

import minpy.numpy as np
from minpy import sym
from minpy.core import Function
from minpy.examples.nn import _data, mlp
from minpy.nn import layers
from minpy.nn.model import ModelBase


def features(data, filters):
    """Convolution, ReLU and pooling on a symbol."""
    net = sym.Convolution(data, name="conv", kernel=(5, 5), num_filter=filters)
    net = sym.Activation(net, act_type="relu")
    return sym.Pooling(net, pool_type="max", kernel=(2, 2), stride=(2, 2))


class ConvolutionNet(ModelBase):
    """The features of a symbol, then two fully connected layers."""

    def __init__(self, batch_size, image=(1, 28, 28), filters=8, hidden=64, classes=10):
        super().__init__()
        self.image = image
        net = sym.Flatten(features(sym.Variable("X"), filters))
        self.conv = Function(net, input_shapes={"X": (batch_size, *image)}, name="conv")
        self.add_params(self.conv.get_params())
        size = math.prod(self.conv.get_one_output_shape()[1:])
        self.add_param("w1", (size, hidden)).add_param("b1", (hidden,), init_rule="constant")
        self.add_param("w2", (hidden, classes)).add_param("b2", (classes,), init_rule="constant")

    def forward(self, X, mode):  # noqa: N803
        """Class scores."""
        X = np.reshape(X, (len(X), *self.image))  # noqa: N806
        out = self.conv(X=X, **self.params)
        out = layers.relu(layers.affine(out, self.params["w1"], self.params["b1"]))
        return layers.affine(out, self.params["w2"], self.params["b2"])

    def loss(self, predict, y):
        """Cross-entropy."""
        return layers.softmax_loss(predict, y)


if __name__ == "__main__":
    mlp.train(ConvolutionNet(100), *_data.digits(batch_size=100))
