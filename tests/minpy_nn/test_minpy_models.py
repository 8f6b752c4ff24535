"""ModelBase, Solver, model_builder, modules, primitives, devices and policies of MinPy."""

import subprocess
import sys

import numpy
import pytest

import minpy
import minpy.numpy as np
from minpy import autograd, nd, sym
from minpy.core import Function, grad, grad_and_loss
from minpy.nn import io, layers
from minpy.nn.model import ModelBase, ParamsNameNotFoundError
from minpy.nn.model_builder import Add, Layer, Model, Module, Mul, Sequential, Sub, Updater
from minpy.nn.modules import (
    LSTM,
    RNN,
    BatchFlatten,
    BatchNorm,
    BatchReshape,
    Convolution,
    Dropout,
    Embedding,
    Flatten,
    FullyConnected,
    Identity,
    Logistic,
    Pooling,
    ReLU,
    Reshape,
    Symbolic,
    Tanh,
    Variable,
)
from minpy.nn.solver import Solver
from minpy.primitive import NoGradientFuncError, customop
from minpy.utils.gradient_checker import check_grad

RNG = numpy.random.RandomState(5)


class Linear(ModelBase):
    def __init__(self):
        super().__init__()
        self.add_param("w", (3, 2)).add_param("b", (2,), init_rule="constant", init_config={"value": 0.5})
        self.add_aux_param("seen", np.zeros(1))

    def forward(self, X, mode):  # noqa: N803
        return layers.affine(X, self.params["w"], self.params["b"])

    def loss(self, predict, y):
        return layers.softmax_loss(predict, y)


def samples(count=10, batch_size=4):
    x = RNG.normal(size=(count, 3))
    return io.NDArrayIter(x, (x[:, 0] > 0).astype(int), batch_size=batch_size)


def test_gradient_of_what_a_function_reads_elsewhere():
    params = {"w": np.array([1.0, 2.0]), "view": np.arange(4.0)[1:3]}

    def loss(*_):
        return np.sum(params["w"] ** 3 * params["view"])

    (by_w, by_view), value = grad_and_loss(loss, argnum=range(2))(*params.values())
    assert by_w.tolist() == [3, 24] and by_view.tolist() == [1, 8] and value == 17
    assert grad(loss)(list(params.values()))[1].tolist() == [1, 8]
    assert grad(loss)(params["w"].copy()).tolist() == [0, 0]  # another array
    assert grad(lambda x, y: np.sum(x * y), 1)(params["w"], params["w"]).tolist() == [1, 2]
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 / 0)(params["w"])
    with autograd.record():  # nothing is left of the marks
        y = params["w"] * 2
    with pytest.raises(minpy.MXNetError, match="not in a computational graph"):
        y.backward()
    assert grad(lambda x: grad(lambda y: x * y)(x))(3.0) == 1.0  # inside of another grad x is a constant


def test_solver_updates_as_its_rule_says():
    model, batches = Linear(), samples(count=4)
    solver = Solver(model, batches, batches, num_epochs=1, optim_config={"learning_rate": 0.5}, verbose=False)
    solver.init()
    assert model.params["b"].tolist() == [0.5, 0.5] and model.aux_params["seen"].tolist() == [0]
    assert model.params["w"].dtype == np.float32
    batches.reset()
    batch = next(batches)
    before = {name: value.copy() for name, value in model.params.items()}
    expected = grad(
        lambda p: layers.softmax_loss(layers.affine(batch.data[0], p["w"], p["b"]), batch.label[0])
    )(before)
    batches.reset()
    solver.train()
    for name, value in model.params.items():
        numpy.testing.assert_allclose(value, before[name] - 0.5 * expected[name], rtol=1e-6)
    assert len(solver.loss_history) == 1 and solver.optim_configs["w"]["learning_rate"] == 0.5


def test_solver_keeps_the_best_parameters():
    model, batches = Linear(), samples(count=40)
    solver = Solver(
        model,
        batches,
        batches,
        num_epochs=6,
        optim_config={"learning_rate": 300.0},
        lr_decay=0.1,
        verbose=False,
    )
    solver.init()
    solver.train()
    assert solver.best_val_acc == max(solver.val_acc_history) == solver.check_accuracy(batches)
    assert solver.optim_configs["w"]["learning_rate"] == pytest.approx(300.0 * 0.1**6)
    assert model.params is solver.best_params


