"""Training of a `minpy.nn.model.ModelBase`."""

import copy
import time

import minpy.numpy as np
from minpy import core, nd
from minpy.nn import init, optim

__all__ = ["Solver"]


def _rule(module, kind, name):
    if name not in module.__all__:
        raise ValueError(f'Invalid {kind} "{name}"')
    return getattr(module, name)


def _plain(batch):
    """The batch with minpy.numpy's arrays in place of NDArrays, as MXNet's iterators give them."""
    if not any(isinstance(array, nd.NDArray) for array in [*batch.data, *(batch.label or [])]):
        return batch
    batch = copy.copy(batch)
    for key in ("data", "label"):
        arrays = getattr(batch, key) or []
        setattr(batch, key, [a.as_np_ndarray() if isinstance(a, nd.NDArray) else a for a in arrays])
    return batch


def _classes(labels):
    """Class numbers (N,) of labels (N,) or (N, 1), or of one-hot rows (N, C)."""
    if labels.ndim == 1:
        return labels
    return labels[:, 0] if labels.shape[1] == 1 else np.argmax(labels, axis=1)


class Solver:
    """Trains a model by stochastic gradient descent and checks how well it does.

    Parameters
    ----------
    model : ModelBase
    train_dataiter, test_dataiter : DataIter
        Those of `minpy.nn.io`, or MXNet's. Batches that are filled up count without what fills them.
    task_type : {'classification', 'regression'}
        Whether to check the accuracy or the loss.
    init_rule : str
        The name of a function in `minpy.nn.init` for parameters that name none; 'xavier' by default.
    init_config : dict
        Its settings.
    update_rule : str
        The name of a function in `minpy.nn.optim`; 'sgd' by default.
    optim_config : dict
        Its settings.
    lr_decay : float
        The learning rate is multiplied by it after each epoch.
    num_epochs : int
        10 by default.
    train_acc_num_samples : int
        How many samples of the training data to check after an epoch; 1000 by default.
    print_every : int
        Every how many iterations to print the loss; 10 by default.
    verbose : bool
        Whether to print at all.

    Attributes
    ----------
    loss_history : list of float
        The loss of each iteration.
    train_acc_history, val_acc_history : list of float
        What `check_accuracy` found after each epoch.
    best_val_acc : float
        The best of `val_acc_history`; `train` leaves the model with the parameters of then.

    Raises
    ------
    ValueError
        For unknown arguments, and names of rules that do not exist.
    """

    _DEFAULTS = {
        "task_type": "classification",
        "init_rule": "xavier",
        "init_config": {},
        "update_rule": "sgd",
        "optim_config": {},
        "lr_decay": 1.0,
        "num_epochs": 10,
        "train_acc_num_samples": 1000,
        "print_every": 10,
        "verbose": True,
    }

    def __init__(self, model, train_dataiter, test_dataiter, **kwargs):
        self.model = model
        self.train_dataiter = train_dataiter
        self.test_dataiter = test_dataiter
        unknown = [f'"{name}"' for name in kwargs if name not in self._DEFAULTS]
        if unknown:
            raise ValueError(f"Unrecognized arguments {', '.join(unknown)}")
        for name, value in {**self._DEFAULTS, **kwargs}.items():
            setattr(self, name, value)
        if self.task_type not in ("classification", "regression"):
            raise ValueError("Task type is either classification or regression.")
        self.update_rule = _rule(optim, "update_rule", self.update_rule)
        self._reset()

    def _reset(self):
        self.epoch = 0
        self.best_val_acc = 0
        self.best_params = {}
        self.loss_history = []
        self.train_acc_history = []
        self.val_acc_history = []
        self._reset_data_iterators()
        configs = self.model.param_configs
        self.optim_configs = {name: dict(self.optim_config) for name in configs}
        self.init_rules, self.init_configs = {}, {}
        for name, config in configs.items():
            own = "init_rule" in config
            self.init_rules[name] = _rule(init, "init_rule", config["init_rule"] if own else self.init_rule)
            self.init_configs[name] = dict(config.get("init_config", {}) if own else self.init_config)

    def _reset_data_iterators(self):
        for iterator in (self.train_dataiter, self.test_dataiter):
            if iterator:
                iterator.reset()

    def init(self):
        """Give the model its first parameters."""
        for name, config in self.model.param_configs.items():
            self.model.params[name] = self.init_rules[name](config["shape"], self.init_configs[name])
        self.model.aux_params.update(self.model.aux_param_configs)

    def _step(self, batch):
        """One update of the parameters."""
        batch = _plain(batch)
        params = self.model.params

        def loss_of(_):
            return self.model.loss_batch(batch, self.model.forward_batch(batch, mode="train"))

        # The model reads its parameters from `params`; they are the same arrays as the argument's.
        gradients, loss = core.grad_and_loss(loss_of)(list(params.values()))
        self.loss_history.append(float(loss))
        for name, gradient in zip(list(params), gradients):
            params[name], self.optim_configs[name] = self.update_rule(
                params[name], gradient, self.optim_configs[name]
            )

    def check_accuracy(self, dataiter, num_samples=None):
        """The share of samples whose label the model finds, or its mean loss for a regression.

        Parameters
        ----------
        dataiter : DataIter
        num_samples : int, optional
            Check only so many, chosen at random by iterators that have `getsubiter`, else the first ones in whole
            batches.

        Returns
        -------
        float
        """
        if num_samples is not None and hasattr(dataiter, "getsubiter") and dataiter.num_data > num_samples:
            dataiter, num_samples = dataiter.getsubiter(num_samples), None
        else:
            dataiter.reset()
        total, count = 0.0, 0
        for batch in dataiter:
            batch = _plain(batch)
            predict = self.model.forward_batch(batch, mode="test")
            kept = len(predict) - (batch.pad or 0)
            if self.task_type == "classification":
                total += int(np.sum(np.argmax(predict[:kept], axis=1) == _classes(batch.label[0][:kept])))
            else:
                total += kept * float(self.model.loss_batch(batch, predict))
            count += kept
            if num_samples is not None and count >= num_samples:
                break
        return total / count

    def _is_better(self, value):
        regression = self.task_type == "regression"
        return not self.best_params or (
            value < self.best_val_acc if regression else value > self.best_val_acc
        )

    def _iterations(self):
        """How many there will be; a question mark for iterators that do not tell."""
        batches = self.train_dataiter
        if hasattr(batches, "getnumiterations"):
            return batches.getnumiterations() * self.num_epochs
        count = getattr(batches, "num_data", None)
        return "?" if count is None else -(-count // batches.batch_size) * self.num_epochs

    def train(self):
        """Train for `num_epochs` epochs; the model then has the parameters that did best on the test data."""
        iterations = self._iterations()
        what = "acc" if self.task_type == "classification" else "loss"
        for epoch in range(1, self.num_epochs + 1):
            self.epoch = epoch
            start = time.time()
            for batch in self.train_dataiter:
                done = len(self.loss_history)
                self._step(batch)
                if self.verbose and done % self.print_every == 0:
                    print(f"(Iteration {done + 1} / {iterations}) loss: {self.loss_history[-1]:f}")
            train_acc = self.check_accuracy(self.train_dataiter, num_samples=self.train_acc_num_samples)
            val_acc = self.check_accuracy(self.test_dataiter)
            self.train_acc_history.append(train_acc)
            self.val_acc_history.append(val_acc)
            self._reset_data_iterators()
            if self.verbose:
                print(
                    f"(Epoch {epoch} / {self.num_epochs}) train {what}: {train_acc}, val {what}: {val_acc}, "
                    f"time: {time.time() - start}."
                )
            if self._is_better(val_acc):
                self.best_val_acc = val_acc
                self.best_params = {name: np.copy(value) for name, value in self.model.params.items()}
            for config in self.optim_configs.values():
                if "learning_rate" in config:
                    config["learning_rate"] *= self.lr_decay
        if self.best_params:
            self.model.params = self.best_params
