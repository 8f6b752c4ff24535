"""Layers that MXNet 1.x has here and MXNet 2 in `gluon.nn`."""

from minpy.gluon.nn.branches import Concurrent, HybridConcurrent, Identity

__all__ = ["Concurrent", "HybridConcurrent", "Identity"]
