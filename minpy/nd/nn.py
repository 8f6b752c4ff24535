"""`nd.nn`: operators of neural networks by their short names; each is also `npx.<name>`."""

from minpy import numpy_extension as _npx
from minpy.numpy import tanh

_NAMES = """
activation batch_norm convolution deconvolution dropout embedding fully_connected gelu layer_norm leaky_relu
log_sigmoid log_softmax one_hot pick pooling relu sigmoid softmax softmin softsign
""".split()
globals().update({name: getattr(_npx, name) for name in _NAMES})
__all__ = [*_NAMES, "tanh"]
