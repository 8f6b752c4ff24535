"""Gluon's additions by contributors."""

from minpy.gluon.contrib import nn, rnn  # noqa: F401