def test_accuracy_leaves_out_what_fills_the_last_batch():
    model, batches = Linear(), samples(count=10)
    solver = Solver(model, batches, batches, verbose=False)
    solver.init()
    x, y = batches.data[0][1], batches.label[0][1]
    right = np.argmax(model.forward(x, "test"), axis=1) == y
    assert solver.check_accuracy(batches) == pytest.approx(float(right.mean()))
    assert 0 <= solver.check_accuracy(batches, num_samples=4) <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speed": 1}, 'Unrecognized arguments "speed"'),
        ({"update_rule": "newton"}, 'Invalid update_rule "newton"'),
        ({"init_rule": "np"}, 'Invalid init_rule "np"'),
        ({"task_type": "ranking"}, "classification or regression"),
    ],
)
def test_solver_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        Solver(Linear(), samples(), samples(), **options)


def test_solver_takes_mxnet_iterators():
    x = RNG.normal(size=(20, 3))
    batches = minpy.io.NDArrayIter(x, (x[:, 0] > 0).astype(int), batch_size=5)
    model = Linear()
    solver = Solver(model, batches, batches, num_epochs=8, optim_config={"learning_rate": 1.0}, verbose=False)
    solver.init()
    solver.train()
    assert type(model.params["w"]) is np.ndarray and solver.best_val_acc > 0.8


def test_solver_takes_iterators_that_do_not_tell_their_length(tmp_path, capsys):
    x = RNG.normal(size=(20, 3))
    numpy.savetxt(tmp_path / "x.csv", x, delimiter=",")
    numpy.savetxt(tmp_path / "y.csv", (x[:, 0] > 0).astype(int), delimiter=",")
    batches = minpy.io.CSVIter(
        data_csv=str(tmp_path / "x.csv"), data_shape=(3,), label_csv=str(tmp_path / "y.csv"), batch_size=8
    )

    class Flat(Linear):
        def loss_batch(self, batch, forward_outputs):
            return self.loss(forward_outputs, batch.label[0].reshape(-1))

    solver = Solver(Flat(), batches, samples(), num_epochs=1)
    solver.init()
    solver.train()
    right = np.argmax(solver.model.forward(np.array(x, dtype=np.float32), "test"), axis=1) == (x[:, 0] > 0)
    # Four rows completed the last batch of the training's pass; as in MXNet the next pass starts after them.
    assert solver.train_acc_history == [pytest.approx(float(right[4:].mean()))]
    one_hot = io.NDArrayIter(x, numpy.eye(2)[(x[:, 0] > 0).astype(int)], batch_size=8)
    assert solver.check_accuracy(one_hot) == pytest.approx(float(right.mean()))
    assert "(Iteration 1 / ?) loss: " in capsys.readouterr().out and len(solver.loss_history) == 3


def test_symbols_with_a_loss_of_their_own():
    class Scores(ModelBase):
        def __init__(self):
            super().__init__()
            net = sym.FullyConnected(sym.Variable("X"), num_hidden=2, name="fc")
            net = sym.SoftmaxOutput(net, name="softmax", normalization="batch")
            self.net = Function(net, input_shapes={"X": (5, 3), "softmax_label": (5,)})
            self.add_params(self.net.get_params())

        def forward_batch(self, batch, mode):
            return self.net(X=batch.data[0], softmax_label=batch.label[0], **self.params)

        def loss(self, predict, y):
            return layers.softmax_cross_entropy(predict, y)

    model, batches = Scores(), samples(count=20, batch_size=5)
    assert sorted(model.param_configs) == ["fc_bias", "fc_weight"]
    solver = Solver(model, batches, batches, num_epochs=1, optim_config={"learning_rate": 1.0}, verbose=False)
    solver.init()
    batch = next(batches)
    before = {name: value.copy() for name, value in model.params.items()}

    def loss(p):
        return layers.softmax_loss(
            layers.affine(batch.data[0], p["fc_weight"].T, p["fc_bias"]), batch.label[0]
        )

    expected = grad(loss)(before)
    solver._step(batch)
    for name, value in model.params.items():
        numpy.testing.assert_allclose(value, before[name] - expected[name], rtol=1e-4, atol=1e-6)


def test_layers_take_numpy_arrays():
    x, b, one = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 1)), numpy.eye(5)[[0, 1, 1, 4]]

    def loss(w):
        return layers.softmax_loss(layers.affine(x, w, b), one)

    w = RNG.normal(size=(3, 5))
    found = grad(loss)(w)
    assert type(found) is np.ndarray and check_grad(loss, w)


