"""Losses, and outputs whose gradient is a loss's whatever flows into them."""

import minpy.numpy as np
from minpy import _core, autograd
from minpy._operators.registry import operator

_kernels = _core.kernels


class _Head(autograd.Function):
    """An output with the gradient of a loss by its first input; the others, labels, get zeros."""

    def __init__(self, value, gradient):
        super().__init__()
        self._value, self._gradient = value, gradient

    def forward(self, data, *labels):
        out = self._value(data)
        self.save_for_backward(out, data, *labels)
        return out

    def backward(self, head):
        out, data, *labels = self.saved_tensors
        gradient = self._gradient(head, out, data, *labels)
        return (gradient, *(np.zeros_like(label) for label in labels)) if labels else gradient


def _choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def _rows(data, label, multi_output, preserve_shape):
    """Logits with the classes last and labels of the shape of the other axes, or of all for weights."""
    if np.shape(label) == np.shape(data):
        rows = np.moveaxis(data, 1, -1) if multi_output else data
        return rows, np.moveaxis(label, 1, -1) if multi_output else label
    if multi_output:
        rows = np.moveaxis(data, 1, -1)
    elif preserve_shape or np.ndim(data) == 2:
        rows = data
    else:
        rows = np.reshape(data, (np.shape(data)[0], -1))
    if np.size(label) != np.prod(rows.shape[:-1]):
        raise ValueError(
            f"softmax_output: label must have shape {rows.shape[:-1]} for data of shape {np.shape(data)}, "
            f"not {np.shape(label)}"
        )
    return rows, np.reshape(label, rows.shape[:-1])


def _smoothed(rows, label, alpha, out):
    classes = rows.shape[-1]
    chosen = np.expand_dims(label.astype("int64"), -1) == np.arange(classes)
    return out - np.where(chosen, 1 - alpha, alpha / (classes - 1)).astype(rows.dtype)


