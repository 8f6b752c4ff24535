"""Parts of networks, forward and backward, as their users write them: layers, losses, training steps.

Each case is a loss written once for minpy's functions and once for PyTorch's, of parameters that get a gradient.
"""

import dataclasses
import importlib
from collections.abc import Callable

import numpy
from cases import Case, Prepared

NOT = ("numpy", "autograd", "jax", "mlx", "torch_compile")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network(Case):
    group: str = "networks"
    without: tuple = NOT
    minpy: Callable  # (np, npx, *parameters, *inputs) -> a loss
    torch: Callable  # (torch, functional, *parameters, *inputs) -> a loss
    parameters: Callable  # (rng) -> float32 arrays that get a gradient
    inputs: Callable = lambda rng: ()  # (rng) -> other arrays
    rate: float = 0.0  # of the update that is part of the step; 0: none

    def prepare(self, library, size):
        rng = numpy.random.default_rng(4)
        parameters = [library.array(value) for value in self.parameters(rng)]
        inputs = [library.array(value) for value in self.inputs(rng)]
        step = {"minpy": self._minpy_step, "torch": self._torch_step}[library.name](parameters, inputs)
        wait = library.wait

        def run():
            loss, gradients = step()
            wait(gradients)
            return loss

        def value():
            loss, gradients = step()
            return [loss, *gradients]

        return Prepared("run()", {"run": run}, value)

    def _minpy_step(self, parameters, inputs):
        np, npx = (importlib.import_module(f"minpy.{name}") for name in ("numpy", "numpy_extension"))
        autograd = importlib.import_module("minpy.autograd")
        for parameter in parameters:
            parameter.attach_grad()

        def step():
            with autograd.record():
                loss = self.minpy(np, npx, *parameters, *inputs)
            loss.backward()
            for parameter in parameters if self.rate else ():
                parameter -= self.rate * parameter.grad
            return loss, [parameter.grad for parameter in parameters]

        return step

    def _torch_step(self, parameters, inputs):
        torch = importlib.import_module("torch")
        for parameter in parameters:
            parameter.requires_grad_(True)

        def step():
            for parameter in parameters:
                parameter.grad = None
            loss = self.torch(torch, torch.nn.functional, *parameters, *inputs)
            loss.backward()
            with torch.no_grad():
                for parameter in parameters if self.rate else ():
                    parameter -= self.rate * parameter.grad
            return loss.detach(), [parameter.grad for parameter in parameters]

        return step


