"""Stochastic variance reduced gradient."""

from minpy.contrib.svrg_optimization import svrg_module
from minpy.contrib.svrg_optimization.svrg_module import SVRGModule

__all__ = ["SVRGModule", "svrg_module"]
