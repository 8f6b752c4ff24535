"""Layers and losses as functions of arrays; MinPy's `grad` differentiates through them.

N is the number of samples in a batch, T the number of time steps, C the number of classes. Losses are sums over a
batch divided by N; their labels (N,) are class numbers, or one-hot rows (N, C).
"""

import minpy.numpy as np
from minpy import autograd

__all__ = [
    "affine",
    "batchnorm",
    "dropout",
    "gru_step",
    "l2_loss",
    "lstm_step",
    "lstm_temporal",
    "relu",
    "rnn_step",
    "rnn_temporal",
    "sigmoid",
    "softmax_cross_entropy",
    "softmax_loss",
    "svm_loss",
    "temporal_affine",
    "temporal_softmax_loss",
]


def affine(x, w, b):
    """A fully connected layer: ``x @ w + b``.

    Parameters
    ----------
    x : ndarray, (N, D)
    w : ndarray, (D, M)
    b : ndarray, (M,)

    Returns
    -------
    ndarray, (N, M)
    """
    return np.dot(x, w) + b


def relu(x):
    """The larger of `x` and 0, element by element."""
    return np.maximum(0, x)


def sigmoid(x):
    """``1 / (1 + exp(-x))``, element by element; it does not overflow."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


def batchnorm(x, gamma, beta, mode="train", eps=1e-5, momentum=0.9, running_mean=None, running_var=None):
    """Batch normalization: columns get mean 0 and variance 1, then the scale `gamma` and the shift `beta`.

    Parameters
    ----------
    x : ndarray, (N, D)
    gamma, beta : ndarray, (D,)
    mode : {'train', 'test'}
        Whether to normalize by the batch's own statistics or by the running ones.
    eps : float
        Added to the variance.
    momentum : float
        The share of the running statistics that stays when a batch updates them.
    running_mean, running_var : ndarray, (D,), optional
        Zeros by default.

    Returns
    -------
    out : ndarray, (N, D)
    running_mean, running_var : ndarray, (D,)
        Updated in mode 'train'. The variance is that of the batch, without correction of its bias.

    Raises
    ------
    ValueError
        For another mode.
    """
    if running_mean is None:
        running_mean = np.zeros(x.shape[1], dtype=x.dtype)
    if running_var is None:
        running_var = np.zeros(x.shape[1], dtype=x.dtype)
    if mode == "test":
        scale = gamma / np.sqrt(running_var + eps)
        return (x - running_mean) * scale + beta, running_mean, running_var
    if mode != "train":
        raise ValueError(f'Invalid forward batchnorm mode "{mode}"')
    mean = np.mean(x, axis=0)
    centred = x - mean
    var = np.mean(centred**2, axis=0)
    out = gamma * (centred / np.sqrt(var + eps)) + beta
    with autograd.pause():  # else each batch's history would hang on to the one before
        running_mean = momentum * running_mean + (1.0 - momentum) * mean
        running_var = momentum * running_var + (1.0 - momentum) * var
    return out, running_mean, running_var


def dropout(x, prob, mode="train", seed=None):
    """Sets elements to 0 at random.

    Parameters
    ----------
    x : ndarray
    prob : float
        The probability of each element to be dropped.
    mode : {'train', 'test'}
        'test' drops nothing and multiplies by ``1 - prob``, the mean of what 'train' does.
    seed : int, optional
        Seeds `minpy.numpy.random` first.

    Returns
    -------
    ndarray
        Of x's shape.
    """
    if seed is not None:
        np.random.seed(seed)
    if mode != "train":
        return x * (1 - prob)
    return x * (np.random.rand(*x.shape) > prob).astype(x.dtype)


def _one_hot(label, like):
    if len(label.shape) > 1:
        return label
    return (np.expand_dims(label, 1) == np.arange(like.shape[1])).astype(like.dtype)


def _log_softmax(x):
    shifted = x - np.max(x, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))


def svm_loss(x, y):
    """The hinge loss of a support vector machine of many classes, with margin 1.

    Parameters
    ----------
    x : ndarray, (N, C)
        Scores.
    y : ndarray, (N,)
        The right classes.
    """
    right = _one_hot(y, x)
    margins = np.maximum(0, x - np.sum(x * right, axis=1, keepdims=True) + 1.0)
    return np.sum(margins * (1 - right)) / x.shape[0]


def softmax_cross_entropy(prob, label):
    """The cross-entropy of labels under probabilities.

    Parameters
    ----------
    prob : ndarray, (N, C)
    label : ndarray, (N,) or (N, C)
    """
    return -np.sum(np.log(prob) * _one_hot(label, prob)) / prob.shape[0]


def softmax_loss(x, label):
    """The cross-entropy of labels under the softmax of scores.

    Parameters
    ----------
    x : ndarray, (N, C)
        Scores.
    label : ndarray, (N,) or (N, C)
    """
    return -np.sum(_log_softmax(x) * _one_hot(label, x)) / x.shape[0]


def l2_loss(x, label):
    """The sum of squared differences, divided by N.

    Parameters
    ----------
    x : ndarray, (N, C)
    label : ndarray, (N,) or (N, C)
        Class numbers stand for one-hot rows here too; values to be met have shape (N, C).
    """
    return np.sum((x - _one_hot(label, x)) ** 2) / x.shape[0]


def rnn_step(x, prev_h, Wx, Wh, b):  # noqa: N803
    """One time step of a recurrent layer with tanh.

    Parameters
    ----------
    x : ndarray, (N, D)
    prev_h : ndarray, (N, H)
    Wx, Wh, b : ndarray, (D, H), (H, H), (H,)

    Returns
    -------
    ndarray, (N, H)
        The next state.
    """
    return np.tanh(np.dot(x, Wx) + np.dot(prev_h, Wh) + b)


def rnn_temporal(x, h0, Wx, Wh, b):  # noqa: N803
    """A recurrent layer with tanh over whole sequences.

    Parameters
    ----------
    x : ndarray, (N, T, D)
    h0 : ndarray, (N, H)
        The state before the first step.
    Wx, Wh, b : ndarray, (D, H), (H, H), (H,)

    Returns
    -------
    ndarray, (N, T, H)
        The states after all steps.
    """
    h, states = h0, []
    for t in range(x.shape[1]):
        h = rnn_step(x[:, t, :], h, Wx, Wh, b)
        states.append(h)
    return np.stack(states, axis=1) if states else np.zeros((x.shape[0], 0, h0.shape[1]), dtype=h0.dtype)


def gru_step(x, prev_h, Wx, Wh, b, Wxh, Whh, bh):  # noqa: N803
    """One time step of a GRU (Jozefowicz et al., 2015).

    Parameters
    ----------
    x : ndarray, (N, D)
    prev_h : ndarray, (N, H)
    Wx, Wh, b : ndarray, (D, 2H), (H, 2H), (2H,)
        Of the gates r and z, in this order.
    Wxh, Whh, bh : ndarray, (D, H), (H, H), (H,)
        Of the proposed state.

    Returns
    -------
    ndarray, (N, H)
        The next state.
    """
    size = prev_h.shape[1]
    gates = sigmoid(np.dot(x, Wx) + np.dot(prev_h, Wh) + b)
    r, z = gates[:, :size], gates[:, size:]
    proposed = np.tanh(np.dot(x, Wxh) + np.dot(r * prev_h, Whh) + bh)
    return z * prev_h + (1 - z) * proposed


def lstm_step(x, prev_h, prev_c, Wx, Wh, b):  # noqa: N803
    """One time step of an LSTM.

    Parameters
    ----------
    x : ndarray, (N, D)
    prev_h, prev_c : ndarray, (N, H)
        The state and the cell.
    Wx, Wh, b : ndarray, (D, 4H), (H, 4H), (4H,)
        Of the gates i, f, o and of the proposed cell, in this order.

    Returns
    -------
    next_h, next_c : ndarray, (N, H)
    """
    size = prev_c.shape[1]
    a = np.dot(x, Wx) + np.dot(prev_h, Wh) + b
    i, f, o = (sigmoid(a[:, k * size : (k + 1) * size]) for k in range(3))
    next_c = f * prev_c + i * np.tanh(a[:, 3 * size :])
    return o * np.tanh(next_c), next_c


def lstm_temporal(x, h0, Wx, Wh, b):  # noqa: N803
    """An LSTM over whole sequences; the cell starts at 0.

    Parameters
    ----------
    x : ndarray, (N, T, D)
    h0 : ndarray, (N, H)
        The state before the first step.
    Wx, Wh, b : ndarray, (D, 4H), (H, 4H), (4H,)

    Returns
    -------
    ndarray, (N, T, H)
        The states after all steps.
    """
    h, c, states = h0, np.zeros(h0.shape, dtype=h0.dtype), []
    for t in range(x.shape[1]):
        h, c = lstm_step(x[:, t, :], h, c, Wx, Wh, b)
        states.append(h)
    return np.stack(states, axis=1) if states else np.zeros((x.shape[0], 0, h0.shape[1]), dtype=h0.dtype)


def temporal_affine(x, w, b):
    """`affine` for each time step.

    Parameters
    ----------
    x : ndarray, (N, T, D)
    w, b : ndarray, (D, M), (M,)

    Returns
    -------
    ndarray, (N, T, M)
    """
    n, steps, size = x.shape
    return affine(x.reshape(n * steps, size), w, b).reshape(n, steps, b.shape[0])


def temporal_softmax_loss(x, y, mask):
    """The cross-entropy of labels under the softmax of scores, summed over time steps and divided by N.

    Parameters
    ----------
    x : ndarray, (N, T, C)
        Scores.
    y : ndarray, (N, T)
        The right classes.
    mask : ndarray, (N, T)
        Which steps count.
    """
    n, steps, classes = x.shape
    log_prob = _log_softmax(x.reshape(n * steps, classes))
    right = np.sum(log_prob * _one_hot(y.reshape(n * steps), log_prob), axis=1)
    return -np.sum(right * mask.reshape(n * steps).astype(right.dtype)) / n
