"""Reshaping with MXNet's codes, and what moves or cuts axes."""

import math

import minpy.numpy as np
from minpy._operators.registry import operator


def reshaped(shape, codes, reverse=False):
    """The shape that MXNet's reshape codes make of a shape.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    codes : tuple of int
        Lengths; 0 copies the length at this place, -1 is inferred, -2 copies all the remaining lengths, -3 merges the
        next two, -4 splits the next one into the two codes that follow (one of them may be -1).
    reverse : bool
        Match places from the right.

    Returns
    -------
    tuple of int
    """
    codes, shape = list(codes), list(shape)
    if reverse:
        codes, shape = _reversed_codes(codes), shape[::-1]
    out, at, inferred, i = [], 0, None, 0
    total = math.prod(shape)
    while i < len(codes):
        code = codes[i]
        if code > 0:
            out.append(code)
            at += 1
        elif code == 0:
            out.append(_length(shape, at, codes))
            at += 1
        elif code == -1:
            if inferred is not None:
                raise ValueError(f"reshape: at most one length of {tuple(codes)} can be -1")
            inferred = len(out)
            out.append(1)
            at += 1
        elif code == -2:
            out.extend(shape[at:])
            at = len(shape)
        elif code == -3:
            out.append(_length(shape, at, codes) * _length(shape, at + 1, codes))
            at += 2
        elif code == -4:
            first, second = codes[i + 1 : i + 3]
            if reverse:
                first, second = second, first
            whole = _length(shape, at, codes)
            first, second = (
                (whole // second if first == -1 else first),
                (whole // first if second == -1 else second),
            )
            if first * second != whole:
                raise ValueError(f"reshape: {whole} cannot be split into {first} times {second}")
            out.extend((second, first) if reverse else (first, second))
            at += 1
            i += 2
        else:
            raise ValueError(f"reshape: {code} is not a length or one of the codes 0, -1, -2, -3, -4")
        i += 1
    if inferred is not None:
        rest = math.prod(out)
        out[inferred] = total // rest if rest else 0
    if math.prod(out) != total:
        raise ValueError(f"cannot reshape array of shape {tuple(shape)} into shape {tuple(codes)}")
    return tuple(out[::-1] if reverse else out)


def _reversed_codes(codes):
    groups, i = [], 0
    while i < len(codes):
        step = 3 if codes[i] == -4 else 1
        groups.append(codes[i : i + step])
        i += step
    return [code for group in groups[::-1] for code in group]


def _length(shape, at, codes):
    if at >= len(shape):
        raise ValueError(f"reshape: {tuple(codes)} refers to axis {at} of an array of shape {tuple(shape)}")
    return shape[at]


@operator("Reshape", "reshape", npx=False)
def reshape(data, shape=(), reverse=False, target_shape=(), keep_highest=False):
    """Reshape, with codes for lengths; a view where the layout allows it.

    Parameters
    ----------
    data : ndarray
        Any shape.
    shape : tuple of int
        0 copies a length, -1 is inferred, -2 copies all that remain, -3 merges two, -4 splits one.
    reverse : bool
        Match places from the right.
    target_shape, keep_highest
        The oldest spelling: a shape with one 0 to infer; keep the first length.
    """
    if isinstance(shape, int):
        shape = (shape,)
    if not shape and target_shape:
        shape = [-1 if n == 0 else n for n in target_shape]
        if keep_highest:
            shape[0] = np.shape(data)[0]
    if all(n > 0 for n in shape):
        return np.reshape(data, shape)
    return np.reshape(data, reshaped(np.shape(data), shape, reverse))


@operator("reshape_like", inputs=2, npx=False)
def reshape_like(lhs, rhs, lhs_begin=None, lhs_end=None, rhs_begin=None, rhs_end=None):
    """Give axes lhs_begin:lhs_end of `lhs` the lengths of axes rhs_begin:rhs_end of `rhs`."""
    left, right = list(np.shape(lhs)), np.shape(rhs)
    span = slice(lhs_begin, lhs_end).indices(len(left))
    left[span[0] : span[1]] = right[rhs_begin:rhs_end]
    return np.reshape(lhs, left)


@operator("Flatten", "flatten", npx=False)
def flatten(data):
    """Make one axis of all axes but the first."""
    return np.reshape(data, (np.shape(data)[0], -1) if np.size(data) else (np.shape(data)[0], 0))


@operator("transpose", npx=False)
def transpose(data, axes=None):
    """Permute the axes; without `axes` reverse them."""
    return np.copy(np.transpose(data, tuple(axes) if axes else None))


@operator("expand_dims", npx=False)
def expand_dims(data, axis):
    """Insert an axis of length 1."""
    return np.expand_dims(data, axis)


@operator("squeeze", npx=False)
def squeeze(data, axis=None):
    """Remove axes of length 1; one axis stays at least."""
    shape = np.squeeze(data, axis).shape
    return np.reshape(data, shape or (1,))


@operator("SwapAxis", "swapaxes", npx=False)
def swapaxes(data, dim1=0, dim2=0):
    """Exchange two axes."""
    return np.copy(np.swapaxes(data, dim1, dim2))


@operator("Concat", "concat", inputs=1, npx=False)
def concat(*data, dim=1, num_args=None):
    """Join arrays along an existing axis.

    Parameters
    ----------
    *data : ndarray
        Equal but for the length of axis `dim`.
    dim : int
        The axis.
    num_args : int
        The number of arrays; given by generated code only.
    """
    if len(data) == 1 and isinstance(data[0], (list, tuple)):
        data = data[0]
    return np.concatenate(data, axis=dim)


@operator("stack", inputs=1, npx=False)
def stack(*data, axis=0, num_args=None):
    """Join arrays of one shape along a new axis."""
    if len(data) == 1 and isinstance(data[0], (list, tuple)):
        data = data[0]
    return np.stack(data, axis=axis)


@operator("SliceChannel", "split", npx=False)
def split(data, num_outputs, axis=1, squeeze_axis=False):
    """Cut an axis into equal parts.

    Parameters
    ----------
    data : ndarray
        Any shape.
    num_outputs : int
        How many parts.
    axis : int
        Which axis.
    squeeze_axis : bool
        Remove the axis, which has length 1 in each part then.

    Returns
    -------
    list of ndarray, or ndarray for one part
    """
    length = np.shape(data)[axis]
    if length % num_outputs:
        raise ValueError(
            f"split: axis {axis} of length {length} cannot be cut into {num_outputs} equal parts"
        )
    return pieces(data, num_outputs, axis, squeeze_axis)


def pieces(data, cuts, axis, squeeze_axis):
    """Copies of the parts of an axis, which is cut as by `numpy.split`; a single one is no list."""
    parts = [np.copy(part) for part in np.split(data, cuts, axis=axis)]
    if squeeze_axis:
        parts = [np.squeeze(part, axis) for part in parts]
    return parts if len(parts) > 1 else parts[0]


@operator("slice", "crop", npx=False)
def slice_(data, begin, end, step=()):
    """Cut ranges out of the leading axes; None stands for an end of the axis.

    Parameters
    ----------
    data : ndarray
        Any shape.
    begin, end, step : tuple of int or None
        One entry per axis, starting with the first.
    """
    return np.copy(data[index_of(begin, end, step)])


def index_of(begin, end, step=()):
    """The index that takes ranges out of the leading axes, one entry per axis."""
    begin, end, step = ((v,) if v is None or isinstance(v, int) else tuple(v) for v in (begin, end, step))
    steps = step + (None,) * (len(begin) - len(step))
    return tuple(slice(b, e, s) for b, e, s in zip(begin, end, steps, strict=True))


@operator("slice_axis", npx=False)
def slice_axis(data, axis, begin, end):
    """Cut the range begin:end out of one axis; an end of None is the axis's end."""
    index = [slice(None)] * np.ndim(data)
    index[axis] = slice(begin, end)
    return np.copy(data[tuple(index)])


@operator("slice_like", inputs=2, npx=False)
def slice_like(data, shape_like, axes=()):
    """Cut the first elements of axes, as many as the other array has there; without `axes` of all axes."""
    lengths = np.shape(shape_like)
    axes = [a % np.ndim(data) for a in axes] if axes else range(np.ndim(data))
    return np.copy(data[tuple(slice(lengths[a]) if a in axes else slice(None) for a in range(np.ndim(data)))])
