"""What MXNet has in `mx.contrib`: mixed precision, texts, quantization, and other parts beside the rest."""

import importlib

_MODULES = ("autograd", "io", "onnx", "quantization", "svrg_optimization", "tensorboard", "text")
_ELSEWHERE = {
    "amp": "minpy.amp",
    "ndarray": "minpy.nd.contrib",
    "nd": "minpy.nd.contrib",
    "symbol": "minpy.symbol.contrib",
    "sym": "minpy.symbol.contrib",
    "quant": "minpy.contrib.quantization",
}

__all__ = [*_MODULES, "amp"]


def __getattr__(name):
    """Submodules load on first use."""
    if name in _ELSEWHERE:
        path = _ELSEWHERE[name]
        importlib.import_module(path.rpartition(".")[0])
        return importlib.import_module(path)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'minpy.contrib' has no attribute {name!r}")
