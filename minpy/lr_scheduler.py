"""Learning rates that change with the number of updates."""

import logging
from math import cos, pi

__all__ = ["CosineScheduler", "FactorScheduler", "LRScheduler", "MultiFactorScheduler", "PolyScheduler"]


class LRScheduler:
    """Base class: a callable from the number of updates to the learning rate.

    Parameters
    ----------
    base_lr : float
        The rate to start from.
    warmup_steps : int
        The rate rises to `base_lr` during so many updates before the schedule starts.
    warmup_begin_lr : float
        The rate at the start of the warm-up.
    warmup_mode : {'linear', 'constant'}
        Whether the rate rises evenly, or stays at `warmup_begin_lr` until the warm-up is over.

    Raises
    ------
    ValueError
        For a `warmup_begin_lr` above `base_lr`, negative `warmup_steps` and an unknown mode.
    """

    def __init__(self, base_lr=0.01, warmup_steps=0, warmup_begin_lr=0, warmup_mode="linear"):
        assert isinstance(warmup_steps, int)
        if warmup_begin_lr > base_lr:
            raise ValueError("Base lr has to be higher than warmup_begin_lr")
        if warmup_steps < 0:
            raise ValueError("Warmup steps has to be positive or 0")
        if warmup_mode not in ("linear", "constant"):
            raise ValueError("Supports only linear and constant modes of warmup")
        self.base_lr = base_lr
        self.warmup_steps = warmup_steps
        self.warmup_final_lr = base_lr
        self.warmup_begin_lr = warmup_begin_lr
        self.warmup_mode = warmup_mode

    def get_warmup_lr(self, num_update):
        """The rate during the warm-up."""
        assert num_update < self.warmup_steps
        if self.warmup_mode == "constant":
            return self.warmup_begin_lr
        if self.warmup_mode != "linear":
            raise ValueError(f"Invalid warmup mode {self.warmup_mode}")
        rise = (self.warmup_final_lr - self.warmup_begin_lr) * float(num_update) / float(self.warmup_steps)
        return self.warmup_begin_lr + rise

    def __call__(self, num_update):
        """The learning rate.

        Parameters
        ----------
        num_update : int
            The largest number of updates that any weight has had.
        """
        raise NotImplementedError("must override this")


class _StepScheduler(LRScheduler):
    """Multiplies the rate by `factor` whenever the number of updates passes the next step."""

    def __init__(self, factor, *warmup):
        super().__init__(*warmup)
        if factor > 1.0:
            raise ValueError("Factor must be no more than 1 to make lr reduce")
        self.factor = factor
        self.count = 0

    def _reduce(self, num_update, lowest=None):
        self.base_lr *= self.factor
        if lowest is not None and self.base_lr < lowest:
            self.base_lr = lowest
            logging.info(
                "Update[%d]: now learning rate arrived at %0.5e, will not change in the future",
                num_update,
                self.base_lr,
            )
        else:
            logging.info("Update[%d]: Change learning rate to %0.5e", num_update, self.base_lr)


def _check_step(step):
    if step < 1:
        raise ValueError("Schedule step must be greater or equal than 1 round")


class FactorScheduler(_StepScheduler):
    """The rate is multiplied by a factor every `step` updates.

    Parameters
    ----------
    step : int
        How many updates the rate stays the same.
    factor : float
        At most 1.
    stop_factor_lr : float
        The rate never falls below this.
    base_lr, warmup_steps, warmup_begin_lr, warmup_mode
        As for `LRScheduler`.
    """

    def __init__(
        self,
        step,
        factor=1,
        stop_factor_lr=1e-8,
        base_lr=0.01,
        warmup_steps=0,
        warmup_begin_lr=0,
        warmup_mode="linear",
    ):
        _check_step(step)
        super().__init__(factor, base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.step = step
        self.stop_factor_lr = stop_factor_lr

    def __call__(self, num_update):
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        while num_update > self.count + self.step:
            self.count += self.step
            self._reduce(num_update, self.stop_factor_lr)
        return self.base_lr


class MultiFactorScheduler(_StepScheduler):
    """The rate is multiplied by a factor when the updates pass each of the given numbers.

    Parameters
    ----------
    step : list of int
        Increasing numbers of updates.
    factor : float
        At most 1.
    base_lr, warmup_steps, warmup_begin_lr, warmup_mode
        As for `LRScheduler`.
    """

    def __init__(self, step, factor=1, base_lr=0.01, warmup_steps=0, warmup_begin_lr=0, warmup_mode="linear"):
        assert isinstance(step, list) and len(step) >= 1
        for before, after in zip([None, *step], step):
            if before is not None and after <= before:
                raise ValueError("Schedule step must be an increasing integer list")
            _check_step(after)
        super().__init__(factor, base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.step = step
        self.cur_step_ind = 0

    def __call__(self, num_update):
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        while self.cur_step_ind < len(self.step) and num_update > self.step[self.cur_step_ind]:
            self.count = self.step[self.cur_step_ind]
            self.cur_step_ind += 1
            self._reduce(num_update)
        return self.base_lr


class _DecayScheduler(LRScheduler):
    """Goes from `base_lr` to `final_lr` along a curve between the warm-up and `max_update`, then stays."""

    def __init__(self, max_update, final_lr, *warmup):
        super().__init__(*warmup)
        assert isinstance(max_update, int)
        if max_update < 1:
            raise ValueError("maximum number of updates must be strictly positive")
        self.base_lr_orig = self.base_lr
        self.max_update = max_update
        self.final_lr = final_lr
        self.max_steps = self.max_update - self.warmup_steps

    def __call__(self, num_update):
        if num_update < self.warmup_steps:
            return self.get_warmup_lr(num_update)
        if num_update <= self.max_update:
            left = self._left(num_update - self.warmup_steps)
            self.base_lr = self.final_lr + (self.base_lr_orig - self.final_lr) * left
        return self.base_lr

    def _left(self, steps):
        """The part of the way that is left after so many steps: from 1 to 0."""
        raise NotImplementedError


class PolyScheduler(_DecayScheduler):
    """The rate falls as ``(1 - update / max_update) ** pwr``.

    Parameters
    ----------
    max_update : int
        The update at which the rate arrives at `final_lr`.
    base_lr : float
        The rate to start from.
    pwr : int
        The power.
    final_lr : float
        The rate after `max_update`.
    warmup_steps, warmup_begin_lr, warmup_mode
        As for `LRScheduler`.
    """

    def __init__(
        self,
        max_update,
        base_lr=0.01,
        pwr=2,
        final_lr=0,
        warmup_steps=0,
        warmup_begin_lr=0,
        warmup_mode="linear",
    ):
        super().__init__(max_update, final_lr, base_lr, warmup_steps, warmup_begin_lr, warmup_mode)
        self.power = pwr

    def _left(self, steps):
        return pow(1 - float(steps) / float(self.max_steps), self.power)


class CosineScheduler(_DecayScheduler):
    """The rate falls as half a period of the cosine.

    Parameters
    ----------
    max_update : int
        The update at which the rate arrives at `final_lr`.
    base_lr : float
        The rate to start from.
    final_lr : float
        The rate after `max_update`.
    warmup_steps, warmup_begin_lr, warmup_mode
        As for `LRScheduler`.
    """

    def __init__(
        self, max_update, base_lr=0.01, final_lr=0, warmup_steps=0, warmup_begin_lr=0, warmup_mode="linear"
    ):
        super().__init__(max_update, final_lr, base_lr, warmup_steps, warmup_begin_lr, warmup_mode)

    def _left(self, steps):
        return (1 + cos(pi * steps / self.max_steps)) / 2
