"""Training and prediction with symbols: `mx.mod`."""

from minpy.module.base import BaseModule
from minpy.module.bucketing import BucketingModule
from minpy.module.module import Module

__all__ = ["BaseModule", "BucketingModule", "Module"]
