"""The libraries that are compared: how each makes arrays, compiles, differentiates, and waits for its results."""

import functools
import importlib
import importlib.metadata
import types

import numpy
from cases import flat


class Library:
    """NumPy, and what the others share with it."""

    name = "numpy"
    package = "numpy"
    module_name = "numpy"
    finish = "{}"  # how to wait for the value of a statement
    always_lazy = False  # also for arrays of a few elements
    immutable = False
    compiles_steps = False  # compiles the body of a long loop, as the unrolled loop takes it minutes

    def __init__(self, threads):
        self.module = importlib.import_module(self.module_name)
        self.np = self.module  # with NumPy's names, as far as the programs use them

    def version(self):
        return importlib.metadata.version(self.package)

    def array(self, value):
        return self.np.array(value)

    def to_numpy(self, value):
        return numpy.asarray(value)

    def wait(self, value):
        """Returns `value` once it is computed."""
        return value

    def finished(self, statement, tiny):
        """The statement with a wait for its value, unless arrays so tiny are computed at once anyway."""
        return statement if tiny and not self.always_lazy else self.finish.format(statement)

    def compile(self, function, donate=()):
        return function

    def compile_any_size(self, function):
        return self.compile(function)

    def gradient(self, function):
        raise NotImplementedError(f"{self.name} has no gradients")

    def loss_and_gradients(self, training, count):
        return functools.partial(training.by_hand, self.np)

    def training_step(self, training, count):
        """A function of the lists of parameters and data that returns the loss and the new parameters."""
        differentiated, rate = self.loss_and_gradients(training, count), training.rate

        def step(parameters, data):
            loss, gradients = differentiated(*parameters, *data)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= rate * gradient
            return loss, parameters

        return step


class Minpy(Library):
    name = package = "minpy"
    module_name = "minpy.numpy"
    finish = "wait({})"

    def __init__(self, threads):
        super().__init__(threads)
        self.core = importlib.import_module("minpy.core")
        self.waitall = getattr(importlib.import_module("minpy"), "waitall", None)

    def version(self):
        return importlib.import_module("minpy").__version__

    def wait(self, value):
        if self.waitall:
            self.waitall()
        else:
            for leaf in flat(value):
                numpy.asarray(leaf)
        return value

    def gradient(self, function):
        return self.core.grad(function)

    def loss_and_gradients(self, training, count):
        function = functools.partial(training.loss, self.np)
        differentiated = self.core.grad_and_loss(function, argnum=tuple(range(count)))
        return lambda *arguments: differentiated(*arguments)[::-1]


class Autograd(Library):
    name = package = "autograd"
    module_name = "autograd.numpy"

    def gradient(self, function):
        return importlib.import_module("autograd").grad(function)

    def loss_and_gradients(self, training, count):
        function = functools.partial(training.loss, self.np)
        return importlib.import_module("autograd").value_and_grad(function, argnum=tuple(range(count)))


class Jax(Library):
    """Statements run eagerly, programs under jit."""

    name = package = "jax"
    module_name = "jax.numpy"
    finish = "({}).block_until_ready()"
    always_lazy = True
    immutable = True

    def __init__(self, threads):
        super().__init__(threads)
        self.jax = importlib.import_module("jax")

    def wait(self, value):
        return self.jax.block_until_ready(value)

    def compile(self, function, donate=()):
        return self.jax.jit(function, donate_argnums=donate)

    def gradient(self, function):
        return self.jax.grad(function)

    def training_step(self, training, count):
        function = functools.partial(training.loss, self.np)
        differentiated = self.jax.value_and_grad(function, argnums=tuple(range(count)))

        def step(parameters, data):
            loss, gradients = differentiated(*parameters, *data)
            pairs = zip(parameters, gradients, strict=True)
            return loss, [parameter - training.rate * gradient for parameter, gradient in pairs]

        return self.compile(step, donate=(0,))


class Mlx(Library):
    name = package = "mlx"
    module_name = "mlx.core"
    finish = "wait({})"
    always_lazy = True

    def __init__(self, threads):
        super().__init__(threads)
        self.module.set_default_device(self.module.cpu)
        np = self.module
        missing = {} if hasattr(np, "hypot") else {"hypot": lambda x, y: np.sqrt(x * x + y * y)}
        self.np = types.SimpleNamespace(**vars(np), **missing)

    def wait(self, value):
        self.module.eval(value)
        return value

    def gradient(self, function):
        return self.module.grad(function)

    def loss_and_gradients(self, training, count):
        function = functools.partial(training.loss, self.np)
        return self.module.value_and_grad(function, argnums=list(range(count)))


class Torch(Library):
    name = package = module_name = "torch"

    def __init__(self, threads):
        super().__init__(threads)
        torch = self.module
        torch.set_num_threads(threads)
        self.np = types.ModuleType("torch_with_numpy_names")
        vars(self.np).update(vars(torch))
        self.np.max = torch.amax
        self.np.maximum = lambda x, least: torch.clamp(x, min=least)

    def array(self, value):
        return self.module.from_numpy(numpy.array(value))

    def to_numpy(self, value):
        return value.detach().numpy()

    def gradient(self, function):
        torch = self.module

        def gradient(x):
            x = x.detach().requires_grad_()
            return torch.autograd.grad(function(x), x)[0]

        return gradient

    def training_step(self, training, count):
        np, torch, rate = self.np, self.module, training.rate
        loss_function = self.compile(lambda *arguments: training.loss(np, *arguments))

        def update(parameters, gradients):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= rate * gradient

        update = self.compile(update)

        def step(parameters, data):
            for parameter in parameters:
                parameter.requires_grad_()
            loss = loss_function(*parameters, *data)
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                update(parameters, gradients)
            return loss, parameters

        return step


class TorchCompile(Torch):
    name = "torch_compile"
    compiles_steps = True

    def compile(self, function, donate=()):
        self.module.compiler.reset()
        return self.module.compile(function, dynamic=False)

    def compile_any_size(self, function):
        return self.module.compile(function, dynamic=True)


LIBRARIES = {library.name: library for library in (Library, Minpy, Autograd, Jax, Mlx, Torch, TorchCompile)}