def normal(rng, *shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(numpy.float32)


def lenet_parameters(rng):
    shapes = [(20, 1, 5, 5), (20,), (50, 20, 5, 5), (50,), (500, 800), (500,), (10, 500), (10,)]
    return [normal(rng, *shape, scale=0.05) for shape in shapes]


def lenet_inputs(rng):
    return rng.random((64, 1, 28, 28), numpy.float32), rng.integers(0, 10, 64)


def lenet_minpy(np, npx, w1, b1, w2, b2, w3, b3, w4, b4, x, labels):
    x = npx.relu(npx.convolution(x, w1, b1, kernel=(5, 5), num_filter=20))
    x = npx.pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max")
    x = npx.relu(npx.convolution(x, w2, b2, kernel=(5, 5), num_filter=50))
    x = npx.pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max")
    x = npx.fully_connected(x, w3, b3, num_hidden=500, act_type="relu")
    return np.mean(npx.cross_entropy(npx.fully_connected(x, w4, b4, num_hidden=10), labels))


def lenet_torch(torch, functional, w1, b1, w2, b2, w3, b3, w4, b4, x, labels):
    x = functional.max_pool2d(functional.relu(functional.conv2d(x, w1, b1)), 2)
    x = functional.max_pool2d(functional.relu(functional.conv2d(x, w2, b2)), 2)
    x = functional.relu(functional.linear(x.flatten(1), w3, b3))
    return functional.cross_entropy(functional.linear(x, w4, b4), labels)


def block_parameters(rng):
    weights = [normal(rng, 64, 64, 3, 3, scale=0.05) for _ in range(2)]
    scales = [numpy.ones(64, numpy.float32), numpy.zeros(64, numpy.float32)]
    return [normal(rng, 32, 64, 32, 32), *weights, *scales, *[a.copy() for a in scales]]


def block_inputs(rng):
    return [numpy.zeros(64, numpy.float32), numpy.ones(64, numpy.float32)]


def block_minpy(np, npx, x, w1, w2, g1, b1, g2, b2, mean, var):
    def layer(x, w, g, b):
        x = npx.convolution(x, w, kernel=(3, 3), pad=(1, 1), num_filter=64, no_bias=True)
        return npx.batch_norm(x, g, b, mean, var, fix_gamma=False, eps=1e-5)

    return np.mean(npx.relu(layer(npx.relu(layer(x, w1, g1, b1)), w2, g2, b2) + x))


def block_torch(torch, functional, x, w1, w2, g1, b1, g2, b2, mean, var):
    def layer(x, w, g, b):
        return functional.batch_norm(functional.conv2d(x, w, padding=1), mean, var, g, b, training=True)

    return functional.relu(layer(functional.relu(layer(x, w1, g1, b1)), w2, g2, b2) + x).mean()


LSTM_SIZES = {"steps": 100, "batch": 32, "hidden": 256, "layers": 2}


def lstm_parameters(rng):
    hidden, layers = LSTM_SIZES["hidden"], LSTM_SIZES["layers"]
    matrices = layers * 2 * 4 * hidden * hidden
    return [
        normal(rng, LSTM_SIZES["steps"], LSTM_SIZES["batch"], hidden),
        numpy.concatenate(
            [normal(rng, matrices, scale=0.05), numpy.zeros(layers * 2 * 4 * hidden, numpy.float32)]
        ),
    ]


def lstm_minpy(np, npx, x, parameters):
    layers, hidden = LSTM_SIZES["layers"], LSTM_SIZES["hidden"]
    state = np.zeros((layers, LSTM_SIZES["batch"], hidden), dtype="float32")
    return np.mean(npx.rnn(x, parameters, state, state, state_size=hidden, num_layers=layers, mode="lstm"))


def lstm_torch(torch, functional, x, parameters):
    layers, hidden = LSTM_SIZES["layers"], LSTM_SIZES["hidden"]
    sizes = [4 * hidden * hidden] * (2 * layers) + [4 * hidden] * (2 * layers)
    parts = torch.split(parameters, sizes)
    weights = []
    for layer in range(layers):
        weights += [part.view(4 * hidden, hidden) for part in parts[2 * layer : 2 * layer + 2]]
        weights += parts[2 * (layers + layer) : 2 * (layers + layer) + 2]
    state = torch.zeros(layers, LSTM_SIZES["batch"], hidden)
    return torch.lstm(x, (state, state), weights, True, layers, 0.0, True, False, False)[0].mean()


CASES = [
    Network(
        name="LeNet training step, batch 64",
        minpy=lenet_minpy,
        torch=lenet_torch,
        parameters=lenet_parameters,
        inputs=lenet_inputs,
        rate=0.01,
    ),
    Network(
        name="ResNet block, 32x64x32x32",
        minpy=block_minpy,
        torch=block_torch,
        parameters=block_parameters,
        inputs=block_inputs,
    ),
    Network(
        name="LSTM, 2 layers of 256, 100 steps, batch 32",
        minpy=lstm_minpy,
        torch=lstm_torch,
        parameters=lstm_parameters,
    ),
    Network(
        name="layer normalisation, 4096x1024",
        minpy=lambda np, npx, x, g, b: np.mean(npx.layer_norm(x, g, b)),
        torch=lambda torch, functional, x, g, b: functional.layer_norm(x, (1024,), g, b).mean(),
        parameters=lambda rng: [normal(rng, 4096, 1024), normal(rng, 1024), normal(rng, 1024)],
    ),
    Network(
        name="softmax cross-entropy, 4096x10000",
        minpy=lambda np, npx, x, labels: np.mean(npx.cross_entropy(x, labels)),
        torch=lambda torch, functional, x, labels: functional.cross_entropy(x, labels),
        parameters=lambda rng: [normal(rng, 4096, 10_000)],
        inputs=lambda rng: [rng.integers(0, 10_000, 4096)],
    ),
    Network(
        name="embedding, 8192 rows of 50000x256",
        minpy=lambda np, npx, w, rows: np.mean(npx.embedding(rows, w, input_dim=50_000, output_dim=256)),
        torch=lambda torch, functional, w, rows: functional.embedding(rows, w).mean(),
        parameters=lambda rng: [normal(rng, 50_000, 256)],
        inputs=lambda rng: [rng.integers(0, 50_000, 8192)],
    ),
    Network(
        name="attention, 8 heads of 64, 512 tokens, batch 8",
        minpy=lambda np, npx, q, k, v: np.mean(npx.scaled_dot_product_attention(q, k, v)),
        torch=lambda torch, functional, q, k, v: functional.scaled_dot_product_attention(q, k, v).mean(),
        parameters=lambda rng: [normal(rng, 8, 8, 512, 64) for _ in range(3)],
    ),
]
