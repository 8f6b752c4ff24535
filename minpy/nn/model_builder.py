"""Networks put together from modules.

A `Layer` belongs to the `Model` that it, or a container with it, is an attribute of. The model keeps the parameters of
all its layers; they are made in the first call, when the shapes of the inputs are known. Calling a model computes and
records, `backward` returns the gradients by parameter, and an `Updater` applies them:

    class Perceptron(Model):
        def __init__(self):
            super().__init__(loss="softmax_loss")
            self.net = Sequential(FullyConnected(num_hidden=64), ReLU(), FullyConnected(num_hidden=10))

        def forward(self, data, mode="training"):
            return self.net(data)

    model = Perceptron()
    updater = Updater(model, update_rule="sgd", learning_rate=0.1)
    loss = model(data, labels=labels)
    updater(model.backward())

`minpy.nn.modules` has the layers.
"""

import copy
import functools
import operator

import numpy

from minpy import _core, autograd
from minpy.core import numpy_to_minpy
from minpy.nn import init, layers, optim
from minpy.nn.model import ModelBase

__all__ = [
    "Add",
    "Binary",
    "Container",
    "Layer",
    "Model",
    "Module",
    "Mul",
    "Parallel",
    "Sequential",
    "Sub",
    "Updater",
]

_counters = {}

_FIRST_VALUES = {"bias": 0, "beta": 0, "gamma": 1, "moving_mean": 0, "moving_var": 1}


def _next_name(kind):
    number = _counters.get(kind, 0)
    _counters[kind] = number + 1
    return f"{kind}{number}"


def _is_array(value):
    return isinstance(value, (_core.ndarray, numpy.ndarray))


def _as_tuple(value):
    return value if isinstance(value, tuple) else () if value is None else (value,)


class Module:
    """The base of layers and containers. Modules can be added, subtracted and multiplied: `Add`, `Sub`, `Mul`.

    Parameters
    ----------
    name : str or None
        None: the class's `_module_name` with a number.
    """

    _module_name = None

    def __init__(self, name=None):
        if name is None and self._module_name is None:
            raise NotImplementedError(f"{type(self).__name__} has no _module_name to make names of")
        self._name = _next_name(self._module_name) if name is None else name

    @property
    def name(self):
        """Its name, which begins the names of its parameters."""
        return self._name

    def __call__(self, *args, **kwargs):
        return self.forward(*args, **kwargs)

    def __repr__(self):
        return str(self)

    def __str__(self):
        return self._name

    def __add__(self, other):
        return Add(self, other)

    def __sub__(self, other):
        return Sub(self, other)

    def __mul__(self, other):
        return Mul(self, other)

    def _parts(self):
        """The modules in it."""
        return ()

    def _affiliate_to(self, model):
        """Make the model the owner of the parameters."""
        for module in self._parts():
            module._affiliate_to(model)

    def forward(self, *args, **kwargs):
        """The output; subclasses define it."""
        raise NotImplementedError()

    def training(self):
        """Act as in training from now on."""
        for module in self._parts():
            module.training()

    def inference(self):
        """Act as in inference from now on."""
        for module in self._parts():
            module.inference()


class Container(Module):
    """A module of other modules, without parameters of its own."""


class Sequential(Container):
    """Modules one after another; several outputs of one are the arguments of the next.

    Parameters
    ----------
    *args : Module
    name : str, optional

    Attributes
    ----------
    append, insert, pop, reverse
        Of the list of modules.
    """

    _module_name = "sequential"

    def __init__(self, *args, name=None):
        super().__init__(name)
        for module in args:
            if not isinstance(module, Module):
                raise TypeError(f"Sequential takes modules, not {type(module).__name__}")
        self._modules = list(args)
        self.append = self._modules.append
        self.insert = self._modules.insert
        self.pop = self._modules.pop
        self.reverse = self._modules.reverse

    def __iter__(self):
        return iter(self._modules)

    def __len__(self):
        return len(self._modules)

    def __getitem__(self, index):
        return self._modules[index]

    def __str__(self):
        return str(self._modules)

    def _parts(self):
        return self._modules

    def forward(self, *args):
        """The output of the last module."""
        result = functools.reduce(lambda values, module: _as_tuple(module(*values)), self._modules, args)
        return result[0] if len(result) == 1 else result


class Parallel(Container):
    """The base of modules that get the same input."""


