"""Convolutions of common networks: forward, the gradient by the data and the gradient by the weight.

Only libraries that have the three as separate functions take part; PyTorch's are those of its autograd.
"""

import dataclasses
import importlib

import numpy
from cases import Case, Prepared

PASSES = ("forward", "data gradient", "weight gradient")


def minpy_passes(library, x, w, g, stride, pad, groups):
    kernels = importlib.import_module("minpy._core").kernels
    attributes = {"stride": (stride, stride), "pad": (pad, pad), "groups": groups}
    return (
        lambda: kernels.convolution(x, w, None, **attributes),
        lambda: kernels.deconvolution(g, w, None, size=x.shape[2:], **attributes),
        lambda: kernels.conv_weight_gradient(x, g, kernel=w.shape[2:], **attributes),
    )


def torch_passes(library, x, w, g, stride, pad, groups):
    torch = library.module
    attributes = ([stride] * 2, [pad] * 2, [1, 1], False, [0, 0], groups)

    def gradient(which):
        wanted = [k == which for k in range(3)]
        return lambda: torch.ops.aten.convolution_backward(g, x, w, None, *attributes, wanted)[which]

    return (
        lambda: torch.nn.functional.conv2d(x, w, None, stride, pad, 1, groups),
        gradient(0),
        gradient(1),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Convolution(Case):
    group: str = "convolution"
    without: tuple = ("numpy", "autograd", "jax", "mlx", "torch_compile")
    direction: str
    batch: int
    channels: int
    extent: int
    filters: int
    kernel: int
    stride: int = 1
    pad: int = 0
    groups: int = 1

    def prepare(self, library, size):
        rng = numpy.random.default_rng(3)
        out = (self.extent + 2 * self.pad - self.kernel) // self.stride + 1
        shapes = (
            (self.batch, self.channels, self.extent, self.extent),
            (self.filters, self.channels // self.groups, self.kernel, self.kernel),
            (self.batch, self.filters, out, out),
        )
        arrays = [library.array(rng.standard_normal(shape, numpy.float32)) for shape in shapes]
        passes = {"minpy": minpy_passes, "torch": torch_passes}[library.name]
        run = passes(library, *arrays, self.stride, self.pad, self.groups)[PASSES.index(self.direction)]
        return Prepared("wait(run())", {"run": run, "wait": library.wait}, lambda: [run()])


def three(name, **shape):
    return [Convolution(name=f"{name}: {direction}", direction=direction, **shape) for direction in PASSES]


CASES = [
    *three("LeNet 1, 64x1x28, 20 5x5", batch=64, channels=1, extent=28, filters=20, kernel=5),
    *three("LeNet 2, 64x20x12, 50 5x5", batch=64, channels=20, extent=12, filters=50, kernel=5),
    *three("ResNet, 32x64x56, 64 3x3", batch=32, channels=64, extent=56, filters=64, kernel=3, pad=1),
    *three("ResNet, 32x256x14, 256 3x3", batch=32, channels=256, extent=14, filters=256, kernel=3, pad=1),
    *three(
        "ResNet 1, 8x3x224, 64 7x7", batch=8, channels=3, extent=224, filters=64, kernel=7, stride=2, pad=3
    ),
    *three(
        "depthwise, 32x64x56, 3x3", batch=32, channels=64, extent=56, filters=64, kernel=3, pad=1, groups=64
    ),
]
