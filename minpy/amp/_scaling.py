"""Losses that are scaled up, so that their gradients do not vanish in float16."""

import contextlib
import logging

import numpy

from minpy import autograd, optimizer

__all__ = ["LossScaler", "init_trainer", "scale_loss", "unscale"]

_first = None
_first_taken = False


class LossScaler:
    """The factor of the loss: halved after an overflow, doubled after 2000 steps without one.

    Attributes
    ----------
    loss_scale : float
    """

    def __init__(self):
        self._loss_scale = 2.0**16
        self._next_loss_scale = self._loss_scale
        self._max_loss_scale = 2.0**24
        self._scale_seq_len = 2000
        self._unskipped = 0

    @property
    def loss_scale(self):
        """What the loss of this step is multiplied by."""
        return self._loss_scale

    def has_overflow(self, params):
        """Whether a gradient has an element that is not finite; also decides the factor of the next step."""
        with autograd.pause():
            grads = [p.list_grad()[0] for p in params if p.grad_req != "null"]
            grads = [g.data if g.stype == "row_sparse" else g for g in grads]
            overflow = not all(bool(numpy.isfinite(g.asnumpy().astype("float32")).all()) for g in grads)
        self._loss_scale = self._next_loss_scale
        if overflow:
            self._next_loss_scale = self._loss_scale / 2.0
            self._unskipped = 0
            logging.info("AMP: decreasing loss scale to %f", self._next_loss_scale)
        else:
            self._unskipped += 1
        if self._unskipped == self._scale_seq_len:
            self._unskipped = 0
            self._next_loss_scale = min(self._max_loss_scale, self._loss_scale * 2.0)
            logging.info("AMP: increasing loss scale to %f", self._next_loss_scale)
        return overflow


def first_scaler():
    """The scaler that the losses of `init` and the first trainer share."""
    global _first
    _first = _first or LossScaler()
    return _first


def _require_trainer(trainer):
    from minpy.gluon import Trainer

    if isinstance(trainer, optimizer.Optimizer):
        raise TypeError("AMP is currently only compatible with Gluon Trainer")
    if not isinstance(trainer, Trainer):
        raise TypeError(
            f"optimizer_or_trainer should be a Gluon Trainer or an optimizer, instead is {type(trainer)}"
        )


def init_trainer(optimizer_or_trainer):
    """Have a Trainer skip steps whose gradients overflow, and undo the scaling of its losses.

    Parameters
    ----------
    optimizer_or_trainer : Trainer
    """
    global _first_taken
    from minpy.amp import _casting

    assert _casting._initialized, "AMP not initialized, did you forget to call amp.init()?"
    _require_trainer(optimizer_or_trainer)
    scaler = LossScaler() if _first_taken else first_scaler()
    _first_taken = True
    optimizer_or_trainer._amp_loss_scaler = scaler
    optimizer_or_trainer._amp_original_scale = optimizer_or_trainer._scale


@contextlib.contextmanager
def scale_loss(loss, optimizer_or_trainer):
    """The loss, or a list of them, times the trainer's factor; its next step divides the gradients by it.

    Parameters
    ----------
    loss : NDArray or list of NDArray
    optimizer_or_trainer : Trainer
        That went through `init_trainer`.
    """
    trainer = optimizer_or_trainer
    assert getattr(trainer, "_amp_loss_scaler", None) is not None, (
        "Loss scaler is not initialized, did you forget to call amp.init_trainer()?"
    )
    scale = trainer._amp_loss_scaler.loss_scale
    trainer._scale = trainer._amp_original_scale / scale
    yield [one * scale for one in loss] if isinstance(loss, (list, tuple)) else loss * scale


def unscale(optimizer_or_trainer):
    """Divide the gradients by the factor now, to clip them, for example.

    Parameters
    ----------
    optimizer_or_trainer : Trainer
    """
    _require_trainer(optimizer_or_trainer)
    for parameter in optimizer_or_trainer._params:
        if parameter.grad_req != "null":
            for grad in parameter.list_grad():
                grad[:] = grad * optimizer_or_trainer._scale
    optimizer_or_trainer._scale = 1.0
