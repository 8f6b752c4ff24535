"""Recurrent layers: MXNet's fused RNN operator."""

import numpy

import minpy.numpy as np
from minpy import _core, autograd
from minpy._operators.registry import composite, operator

_kernels = _core.kernels


@operator("RNN", inputs=5)
def rnn(
    data,
    parameters,
    state,
    state_cell=None,
    sequence_length=None,
    state_size=None,
    num_layers=None,
    bidirectional=False,
    mode=None,
    p=0.0,
    state_outputs=False,
    projection_size=None,
    lstm_state_clip_min=None,
    lstm_state_clip_max=None,
    lstm_state_clip_nan=False,
    use_sequence_length=False,
):
    """Apply recurrent layers to a sequence.

    With x the input and h the state before a step, the layers compute

    - ``rnn_relu``, ``rnn_tanh``: h' = f(W x + b + R h + c);
    - ``lstm``, with gates i, f, g, o = W x + b + R h + c: cell' = sigmoid(f) cell + sigmoid(i) tanh(g) and
      h' = sigmoid(o) tanh(cell');
    - ``gru``: r, z = sigmoid(W x + b + R h + c), n = tanh(W x + b + r (R h + c)), h' = (1 - z) n + z h.

    Parameters
    ----------
    data : ndarray
        (time, batch, input).
    parameters : ndarray
        One axis: W and R of shapes (gates * state_size, input) and (gates * state_size, state), and with a
        projection (projection_size, state_size), for each layer and direction, then b and c likewise. The input of
        the layers but the first is (directions * state).
    state : ndarray
        (num_layers * directions, batch, state); `state` is state_size, or projection_size where that is given.
    state_cell : ndarray
        (num_layers * directions, batch, state_size), for ``lstm``.
    sequence_length : ndarray
        (batch,), with `use_sequence_length`: steps beyond it give zeros and leave the state as it is. The other
        direction starts there.
    state_size, num_layers : int
        The length of the state of a layer, and their number.
    bidirectional : bool
        Each layer also goes backward in time; the two results are joined along the last axis.
    mode : {'rnn_relu', 'rnn_tanh', 'lstm', 'gru'}
    p : float
        Probability that an input of a layer but the first is dropped, while training.
    state_outputs : bool
        Also return the last states.
    projection_size : int
        The hidden state of ``lstm`` is a product of that length of what the cell gives.
    lstm_state_clip_min, lstm_state_clip_max : float
        Bounds of the cell.
    lstm_state_clip_nan : bool
        A NaN in the cell becomes the lower bound too.
    use_sequence_length : bool
        Whether `sequence_length` counts.

    Returns
    -------
    ndarray, or tuple with `state_outputs`
        (time, batch, directions * state), and the last state, and for ``lstm`` the last cell.

    Raises
    ------
    IndexError
        A sequence length is negative or beyond the steps of `data`.

    References
    ----------
    Hochreiter, Schmidhuber: Long Short-Term Memory, 1997. Cho et al., arXiv:1406.1078, in the form of cuDNN.
    """
    if mode is None or state_size is None or num_layers is None:
        raise TypeError("rnn: mode, state_size and num_layers are required")
    if mode != "lstm":
        if use_sequence_length and sequence_length is None:
            sequence_length = state_cell  # the fourth array of these modes, as in MXNet
        state_cell = None
    if use_sequence_length and sequence_length is None:
        raise TypeError("rnn: use_sequence_length needs the array sequence_length")
    if (lstm_state_clip_min is None) != (lstm_state_clip_max is None):
        raise ValueError("rnn: lstm_state_clip_min and lstm_state_clip_max go together")
    clip = lstm_state_clip_min is not None
    outputs = _kernels.rnn(
        data,
        parameters,
        state,
        state_cell,
        sequence_length if use_sequence_length else None,
        _mask(data, state, p, num_layers, bidirectional),
        mode=mode,
        state_size=state_size,
        num_layers=num_layers,
        bidirectional=bidirectional,
        projection_size=projection_size or 0,
        clip=clip,
        clip_min=lstm_state_clip_min if clip else 0.0,
        clip_max=lstm_state_clip_max if clip else 0.0,
        clip_nan=lstm_state_clip_nan,
    )
    if not state_outputs:
        return outputs[0]
    return tuple(outputs[: 3 if mode == "lstm" else 2])


