"""Images: reading, cutting, resizing and augmenting them."""

from minpy.image import _augmenters, _functions, _iter
from minpy.image._augmenters import *  # noqa: F403
from minpy.image._functions import *  # noqa: F403
from minpy.image._iter import *  # noqa: F403

__all__ = [*_augmenters.__all__, *_functions.__all__, *_iter.__all__]
