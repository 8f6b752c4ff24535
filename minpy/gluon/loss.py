"""Losses: one number per sample."""

import math

import numpy

from minpy import _core
from minpy._operators.softmax import cross_entropy
from minpy.gluon.hybrid import HybridBlock

__all__ = [
    "CTCLoss",
    "CosineEmbeddingLoss",
    "HingeLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "L2Loss",
    "LogisticLoss",
    "Loss",
    "PoissonNLLLoss",
    "SDMLLoss",
    "SigmoidBCELoss",
    "SigmoidBinaryCrossEntropyLoss",
    "SoftmaxCELoss",
    "SoftmaxCrossEntropyLoss",
    "SquaredHingeLoss",
    "TripletLoss",
]


def _weighted(F, loss, weight, sample_weight):
    if sample_weight is not None:
        loss = F.broadcast_mul(loss, sample_weight)
    if weight is None:
        return loss
    if not isinstance(weight, (int, float, numpy.number)):
        raise AssertionError("weight must be a number")
    return loss * weight


_apply_weighting = _weighted  # by this name losses outside of MXNet use it


def _same_shape(F, x, like):
    return F.reshape_like(x, like)


class Loss(HybridBlock):
    """The base of losses.

    Parameters
    ----------
    weight : float or None
        Factor of the loss.
    batch_axis : int
        The axis of the samples.
    """

    def __init__(self, weight, batch_axis, **kwargs):
        super().__init__(**kwargs)
        self._weight, self._batch_axis = weight, batch_axis

    def __repr__(self):
        return f"{type(self).__name__}(batch_axis={self._batch_axis}, w={self._weight})"

    def _finish(self, F, loss, sample_weight, weight=None):
        """The weighted mean over all axes but that of the samples."""
        loss = _weighted(F, loss, self._weight if weight is None else weight, sample_weight)
        return F.mean(loss, axis=self._batch_axis, exclude=True)


