"""Vocabularies and vectors of words."""

from minpy.contrib.text import embedding, utils, vocab

__all__ = ["embedding", "utils", "vocab"]
