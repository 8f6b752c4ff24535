"""The fused recurrent layers against a float64 loop over steps."""

import ml_dtypes
import numpy
import pytest
from finite_differences import check_gradients

import minpy
import minpy.numpy as np
from minpy import autograd, npx

MODES = ("rnn_relu", "rnn_tanh", "lstm", "gru")
GATES = {"rnn_relu": 1, "rnn_tanh": 1, "lstm": 4, "gru": 3}


def sigmoid(x):
    return 1 / (1 + numpy.exp(-x))


def reference(
    data, parameters, state, cell, *, mode, hidden, layers, directions, projection=0, lengths=None, clip=None
):
    """Output, last states and last cells, in the arrays' precision, written from the definition."""
    gates, out, at = GATES[mode] * hidden, projection or hidden, 0

    def take(*shape):
        nonlocal at
        at += int(numpy.prod(shape))
        return parameters[at - int(numpy.prod(shape)) : at].reshape(shape)

    weights = []
    for place in range(layers * directions):
        width = data.shape[2] if place < directions else directions * out
        weights.append(
            (take(gates, width), take(gates, out), take(projection, hidden) if projection else None)
        )
    biases = [(take(gates), take(gates)) for _ in range(layers * directions)]
    assert at == parameters.size
    steps, batch = data.shape[:2]
    lengths = numpy.full(batch, steps) if lengths is None else lengths
    x = data
    last = numpy.array(state)
    last_cell = None if cell is None else numpy.array(cell)
    for layer in range(layers):
        y = numpy.zeros((steps, batch, directions * out), data.dtype)
        for direction in range(directions):
            place = layer * directions + direction
            (w, r, p), (b, c) = weights[place], biases[place]
            for n in range(batch):
                order = range(lengths[n])
                for t in order if direction == 0 else reversed(order):
                    h = last[place, n]
                    wx, rh = w @ x[t, n] + b, r @ h + c
                    if mode == "lstm":
                        i, f, g, o = numpy.split(wx + rh, 4)
                        s = sigmoid(f) * last_cell[place, n] + sigmoid(i) * numpy.tanh(g)
                        if clip:
                            s = numpy.clip(s, *clip)
                        last_cell[place, n] = s
                        h = sigmoid(o) * numpy.tanh(s)
                        h = h if p is None else p @ h
                    elif mode == "gru":
                        z = sigmoid(wx[hidden : 2 * hidden] + rh[hidden : 2 * hidden])
                        reset = sigmoid(wx[:hidden] + rh[:hidden])
                        new = numpy.tanh(wx[2 * hidden :] + reset * rh[2 * hidden :])
                        h = (1 - z) * new + z * h
                    else:
                        h = numpy.maximum(wx + rh, 0) if mode == "rnn_relu" else numpy.tanh(wx + rh)
                    last[place, n] = h
                    y[t, n, direction * out : (direction + 1) * out] = h
        x = y
    return x, last, last_cell


def problem(mode, steps, batch, inputs, hidden, layers, directions, projection=0, dtype="float64", seed=0):
    """data, parameters, state, cell or None."""
    random = numpy.random.default_rng(seed)
    out, gates = projection or hidden, GATES[mode] * hidden
    size = 0
    for layer in range(layers):
        width = inputs if layer == 0 else directions * out
        size += directions * (gates * (width + out + 2) + projection * hidden)

    def draw(*shape):
        return random.normal(size=shape).astype(dtype)

    parameters = draw(size) / numpy.dtype(dtype).type(hidden**0.5)
    cell = draw(layers * directions, batch, hidden) if mode == "lstm" else None
    return draw(steps, batch, inputs), parameters, draw(layers * directions, batch, out), cell


def arrays(values):
    return [None if v is None else np.array(v) for v in values]


def run(values, mode, hidden, layers, directions, **more):
    return npx.rnn(
        *arrays(values),
        mode=mode,
        state_size=hidden,
        num_layers=layers,
        bidirectional=directions == 2,
        state_outputs=True,
        **more,
    )


