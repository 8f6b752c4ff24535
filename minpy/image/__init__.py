"""Images: reading, cutting, resizing and augmenting them."""

from minpy.image import _augmenters, _functions
from minpy.image._augmenters import *  # noqa: F403
from minpy.image._functions import *  # noqa: F403

__all__ = [*_augmenters.__all__, *_functions.__all__]