def _mask(data, state, p, layers, bidirectional):
    """What the inputs of the layers but the first are multiplied by: 0 or 1 / (1 - p); None for nothing."""
    from minpy import random

    if not 0 <= p < 1:
        raise ValueError(f"rnn: p must be at least 0 and less than 1, not {p}")
    if p == 0 or layers < 2 or not autograd.is_training():
        return None
    dtype = "float64" if np.result_type(data) == numpy.float64 else "float32"
    shape = (layers - 1, data.shape[0], data.shape[1], (2 if bidirectional else 1) * state.shape[2])
    kept = numpy.asarray(random.uniform(shape=shape)) >= p
    return np.array((kept / (1 - p)).astype(dtype))


# --- The same in differentiable operations, step by step ---


def _sigmoid(x):
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _unpack(parameters, mode, inputs, hidden, layers, directions, projection):
    """For each layer and direction the two weights, the projection or None, and the two biases."""
    gates = {"lstm": 4, "gru": 3}.get(mode, 1) * hidden
    out = projection or hidden
    at = 0

    def take(*shape):
        nonlocal at
        size = int(numpy.prod(shape))
        at += size
        return np.reshape(parameters[at - size : at], shape)

    weights = [
        (
            take(gates, inputs if layer == 0 else directions * out),
            take(gates, out),
            take(projection, hidden) if projection else None,
        )
        for layer in range(layers)
        for _ in range(directions)
    ]
    return [w + (take(gates), take(gates)) for w in weights]


def _step(mode, from_input, from_state, h, cell, clip):
    if mode in ("rnn_relu", "rnn_tanh"):
        x = from_input + from_state
        return (np.maximum(x, 0) if mode == "rnn_relu" else np.tanh(x)), cell
    if mode == "lstm":
        i, f, g, o = np.split(from_input + from_state, 4, axis=-1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(g)
        if clip is not None:
            cell = clip(cell)
        return _sigmoid(o) * np.tanh(cell), cell
    input_r, input_z, input_n = np.split(from_input, 3, axis=-1)
    state_r, state_z, state_n = np.split(from_state, 3, axis=-1)
    z = _sigmoid(input_z + state_z)
    n = np.tanh(input_n + _sigmoid(input_r + state_r) * state_n)
    return (1 - z) * n + z * h, cell


def _clip(low, high, nan):
    def clip(cell):
        if nan:
            cell = np.where(np.isnan(cell), low, cell)
        return np.clip(cell, low, high)

    return clip


def _direction(mode, x, weights, h, cell, lengths, clip, steps):
    """One layer over the time steps in the given order; the states by time, the last state and cell."""
    w, r, projection, b, c = weights
    found = [None] * len(steps)
    for t in steps:
        after, cell_after = _step(mode, x[t] @ w.T + b, h @ r.T + c, h, cell, clip)
        if projection is not None:
            after = after @ projection.T
        if lengths is None:
            h, cell = after, cell_after
            found[t] = h
            continue
        on = np.array(t < lengths)[:, None]
        h = np.where(on, after, h)
        cell = np.where(on, cell_after, cell) if mode == "lstm" else cell
        found[t] = np.where(on, h, 0 * h)
    return found, h, cell


@composite("rnn")
def _rnn(
    data,
    parameters,
    state,
    state_cell,
    sequence_length,
    mask,
    mode,
    state_size,
    num_layers,
    bidirectional,
    projection_size,
    clip,
    clip_min,
    clip_max,
    clip_nan,
):
    directions = 2 if bidirectional else 1
    weights = _unpack(parameters, mode, data.shape[2], state_size, num_layers, directions, projection_size)
    lengths = None if sequence_length is None else numpy.asarray(sequence_length)
    bounds = _clip(clip_min, clip_max, clip_nan) if clip else None
    x, last, last_cell = data, [], []
    for layer in range(num_layers):
        if layer and mask is not None:
            x = x * mask[layer - 1].astype(x.dtype)
        found = []
        for direction in range(directions):
            place = layer * directions + direction
            steps = range(len(data))[:: -1 if direction else 1]
            cell = state_cell[place] if mode == "lstm" else None
            hs, h, cell = _direction(mode, x, weights[place], state[place], cell, lengths, bounds, steps)
            found.append(np.stack(hs) if hs else np.zeros((0, *h.shape), dtype=h.dtype))
            last.append(h)
            last_cell.append(cell)
        x = found[0] if directions == 1 else np.concatenate(found, axis=-1)
    return x, np.stack(last), np.stack(last_cell) if mode == "lstm" else None, None