def test_models_are_saved_and_loaded(tmp_path):
    model = Linear()
    with pytest.raises(AssertionError, match="Duplicate parameter name w"):
        model.add_param("w", (1,))
    with pytest.raises(AssertionError, match="Duplicate auxiliary parameter name seen"):
        model.add_aux_param("seen", None)
    model.params = {"w": np.array(RNG.normal(size=(3, 2))), "b": np.ones(2, dtype=np.float32)}
    model.aux_params = {"seen": np.full(1, 7.0), "none": None}
    model.save(str(tmp_path / "linear"))
    other = Linear()
    other.params = {"w": np.zeros((3, 2)), "b": np.zeros(2, dtype=np.float32)}
    other.aux_params = {"seen": np.zeros(1)}
    w = other.params["w"]
    other.load(str(tmp_path / "linear"))
    assert (w == model.params["w"]).all() and w.dtype == np.float64 and other.aux_params["seen"] == 7
    assert sorted(nd.load(str(tmp_path / "linear.params"))) == ["aux_param_seen", "param_b", "param_w"]
    other.params["more"] = np.zeros(1)
    with pytest.raises(ParamsNameNotFoundError, match="has no param_more"):
        other.load(str(tmp_path / "linear"))


def test_base_is_abstract():
    with pytest.raises(NotImplementedError):
        ModelBase().forward(1, "train")
    with pytest.raises(NotImplementedError):
        ModelBase().loss(1, 2)


class Net(Model):
    def __init__(self, *modules, loss=None):
        super().__init__(loss=loss)
        self.net = Sequential(*modules)

    def forward(self, data, mode="training"):
        return self.net(data)


def numeric(model, x, name, index):
    """The derivative of the sum of the outputs by one element of a parameter."""
    values, step = model.params[name], 1e-2
    start = float(values[index])
    found = []
    for shift in (step, -step):
        values[index] = start + shift
        found.append(float(np.sum(model.forward(x) ** 2)))
    values[index] = start
    return (found[0] - found[1]) / (2 * step)


@pytest.mark.parametrize(
    ("modules", "shape"),
    [
        ([FullyConnected(num_hidden=4), Tanh(), FullyConnected(num_hidden=2, no_bias=True)], (3, 5)),
        (
            [Convolution(num_filter=3, kernel=(2, 2)), Logistic(), Pooling(kernel=(2, 2), pool_type="avg")],
            (2, 1, 4, 4),
        ),
        (
            [
                BatchReshape((1, 4, 4)),
                BatchNorm(fix_gamma=False),
                BatchFlatten(),
                FullyConnected(num_hidden=2),
            ],
            (3, 16),
        ),
        ([Add(FullyConnected(num_hidden=3), FullyConnected(num_hidden=3)), Identity()], (2, 4)),
        (
            [Mul(FullyConnected(num_hidden=3), Sub(FullyConnected(num_hidden=3), Identity())), Flatten()],
            (2, 3),
        ),
        ([Reshape((4, 2)), FullyConnected(num_hidden=3)], (2, 4)),
    ],
    ids=["dense", "convolution", "batch norm", "add", "mul and sub", "reshape"],
)
def test_gradients_of_modules(modules, shape):
    model = Net(*modules, loss=lambda out: np.sum(out**2))
    x = np.array(RNG.normal(size=shape).astype("float32"))
    with autograd.train_mode():
        loss = model(x, labels=())
        grads = model.backward()
        assert set(grads) == set(model.params) and float(loss) == pytest.approx(
            float(np.sum(model.forward(x) ** 2))
        )
        for name, found in grads.items():
            index = tuple(int(RNG.randint(n)) for n in found.shape)
            assert float(found[index]) == pytest.approx(numeric(model, x, name, index), rel=2e-2, abs=5e-3)


def test_embedding_and_variable():
    class Bag(Model):
        def __init__(self):
            super().__init__()
            self.table = Embedding(input_dim=5, output_dim=2)
            self.shift = Variable((2,), init_configs={"init_rule": "constant", "value": 3.0}, name="shift")

        def forward(self, data, mode="training"):
            return self.table(data) + self.shift()

    model = Bag()
    out = model(np.array([1, 1, 4]))
    (table,) = model.table.param_dict.values()
    numpy.testing.assert_array_equal(out, table[np.array([1, 1, 4])] + 3)
    grads = model.backward(np.ones((3, 2)))
    assert grads["shift_variable"].tolist() == [3, 3]
    assert next(g for n, g in grads.items() if n != "shift_variable")[:, 0].tolist() == [0, 2, 0, 0, 1]