class Binary(Parallel):
    """Two modules on the same input, and a function of their outputs.

    Parameters
    ----------
    left, right : Module
    operator : callable
    name : str or None
    """

    def __init__(self, left, right, operator, name=None):
        super().__init__(name)
        self._left, self._right = left, right
        self._operator = operator

    def __str__(self):
        return f"{self._left} {self._module_name} {self._right}"

    def _parts(self):
        return self._left, self._right

    def forward(self, X):  # noqa: N803
        """The function of both outputs."""
        return self._operator(self._left(X), self._right(X))


class Add(Binary):
    """The sum of two modules' outputs."""

    _module_name = "add"

    def __init__(self, left, right, name=None):
        super().__init__(left, right, operator.add, name)


class Sub(Binary):
    """The difference of two modules' outputs."""

    _module_name = "sub"

    def __init__(self, left, right, name=None):
        super().__init__(left, right, operator.sub, name)


class Mul(Binary):
    """The product of two modules' outputs, element by element."""

    _module_name = "mul"

    def __init__(self, left, right, name=None):
        super().__init__(left, right, operator.mul, name)


def _first_value(param_name):
    """The settings for the initial value of a parameter of that name."""
    if "weight" in param_name:
        return {"init_rule": "xavier"}
    value = next((value for part, value in _FIRST_VALUES.items() if part in param_name), 0)
    return {"init_rule": "constant", "value": value}


class Layer(Module):
    """The base of modules with parameters.

    A subclass defines `forward`, and `param_shapes` and `aux_param_shapes` if it has parameters. ``self.weight`` is
    the name of the parameter 'weight' in the model, and ``self._get_param(self.weight)`` its value.

    Parameters
    ----------
    params, aux_params : tuple of str, optional
        Names of its parameters, and of those that no gradient changes.
    name : str, optional
    """

    def __init__(self, params=None, aux_params=None, name=None):
        super().__init__(name)
        self._module_param_names = tuple(params or ())
        self._module_aux_param_names = tuple(aux_params or ())
        self._param_names = self._assign_param_names(*self._module_param_names)
        self._aux_param_names = self._assign_param_names(*self._module_aux_param_names)
        for local, full in zip(self._module_param_names, self._param_names):
            setattr(self, local, full)
        for local, full in zip(self._module_aux_param_names, self._aux_param_names):
            setattr(self, f"_{local}", full)
        self._full_names = dict(
            zip(
                self._module_param_names + self._module_aux_param_names,
                self._param_names + self._aux_param_names,
            )
        )
        self._init_configs = {full: _first_value(local) for local, full in self._full_names.items()}
        self._update_configs = {full: {"update_rule": "unspecified"} for full in self._param_names}
        self._model = None
        self._mode = "training"

    def __call__(self, *args, **kwargs):
        assert self._model is not None, "A layer must be bound to a model."
        model = self._model
        known = all(name in model.params for name in self._param_names)
        if not (known and all(name in model.aux_params for name in self._aux_param_names)):
            shapes = [value.shape for value in args if _is_array(value)]
            named = {key: value.shape for key, value in kwargs.items() if _is_array(value)}
            with autograd.pause():
                new = self._make(model.params, self.param_shapes(*shapes, **named))
                self._make(model.aux_params, self.aux_param_shapes(*shapes, **named))
            model._attach_new(new)
        return self.forward(*args, **kwargs)

    def _make(self, params, shapes):
        """The names of the parameters that were not there before; now they are."""
        new = [name for name in shapes if name not in params]
        for name in new:
            config = self._init_configs[name]
            params[name] = getattr(init, config["init_rule"])(tuple(shapes[name]), config)
        return new

    def _assign_param_names(self, *params):
        return tuple(f"{self._name}_{param}" for param in params)

    def _affiliate_to(self, model):
        model._update_configs.update(self._update_configs)
        self._model = model

    def _get_param(self, param_name):
        return self._model.params[param_name]

    def _get_params(self, *param_names):
        return tuple(self._model.params[name] for name in param_names)

    def _get_aux_param(self, aux_param_name):
        return self._model.aux_params[aux_param_name]

    def _get_aux_params(self, *aux_param_names):
        return tuple(self._model.aux_params[name] for name in aux_param_names)

    def _register(self, configs, given):
        """Settings into `configs`: for all parameters, for one by its name, or for those of a tuple of names."""
        own = {}
        for key, value in (given or {}).items():
            for name in key if isinstance(key, tuple) else (key,):
                name = self._full_names.get(name, name)
                if name in configs:
                    own[name] = value
                    continue
                for config in configs.values():
                    config[name] = value
        for name, config in own.items():
            configs[name].update(config)

    def _register_init_configs(self, init_configs):
        self._register(self._init_configs, init_configs)

    def _register_update_configs(self, update_configs):
        self._register(self._update_configs, update_configs)

    def training(self):
        """Act as in training from now on."""
        self._mode = "training"

    def inference(self):
        """Act as in inference from now on."""
        self._mode = "inference"

    @property
    def param_dict(self):
        """The parameters by name."""
        return dict(zip(self._param_names, self._get_params(*self._param_names)))

    @property
    def aux_param_dict(self):
        """The parameters that no gradient changes by name."""
        return dict(zip(self._aux_param_names, self._get_aux_params(*self._aux_param_names)))

    def param_shapes(self, *args, **kwargs):
        """The shapes of the parameters by name, for the shapes of the inputs."""
        return {}

    def aux_param_shapes(self, *args, **kwargs):
        """The shapes of the parameters that no gradient changes by name, for the shapes of the inputs."""
        return {}


