"""hybridize(): what was traced gives the same bits, gradients and side effects, and says what it cannot follow."""

import threading
import warnings

import numpy
import pytest

import minpy as mx
from minpy import _core, autograd, gluon, nd
from minpy.gluon import nn

RNG = numpy.random.default_rng(3)


def array(*shape):
    return nd.array(RNG.standard_normal(shape).astype("float32"))


class Plain(gluon.HybridBlock):
    """A block of one function of (F, x)."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def hybrid_forward(self, F, x, *args):
        return self._function(F, x, *args)


def initialized(block, *inputs):
    block.initialize(mx.init.Xavier())
    with autograd.pause():
        block(*inputs)
    return block


def step(block, x, train):
    """Outputs and the gradients of x and of all parameters."""
    x = x.copy()
    x.attach_grad()
    mx.random.seed(7)
    with autograd.record(train_mode=train):
        out = block(x)
        head = out if isinstance(out, nd.NDArray) else out[0]
        loss = (head * head).sum()
    loss.backward()
    grads = [p.grad().asnumpy() for p in block.collect_params().values() if p.grad_req != "null"]
    states = [p.data().asnumpy() for p in block.collect_params().values()]
    return [head.asnumpy(), x.grad.asnumpy(), *grads, *states]


LAYERS = {
    "dense": (lambda: nn.Dense(5, activation="relu"), [(2, 3), (4, 3), (1, 3)]),
    "dense deep": (lambda: nn.Dense(4, flatten=False), [(2, 3, 3), (1, 2, 3), (5, 1, 3)]),
    "conv": (
        lambda: nn.Conv2D(4, 3, padding=1, activation="tanh"),
        [(2, 3, 8, 8), (1, 3, 5, 7), (3, 3, 3, 3)],
    ),
    "transpose": (lambda: nn.Conv2DTranspose(2, 3, strides=2), [(2, 3, 4, 4), (1, 3, 5, 3), (2, 3, 2, 2)]),
    "pool": (lambda: nn.MaxPool2D(2), [(2, 3, 8, 8), (1, 3, 5, 7), (3, 1, 4, 4)]),
    "average": (lambda: nn.GlobalAvgPool2D(), [(2, 3, 8, 8), (1, 3, 5, 7), (3, 1, 4, 4)]),
    "batch norm": (lambda: nn.BatchNorm(), [(4, 3, 5, 5), (2, 3, 2, 2), (8, 3)]),
    "layer norm": (lambda: nn.LayerNorm(), [(4, 6), (2, 3, 6), (1, 6)]),
    "instance norm": (lambda: nn.InstanceNorm(), [(4, 3, 5), (2, 3, 4, 4), (2, 3, 6)]),
    "group norm": (lambda: nn.GroupNorm(num_groups=2), [(4, 4, 5), (2, 4, 4, 4), (2, 4, 6)]),
    "dropout": (lambda: nn.Dropout(0.4), [(4, 6), (2, 3, 6), (30,)]),
    "prelu": (lambda: nn.PReLU(), [(4, 6), (2, 3, 6), (30, 2)]),
    "gelu": (lambda: nn.GELU(), [(4, 6), (2, 3, 6), (30,)]),
    "swish": (lambda: nn.Swish(), [(4, 6), (2, 3, 6), (30,)]),
    "elu": (lambda: nn.ELU(), [(4, 6), (2, 3, 6), (30,)]),
    "selu": (lambda: nn.SELU(), [(4, 6), (2, 3, 6), (30,)]),
    "leaky": (lambda: nn.LeakyReLU(0.1), [(4, 6), (2, 3, 6), (30,)]),
    "flatten": (lambda: nn.Flatten(), [(4, 6), (2, 3, 6), (30, 1, 1)]),
    "lambda": (lambda: nn.HybridLambda(lambda F, x: F.tanh(x) + x), [(4, 6), (2, 3, 6), (30,)]),
    "reflection": (lambda: nn.ReflectionPad2D(1), [(1, 2, 4, 4), (2, 1, 3, 3), (1, 1, 5, 6)]),
    "batch norm relu": (lambda: nn.BatchNormReLU(), [(4, 3, 5, 5), (2, 3, 2, 2), (8, 3)]),
    "identity": (lambda: nn.Identity(), [(4, 6), (2, 3, 6), (30,)]),
    "concurrent": (lambda: _concurrent(), [(4, 6), (2, 6), (1, 6)]),
    "sequential": (lambda: _sequential(), [(4, 6), (2, 6), (1, 6)]),
    "deformable": (
        lambda: gluon.contrib.cnn.DeformableConvolution(4, 3, padding=(1, 1)),
        [(2, 3, 6, 6), (1, 3, 5, 7), (2, 3, 3, 3)],
    ),
    **{
        f"{kind} {n}d": (
            lambda kind=kind, n=n: _spatial(kind, n),
            [(2, 3, *(5,) * n), (1, 3, *range(4, 4 + n)), (2, 3, *(3,) * n)],
        )
        for n in (1, 2, 3)
        for kind in ("conv", "strided", "transposed", "max", "average", "global max", "global average")
    },
    "lstm": (lambda: gluon.rnn.LSTM(4, num_layers=2, dropout=0.3), [(3, 2, 5), (1, 1, 5), (6, 3, 5)]),
    "gru": (lambda: gluon.rnn.GRU(4, bidirectional=True), [(3, 2, 5), (1, 1, 5), (6, 3, 5)]),
    "rnn": (lambda: gluon.rnn.RNN(4), [(3, 2, 5), (1, 1, 5), (6, 3, 5)]),
}


def _concurrent():
    block = nn.HybridConcurrent(axis=1)
    block.add(nn.Dense(3), nn.Dense(4, activation="sigmoid"), nn.Identity())
    return block


def _sequential():
    block = nn.HybridSequential()
    block.add(nn.Dense(3), nn.Dense(4), nn.Activation("tanh"), nn.Dropout(0.5))
    return block


def _spatial(kind, n):
    options = {
        "conv": {"channels": 4, "kernel_size": 3, "padding": 1, "activation": "relu"},
        "strided": {"channels": 6, "kernel_size": 2, "strides": 2, "groups": 3, "use_bias": False},
        "transposed": {"channels": 2, "kernel_size": 3, "strides": 2, "output_padding": 1},
        "average": {"pool_size": 2, "count_include_pad": False, "padding": 1},
        "max": {"pool_size": 2, "ceil_mode": True},
    }
    names = {"conv": "Conv{}D", "strided": "Conv{}D", "transposed": "Conv{}DTranspose", "max": "MaxPool{}D",
             "average": "AvgPool{}D", "global max": "GlobalMaxPool{}D", "global average": "GlobalAvgPool{}D"}  # fmt: skip
    return getattr(nn, names[kind].format(n))(**options.get(kind, {}))


@pytest.mark.parametrize("train", [False, True], ids=["predict", "train"])
@pytest.mark.parametrize("layer", LAYERS)
def test_imperative_and_hybridized_agree_bit_for_bit(layer, train):
    make, shapes = LAYERS[layer]
    block = initialized(make(), array(*shapes[0]))
    start = {k: p.data().copy() for k, p in block._structural_params().items()}
    inputs = [array(*shape) for shape in shapes]
    want = [step(block, x, train) for x in inputs]
    block.hybridize()
    for _ in range(2):  # the first round traces, the second runs the plans
        for name, value in start.items():
            block._structural_params()[name].set_data(value)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            got = [step(block, x, train) for x in inputs]
        for a, b in zip(want, got):
            for p, q in zip(a, b, strict=True):
                numpy.testing.assert_array_equal(p, q)
    assert len(block._compiled.plans) == len(set(shapes))


def test_every_family_of_the_zoo_is_followed():
    for name in (
        "resnet18_v1",
        "mobilenet0.25",
        "mobilenetv2_0.25",
        "squeezenet1.1",
        "densenet121",
        "inceptionv3",
    ):
        net = gluon.model_zoo.vision.get_model(name, classes=7)
        x = array(
            1,
            3,
            *(
                (299, 299)
                if name == "inceptionv3"
                else (224, 224)
                if "dense" in name or "squeeze" in name
                else (64, 64)
            ),
        )
        initialized(net, x)
        want = net(x).asnumpy()
        net.hybridize()
        for _ in range(2):
            numpy.testing.assert_array_equal(net(x).asnumpy(), want)
        assert len(net._compiled.plans) == 1


# --- What a forward may do ---

FORWARDS = {
    "shape": lambda F, x: x.reshape((x.shape[0], -1)) * x.shape[1],
    "slices": lambda F, x: x[:, 1:] * 2 + x[:, :-1],
    "element": lambda F, x: x[0] + x[1, 2],
    "integers": lambda F, x: x + len(x) - int(3.7),
    "in place": lambda F, x: _in_place(F, x),
    "iteration": lambda F, x: F.stack(*[row.sum() for row in x]),
    "comparison": lambda F, x: (x > 0) * x,
    "where": lambda F, x: F.where(x > 0, x, F.zeros_like(x)),
    "constants": lambda F, x: x + F.array([1.0, 2.0, 3.0]) if F is nd else x,
    "transposed": lambda F, x: F.dot(x, x.T),
    "axes": lambda F, x: x.transpose().astype("float64").sum(axis=0).astype("float32"),
    "lists": lambda F, x: F.concat(*F.split(x, num_outputs=3, axis=1), dim=0),
    "loop": lambda F, x: F.contrib.foreach(lambda a, s: (a + s, a + s), x, F.zeros_like(x[0]))[0],
    "detached": lambda F, x: x * F.BlockGrad(x) + x.detach(),
    "topk": lambda F, x: F.topk(x, k=2, ret_typ="value"),
    "paused": lambda F, x: _paused(x),
}


def _in_place(F, x):
    y = x * 2
    y[:, 0] = 5.0
    y += 1
    z = y[1]
    z *= 3
    return y


def _paused(x):
    with autograd.pause():
        y = x * x
    return x * y


@pytest.mark.parametrize("name", FORWARDS)
def test_forwards_that_are_followed(name):
    block = Plain(FORWARDS[name])
    inputs = [array(4, 3), array(2, 3), array(4, 3)]
    want = [step(block, x, True) for x in inputs]
    block.hybridize()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            for x, expected in zip(inputs, want):
                for p, q in zip(expected, step(block, x, True), strict=True):
                    numpy.testing.assert_array_equal(p, q)
    assert len(block._compiled.plans) == 2


READS = {
    "if": (lambda F, x: x * 2 if x.sum() > 0 else x, "the truth of an array"),
    "float": (lambda F, x: x * float(x.sum()), "an array as a number"),
    "asnumpy": (lambda F, x: x * x.asnumpy().max(), "the elements of an array"),
    "asscalar": (lambda F, x: x * x.sum().asscalar(), "the elements of an array"),
    "in": (lambda F, x: x * (3.0 in x), "contains"),
    "range": (lambda F, x: sum(x for _ in range(int(x[0, 0]))), "an array as a number"),
}


@pytest.mark.parametrize("name", READS)
def test_reading_values_names_the_line(name):
    function, what = READS[name]
    block = Plain(function)
    block(nd.ones((2, 3)))
    block.hybridize()
    with pytest.raises(mx.base.MXNetError, match=what) as error:
        block(nd.ones((2, 3)))
    assert f"test_hybridize.py:{function.__code__.co_firstlineno}: `" in str(error.value)
    assert "hybridize(active=False)" in str(error.value)
    assert not _core.is_tracing()
    block.hybridize(active=False)
    block(nd.ones((2, 3)))


def test_conditions_as_operators_choose_anew():
    block = Plain(lambda F, x: F.contrib.cond(x.sum() > 0, lambda: x * 2, lambda: x - 1))
    block.hybridize()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            assert block(nd.ones((2,))).asnumpy().tolist() == [2, 2]
            assert block(-nd.ones((2,))).asnumpy().tolist() == [-2, -2]


def test_printing_is_no_reading(capsys):
    block = Plain(lambda F, x: print("x is", x) or x * 2)
    block.hybridize()
    block(nd.ones((2,)))
    block(nd.ones((2,)))
    assert capsys.readouterr().out.count("x is") == 1


def test_random_numbers_are_drawn_anew():
    block = Plain(lambda F, x: x + F.random.uniform(0, 1, shape=(2, 3)) + F.Dropout(x, p=0.5, mode="always"))
    mx.random.seed(5)
    want = [block(nd.ones((2, 3))).asnumpy() for _ in range(3)]
    block.hybridize()
    mx.random.seed(5)
    for expected in want:
        numpy.testing.assert_array_equal(block(nd.ones((2, 3))).asnumpy(), expected)
    assert len(block._compiled.plans) == 1
    assert not (want[1] == want[2]).all()


def test_arrays_that_nobody_traced_end_the_trace_with_a_warning():
    kept = nd.ones((3,))

    def forward(F, x):
        made = mx.autograd.Function  # a gradient rule in Python is not followed

        class Twice(made):
            def forward(self, x):
                return x * 2

            def backward(self, dy):
                return dy * 2

        return Twice()(x) + kept

    block = Plain(forward)
    block.hybridize()
    with pytest.warns(UserWarning, match="without being compiled.*gradient rule"), autograd.record():
        block(nd.ones((3,)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept[:] = 5
        assert block(nd.ones((3,))).asnumpy().tolist() == [7, 7, 7]


def test_captured_arrays_are_read_anew():
    kept = nd.ones((3,))
    block = Plain(lambda F, x: x + kept)
    block.hybridize()
    assert block(nd.ones((3,))).asnumpy().tolist() == [2, 2, 2]
    kept[:] = 5
    assert block(nd.ones((3,))).asnumpy().tolist() == [6, 6, 6]
    assert len(block._compiled.plans) == 1


# --- Parameters ---


def test_parameters_may_be_replaced():
    net = initialized(nn.Dense(2, in_units=3), nd.ones((1, 3)))
    net.hybridize()
    x = nd.ones((1, 3))
    net(x)
    net.weight.set_data(nd.ones((2, 3)))
    net.bias.set_data(nd.zeros((2,)))
    assert net(x).asnumpy().tolist() == [[3, 3]]
    net.initialize(mx.init.Constant(2.0), force_reinit=True)
    net.bias.set_data(nd.zeros((2,)))
    assert net(x).asnumpy().tolist() == [[6, 6]]
    net.cast("float64")
    assert net(x.astype("float64")).dtype == numpy.float64
    net.cast("float32")
    assert net(x).dtype == numpy.float32


def test_deferred_parameters_are_made_by_the_first_call():
    net = nn.HybridSequential()
    net.add(nn.Dense(4, activation="relu"), nn.BatchNorm(), nn.Dense(2))
    net.initialize()
    net.hybridize()
    x = array(3, 5)
    first = net(x).asnumpy()
    numpy.testing.assert_array_equal(net(x).asnumpy(), first)
    assert len(net._compiled.plans) == 1


def test_training_by_a_trainer():
    def train(hybrid):
        mx.random.seed(1)
        numpy.random.seed(1)
        net = nn.HybridSequential(prefix="net_")
        with net.name_scope():
            net.add(
                nn.Conv2D(4, 3, activation="relu"), nn.BatchNorm(), nn.Flatten(), nn.Dropout(0.2), nn.Dense(3)
            )
        net.initialize(mx.init.Xavier())
        if hybrid:
            net.hybridize(static_alloc=True, static_shape=True)
        loss = gluon.loss.SoftmaxCrossEntropyLoss()
        if hybrid:
            loss.hybridize()
        trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.01})
        rng = numpy.random.default_rng(0)
        losses = []
        for i in range(6):
            n = 8 if i != 4 else 5
            x, y = nd.array(rng.standard_normal((n, 1, 6, 6))), nd.array(rng.integers(0, 3, n))
            with autograd.record():
                value = loss(net(x), y)
            value.backward()
            trainer.step(n)
            losses.append(value.mean().asscalar())
        return losses, [p.data().asnumpy() for p in net.collect_params().values()]

    (losses, params), (want, want_params) = train(True), train(False)
    assert losses == want
    for a, b in zip(params, want_params):
        numpy.testing.assert_array_equal(a, b)


# --- Arguments and results ---


def test_nested_arguments_and_results():
    block = Plain(lambda F, x, states, flag=None: ([x + states[0], (states[1] * 2,)], flag))
    block.hybridize()
    for _ in range(2):
        (first, (second,)), flag = block(nd.ones((2,)), [nd.ones((2,)), nd.ones((3,))], 4)
        assert first.asnumpy().tolist() == [2, 2] and second.asnumpy().tolist() == [2, 2, 2] and flag == 4


def test_the_same_array_twice():
    block = Plain(lambda F, x, y: x * 2 + y)
    block.hybridize()
    a, b = nd.array([1.0]), nd.array([10.0])
    assert block(a, a).asscalar() == 3
    assert block(a, b).asscalar() == 12
    assert block(b, b).asscalar() == 30


def test_an_argument_is_returned_as_it_is():
    block = Plain(lambda F, x: x)
    block.hybridize()
    x = nd.ones((2,))
    assert block(x) is x and block(x) is x


def test_a_cell_with_states():
    cell = initialized(gluon.rnn.LSTMCell(4), nd.ones((2, 3)), [nd.zeros((2, 4)), nd.zeros((2, 4))])
    x, states = array(2, 3), cell.begin_state(2)
    want = cell(x, states)
    cell.hybridize()
    for _ in range(2):
        out, new = cell(x, states)
        numpy.testing.assert_array_equal(out.asnumpy(), want[0].asnumpy())
        for a, b in zip(new, want[1]):
            numpy.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


def test_hooks_of_the_compiled_block_run_each_time():
    net = nn.HybridSequential()
    net.add(nn.Dense(2, in_units=2))
    net.initialize()
    net.hybridize()
    seen = []
    net.register_forward_pre_hook(lambda block, args: seen.append("before"))
    net.register_forward_hook(lambda block, args, out: seen.append("after"))
    net(nd.ones((1, 2)))
    net(nd.ones((1, 2)))
    assert seen == ["before", "after"] * 2


def test_second_derivatives_through_a_plan():
    net = initialized(nn.Dense(3, activation="tanh", in_units=2), nd.ones((1, 2)))
    x = nd.array([[0.3, -0.2]])
    results = []
    for hybrid in (False, True, True):
        net.hybridize(active=hybrid)
        x.attach_grad()
        with autograd.record():
            y = net(x).sum()
            g = autograd.grad(y, x, create_graph=True, retain_graph=True)[0]
            penalty = (g * g).sum()
        penalty.backward()
        results.append((x.grad.asnumpy(), net.weight.grad().asnumpy()))
    for a, b in results[1:]:
        numpy.testing.assert_array_equal(a, results[0][0])
        numpy.testing.assert_array_equal(b, results[0][1])


def test_numpy_arrays_and_results_without_axes():
    import minpy.numpy as np

    block = Plain(lambda F, x: (x.sum() * 2, np.exp(x)[0]))
    want = block(np.arange(3.0))
    block.hybridize()
    for _ in range(2):
        total, first = block(np.arange(3.0))
        assert (total, first) == want and type(total) is type(want[0]) and type(first) is type(want[1])


# --- Plans ---


def test_a_plan_can_be_read_and_reuses_memory():
    net = nn.HybridSequential()
    for _ in range(6):
        net.add(nn.Dense(32, in_units=32))
    net.initialize()
    net.hybridize()
    assert net.debug_str() == ""
    net(nd.ones((64, 32)))
    (plan,) = net._compiled.plans
    text = net.debug_str()
    assert text.count("fully_connected(") == 6 and "float32(64, 32)" in text and "in buffer 1" in text
    assert plan.planned_bytes <= plan.unplanned_bytes / 2
    assert "MB allocated" in text


def test_results_do_not_outlive_their_last_reader():
    net = nn.HybridSequential()
    for _ in range(8):
        net.add(nn.Dense(256, in_units=256))
    net.initialize()
    net.hybridize()
    x = nd.ones((4096, 256))
    out = net(x)
    del out
    mx.nd.waitall()
    base = mx.memory.stats()["live"]
    mx.memory.reset_peak()
    net(x).wait_to_read()
    assert mx.memory.stats()["peak"] - base <= 2.5 * x.size * 4


def test_other_threads_compute_while_one_traces():
    stop, errors = threading.Event(), []

    def work():
        a = nd.ones((5,))
        while not stop.is_set():
            if ((a + a) * 2).asnumpy().sum() != 20 or bool(a.sum() > 100):
                errors.append("wrong")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for n in range(1, 40):
            block = Plain(lambda F, x: F.tanh(x) + x[0])
            block.hybridize()
            x = array(n, 2)
            numpy.testing.assert_array_equal(block(x).asnumpy(), block(x).asnumpy())
            assert len(block._compiled.plans) == 1
    finally:
        stop.set()
        thread.join()
    assert not errors


def test_dying_results_are_written_over():
    block = Plain(lambda F, x: F.relu((x * 2 + 1) * x - 3) / 7)
    x = array(50, 60)
    want = block(x).asnumpy()
    block.hybridize()
    block(x)
    (plan,) = block._compiled.plans
    assert plan.text.count("in place") == 5 and plan.planned_bytes == x.size * 4
    before = x.asnumpy()
    for _ in range(2):
        numpy.testing.assert_array_equal(block(x).asnumpy(), want)
    numpy.testing.assert_array_equal(x.asnumpy(), before)


OVERWRITES = {
    "input": lambda F, x: x + 1,
    "used later": lambda F, x: _later(x),
    "view used later": lambda F, x: _view_later(x),
    "output": lambda F, x: _output(x),
    "other dtype": lambda F, x: ((x * 2).astype("int32") + 1) * 2,
    "broadcast": lambda F, x: (x[0] * 2) + x,
    "itself reversed": lambda F, x: _reversed(x),
    "captured": lambda F, x: KEPT + x,
}
KEPT = nd.ones((4, 3))


def _later(x):
    y = x * 2
    z = y + 1
    return z * y


def _view_later(x):
    y = x * 2
    v = y[1:]
    z = y + 1
    return z[1:] * v


def _output(x):
    y = x * 2
    return [y, y + 1]


def _reversed(x):
    y = x * 2
    return y + y[::-1]


@pytest.mark.parametrize("name", OVERWRITES)
def test_what_lives_is_not_written_over(name):
    block = Plain(OVERWRITES[name])
    inputs = [array(4, 3) for _ in range(3)]
    as_list = lambda out: [o.asnumpy() for o in (out if isinstance(out, list) else [out])]  # noqa: E731
    want = [as_list(block(x)) for x in inputs]
    block.hybridize()
    for x, expected in [*zip(inputs, want)] * 2:
        before = x.asnumpy()
        for a, b in zip(as_list(block(x)), expected, strict=True):
            numpy.testing.assert_array_equal(a, b)
        numpy.testing.assert_array_equal(x.asnumpy(), before)
    assert KEPT.asnumpy().min() == KEPT.asnumpy().max() == 1


LAYERS_WITH_ACTIVATIONS = {
    "dense": lambda F, x, w, v, kind: F.Activation(F.FullyConnected(x, w, num_hidden=7, no_bias=True), kind),
    "convolution": lambda F, x, w, v, kind: F.Activation(
        F.Convolution(x.reshape((5, 1, 3, 3)), v, kernel=(2, 2), num_filter=4, no_bias=True), kind
    ),
}


@pytest.mark.parametrize("kind", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("train", [False, True], ids=["predict", "train"])
@pytest.mark.parametrize("layer", LAYERS_WITH_ACTIVATIONS)
def test_activations_join_the_layer_before_them_bit_for_bit(layer, kind, train):
    x, w, v = array(5, 9), array(7, 9), array(4, 1, 2, 2)
    block = Plain(lambda F, *args: LAYERS_WITH_ACTIVATIONS[layer](F, *args, kind))

    def run():
        for a in (x, w, v):
            a.attach_grad()
        with autograd.record() if train else autograd.pause():
            out = block(x, w, v)
        if train:
            out.backward(nd.ones_like(out) * 0.37)
        return [a.asnumpy() for a in (out, x.grad, w.grad, v.grad)]

    want = run()
    block.hybridize()
    for _ in range(2):
        for a, b in zip(run(), want, strict=True):
            numpy.testing.assert_array_equal(a, b)
    joined = layer == "dense" or kind == "relu"
    assert (f" {kind}(" not in block.debug_str()) == joined


def test_a_layer_that_others_read_keeps_its_own_result():
    w = array(7, 9)
    block = Plain(
        lambda F, x: F.relu(_dense(F, x, w)) + _dense(F, x, w) * 2 if x.shape[0] else _dense(F, x, w)
    )
    shared = Plain(lambda F, x: (lambda y: F.relu(y) + y)(_dense(F, x, w)))
    for net in (block, shared):
        x = array(5, 9)
        want = net(x).asnumpy()
        net.hybridize()
        for _ in range(2):
            numpy.testing.assert_array_equal(net(x).asnumpy(), want)
    assert " relu(" in shared.debug_str()


def _dense(F, x, w):
    return F.FullyConnected(x, w, num_hidden=7, no_bias=True)


def test_sparse_gradients():
    net = gluon.nn.Embedding(10, 3, sparse_grad=True)
    net.initialize()
    x = nd.array([1, 4, 4])

    def gradient():
        with autograd.record():
            y = (net(x) * nd.arange(9).reshape((3, 3))).sum()
        y.backward()
        return net.weight.grad()

    want = gradient().asnumpy()
    net.hybridize()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            found = gradient()
            assert found.stype == "row_sparse" and found.indices.asnumpy().tolist() == [1, 4]
            numpy.testing.assert_array_equal(found.asnumpy(), want)
    assert len(net._compiled.plans) == 1


def test_shapes_that_depend_on_values():
    def forward(F, x, mask):
        chosen = F.contrib.boolean_mask(x, mask)
        return chosen.reshape((chosen.shape[0] * 2, -1)) * chosen.shape[0]

    block = Plain(forward)
    x = array(4, 6)
    masks = [nd.array(m) for m in ([1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 1])]
    want = [block(x, m).asnumpy() for m in masks]
    block.hybridize()
    for m, expected in [*zip(masks, want)] * 2:
        numpy.testing.assert_array_equal(block(x, m).asnumpy(), expected)
