"""Reductions of several passes and searches at the end of a chain: their bits, and what is never in memory."""

import os
import subprocess
import sys

import numpy
import pytest
from conftest import EAGER, deferring

import minpy.numpy as np
from minpy import memory

SHAPES = [(9000,), (40_000,), (50, 100), (5, 9000), (3, 40, 50), (2, 1, 300), (300, 7), (7, 300), (64, 8192)]
NAMES = ["argmax", "argmin", "var", "std"]


def bits(a):
    a = numpy.asarray(a)
    return a.dtype, a.shape, a.tobytes()


def values(shape, dtype, with_nan):
    rng = numpy.random.default_rng(len(shape) + shape[0])
    x = (rng.standard_normal(shape) * 4).astype(
        dtype
    )  # many equal integers, so that the first of them counts
    return numpy.where(rng.random(shape) < 0.001, numpy.nan, x).astype(dtype) if with_nan else x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "dtype, with_nan", [("f4", False), ("f8", True), ("f2", True), ("i4", False), ("?", False)]
)
def test_passes_have_the_bits_of_kernels(name, dtype, with_nan):
    for shape in SHAPES:
        x = values(shape, dtype, with_nan)
        for axis in (None, *range(len(shape))):
            for keepdims in (False, True):
                results = []
                for threshold in (EAGER, 1):
                    with deferring(threshold):
                        a = np.array(x)
                        chain = ~a if dtype == "?" else np.abs(a) + a
                        results.append(bits(getattr(np, name)(chain, axis=axis, keepdims=keepdims)))
                assert results[0] == results[1], (shape, axis)
                if name.startswith("arg"):
                    want = getattr(numpy, name)(numpy.asarray(chain), axis=axis, keepdims=keepdims)
                    assert results[0] == bits(want), (shape, axis)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_statistics_by_rows_are_numpys(dtype):
    x = values((200, 300), dtype, False)
    with deferring(1):
        a = np.array(x)
        ours = [
            (a - a.mean(1, keepdims=True)) / a.std(1, keepdims=True),
            np.exp(a - a.max(0)) / np.exp(a - a.max(0)).sum(0),
            (a - a.mean()) / a.std(),
            a.var(0) * 2 + a.var(1).sum(),
        ]
        ours = [numpy.asarray(o) for o in ours]
    with deferring(EAGER):
        a = np.array(x)
        eager = [
            (a - a.mean(1, keepdims=True)) / a.std(1, keepdims=True),
            np.exp(a - a.max(0)) / np.exp(a - a.max(0)).sum(0),
            (a - a.mean()) / a.std(),
            a.var(0) * 2 + a.var(1).sum(),
        ]
    for o, e in zip(ours, eager, strict=True):
        assert bits(o) == bits(e)
    numpy.testing.assert_array_equal(ours[0], (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True))
    numpy.testing.assert_array_equal(ours[2], (x - x.mean()) / x.std())


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_the_chain_before_is_not_in_memory(name, axis):
    x = np.array(numpy.random.default_rng(0).standard_normal((2000, 1000)).astype("f4"))
    for _ in range(2):  # the first one makes the threads' scratch
        memory.reset_peak()
        before = memory.stats()["live"]
        result = getattr(np, name)(np.exp(x) * 2 + 1, axis=axis)
        numpy.asarray(result)
    assert memory.stats()["peak"] - before < x.nbytes / 20


def test_a_value_is_not_made_again_from_what_changed():
    """x changes between the two passes over x * 2 - 1: the second must see the old x."""
    for place in ("between", "after", "view"):
        x = numpy.arange(50_000.0) % 77
        theirs = x.copy()
        with deferring(1):
            a = np.array(x)
            y = a * 2 - 1
            if place == "between":
                total = y.sum(keepdims=True)
                a += 5
                z = (y - total) * 3
            else:
                total = y.sum(keepdims=True)
                z = (y - total) * 3
                if place == "after":
                    a += 5
                else:
                    a[10:20] = 1
            del y
            got = numpy.asarray(z)
        y = theirs * 2 - 1
        numpy.testing.assert_array_equal(got, (y - y.sum(keepdims=True)) * 3)


def test_operators_on_one_element_per_row_in_order():
    """In place on row values, read before and after by whole rows."""
    x = values((100, 200), "f8", False)
    results = []
    for module, threshold in ((np, 1), (np, EAGER), (numpy, 1)):
        with deferring(threshold):
            a = module.array(x)
            top = a.max(1, keepdims=True)
            low = a - top
            top *= 2
            high = a - top
            top += low.sum(1, keepdims=True)
            first = a[:, :1] * 1.0
            first += top
            results.append([bits(v) for v in (low, high, top, first, a + first)])
    assert results[0] == results[1] == results[2]


PROGRAMS = {
    "(x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)": ("rows", 1),
    "np.argmax(np.exp(x), axis=1)": ("rows", 1),
    "np.argmax(np.exp(x), axis=0)": ("columns", 1),
    "np.argmax(np.exp(x) * 2)": ("tree", 1),
    "np.var(x * 2, axis=0)": ("columns", 4),
}


@pytest.mark.parametrize("expression", PROGRAMS)
def test_the_segments(expression):
    code = f"""
import numpy, minpy, minpy.numpy as np
x = np.array(numpy.ones((500, 400), "f4"))
y = {expression}
minpy.waitall()
"""
    environment = {**os.environ, "MINPY_EAGER": "", "MINPY_DEFER_MIN": "4096", "MINPY_DEBUG": "2"}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    kind, count = PROGRAMS[expression]
    assert f" in {count} segments\n  segment 0 {kind} (500,400)" in out.stderr
