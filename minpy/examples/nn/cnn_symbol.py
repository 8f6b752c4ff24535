"""A whole convolutional network as a symbol, trained by MinPy's solver: python -m minpy.examples.nn.cnn_symbol."""

import minpy.numpy as np
from minpy import sym
from minpy.core import Function
from minpy.examples.nn import _data, mlp
from minpy.examples.nn.cnn import features
from minpy.nn import layers
from minpy.nn.model import ModelBase


class SymbolicNet(ModelBase):
    """A network whose output, the classes' probabilities, a symbol computes."""

    def __init__(self, batch_size, image=(1, 28, 28), filters=8, hidden=64, classes=10):
        super().__init__()
        self.image = image
        net = sym.Flatten(features(sym.Variable("X"), filters))
        net = sym.FullyConnected(net, name="fc1", num_hidden=hidden)
        net = sym.FullyConnected(sym.Activation(net, act_type="relu"), name="fc2", num_hidden=classes)
        net = sym.softmax(net)
        self.net = Function(net, input_shapes={"X": (batch_size, *image)}, name="cnn")
        self.add_params(self.net.get_params())

    def forward(self, X, mode):  # noqa: N803
        """Class probabilities."""
        return self.net(X=np.reshape(X, (len(X), *self.image)), **self.params)

    def loss(self, predict, y):
        """Cross-entropy."""
        return layers.softmax_cross_entropy(predict, y)


if __name__ == "__main__":
    mlp.train(SymbolicNet(100), *_data.digits(batch_size=100))
