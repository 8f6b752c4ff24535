"""A recurrent network that adds marked numbers of a sequence: python -m minpy.examples.nn.rnn."""

import minpy.numpy as np
from minpy.examples.nn import _data
from minpy.nn import layers
from minpy.nn.model import ModelBase
from minpy.nn.solver import Solver


class RNNNet(ModelBase):
    """A recurrent layer step by step, then a fully connected layer on its last state."""

    def __init__(self, inputs=2, hidden=32, outputs=1):
        super().__init__()
        self.hidden = hidden
        self.add_param("Wx", (inputs, hidden), **_small(0.3)).add_param(
            "Wh", (hidden, hidden), **_small(0.15)
        )
        self.add_param("b", (hidden,), init_rule="constant")
        self.add_param("Wa", (hidden, outputs)).add_param("ba", (outputs,), init_rule="constant")

    def forward(self, X, mode):  # noqa: N803
        """The sums."""
        h = np.zeros((len(X), self.hidden), dtype=X.dtype)
        for t in range(X.shape[1]):
            h = layers.rnn_step(X[:, t, :], h, self.params["Wx"], self.params["Wh"], self.params["b"])
        return layers.affine(h, self.params["Wa"], self.params["ba"])

    def loss(self, predict, y):
        """Mean squared difference."""
        return layers.l2_loss(predict, y)


def _small(deviation):
    return {"init_rule": "gaussian", "init_config": {"stdvar": deviation}}


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
        "task_type": "regression",
        "num_epochs": 10,
        "init_rule": "gaussian",
        "init_config": {"stdvar": 0.1},
        "update_rule": "adam",
        "optim_config": {"learning_rate": 0.005},
        "print_every": 20,
    }
    solver = Solver(model, train_iter, test_iter, **{**defaults, **options})
    solver.init()
    solver.train()
    return solver


if __name__ == "__main__":
    train(
        RNNNet(),
        *_data.iterators(_data.adding_problem(4000, 8, 0), _data.adding_problem(500, 8, 1), batch_size=100),
    )
