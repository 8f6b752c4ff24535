"""Networks that are known by name."""

from minpy.gluon.model_zoo import model_store, vision  # noqa: F401
