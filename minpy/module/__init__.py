"""Training and prediction with symbols: `mx.mod`."""

from minpy.module.base import BaseModule
from minpy.module.bucketing import BucketingModule
from minpy.module.module import Module
from minpy.module.python import PythonLossModule, PythonModule
from minpy.module.sequential import SequentialModule

__all__ = ["BaseModule", "BucketingModule", "Module", "PythonLossModule", "PythonModule", "SequentialModule"]