class L2Loss(Loss):
    """Half the squared difference: mean((label - pred)**2) / 2."""

    def __init__(self, weight=1.0, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        loss = F.square(_same_shape(F, label, pred) - pred)
        return self._finish(F, loss, sample_weight, self._weight / 2)


class L1Loss(Loss):
    """The absolute difference: mean(|label - pred|)."""

    def __init__(self, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        return self._finish(F, F.abs(_same_shape(F, label, pred) - pred), sample_weight)


class SigmoidBinaryCrossEntropyLoss(Loss):
    """Cross-entropy of independent yes/no labels.

    Parameters
    ----------
    from_sigmoid : bool
        Whether `pred` are probabilities already; scores are the stable choice.
    weight, batch_axis
        See Loss.
    """

    def __init__(self, from_sigmoid=False, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_sigmoid = from_sigmoid

    def hybrid_forward(self, F, pred, label, sample_weight=None, pos_weight=None):
        label = _same_shape(F, label, pred)
        if self._from_sigmoid:
            eps = 1e-12
            positive = F.log(pred + eps) * label
            if pos_weight is not None:
                positive = F.broadcast_mul(positive, pos_weight)
            loss = -(positive + F.log(1.0 - pred + eps) * (1.0 - label))
        elif pos_weight is None:
            loss = F.relu(pred) - pred * label + F.Activation(-F.abs(pred), act_type="softrelu")
        else:
            factor = 1 + F.broadcast_mul(pos_weight - 1, label)
            loss = (
                pred
                - pred * label
                + factor * (F.Activation(-F.abs(pred), act_type="softrelu") + F.relu(-pred))
            )
        return self._finish(F, loss, sample_weight)


SigmoidBCELoss = SigmoidBinaryCrossEntropyLoss


class SoftmaxCrossEntropyLoss(Loss):
    """Cross-entropy of classes.

    Parameters
    ----------
    axis : int
        The axis of the classes.
    sparse_label : bool
        Labels are class numbers; else distributions of the shape of `pred`.
    from_logits : bool
        `pred` are log-probabilities already.
    weight, batch_axis
        See Loss.
    """

    def __init__(self, axis=-1, sparse_label=True, from_logits=False, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._axis, self._sparse_label, self._from_logits = axis, sparse_label, from_logits

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        if self._sparse_label and not self._from_logits and isinstance(pred, _core.ndarray):
            loss = F.expand_dims(cross_entropy(pred, label, axis=self._axis), axis=self._axis)  # in one pass
            return self._finish(F, loss, sample_weight)
        if not self._from_logits:
            pred = F.log_softmax(pred, axis=self._axis)
        if self._sparse_label:
            loss = -F.pick(pred, label, axis=self._axis, keepdims=True)
        else:
            loss = -F.sum(pred * _same_shape(F, label, pred), axis=self._axis, keepdims=True)
        return self._finish(F, loss, sample_weight)


SoftmaxCELoss = SoftmaxCrossEntropyLoss


class KLDivLoss(Loss):
    """Kullback-Leibler divergence: the sum of label * (log(label) - pred) over each sample.

    Parameters
    ----------
    from_logits : bool
        `pred` are log-probabilities; else scores.
    axis : int
        The axis of the classes, for scores.
    weight, batch_axis
        See Loss.
    """

    def __init__(self, from_logits=True, axis=-1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits, self._axis = from_logits, axis

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        if not self._from_logits:
            pred = F.log_softmax(pred, axis=self._axis)
        loss = _weighted(F, label * (F.log(label + 1e-12) - pred), self._weight, sample_weight)
        return F.sum(loss, axis=self._batch_axis, exclude=True)


class CTCLoss(Loss):
    """Connectionist temporal classification (Graves et al., 2006).

    Parameters
    ----------
    layout : {'NTC', 'TNC'}
        Axes of the predictions: samples, time, classes.
    label_layout : {'NT', 'TN'}
        Axes of the labels; -1 pads them.
    weight : float
        See Loss.
    """

    def __init__(self, layout="NTC", label_layout="NT", weight=None, **kwargs):
        if layout not in ("NTC", "TNC"):
            raise AssertionError(f"Only 'NTC' and 'TNC' layouts for pred are supported. Got: {layout}")
        if label_layout not in ("NT", "TN"):
            raise AssertionError(f"Only 'NT' and 'TN' layouts for label are supported. Got: {label_layout}")
        self._layout, self._label_layout = layout, label_layout
        super().__init__(weight, label_layout.find("N"), **kwargs)

    def hybrid_forward(self, F, pred, label, pred_lengths=None, label_lengths=None, sample_weight=None):
        if self._layout == "NTC":
            pred = F.swapaxes(pred, 0, 1)
        if self._batch_axis == 1:
            label = F.swapaxes(label, 0, 1)
        loss = F.CTCLoss(
            pred,
            label,
            pred_lengths,
            label_lengths,
            use_data_lengths=pred_lengths is not None,
            use_label_lengths=label_lengths is not None,
            blank_label="last",
        )
        return _weighted(F, loss, self._weight, sample_weight)


class HuberLoss(Loss):
    """Squared near zero, linear from `rho` on.

    Parameters
    ----------
    rho : float
        Where it becomes linear.
    weight, batch_axis
        See Loss.
    """

    def __init__(self, rho=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._rho = rho

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        distance = F.abs(_same_shape(F, label, pred) - pred)
        loss = F.where(
            distance > self._rho, distance - 0.5 * self._rho, (0.5 / self._rho) * F.square(distance)
        )
        return self._finish(F, loss, sample_weight)


class _MarginLoss(Loss):
    """A loss that is zero beyond a margin."""

    def __init__(self, margin=1, weight=None, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin


class HingeLoss(_MarginLoss):
    """max(0, margin - pred * label) for labels of -1 and 1."""

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        return self._finish(F, F.relu(self._margin - pred * _same_shape(F, label, pred)), sample_weight)


class SquaredHingeLoss(_MarginLoss):
    """max(0, margin - pred * label)**2 for labels of -1 and 1."""

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        loss = F.square(F.relu(self._margin - pred * _same_shape(F, label, pred)))
        return self._finish(F, loss, sample_weight)


class LogisticLoss(Loss):
    """log(1 + exp(-pred * label)).

    Parameters
    ----------
    weight, batch_axis
        See Loss.
    label_format : {'signed', 'binary'}
        Labels are -1 and 1, or 0 and 1.
    """

    def __init__(self, weight=None, batch_axis=0, label_format="signed", **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        if label_format not in ("signed", "binary"):
            raise ValueError(f"label_format can only be signed or binary, recieved {label_format}.")
        self._label_format = label_format

    def hybrid_forward(self, F, pred, label, sample_weight=None):
        label = _same_shape(F, label, pred)
        if self._label_format == "signed":
            label = (label + 1.0) / 2.0
        loss = F.relu(pred) - pred * label + F.Activation(-F.abs(pred), act_type="softrelu")
        return self._finish(F, loss, sample_weight)


class TripletLoss(_MarginLoss):
    """How much nearer the positive is than the negative: max(0, |pred - pos|**2 - |pred - neg|**2 + margin)."""

    def hybrid_forward(self, F, pred, positive, negative, sample_weight=None):
        positive, negative = _same_shape(F, positive, pred), _same_shape(F, negative, pred)
        distance = F.sum(
            F.square(positive - pred) - F.square(negative - pred), axis=self._batch_axis, exclude=True
        )
        return _weighted(F, F.relu(distance + self._margin), self._weight, sample_weight)


class PoissonNLLLoss(Loss):
    """Negative log-likelihood of counts; the mean over everything.

    Parameters
    ----------
    weight, batch_axis
        See Loss.
    from_logits : bool
        `pred` are logarithms of the rates.
    compute_full : bool
        Add Stirling's approximation of log(label!).
    """

    def __init__(self, weight=None, from_logits=True, batch_axis=0, compute_full=False, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._from_logits, self._compute_full = from_logits, compute_full

    def hybrid_forward(self, F, pred, target, sample_weight=None, epsilon=1e-08):
        target = _same_shape(F, target, pred)
        loss = F.exp(pred) - target * pred if self._from_logits else pred - target * F.log(pred + epsilon)
        if self._compute_full:
            stirling = target * F.log(target + 1e-12) - target + 0.5 * F.log(2 * (target + 1e-12) * math.pi)
            loss = loss + stirling * (target > 1)
        return F.mean(_weighted(F, loss, self._weight, sample_weight))


class CosineEmbeddingLoss(Loss):
    """1 - cos(input1, input2) for a label of 1, max(0, cos(input1, input2) - margin) for -1.

    Parameters
    ----------
    weight, batch_axis
        See Loss.
    margin : float
        From -1 to 1.
    """

    def __init__(self, weight=None, batch_axis=0, margin=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self._margin = margin

    def hybrid_forward(self, F, input1, input2, label, sample_weight=None):
        input1 = _same_shape(F, input1, input2)
        label = label.reshape((-1, 1))
        product = F.sum(input1 * input2, axis=-1).reshape((-1, 1))
        norms = F.norm(input1, axis=-1).reshape((-1, 1)) * F.norm(input2, axis=-1).reshape((-1, 1))
        cosine = product / F.broadcast_maximum(norms, F.full((1, 1), 1e-12))
        apart = F.relu(cosine - self._margin)
        loss = F.where(label == 1, 1 - cosine, apart)
        return _weighted(F, loss, self._weight, sample_weight)


class SDMLLoss(Loss):
    """Smoothed deep metric learning: pairs of rows belong together, all others do not (arXiv:1905.12786).

    Parameters
    ----------
    smoothing_parameter : float
        The probability that is spread over the other rows.
    weight, batch_axis
        See Loss.
    """

    def __init__(self, smoothing_parameter=0.3, weight=1.0, batch_axis=0, **kwargs):
        super().__init__(weight, batch_axis, **kwargs)
        self.kl_loss = KLDivLoss(from_logits=True)
        self.smoothing_parameter = smoothing_parameter

    def hybrid_forward(self, F, x1, x2):
        count = x1.shape[0]
        differences = F.expand_dims(x1, 1) - F.expand_dims(x2, 0)
        distances = F.sum(F.square(differences), axis=2)
        wrong = self.smoothing_parameter / (count - 1)
        labels = F.eye(count) * (1 - self.smoothing_parameter - wrong) + wrong
        log_probabilities = F.log_softmax(-distances, axis=1)
        return self.kl_loss(log_probabilities, labels)
