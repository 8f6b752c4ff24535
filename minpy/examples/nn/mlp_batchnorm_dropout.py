"""Batch normalization and dropout between fully connected layers: python -m minpy.examples.nn.mlp_batchnorm_dropout."""

from minpy.examples.nn import _data, mlp
from minpy.nn import layers
from minpy.nn.model import ModelBase


class NormalizedNet(ModelBase):
    """Fully connected, batch normalization, ReLU, dropout, fully connected."""

    def __init__(self, pixels=784, hidden=128, classes=10, drop=0.3):
        super().__init__()
        self.drop = drop
        self.add_param("w1", (pixels, hidden)).add_param("b1", (hidden,), init_rule="constant")
        self.add_param("gamma", (hidden,), init_rule="constant", init_config={"value": 1.0})
        self.add_param("beta", (hidden,), init_rule="constant")
        self.add_param("w2", (hidden, classes)).add_param("b2", (classes,), init_rule="constant")
        self.add_aux_param("running_mean", None).add_aux_param("running_var", None)

    def forward(self, X, mode):  # noqa: N803
        """Class scores; in mode 'train' the running statistics take part of the batch's."""
        params, running = self.params, self.aux_params
        hidden = layers.affine(X, params["w1"], params["b1"])
        hidden, running["running_mean"], running["running_var"] = layers.batchnorm(
            hidden, params["gamma"], params["beta"], mode=mode, **running
        )
        hidden = layers.dropout(layers.relu(hidden), self.drop, mode=mode)
        return layers.affine(hidden, params["w2"], params["b2"])

    def loss(self, predict, y):
        """Cross-entropy."""
        return layers.softmax_loss(predict, y)


if __name__ == "__main__":
    mlp.train(NormalizedNet(), *_data.digits(batch_size=100))
