"""Gluon's additions by contributors."""

from minpy.gluon.contrib import nn  # noqa: F401