@pytest.mark.parametrize("kind", [RNN, LSTM])
def test_recurrent_modules(kind):
    class Steps(Model):
        def __init__(self):
            super().__init__()
            self.step = kind(4, "tanh")

        def forward(self, data, mode="training"):
            states = ()
            for t in range(data.shape[1]):
                result = self.step(data[:, t], *states)
                states = result if isinstance(result, tuple) else (result,)
            return states[0]

    model = Steps()
    x = np.array(RNG.normal(size=(2, 3, 5)).astype("float32"))
    out = model(x)
    params = list(model.params.values())
    by_input = next(v for v in params if v.shape[1] == 5)
    by_state = next(v for v in params if v.shape[1:] == (4,))
    bias = next(v for v in params if v.ndim == 1)
    h = c = np.zeros((2, 4), dtype=np.float32)
    for t in range(3):
        if kind is RNN:
            h = layers.rnn_step(x[:, t], h, by_input.T, by_state.T, bias)
        else:
            h, c = layers.lstm_step(x[:, t], h, c, by_input.T, by_state.T, bias)
    numpy.testing.assert_allclose(out, h, rtol=1e-5, atol=1e-6)
    assert all(np.any(g != 0) for g in model.backward().values())


def test_training_and_inference():
    model = Net(FullyConnected(num_hidden=50), BatchNorm(), Dropout(0.5))
    x = np.array(RNG.normal(size=(8, 3)).astype("float32"))
    model(x)
    state = next(iter(model.aux_params))
    seen = {name: value.copy() for name, value in model.aux_params.items()}
    assert np.any(seen[state] != 0)
    model.inference()
    assert (model.forward(x) == model.forward(x)).all()
    assert all((model.aux_params[name] == value).all() for name, value in seen.items())
    model.training()
    assert (model.forward(x) == 0).mean() > 0.3


def test_updater():
    model = Net(FullyConnected(num_hidden=2, update_configs={"weight_decay": 1}), loss="l2_loss")
    updater = Updater(model, update_rule="sgd", learning_rate=0.05)
    assert (
        updater.learning_rate == 0.05
        and len(updater.keys()) == len(updater.values()) == len(updater.items()) == 2
    )
    weight, bias = sorted(updater.keys(), reverse=True)
    updater[bias].learning_rate = 0.0
    assert updater[bias].learning_rate == 0.0 and updater[weight].weight_decay == 1
    with pytest.raises(AttributeError, match="no learning_rate in common"):
        updater.learning_rate  # noqa: B018
    x, y = np.ones((4, 3), dtype=np.float32), np.zeros((4, 2), dtype=np.float32)
    grads, loss = model.grad_and_loss(x, y)
    before = {name: value.copy() for name, value in model.params.items()}
    updater(grads)
    numpy.testing.assert_allclose(model.params[weight], before[weight] - 0.05 * grads[weight], rtol=1e-6)
    assert (model.params[bias] == before[bias]).all() and float(model(x, labels=y)) < float(loss)
    with pytest.raises(ValueError, match="update_rule is 'unspecified'"):
        Updater(model)(grads)
    updater[bias] = {"update_rule": "adam"}
    updater(grads)
    assert updater[bias].t == 1


def test_models_of_models_and_attached_arrays():
    class Outer(Model):
        def __init__(self):
            super().__init__(loss=lambda out: np.sum(out))
            self.inner = Net(FullyConnected(num_hidden=3))
            self.last = FullyConnected(num_hidden=1, no_bias=True)

        def forward(self, data, mode="training"):
            hidden = self.inner.forward(data)
            if mode == "training":
                self.attach("hidden", hidden)
            return self.last(hidden)

    model = Outer()
    x = np.ones((2, 3), dtype=np.float32)
    assert isinstance(model(x, labels=(), reduce_array=True), float)
    grads = model.backward()
    assert len(grads) == 4 and model.inner.params is model.params
    (last,) = model.last.param_dict.values()
    numpy.testing.assert_allclose(grads["hidden"], np.concatenate([last, last]), rtol=1e-6)
    model(x, labels=(), attach_all=False)
    assert list(model.backward()) == ["hidden"]
    with pytest.raises(RuntimeError, match="backward follows a call"):
        model.backward()
    with pytest.raises(RuntimeError, match="during a call"):
        model.attach("x", x)
    with pytest.raises(NotImplementedError):
        model.add_param("w", (1,))


