"""MinPy's own way to neural networks, in plain NumPy style.

- `layers`: functions such as `affine`, `batchnorm`, `lstm_step`, `softmax_loss`
- `model.ModelBase`: a network by its parameters, `forward` and `loss`, which `solver.Solver` trains
- `model_builder` and `modules`: networks put together from modules, trained by an `Updater`
- `init` and `optim`: rules for initial values and for updates
- `io`: batches of arrays in memory

The modules are those of MinPy 0.3.4. Initial values and the batches of `io.NDArrayIter` are float32, and so is what
is computed from them; the functions themselves keep the dtypes of their arguments.
"""

import importlib

__all__ = ["init", "io", "layers", "model", "model_builder", "modules", "optim", "solver"]


def __getattr__(name):
    if name in __all__:
        return importlib.import_module(f"minpy.nn.{name}")
    raise AttributeError(f"module 'minpy.nn' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
