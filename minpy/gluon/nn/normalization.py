"""Normalisation layers."""

import numpy

from minpy.gluon.hybrid import HybridBlock

__all__ = ["BatchNorm", "BatchNormReLU", "GroupNorm", "InstanceNorm", "LayerNorm"]


def _scale_and_shift(block, channels, scale, center, gamma_initializer, beta_initializer, **kwargs):
    """Makes the parameters gamma and beta; one that is switched off stays at its initial value."""
    for name, on, init in (("gamma", scale, gamma_initializer), ("beta", center, beta_initializer)):
        parameter = block.params.get(
            name,
            grad_req="write" if on else "null",
            shape=(channels,),
            init=init,
            allow_deferred_init=True,
            **kwargs,
        )
        setattr(block, name, parameter)


def _shown(settings):
    return ", ".join(f"{key}={value!r}" for key, value in settings.items())


class BatchNorm(HybridBlock):
    """Normalises each channel over the batch (Ioffe and Szegedy, arXiv:1502.03167).

    Parameters
    ----------
    axis : int
        The axis of the channels.
    momentum : float
        Of the running mean and variance, which prediction uses.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether beta is added and gamma multiplied.
    use_global_stats : bool
        Use the running statistics in training too.
    beta_initializer, gamma_initializer, running_mean_initializer, running_variance_initializer : Initializer or str
        Of the parameters.
    in_channels : int
        Number of channels; 0: told by the first batch.
    """

    def __init__(self, axis=1, momentum=0.9, epsilon=1e-5, center=True, scale=True, use_global_stats=False,
                 beta_initializer="zeros", gamma_initializer="ones", running_mean_initializer="zeros",
                 running_variance_initializer="ones", in_channels=0, **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self._kwargs = {
            "axis": axis,
            "eps": epsilon,
            "momentum": momentum,
            "fix_gamma": not scale,
            "use_global_stats": use_global_stats,
        }
        if in_channels:
            self.in_channels = in_channels
        with self.name_scope():
            _scale_and_shift(
                self, in_channels, scale, center, gamma_initializer, beta_initializer, differentiable=True
            )
            for name, init in (("mean", running_mean_initializer), ("var", running_variance_initializer)):
                running = self.params.get(
                    "running_" + name,
                    grad_req="null",
                    shape=(in_channels,),
                    init=init,
                    allow_deferred_init=True,
                    differentiable=False,
                )
                setattr(self, "running_" + name, running)

    def cast(self, dtype):
        """Statistics and scales stay in float32 for float16 data."""
        super().cast("float32" if numpy.dtype(dtype).name == "float16" else dtype)

    def hybrid_forward(self, F, x, gamma, beta, running_mean, running_var):
        return F.BatchNorm(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)

    def __repr__(self):
        return f"{type(self).__name__}({_shown(self._kwargs)}, in_channels={self.gamma.shape[0] or None})"


class BatchNormReLU(BatchNorm):
    """BatchNorm followed by a rectifier."""

    def hybrid_forward(self, F, x, gamma, beta, running_mean, running_var):
        return F.relu(super().hybrid_forward(F, x, gamma, beta, running_mean, running_var))


class _AxisNorm(HybridBlock):
    """Normalises one axis of each sample; a scale and a shift for each of its elements."""

    def __init__(self, axis, epsilon, center, scale, beta_initializer, gamma_initializer, in_channels,
                 **kwargs):  # fmt: skip
        super().__init__(**kwargs)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}
        self._axis, self._epsilon = axis, epsilon
        with self.name_scope():
            _scale_and_shift(self, in_channels, scale, center, gamma_initializer, beta_initializer)

    def __repr__(self):
        return f"{type(self).__name__}({_shown(self._kwargs)}, in_channels={self.gamma.shape[0]})"


class InstanceNorm(_AxisNorm):
    """Normalises each channel of each sample (Ulyanov et al., arXiv:1607.08022).

    Parameters
    ----------
    axis : int
        The axis of the channels.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether beta is added and gamma multiplied.
    beta_initializer, gamma_initializer : Initializer or str
        Of the parameters.
    in_channels : int
        Number of channels; 0: told by the first batch.
    """

    def __init__(self, axis=1, epsilon=1e-5, center=True, scale=False, beta_initializer="zeros",
                 gamma_initializer="ones", in_channels=0, **kwargs):  # fmt: skip
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, in_channels, **kwargs
        )

    def hybrid_forward(self, F, x, gamma, beta):
        if self._axis == 1:
            return F.InstanceNorm(x, gamma, beta, name="fwd", eps=self._epsilon)
        x = F.swapaxes(x, dim1=1, dim2=self._axis)
        out = F.InstanceNorm(x, gamma, beta, name="fwd", eps=self._epsilon)
        return F.swapaxes(out, dim1=1, dim2=self._axis)


class LayerNorm(_AxisNorm):
    """Normalises an axis of each sample (Ba, Kiros and Hinton, arXiv:1607.06450).

    Parameters
    ----------
    axis : int
        The axis.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether beta is added and gamma multiplied.
    beta_initializer, gamma_initializer : Initializer or str
        Of the parameters.
    in_channels : int
        Length of the axis; 0: told by the first batch.
    """

    def __init__(self, axis=-1, epsilon=1e-5, center=True, scale=True, beta_initializer="zeros",
                 gamma_initializer="ones", in_channels=0, prefix=None, params=None):  # fmt: skip
        super().__init__(axis, epsilon, center, scale, beta_initializer, gamma_initializer, in_channels,
                         prefix=prefix, params=params)  # fmt: skip

    def hybrid_forward(self, F, data, gamma, beta):
        return F.LayerNorm(data, gamma=gamma, beta=beta, axis=self._axis, eps=self._epsilon)


class GroupNorm(HybridBlock):
    """Normalises groups of channels of each sample (Wu and He, arXiv:1803.08494).

    Parameters
    ----------
    num_groups : int
        Number of groups that the channels (axis 1) are split into.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether beta is added and gamma multiplied.
    beta_initializer, gamma_initializer : Initializer or str
        Of the parameters, one number per group.
    """

    def __init__(self, num_groups=1, epsilon=1e-5, center=True, scale=True, beta_initializer="zeros",
                 gamma_initializer="ones", prefix=None, params=None):  # fmt: skip
        super().__init__(prefix=prefix, params=params)
        self._kwargs = {"eps": epsilon, "num_groups": num_groups, "center": center, "scale": scale}
        self._num_groups, self._epsilon = num_groups, epsilon
        with self.name_scope():
            _scale_and_shift(self, num_groups, scale, center, gamma_initializer, beta_initializer)

    def hybrid_forward(self, F, data, gamma, beta):
        return F.GroupNorm(data, gamma=gamma, beta=beta, num_groups=self._num_groups, eps=self._epsilon)

    def __repr__(self):
        return f"{type(self).__name__}({_shown(self._kwargs)})"