def test_names_and_errors_of_modules():
    relu = ReLU(name="mine")
    assert relu.name == "mine" and str(Sequential(relu, Identity(name="same"))) == "[mine, same]"
    assert (
        str(Add(relu, relu)) == "mine add mine"
        and isinstance(relu + relu, Add)
        and isinstance(relu - relu, Sub)
    )
    with pytest.raises(AssertionError, match="bound to a model"):
        relu(np.ones(1))
    with pytest.raises(NotImplementedError):
        Module()
    with pytest.raises(TypeError, match="takes modules, not int"):
        Sequential(3)
    net = Net(relu)
    with pytest.raises(AssertionError, match="Two modules have the name"):
        net.again = [net.net, Sequential(name=net.net.name)][1]
    sequence = Sequential()
    sequence.append(relu)
    assert list(sequence) == [relu] and len(sequence) == 1 and sequence[0] is relu


def test_settings_of_a_layer():
    class Own(Layer):
        _module_name = "own"

        def __init__(self):
            super().__init__(("weight", "gamma", "scale"), ("moving_var",), name="own")
            self._register_init_configs(
                {("weight", "scale"): {"init_rule": "constant", "value": 2}, "seed": 1}
            )

        def forward(self, x):
            return x * self._get_param(self.weight) + self._get_aux_param(self._moving_var)

        def param_shapes(self, shape):
            return {self.weight: shape, self.gamma: (1,), self.scale: (1,)}

        def aux_param_shapes(self, shape):
            return {self._moving_var: shape}

    class Owner(Model):
        def __init__(self):
            super().__init__()
            self.own = Own()

        def forward(self, data, mode="training"):
            return self.own(data)

    model = Owner()
    assert model(np.ones((2, 2))).tolist() == [[3, 3], [3, 3]]
    assert {n: float(v.ravel()[0]) for n, v in model.params.items()} == {
        "own_weight": 2,
        "own_gamma": 1,
        "own_scale": 2,
    }
    assert model.own._init_configs["own_gamma"]["seed"] == 1 and list(model.own.aux_param_dict) == [
        "own_moving_var"
    ]


def test_symbolic_layers_take_several_inputs():
    symbol = sym.FullyConnected(sym.Variable("a") + sym.Variable("b"), num_hidden=2, name="fc")

    class Two(Model):
        def __init__(self):
            super().__init__()
            self.layer = Symbolic(symbol, ("a", "b"), {"fc_bias": {"value": 5}}, name="two")

        def forward(self, a, b, mode="training"):
            return self.layer(a=a, b=b)

    model = Two()
    a = np.ones((3, 4), dtype=np.float32)
    out = model((a, -a))
    assert (out == 5).all() and sorted(model.params) == ["two_fc_bias", "two_fc_weight"]


def test_function_takes_more_than_it_needs():
    affine = Function(sym.FullyConnected(sym.Variable("x"), num_hidden=2, name="fc"), {"x": (3, 4)})
    assert affine.get_one_output_shape() == (3, 2) and affine.get_output_shapes() == {"fc_output": (3, 2)}
    params = {"fc_weight": np.ones((2, 4)), "fc_bias": np.zeros(2), "other": np.ones(1)}
    assert (affine(x=np.ones((3, 4)), **params) == 4).all()
    norm = Function(sym.BatchNorm(sym.Variable("x"), name="bn"))
    mean, var = np.zeros(2), np.ones(2)
    arrays = {"bn_gamma": np.ones(2), "bn_beta": np.zeros(2), "bn_moving_mean": mean, "bn_moving_var": var}
    norm.is_train = False
    with autograd.record():
        norm(x=np.ones((4, 2)), **arrays)
    assert (mean == 0).all()
    norm.is_train = True
    norm(x=np.ones((4, 2)), **arrays)
    assert norm.is_train and mean.tolist() == pytest.approx([0.1, 0.1])


