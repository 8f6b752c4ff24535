"""Changes of images on their way into a batch: blocks to compose and to give to `dataset.transform_first`."""

from minpy.gluon.block import Block  # noqa: F401
from minpy.gluon.data.vision.transforms import _colour, _compose, _place
from minpy.gluon.data.vision.transforms._colour import *  # noqa: F403
from minpy.gluon.data.vision.transforms._compose import *  # noqa: F403
from minpy.gluon.data.vision.transforms._place import *  # noqa: F403
from minpy.gluon.hybrid import HybridBlock  # noqa: F401
from minpy.gluon.nn import HybridSequential, Sequential  # noqa: F401
from minpy.util import is_np_array  # noqa: F401

__all__ = [*_colour.__all__, *_compose.__all__, *_place.__all__]
