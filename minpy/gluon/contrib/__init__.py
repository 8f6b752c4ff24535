"""Gluon's additions by contributors."""

from minpy.gluon.contrib import cnn, nn, rnn  # noqa: F401


def __getattr__(name):
    import importlib

    if name == "estimator":
        return importlib.import_module("minpy.gluon.contrib.estimator")
    raise AttributeError(f"module 'minpy.gluon.contrib' has no attribute {name!r}")