class Model(ModelBase):
    """A network of modules, which are attributes of it: single ones, or in lists and tuples of any depth.

    A subclass defines ``forward(self, *arrays, mode="training")``.

    Parameters
    ----------
    loss : str or callable, optional
        Of the outputs and the labels; a string names one of `minpy.nn.layers`. None: a call returns the outputs.
    """

    def __init__(self, loss=None):
        object.__setattr__(self, "_modules", set())
        super().__init__()
        self.loss = loss
        self._update_configs = {}
        self._outer = None  # the model that this one is a part of
        self._attached = None  # arrays by name during a call and until `backward`
        self._attach_all = True
        self._results = None

    def __setattr__(self, attr, value):
        if attr != "_outer":
            self._register(value)
        object.__setattr__(self, attr, value)

    def _register(self, value):
        if isinstance(value, Model):
            self._include(value)
        elif isinstance(value, Module):
            assert value not in self._modules, f"{value.name} is in the model already"
            assert value.name not in {module.name for module in self._modules}, (
                f"Two modules have the name {value.name}"
            )
            self._modules.add(value)
            value._affiliate_to(self)
        elif isinstance(value, (list, tuple, set, frozenset)):
            for element in value:
                self._register(element)

    def _include(self, model):
        """Share the parameters with a model that is a part of this one."""
        for shared in ("params", "aux_params", "_update_configs"):
            ours = getattr(self, shared)
            ours.update(getattr(model, shared))
            setattr(model, shared, ours)
        model._outer = self
        self._modules.update(model._modules)

    def _refuse(self, *args, **kwargs):
        raise NotImplementedError("The modules of a Model announce its parameters")

    add_param = add_params = add_aux_param = _refuse

    def forward(self, *args, **kwargs):
        """The outputs; subclasses define it."""
        raise NotImplementedError()

    def __call__(
        self,
        forward_args=None,
        forward_kwargs=None,
        labels=None,
        loss_kwargs=None,
        forward=None,
        loss=None,
        attach_all=True,
        reduce_array=False,
    ):
        """Compute the loss, or the outputs without one, and record it for `backward`.

        Parameters
        ----------
        forward_args : array or tuple of arrays, optional
        forward_kwargs : dict, optional
            For `forward`, besides ``mode='training'``.
        labels : array or tuple of arrays, optional
        loss_kwargs : dict, optional
            For the loss.
        forward : callable, optional
            In place of the method.
        loss : str or callable, optional
            In place of the one given to the model.
        attach_all : bool
            Whether `backward` gives the gradients of all parameters, or only of what is attached by hand.
        reduce_array : bool
            Return numbers in place of arrays of one element.

        Returns
        -------
        ndarray, or tuple of them
        """
        self._attached, self._attach_all = {}, attach_all
        loss = self.loss if loss is None else loss
        loss = getattr(layers, loss) if isinstance(loss, str) else loss
        inputs = numpy_to_minpy(_as_tuple(forward_args))
        with autograd.record():
            if attach_all:
                self._attach_new(self.params)
            results = (forward or self.forward)(*inputs, **{**(forward_kwargs or {}), "mode": "training"})
            outputs = tuple(results) if isinstance(results, (list, tuple)) else (results,)
            if not all(isinstance(output, _core.ndarray) for output in outputs):
                raise TypeError("Forward function must return an array or an iterable of arrays.")
            if loss is not None:
                results = loss(*outputs, *numpy_to_minpy(_as_tuple(labels)), **(loss_kwargs or {}))
        self._results = results
        if not reduce_array:
            return results
        return tuple(map(_reduced, results)) if isinstance(results, (list, tuple)) else _reduced(results)

    def backward(self, upstream=None):
        """The gradients of the last call.

        Parameters
        ----------
        upstream : array or tuple of arrays, optional
            The gradients of the results; ones by default.

        Returns
        -------
        dict of str to ndarray
            By the names of parameters, and of arrays that `attach` named.
        """
        if self._results is None:
            raise RuntimeError("backward follows a call of the model")
        heads = list(self._results) if isinstance(self._results, (list, tuple)) else [self._results]
        heads_grads = None if upstream is None else list(numpy_to_minpy(_as_tuple(upstream)))
        inner = {name: array for name, array in self._attached.items() if array.grad is None}
        grads = {}
        if inner:
            found = autograd.grad(heads, list(inner.values()), heads_grads, retain_graph=True)
            grads = dict(zip(inner, found))
        if len(inner) < len(self._attached):
            autograd.backward(heads, heads_grads)
        self._results = None
        return {name: grads.get(name, a.grad) for name, a in self._attached.items()}

    def attach(self, name, array):
        """Have `backward` give the gradient of an array too, which may be one that `forward` computes.

        Parameters
        ----------
        name : str
        array : ndarray

        Returns
        -------
        Model
            Itself.
        """
        if self._outer is not None:
            self._outer.attach(name, array)
            return self
        if self._attached is None or not autograd.is_recording():
            raise RuntimeError("Arrays are attached during a call of the model")
        if not _core.is_taped(array) or array.grad is not None:
            array.attach_grad()
        self._attached[name] = array
        return self

    def _attach_new(self, names):
        """Attach parameters by their names, if this call attaches all."""
        owner = self
        while owner._outer is not None:
            owner = owner._outer
        if owner._attach_all and owner._attached is not None and autograd.is_recording():
            for name in names:
                owner.attach(name, owner.params[name])

    def detach(self, name):
        """Have `backward` leave out an array.

        Parameters
        ----------
        name : str

        Returns
        -------
        Model
            Itself.
        """
        del (self if self._outer is None else self._outer)._attached[name]
        return self

    def grad_and_loss(self, data, labels):
        """The gradients by parameter, and the loss.

        Parameters
        ----------
        data, labels : array or tuple of arrays
        """
        loss = self(data, labels=labels)
        return self.backward(), loss

    def training(self):
        """Have all modules act as in training from now on."""
        for module in self._modules:
            module.training()

    def inference(self):
        """Have all modules act as in inference from now on."""
        for module in self._modules:
            module.inference()