SHAPES = [  # steps, batch, inputs, hidden, layers, directions
    (3, 2, 5, 4, 1, 1),
    (5, 3, 4, 7, 2, 1),
    (4, 5, 3, 30, 2, 2),
    (1, 1, 1, 1, 1, 2),
    (2, 9, 6, 300, 1, 1),  # more than one block of the inner product
    (0, 2, 3, 4, 2, 2),
    (3, 0, 3, 4, 2, 2),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-12), ("float32", 2e-5)])
def test_values(mode, shape, dtype, rtol):
    values = problem(mode, *shape, dtype=dtype)
    hidden, layers, directions = shape[3:]
    found = run(values, mode, hidden, layers, directions)
    wide = [None if v is None else v.astype("float64") for v in values]
    wanted = reference(*wide, mode=mode, hidden=hidden, layers=layers, directions=directions)
    assert len(found) == (3 if mode == "lstm" else 2)
    for a, b in zip(found, wanted):
        assert a.shape == b.shape and a.dtype == dtype
        numpy.testing.assert_allclose(numpy.asarray(a), b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("directions", [1, 2])
def test_sequence_lengths(mode, directions):
    values = problem(mode, 5, 4, 3, 6, 2, directions)
    lengths = numpy.array([5, 2, 0, 3])
    values[0][3:, 1] = numpy.nan  # nobody reads what lies beyond
    kept = [None if v is None else v.copy() for v in values]
    more = {"use_sequence_length": True, "sequence_length": np.array(lengths)}
    found = run(values, mode, 6, 2, directions, **more)
    wanted = reference(*kept, mode=mode, hidden=6, layers=2, directions=directions, lengths=lengths)
    for a, b in zip(found, wanted):
        numpy.testing.assert_allclose(numpy.asarray(a), b, rtol=1e-12, atol=1e-12)


def test_sequence_length_is_the_fourth_array_of_modes_without_a_cell():
    data, parameters, state, _ = arrays(problem("gru", 4, 2, 3, 5, 1, 1))
    lengths = np.array([2, 4])
    attributes = {"mode": "gru", "state_size": 5, "num_layers": 1, "use_sequence_length": True}
    a = npx.rnn(data, parameters, state, lengths, **attributes)
    b = npx.rnn(data, parameters, state, sequence_length=lengths, **attributes)
    assert numpy.array_equal(numpy.asarray(a), numpy.asarray(b)) and not numpy.asarray(a)[2:, 0].any()


def test_projection_and_clip():
    values = problem("lstm", 4, 5, 3, 8, 2, 2, projection=5)
    more = {"projection_size": 5, "lstm_state_clip_min": -0.3, "lstm_state_clip_max": 0.4}
    found = run(values, "lstm", 8, 2, 2, **more)
    wanted = reference(*values, mode="lstm", hidden=8, layers=2, directions=2, projection=5, clip=(-0.3, 0.4))
    assert numpy.abs(wanted[2]).max() == 0.4
    for a, b in zip(found, wanted):
        numpy.testing.assert_allclose(numpy.asarray(a), b, rtol=1e-12, atol=1e-12)


# torch 2 in float64: the mode, projection, flattened output, and the sum of the magnitudes of the gradient of its sum
# by the parameters, for two layers in two directions of 3 units, 2 steps, batch 1, input 2.
TORCH = [
    (
        "rnn_relu",
        0,
        "0 0 0 2.711439382 0 1.798556842 1.815899602 1.646432885 1.452255438 0.610520576 0 1.648153903",
        119.7632332,
    ),
    (
        "rnn_tanh",
        0,
        "-0.5622796423 -0.5310872026 -0.3777708374 0.4959553354 -0.05757799682 0.1568643781 "
        "0.9856875857 0.1638652183 0.9676906282 0.7283188627 -0.8445724181 0.9411432049",
        94.18623758,
    ),
    (
        "lstm",
        0,
        "0.117271193 -0.03664760573 0.05488331249 -0.4405792645 -0.1385985111 0.09845225805 "
        "0.07364857321 0.1631585083 0.1475089771 -0.3810829218 0.03514963151 0.1690304108",
        17.00902386,
    ),
    (
        "gru",
        0,
        "0.3865736986 0.5959231272 -0.62943702 -0.3579757884 -0.7195433331 0.6217458469 "
        "-0.001784522506 -0.2526030617 -0.8130916572 -0.9184609853 -0.6285372984 -0.7544569185",
        61.39136735,
    ),
    (
        "lstm",
        2,
        "0.8853933895 -0.9806637618 0.6308949564 -0.6292985431 "
        "0.6922424425 -0.7666848695 0.7152260031 -0.7068485137",
        10.2864835,
    ),
]


@pytest.mark.parametrize(("mode", "projection", "out", "gradient"), TORCH)
def test_values_of_torch(mode, projection, out, gradient):
    shape = (2, 1, 2, 3, 2, 2)
    drawn = problem(mode, *shape, projection=projection)
    values = [
        None if v is None else f(numpy.arange(v.size) + start).reshape(v.shape)
        for v, f, start in zip(drawn, (numpy.cos, numpy.sin, numpy.cos, numpy.cos), (0, 0, 1, 2))
    ]
    inputs = arrays(values)
    inputs[1].attach_grad()
    attributes = {"mode": mode, "state_size": 3, "num_layers": 2, "bidirectional": True}
    with autograd.record():
        y = npx.rnn(*inputs, **attributes, projection_size=projection or None)
    y.backward()
    numpy.testing.assert_allclose(numpy.asarray(y).ravel(), numpy.array(out.split(), float), rtol=1e-8)
    numpy.testing.assert_allclose(numpy.abs(numpy.asarray(inputs[1].grad)).sum(), gradient, rtol=1e-8)


@pytest.mark.parametrize(("nan", "wanted"), [(True, -0.5), (False, numpy.nan)])
def test_clip_of_a_nan(nan, wanted):
    data, parameters, state, cell = problem("lstm", 1, 1, 2, 3, 1, 1)
    cell[0, 0, 1] = numpy.nan
    bounds = {"lstm_state_clip_min": -0.5, "lstm_state_clip_max": 9.0, "lstm_state_clip_nan": nan}
    found = run((data, parameters, state, cell), "lstm", 3, 1, 1, **bounds)
    numpy.testing.assert_array_equal(numpy.asarray(found[2])[0, 0, 1], wanted)


GRADIENT_CASES = [
    *[(mode, (3, 2, 2, 3, 2, 2), {}) for mode in MODES],
    *[(mode, (3, 3, 2, 2, 1, 2), {"lengths": [3, 0, 2]}) for mode in MODES],
    ("lstm", (3, 2, 2, 3, 2, 1), {"projection": 2}),
    ("lstm", (3, 3, 2, 3, 1, 2), {"projection": 2, "lengths": [1, 3, 2]}),
    ("lstm", (3, 2, 2, 3, 1, 1), {"clip": (-0.4, 0.5)}),
]


@pytest.mark.parametrize(("mode", "shape", "extra"), GRADIENT_CASES)
def test_gradients(mode, shape, extra):
    """Of all outputs by all inputs, to second order."""
    hidden, layers, directions = shape[3:]
    values = problem(mode, *shape, projection=extra.get("projection", 0), seed=3)
    more = {"projection_size": extra.get("projection")}
    if "lengths" in extra:
        more |= {"use_sequence_length": True, "sequence_length": np.array(extra["lengths"])}
    if "clip" in extra:
        low, high = extra["clip"]
        more |= {"lstm_state_clip_min": low, "lstm_state_clip_max": high}

    def joined(*inputs):
        inputs = list(inputs) + [None] * (4 - len(inputs))
        outputs = npx.rnn(
            *inputs,
            mode=mode,
            state_size=hidden,
            num_layers=layers,
            bidirectional=directions == 2,
            state_outputs=True,
            **more,
        )
        return np.concatenate([np.reshape(out, -1) for out in outputs])

    check_gradients(joined, *[v for v in values if v is not None], rtol=2e-5, atol=1e-6)


def fused_gradients(values, mode, hidden, layers, directions, head_of=0, **more):
    inputs = arrays(values)
    given = [a for a in inputs if a is not None]
    for a in given:
        a.attach_grad()
    with autograd.record():
        out = npx.rnn(
            *inputs,
            mode=mode,
            state_size=hidden,
            num_layers=layers,
            bidirectional=directions == 2,
            state_outputs=True,
            **more,
        )[head_of]
    head = numpy.random.default_rng(9).normal(size=out.shape).astype(out.dtype)
    autograd.backward(out, np.array(head))
    return out, [a.grad for a in given]


@pytest.mark.parametrize("mode", MODES)
def test_large_gradients_against_the_loop(mode):
    """Sizes at which every path of the kernels runs: the composite is the loop over steps."""
    values = problem(mode, 6, 37, 20, 270, 2, 2, seed=5)
    values[1][:] *= 0.5
    _, fused = fused_gradients(values, mode, 270, 2, 2)
    inputs = arrays(values)
    given = [a for a in inputs if a is not None]
    for a in given:
        a.attach_grad()
    attributes = {"mode": mode, "state_size": 270, "num_layers": 2, "bidirectional": True}
    unused = {"projection_size": 0, "clip": False, "clip_min": 0.0, "clip_max": 0.0, "clip_nan": False}
    inputs += [None] * (6 - len(inputs))
    with autograd.record():
        out = minpy._core.kernels.rnn.composite(*inputs, **attributes, **unused)[0]
    head = numpy.random.default_rng(9).normal(size=out.shape)
    autograd.backward(out, np.array(head))
    for a, b in zip(fused, given):
        numpy.testing.assert_allclose(numpy.asarray(a), numpy.asarray(b.grad), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("directions", [1, 2])
def test_bits_do_not_depend_on_threads(mode, directions):
    shape = (12, 50, 40, 70, 2, directions)
    values = problem(mode, *shape, dtype="float32")
    results = []
    try:
        for threads in (1, 2, 3):
            minpy.config.num_threads = threads
            out, grads = fused_gradients(values, mode, *shape[3:])
            results.append([numpy.asarray(a).tobytes() for a in (out, *grads)])
    finally:
        minpy.config.num_threads = None
    assert results[0] == results[1] == results[2]


def test_dropout_between_layers():
    values = problem("lstm", 4, 3, 5, 200, 2, 1)
    plain = numpy.asarray(run(values, "lstm", 200, 2, 1)[0])
    assert numpy.array_equal(numpy.asarray(run(values, "lstm", 200, 2, 1, p=0.4)[0]), plain)  # not training
    with autograd.train_mode():
        minpy.random.seed(7)
        dropped = run(values, "lstm", 200, 2, 1, p=0.4)
        minpy.random.seed(7)
        again = run(values, "lstm", 200, 2, 1, p=0.4)
        single = run(problem("lstm", 4, 3, 5, 20, 1, 1), "lstm", 20, 1, 1, p=0.4)
    assert not numpy.allclose(numpy.asarray(dropped[0]), plain)
    assert numpy.array_equal(numpy.asarray(again[0]), numpy.asarray(dropped[0]))
    first_layer = numpy.asarray(run(values, "lstm", 200, 2, 1)[1])[0]
    assert numpy.array_equal(
        numpy.asarray(dropped[1])[0], first_layer
    )  # its output is dropped, not its state
    wanted = run(problem("lstm", 4, 3, 5, 20, 1, 1), "lstm", 20, 1, 1)
    assert numpy.array_equal(numpy.asarray(single[0]), numpy.asarray(wanted[0]))


def test_what_dropout_multiplies_by():
    """With a layer that passes its input on, the mask is seen in the result."""
    data = np.array(numpy.full((50, 8, 4), 3, "float32"))
    eye, zero = numpy.eye(4, dtype="float32").ravel(), numpy.zeros(16, "float32")
    parameters = np.array(numpy.concatenate([eye, zero, eye, zero, numpy.zeros(16, "float32")]))
    with autograd.train_mode():
        out = npx.rnn(
            data,
            parameters,
            np.zeros((2, 8, 4), dtype="float32"),
            mode="rnn_relu",
            state_size=4,
            num_layers=2,
            p=0.25,
        )
    found = numpy.asarray(out)
    assert sorted(set(found.ravel().tolist())) == [0, 4]
    assert abs((found == 0).mean() - 0.25) < 5 * (0.25 * 0.75 / found.size) ** 0.5


@pytest.mark.parametrize("mode", MODES)
def test_gradients_with_dropout(mode):
    """The kernel under a given mask, to second order."""
    values = problem(mode, 3, 2, 2, 3, 3, 2, seed=4)
    mask = np.array(numpy.random.default_rng(0).integers(0, 2, size=(2, 3, 2, 6)) * 2.0)

    def dropped(*inputs):
        inputs = list(inputs) + [None] * (5 - len(inputs))
        return minpy._core.kernels.rnn(
            *inputs, mask, mode=mode, state_size=3, num_layers=3, bidirectional=True
        )[0]

    check_gradients(dropped, *[v for v in values if v is not None], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(numpy.float16, 4e-3), (ml_dtypes.bfloat16, 3e-2)])
def test_half_types(mode, dtype, tolerance):
    values = problem(mode, 4, 3, 5, 6, 2, 2)
    wide = [None if v is None else np.array(v).astype(dtype) for v in values]
    exact = [None if v is None else numpy.asarray(v.astype("float64")) for v in wide]
    out, grads = fused_gradients(wide, mode, 6, 2, 2)
    wanted_out, wanted = fused_gradients(exact, mode, 6, 2, 2)
    for a, b in zip((out, *grads), (wanted_out, *wanted)):
        assert a.dtype == dtype
        b = numpy.asarray(b)
        numpy.testing.assert_allclose(
            numpy.asarray(a.astype("float64")), b, rtol=0, atol=tolerance * numpy.abs(b).max()
        )


def test_only_what_is_needed():
    """The states alone as heads, and without a gradient of the data."""
    values = problem("lstm", 3, 2, 4, 5, 1, 1)
    _, whole = fused_gradients(values, "lstm", 5, 1, 1, head_of=2)
    inputs = arrays(values)
    inputs[1].attach_grad()
    attributes = {"mode": "lstm", "state_size": 5, "num_layers": 1, "state_outputs": True}
    with autograd.record():
        out = npx.rnn(*inputs, **attributes)[2]
    head = numpy.random.default_rng(9).normal(size=out.shape)
    autograd.backward(out, np.array(head), retain_graph=True)
    numpy.testing.assert_array_equal(numpy.asarray(inputs[1].grad), numpy.asarray(whole[1]))
    autograd.backward(out, np.array(head))  # what was kept is still there
    numpy.testing.assert_array_equal(numpy.asarray(inputs[1].grad), numpy.asarray(whole[1]))


def test_inputs_that_are_not_contiguous():
    values = problem("gru", 4, 3, 5, 6, 1, 2)
    wanted = run(values, "gru", 6, 1, 2)
    data = np.array(values[0].transpose(2, 1, 0).copy()).transpose(2, 1, 0)
    found = npx.rnn(
        data,
        np.array(numpy.repeat(values[1], 2))[::2],
        np.array(values[2]),
        mode="gru",
        state_size=6,
        num_layers=1,
        bidirectional=True,
        state_outputs=True,
    )
    for a, b in zip(found, wanted):
        assert numpy.array_equal(numpy.asarray(a), numpy.asarray(b))


ERRORS = [
    ({"mode": "rnn"}, ValueError, "mode must be"),
    ({"state_size": 0}, ValueError, "must be positive"),
    ({"state_size": 4}, ValueError, "parameters must be one axis of the 128 numbers"),
    ({"state_cell": None}, TypeError, "state_cell is required"),
    ({"state": np.zeros((2, 2, 3))}, ValueError, r"state must have shape \(1, 2, 3\)"),
    ({"data": np.zeros((2, 3))}, ValueError, "three axes"),
    ({"p": 1.0}, ValueError, "p must be"),
    ({"lstm_state_clip_min": 0.0}, ValueError, "go together"),
    ({"use_sequence_length": True}, TypeError, "sequence_length"),
    (
        {"use_sequence_length": True, "sequence_length": np.array([1, 6])},
        IndexError,
        r"sequence_length\[1\] is 6, which is not between 0 and the 5 steps",
    ),
    ({"mode": "gru", "projection_size": 2}, ValueError, "only mode lstm"),
]


@pytest.mark.parametrize(("change", "error", "text"), ERRORS)
def test_errors(change, error, text):
    data, parameters, state, cell = arrays(problem("lstm", 5, 2, 2, 3, 1, 1))
    call = {"data": data, "parameters": parameters, "state": state, "state_cell": cell}
    call |= {"mode": "lstm", "state_size": 3, "num_layers": 1}
    with pytest.raises(error, match=text):
        npx.rnn(**(call | change))
