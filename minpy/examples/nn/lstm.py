"""An LSTM that adds marked numbers of a sequence: python -m minpy.examples.nn.lstm."""

import minpy.numpy as np
from minpy.examples.nn import _data, rnn
from minpy.nn import layers
from minpy.nn.model import ModelBase


class LSTMNet(ModelBase):
    """An LSTM step by step, then a fully connected layer on its last state."""

    def __init__(self, inputs=2, hidden=32, outputs=1):
        super().__init__()
        self.hidden = hidden
        self.add_param("Wx", (inputs, 4 * hidden)).add_param("Wh", (hidden, 4 * hidden))
        self.add_param("b", (4 * hidden,), init_rule="constant")
        self.add_param("Wa", (hidden, outputs)).add_param("ba", (outputs,), init_rule="constant")

    def forward(self, X, mode):  # noqa: N803
        """The sums."""
        params = self.params
        h = c = np.zeros((len(X), self.hidden), dtype=X.dtype)
        for t in range(X.shape[1]):
            h, c = layers.lstm_step(X[:, t, :], h, c, params["Wx"], params["Wh"], params["b"])
        return layers.affine(h, params["Wa"], params["ba"])

    def loss(self, predict, y):
        """Mean squared difference."""
        return layers.l2_loss(predict, y)


if __name__ == "__main__":
    rnn.train(
        LSTMNet(),
        *_data.iterators(_data.adding_problem(4000, 8, 0), _data.adding_problem(500, 8, 1), batch_size=100),
    )
