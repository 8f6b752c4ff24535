"""A training loop with events: `from minpy.gluon.contrib.estimator import Estimator`."""

from minpy.gluon.contrib.estimator.batch_processor import BatchProcessor
from minpy.gluon.contrib.estimator.estimator import Estimator
from minpy.gluon.contrib.estimator.event_handler import *  # noqa: F403
from minpy.gluon.contrib.estimator.event_handler import __all__ as _handlers

__all__ = ["BatchProcessor", "Estimator", *_handlers]
