"""The parts of `mx.image` for detecting objects, by the module that MXNet has them in."""

from minpy.image import _detection, _detection_iter
from minpy.image._detection import *  # noqa: F403
from minpy.image._detection_iter import *  # noqa: F403

__all__ = [*_detection.__all__, *_detection_iter.__all__]
