"""Datasets and how they are read: `from minpy.gluon import data`."""

from minpy.gluon.data import batchify  # noqa: F401
from minpy.gluon.data.dataloader import DataLoader, default_batchify_fn, default_mp_batchify_fn  # noqa: F401
from minpy.gluon.data.dataset import ArrayDataset, Dataset, RecordFileDataset, SimpleDataset
from minpy.gluon.data.sampler import (
    BatchSampler,
    FilterSampler,
    IntervalSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
)

__all__ = [
    "ArrayDataset",
    "BatchSampler",
    "DataLoader",
    "Dataset",
    "FilterSampler",
    "IntervalSampler",
    "RandomSampler",
    "RecordFileDataset",
    "Sampler",
    "SequentialSampler",
    "SimpleDataset",
]


def __getattr__(name):
    """`vision` loads on first use."""
    if name == "vision":
        import importlib

        return importlib.import_module("minpy.gluon.data.vision")
    raise AttributeError(f"module 'minpy.gluon.data' has no attribute {name!r}")
