"""A network of two fully connected layers on handwritten digits: python -m minpy.examples.nn.mlp."""

from minpy.examples.nn import _data
from minpy.nn import layers
from minpy.nn.model import ModelBase
from minpy.nn.solver import Solver


class TwoLayerNet(ModelBase):
    """Fully connected, ReLU, fully connected."""

    def __init__(self, pixels=784, hidden=128, classes=10):
        super().__init__()
        self.add_param("w1", (pixels, hidden)).add_param("b1", (hidden,), init_rule="constant")
        self.add_param("w2", (hidden, classes)).add_param("b2", (classes,), init_rule="constant")

    def forward(self, X, mode):  # noqa: N803
        """Class scores."""
        hidden = layers.relu(layers.affine(X, self.params["w1"], self.params["b1"]))
        return layers.affine(hidden, self.params["w2"], self.params["b2"])

    def loss(self, predict, y):
        """Cross-entropy."""
        return layers.softmax_loss(predict, y)


def train(model, train_iter, test_iter, **options):
    """Train the model and return its solver.

    Parameters
    ----------
    model : ModelBase
    train_iter, test_iter : DataIter
    **options
        For the solver, in place of these.
    """
    defaults = {
        "num_epochs": 5,
        "init_rule": "gaussian",
        "init_config": {"stdvar": 0.05},
        "update_rule": "sgd_momentum",
        "optim_config": {"learning_rate": 0.1, "momentum": 0.9},
        "print_every": 50,
    }
    solver = Solver(model, train_iter, test_iter, **{**defaults, **options})
    solver.init()
    solver.train()
    return solver


if __name__ == "__main__":
    train(TwoLayerNet(), *_data.digits(batch_size=100))
