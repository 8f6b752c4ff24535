"""Layers."""

from minpy.gluon.block import Block  # noqa: F401
from minpy.gluon.hybrid import HybridBlock  # noqa: F401
from minpy.gluon.nn.activations import *  # noqa: F403
from minpy.gluon.nn.basic import *  # noqa: F403
from minpy.gluon.nn.branches import *  # noqa: F403
from minpy.gluon.nn.containers import *  # noqa: F403
from minpy.gluon.nn.convolution import *  # noqa: F403
from minpy.gluon.nn.normalization import *  # noqa: F403
from minpy.gluon.nn.pooling import *  # noqa: F403
