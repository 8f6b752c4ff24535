"""Images: reading, cutting, resizing and augmenting them."""

from minpy.image import _augmenters, _detection_iter, _functions, _iter, detection
from minpy.image import _detection as _detection_augmenters
from minpy.image._augmenters import *  # noqa: F403
from minpy.image._detection import *  # noqa: F403
from minpy.image._detection_iter import *  # noqa: F403
from minpy.image._functions import *  # noqa: F403
from minpy.image._iter import *  # noqa: F403

det = detection

__all__ = [
    name
    for module in (_augmenters, _detection_augmenters, _detection_iter, _functions, _iter)
    for name in module.__all__
]