def _reduced(array):
    return array.item() if array.size == 1 else array


class _Settings:
    """The settings of one parameter as attributes."""

    def __init__(self, config):
        object.__setattr__(self, "_config", config)

    def __getattr__(self, name):
        return self._config[name]

    def __setattr__(self, name, value):
        self._config[name] = value


class Updater:
    """Applies gradients to the parameters of a model.

    Settings are attributes: ``updater.learning_rate = 0.1`` for all parameters, ``updater[name].learning_rate`` for
    one.

    Parameters
    ----------
    model : Model
    **kwargs
        Settings for all parameters: `update_rule`, the name of a function in `minpy.nn.optim`, and its settings.
    """

    def __init__(self, model, **kwargs):
        object.__setattr__(self, "_model", model)
        object.__setattr__(self, "_configs", copy.deepcopy(model._update_configs))
        for name, value in kwargs.items():
            setattr(self, name, value)

    def __getattr__(self, name):
        values = [config[name] for config in self._configs.values() if name in config]
        if not values or any(value != values[0] for value in values):
            raise AttributeError(f"The parameters have no {name} in common")
        return values[0]

    def __setattr__(self, name, value):
        for config in self._configs.values():
            config[name] = value

    def __getitem__(self, param_name):
        return _Settings(self._configs[param_name])

    def __setitem__(self, param_name, config):
        self._configs[param_name] = copy.deepcopy(config)

    def keys(self):
        """The names of the parameters."""
        return self._configs.keys()

    def values(self):
        """The settings of the parameters, dicts."""
        return self._configs.values()

    def items(self):
        """The names of the parameters with their settings."""
        return self._configs.items()

    def __call__(self, grad_dict):
        """Update parameters.

        Parameters
        ----------
        grad_dict : dict of str to ndarray
            Gradients by name; other parameters stay as they are.
        """
        for name, grad in grad_dict.items():
            config = self._configs[name]
            rule = config["update_rule"]
            if rule not in optim.__all__:
                raise ValueError(f"{name}: the update_rule is '{rule}', but must be one of {optim.__all__}")
            params = self._model.params
            params[name], self._configs[name] = getattr(optim, rule)(params[name], grad, config)
