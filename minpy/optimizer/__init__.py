"""Optimizers: `mx.optimizer.create("adam", learning_rate=1e-3)`."""

from minpy.optimizer.adaptive import *  # noqa: F403
from minpy.optimizer.base import Optimizer, create, register
from minpy.optimizer.sgd import *  # noqa: F403
from minpy.optimizer.updater import Updater, get_updater

__all__ = ["Optimizer", "Updater", "create", "get_updater", "register"]