@operator("SoftmaxOutput", "Softmax", inputs=2)
def softmax_output(
    data,
    label,
    grad_scale=1.0,
    ignore_label=-1.0,
    multi_output=False,
    use_ignore=False,
    preserve_shape=False,
    normalization="null",
    out_grad=False,
    smooth_alpha=0.0,
):
    """Softmax, with the gradient of the cross-entropy of `label` with it.

    What flows into the output does not count: the gradient is ``(softmax(data) - onehot(label)) * grad_scale``.

    Parameters
    ----------
    data : ndarray
        Logits of shape (batch, classes); more axes count as classes unless one of the flags below is set.
    label : ndarray
        The numbers of the classes, or weights for them, of the shape of `data`.
    grad_scale : float
    ignore_label : float
        With `use_ignore`, examples of this label have gradient 0.
    multi_output : bool
        The classes are along axis 1, each place is an example; the gradient is divided by the number of places,
        unless `normalization` is 'valid'.
    use_ignore : bool
    preserve_shape : bool
        The classes are along the last axis.
    normalization : {'null', 'batch', 'valid'}
        Divide the gradient by nothing, the number of examples in the batch, or the number of those whose label is
        not `ignore_label`.
    out_grad : bool
        Multiply by what flows into the output.
    smooth_alpha : float
        How much of a label's weight is spread over the other classes.

    Returns
    -------
    ndarray
        The probabilities, of the shape of `data`.

    Raises
    ------
    IndexError
        For a label that is no class, when the gradient is computed.
    """
    _choice("normalization", normalization, ("null", "batch", "valid"))
    shape = np.shape(data)

    def value(x):
        if multi_output:
            return _kernels.softmax(x, axis=1)
        if preserve_shape or len(shape) == 2 or np.shape(label) == shape:
            return _kernels.softmax(x)
        return np.reshape(_kernels.softmax(np.reshape(x, (shape[0], -1))), shape)

    def gradient(head, out, x, given):
        rows, classes = _rows(x, given, multi_output, preserve_shape)
        scale = grad_scale
        if np.shape(given) == shape:
            grad = (np.moveaxis(out, 1, -1) if multi_output else out) - classes
        else:
            if normalization == "valid":
                scale /= max(1, int(np.sum(classes.astype("int64") != int(ignore_label))))
            elif normalization == "batch":
                scale /= max(1, shape[0] if multi_output else classes.size)
            if multi_output and normalization != "valid":
                scale /= max(1, classes.size // max(1, shape[0]))
            ignore = {"use_ignore": use_ignore, "ignore_label": int(ignore_label)}
            _, largest, inverse = _kernels.cross_entropy(rows, classes, **ignore)
            ones = np.ones(classes.shape, rows.dtype)
            grad = _kernels.cross_entropy_grad(ones, rows, classes, largest, inverse, **ignore)
            if smooth_alpha:
                smooth = _smoothed(rows, classes, smooth_alpha, np.reshape(value(x), shape))
                kept = np.expand_dims(classes != ignore_label, -1) if use_ignore else True
                grad = np.where(kept, np.reshape(smooth, rows.shape), 0.0)
        grad = np.moveaxis(grad, -1, 1) if multi_output else np.reshape(grad, shape)
        grad = grad * scale
        return grad * head if out_grad else grad

    return _Head(value, gradient)(data, label)


def _regression(data, label, grad_scale, value, slope):
    if np.size(data) != np.size(label):
        raise ValueError(f"label must have the shape of data, {np.shape(data)}, not {np.shape(label)}")

    def gradient(head, out, x, given):
        outputs = max(1, np.size(given) // max(1, np.shape(given)[0])) if np.ndim(given) else 1
        return slope(out, np.reshape(given, np.shape(x))) * (grad_scale / outputs)

    return _Head(value, gradient)(data, label)


_REGRESSION = """{0}

    What flows into the output does not count. The gradient is divided by the number of outputs of an example.

    Parameters
    ----------
    data, label : ndarray
        Of one shape.
    grad_scale : float

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """


def _documented(summary):
    def declare(function):
        function.__doc__ = _REGRESSION.format(summary)
        return function

    return declare


@operator("LinearRegressionOutput", inputs=2)
@_documented("The data itself, with the gradient of half the squared error.")
def linear_regression_output(data, label, grad_scale=1.0):
    return _regression(data, label, grad_scale, lambda x: x * 1, lambda out, y: out - y)


@operator("LogisticRegressionOutput", inputs=2)
@_documented("The sigmoid of data, with the gradient of its cross-entropy with label.")
def logistic_regression_output(data, label, grad_scale=1.0):
    return _regression(data, label, grad_scale, _core.own_ufuncs["sigmoid"], lambda out, y: out - y)


@operator("MAERegressionOutput", inputs=2)
@_documented("The data itself, with the gradient of the absolute error (-1 where there is none).")
def mae_regression_output(data, label, grad_scale=1.0):
    return _regression(
        data,
        label,
        grad_scale,
        lambda x: x * 1,
        lambda out, y: np.where(out > y, 1.0, -1.0).astype(out.dtype),
    )


@operator("SVMOutput", inputs=2)
def svm_output(data, label, margin=1.0, regularization_coefficient=1.0, use_linear=False):
    """The data itself, with the gradient of a hinge loss; what flows into the output does not count.

    Parameters
    ----------
    data : ndarray
        Scores of shape (batch, classes).
    label : ndarray
        The numbers of the classes, of shape (batch,).
    margin, regularization_coefficient : float
    use_linear : bool
        The hinge loss itself in place of its square.

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """

    def gradient(head, out, x, given):
        sign = np.where(np.expand_dims(given.astype("int64"), -1) == np.arange(x.shape[-1]), -1.0, 1.0)
        excess = margin + sign * x
        slope = (excess > 0) * 1.0 if use_linear else 2 * np.maximum(excess, 0)
        return (regularization_coefficient * sign * slope).astype(x.dtype)

    return _Head(lambda x: x * 1, gradient)(data, label)


@operator("MakeLoss")
def make_loss(data, grad_scale=1.0, valid_thresh=0.0, normalization="null"):
    """The data itself as a loss: its gradient is `grad_scale`, whatever flows into it.

    Parameters
    ----------
    data : ndarray
    grad_scale : float
    valid_thresh : float
        Elements above it are valid.
    normalization : {'null', 'batch', 'valid'}
        Divide the gradient by nothing, the length of the first axis, or the number of valid elements.

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    _choice("normalization", normalization, ("null", "batch", "valid"))

    def gradient(head, out, x):
        divisor = 1
        if normalization == "batch":
            divisor = max(1, x.shape[0])
        elif normalization == "valid":
            divisor = max(1, int(np.sum(x > valid_thresh)))
        return np.full(x.shape, grad_scale / divisor, x.dtype)

    return _Head(lambda x: x * 1, gradient)(data)


@operator("BlockGrad", "stop_gradient")
def block_grad(data):
    """The data without its history: gradients do not flow through."""
    return np.asarray(data).detach()


@operator("smooth_l1")
def smooth_l1(data, scalar=1.0):
    """``(scalar * x)**2 / 2`` where abs(x) is below ``1 / scalar**2``, elsewhere ``abs(x) - 0.5 / scalar**2``.

    Parameters
    ----------
    data : ndarray
    scalar : float

    Returns
    -------
    ndarray
        Of the shape of `data`.
    """
    square = scalar * scalar
    size = np.abs(data)
    return np.where(size < 1 / square, 0.5 * square * np.square(data), size - 0.5 / square)


def _padded_length(label, padding):
    """The number of labels before the first `padding` of each row."""
    found = label == padding
    return np.where(np.any(found, axis=1), np.argmax(found, axis=1), label.shape[1])


def _check_ctc(label, length, low, high):
    inside = np.arange(label.shape[1]) < np.expand_dims(length, 1)
    bad = np.argwhere(inside & ((label < low) | (label > high)))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise IndexError(
            f"ctc_loss: label {int(label[row, column])} at position ({row}, {column}) is not in {low}..{high}"
        )


@operator("CTCLoss", "ctc_loss", "_contrib_CTCLoss", "_contrib_ctc_loss", inputs=4)
def ctc_loss(
    data,
    label,
    data_lengths=None,
    label_lengths=None,
    use_data_lengths=False,
    use_label_lengths=False,
    blank_label="first",
):
    """Connectionist temporal classification: the negative logarithm of the probability of a label sequence.

    Parameters
    ----------
    data : ndarray
        Logits of shape (time, batch, classes); the softmax is taken here.
    label : ndarray
        Of shape (batch, labels). Without `use_label_lengths`, a row ends before its first 0 (blank 'first') or -1
        (blank 'last').
    data_lengths, label_lengths : ndarray, optional
        Of shape (batch,): how many steps and labels count, with the flags of these names.
    use_data_lengths, use_label_lengths : bool
    blank_label : {'first', 'last'}
        Whether the blank is class 0 and labels are 1 and up, or it is the last class and labels are 0 and up.

    Returns
    -------
    ndarray
        Of shape (batch,). A sequence that does not fit into the time has loss and gradient 0, as in MXNet.

    Raises
    ------
    IndexError
        For a label that is no class, or is the blank.

    References
    ----------
    Graves et al.: Connectionist Temporal Classification, ICML 2006.
    """
    _choice("blank_label", blank_label, ("first", "last"))
    if np.ndim(data) != 3 or np.ndim(label) != 2 or np.shape(label)[0] != np.shape(data)[1]:
        raise ValueError(
            "ctc_loss: data must have shape (time, batch, classes) and label (batch, labels), not "
            f"{np.shape(data)} and {np.shape(label)}"
        )
    data, label = np.asarray(data), np.asarray(label).detach().astype("int64")
    steps, batch, classes = data.shape
    first = blank_label == "first"
    blank = 0 if first else classes - 1
    length = label_lengths if use_label_lengths else _padded_length(label, 0 if first else -1)
    length = np.asarray(length).detach().astype("int64")
    _check_ctc(label, length, int(first), classes - 1 - (not first))
    last = np.asarray(data_lengths).detach().astype("int64") if use_data_lengths else np.full(batch, steps)

    # States: blank, label 0, blank, label 1, ..., blank.
    count = 2 * label.shape[1] + 1
    inside = np.arange(label.shape[1]) < np.expand_dims(length, 1)
    state = np.full((batch, count), blank)
    state[:, 1::2] = np.where(inside, label, blank)
    repeated = inside[:, 1:] & (label[:, 1:] == label[:, :-1])
    may_skip = np.zeros((batch, count), dtype=bool)
    may_skip[:, 3::2] = ~repeated
    fits = length + np.sum(repeated, axis=1) <= last

    never = -1e30
    logs = _kernels.softmax(data.astype("float32") if np.dtype(data.dtype).itemsize < 4 else data, log=True)
    emitted = np.take_along_axis(logs, np.broadcast_to(state, (steps, batch, count)), 2)
    reach = np.where(np.arange(count) < 2, emitted[0], never)
    for t in range(1, steps):
        step = np.pad(reach[:, :-1], ((0, 0), (1, 0)), constant_values=never)
        skip = np.pad(reach[:, :-2], ((0, 0), (2, 0)), constant_values=never)
        arrive = np.logaddexp(np.logaddexp(reach, step), np.where(may_skip, skip, never))
        reach = np.where(np.expand_dims(t < last, 1), np.maximum(arrive, never) + emitted[t], reach)
    end = np.expand_dims(2 * length, 1)
    total = np.take_along_axis(reach, end, 1)[:, 0]
    before = np.take_along_axis(reach, np.maximum(end - 1, 0), 1)[:, 0]
    total = np.where(length > 0, np.logaddexp(total, before), total)
    return np.where(fits, -total, 0.0).astype(data.dtype)
