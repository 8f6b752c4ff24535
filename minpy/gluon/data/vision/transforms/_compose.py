"""Transforms of transforms, and those between dtypes and layouts."""

import random

from minpy._operators import image
from minpy.gluon.hybrid import HybridBlock
from minpy.gluon.nn import HybridSequential, Sequential

__all__ = ["Cast", "Compose", "HybridCompose", "HybridRandomApply", "Normalize", "RandomApply", "ToTensor"]


class Compose(Sequential):
    """Several transforms, one after the other.

    Parameters
    ----------
    transforms : list of Block

    Examples
    --------
    >>> transformer = transforms.Compose([transforms.Resize(300), transforms.CenterCrop(256), transforms.ToTensor()])
    >>> transformer(mx.nd.zeros((224, 224, 3), dtype="uint8")).shape
    (3, 256, 256)
    """

    def __init__(self, transforms):
        super().__init__()
        together = []
        for transform in [*transforms, None]:
            if isinstance(transform, HybridBlock):
                together.append(transform)
                continue
            if len(together) > 1:
                group = HybridSequential()
                group.add(*together)
                together = [group]
            self.add(*together)
            together = []
            if transform is not None:
                self.add(transform)


class HybridCompose(HybridSequential):
    """Several transforms that are HybridBlocks, one after the other."""

    def __init__(self, transforms):
        super().__init__()
        for transform in transforms:
            if not isinstance(transform, HybridBlock):
                raise ValueError(f"{transform!r} is not a HybridBlock, try use `Compose` instead")
            self.add(transform)


class _Sometimes:
    """Applies transforms to some of what it gets."""

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, x):
        return x if self.p < random.random() else self.transforms(x)


class RandomApply(_Sometimes, Sequential):
    """Applies transforms with a probability.

    Parameters
    ----------
    transforms : Block
    p : float
    """


class HybridRandomApply(_Sometimes, HybridSequential):
    """Applies transforms, a HybridBlock, with a probability.

    Parameters
    ----------
    transforms : HybridBlock
    p : float
    """

    def __init__(self, transforms, p=0.5):
        assert isinstance(transforms, HybridBlock)
        super().__init__(transforms, p)


class Cast(HybridBlock):
    """Changes the dtype.

    Parameters
    ----------
    dtype : dtype
    """

    def __init__(self, dtype="float32"):
        super().__init__()
        self._dtype = dtype

    def hybrid_forward(self, F, x):
        return x.astype(self._dtype)


class ToTensor(HybridBlock):
    """From images (H, W, C) or (N, H, W, C), 0 to 255, to float32 (C, H, W) or (N, C, H, W), 0 to 1.

    Examples
    --------
    >>> transforms.ToTensor()(mx.nd.full((4, 2, 3), 51, dtype="uint8"))[0, 0]
    <BLANKLINE>
    [0.2 0.2]
    <NDArray 2 @cpu(0)>
    """

    def hybrid_forward(self, F, x):
        return image.image_to_tensor(x)


class Normalize(HybridBlock):
    """``(x - mean) / std`` of each channel of (C, H, W) or (N, C, H, W).

    Parameters
    ----------
    mean, std : float or tuple of float
        For all channels, or for each.
    """

    def __init__(self, mean=0.0, std=1.0):
        super().__init__()
        self._mean = mean
        self._std = std

    def hybrid_forward(self, F, x):
        return image.image_normalize(x, self._mean, self._std)
