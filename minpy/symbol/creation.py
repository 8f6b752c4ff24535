"""Constants in graphs, and other operators whose calls differ from what graphs hold."""

from minpy._nested import per_axis
from minpy.symbol.compose import compose

__all__ = ["arange", "eye", "full", "linspace", "ones", "split_v2", "zeros"]


def zeros(shape, dtype="float32", **kwargs):
    """An array of zeros."""
    return compose("_zeros", "_zeros", (), {"shape": per_axis(shape), "dtype": dtype or "float32", **kwargs})


def ones(shape, dtype="float32", **kwargs):
    """An array of ones."""
    return compose("_ones", "_ones", (), {"shape": per_axis(shape), "dtype": dtype or "float32", **kwargs})


def full(shape, val, dtype="float32", **kwargs):
    """An array of one value."""
    options = {"shape": per_axis(shape), "dtype": dtype or "float32", "value": float(val)}
    return compose("_full", "_full", (), {**options, **kwargs})


def arange(start, stop=None, step=1.0, repeat=1, infer_range=False, name=None, dtype="float32"):
    """Evenly spaced numbers in [start, stop), each `repeat` times."""
    options = {"start": start, "stop": stop, "step": step, "repeat": repeat, "infer_range": infer_range}
    return compose("_arange", "_arange", (), {**options, "name": name, "dtype": dtype or "float32"})


def linspace(start, stop, num, endpoint=True, name=None, dtype="float32"):
    """`num` evenly spaced numbers from start to stop."""
    options = {"start": start, "stop": stop, "num": num, "endpoint": endpoint}
    return compose("_linspace", "_linspace", (), {**options, "name": name, "dtype": dtype or "float32"})


def eye(N, M=0, k=0, dtype="float32", **kwargs):
    """Ones on the k-th diagonal, else zeros; M of 0 makes it square."""
    return compose("_eye", "_eye", (), {"N": N, "M": M, "k": k, "dtype": dtype or "float32", **kwargs})


def split_v2(ary, indices_or_sections, axis=0, squeeze_axis=False, **kwargs):
    """Cut an array along an axis into equal parts, given their number, or before each of some indices."""
    options = {"axis": axis, "squeeze_axis": squeeze_axis, **kwargs}
    if isinstance(indices_or_sections, int):
        options["sections"] = indices_or_sections
    else:
        options["indices"] = [0, *indices_or_sections]  # as MXNet's files have it
    return compose("_split_v2", "_split_v2", (ary,), options)