def test_custom_primitives():
    @customop("numpy")
    def scaled(x, y, factor=1.0):
        """Products."""
        assert type(x) is numpy.ndarray
        return x * y * factor

    scaled.def_grad(lambda ans, x, y, factor=1.0: lambda g: g * y * factor)
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert type(scaled(x, y)) is np.ndarray and scaled(x, y, factor=2.0).tolist() == [6, 16]
    assert grad(lambda x: np.sum(scaled(x, y, factor=2.0) ** 2))(x).tolist() == [72, 256]
    with pytest.raises(NoGradientFuncError, match="No partial derivative of scaled defined on argument 1."):
        grad(lambda y: np.sum(scaled(x, y)))(y)
    scaled.def_grad_zero(1)
    assert grad(lambda y: np.sum(scaled(x, y)))(y).tolist() == [0, 0]
    assert (
        scaled.gradable((0, 1), ()) and not scaled.gradable((0,), ("factor",)) and scaled.__name__ == "scaled"
    )
    scaled.def_grad_kw(lambda ans, x, y, factor=1.0: lambda g: numpy.sum(g * x * y), "factor")
    assert grad(lambda f: np.sum(scaled(x, y, factor=f)))(2.0) == 11
    with pytest.raises(NotImplementedError, match="no second derivative"):
        grad(lambda x: np.sum(grad(lambda x: np.sum(scaled(x, y) ** 2))(x)))(x)


def test_custom_primitives_of_ndarrays_and_numbers():
    @customop("mxnet")
    def both(x, y):
        assert isinstance(x, nd.NDArray)
        return nd.exp(x), x * y

    both.def_multiple_grad(lambda ans, x, y: lambda g: (g[0] * ans[0] + g[1] * y, g[1] * x), (0, 1))
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])

    def total(x, y):
        e, p = both(x, y)
        return np.sum(e) + np.sum(p)

    by_x, by_y = grad(total, argnum=(0, 1))(x, y)
    numpy.testing.assert_allclose(by_x, np.exp(x) + y, rtol=1e-6)
    assert by_y.tolist() == [1, 2]

    @customop("numpy")
    def mean(x):
        return numpy.mean(x)

    mean.def_grad(lambda ans, x: lambda g: g / x.size)
    assert mean(x) == 1.5 and grad(mean)(x).tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match='either "numpy" or "mxnet"'):
        customop("torch")


def shown(function, capsys):
    function()
    return capsys.readouterr().out


def test_arrays_have_what_minpys_have():
    code = (
        "import minpy.numpy as np; from minpy.core import grad; x = np.ones(2); "
        "g = grad(lambda x: x * x)(x).asnumpy(); print(type(g).__module__, g, x.context); x.wait_to_read()"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["numpy", "[2.", "2.]", "cpu(0)"]


def test_devices_and_policies(capsys):
    from minpy.context import Context, cpu, current_context, gpu, set_context
    from minpy.dispatch import policy

    set_context(cpu(1))
    try:
        assert current_context() == cpu(1) and cpu(1).as_mxnet_context() == cpu(1)
        with gpu(0):
            assert str(current_context()) == "gpu(0)"
        assert current_context() == cpu(1)
    finally:
        set_context(cpu())
    with pytest.raises(TypeError, match="takes a Context"):
        set_context("cpu")
    assert Context.devstr2type["gpu"] == 2
    with minpy.OnlyNumPyPolicy():
        assert isinstance(minpy.get_global_policy(), policy.OnlyNumPyPolicy)
    assert isinstance(policy.create("only_mxnet"), minpy.OnlyMXNetPolicy)
    with pytest.raises(TypeError, match="Unknown policy name"):
        policy.create("fast")
    np.set_policy(policy.OnlyNumPyPolicy())
    assert np.random.policy is np.policy is minpy.get_global_policy() and np.policy.name == "only_numpy"
    np.random.set_policy(policy.PreferMXNetPolicy())
    assert np.policy.name == "prefer_native" and "Op Dispatch Statistics" in shown(
        np.policy.show_op_stat, capsys
    )
    chosen = minpy.wrap_policy(policy.AutoBlacklistPolicy(gen_rule=True))(minpy.get_global_policy)()
    assert isinstance(chosen, minpy.PreferMXNetPolicy)


def test_values():
    from minpy.array import Array, Number, Value, wrap

    assert type(wrap(numpy.ones(2))) is Array and isinstance(np.ones(2), Value) and wrap(3) == 3
    assert isinstance(grad(lambda x: x * x)(3.0), Number) and isinstance(np.sum(np.ones(2)), Value)
