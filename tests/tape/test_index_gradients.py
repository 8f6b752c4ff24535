"""Gradients through every way to read, move and write elements, by central differences."""

import numpy as onp
import pytest

import minpy.numpy as np
from minpy.core import grad

IDX = onp.array([[0, 2], [1, 1]])
MASK = onp.array([[True, False, True, False], [False] * 4, [True] * 4])


def weighed(y):
    """A scalar in which every element of ``y`` counts differently and non-linearly."""
    return (y * y * np.arange(1.0, y.size + 1).reshape(y.shape)).sum()


def after_writing(key, value):
    """A function that overwrites part of an intermediate result."""

    def f(x):
        y = x * 2
        y[key] = value(x)
        return weighed(y)

    return f


def augmented(x):
    y = x * 1
    y[0] += x[1]
    y[[0, 2]] *= 2
    y[:, 1:3] -= 1
    return weighed(y)


def scalar_outlives_write(x):
    y = x * 1
    s = y[0, 0]
    y[0, 0] = 100.0
    return s * s + y.sum()


READS = {
    "row": lambda x: x[1], "slice": lambda x: x[::-1, 1:3], "rows": lambda x: x[IDX], "columns": lambda x: x[:, IDX],
    "repeated points": lambda x: x[[0, 1, 1], [1, 1, 1]], "mask": lambda x: x[MASK], "own mask": lambda x: x[x > 0],
    "column mask": lambda x: x[:, [True, False, True, True]], "numpy integer": lambda x: x[onp.int64(1)],
    "0-d array": lambda x: x[onp.array(1)], "take": lambda x: np.take(x, IDX, axis=1), "take flat": lambda x: np.take(x, IDX),
    "repeat": lambda x: np.repeat(x, [1, 2, 0], axis=0), "tile": lambda x: np.tile(x, (2, 1)), "roll": lambda x: np.roll(x, 1),
    "roll two": lambda x: np.roll(x.T, (1, 2), axis=(0, 1)), "ravel F": lambda x: x.ravel("F"), "copying reshape": lambda x: x.T.reshape(2, 6),
    "flatten": lambda x: x.flatten(), "concatenate": lambda x: np.concatenate([x, x * 2, x.T.reshape(3, 4)], axis=1),
    "concatenate flat": lambda x: np.concatenate([x, x.T], axis=None), "stack": lambda x: np.stack([x, x], axis=-1),
    "hstack": lambda x: np.hstack([x[0], x[1]]), "where": lambda x: np.where(x > 0, x, x * x), "where number": lambda x: np.where(x > 0, x, 0.0),
    "diagonal": lambda x: np.diagonal(x), "split": lambda x: np.split(x, 2, axis=1)[1], "broadcast": lambda x: np.broadcast_to(x, (2, 3, 4)),
    "compress": lambda x: np.compress([1, 0, 1], x, axis=0), "append": lambda x: np.append(x, x), "iterate": lambda x: np.stack([r * 2 for r in x]),
    "expand": lambda x: np.expand_dims(x, 1), "flip": lambda x: np.flip(x, 0), "moveaxis": lambda x: np.moveaxis(x, 0, 1),
}  # fmt: skip
FUNCTIONS = {
    **{name: (lambda x, read=read: weighed(read(x))) for name, read in READS.items()},
    "elements": lambda x: x[1, 2] ** 2 + x[0, 0] * x[2, 1],
    "iterated elements": lambda x: sum(e * e * (i + 1) for i, e in enumerate(x[0])),
    "taken element": lambda x: np.take(x, 3) ** 2,
    "write slice": after_writing((slice(None), 1), lambda x: x[:, 0] * 3),
    "write element": after_writing((1, 2), lambda x: x[0, 0] * x[0, 1]),
    "write constant": after_writing((1,), lambda x: 5.0),
    "write points": after_writing(([0, 1], [2, 3]), lambda x: x[0, :2]),
    "write constant points": after_writing(([0, 1], [2, 3]), lambda x: 7.0),
    "write mask": after_writing(MASK, lambda x: x[1, 1]),
    "write mask values": after_writing(MASK, lambda x: x.ravel()[:6]),
    "write rows": after_writing([2, 0], lambda x: x[1] * x[1]),
    "write broadcast": after_writing(Ellipsis, lambda x: x[:1] * 2),
    "write numpy integer": after_writing(onp.int64(1), lambda x: x[0]),
    "write with leading axes": after_writing(0, lambda x: x[None, None, 1]),
    "augmented": augmented,
    "scalar outlives write": scalar_outlives_write,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_central_differences(name):
    f, x = FUNCTIONS[name], onp.random.default_rng(3).standard_normal((3, 4))
    want = onp.zeros_like(x)
    for i in onp.ndindex(x.shape):
        step = onp.zeros_like(x)
        step[i] = 1e-5
        want[i] = (float(f(np.array(x + step))) - float(f(np.array(x - step)))) / 2e-5
    onp.testing.assert_allclose(onp.asarray(grad(f)(np.array(x))), want, rtol=1e-6, atol=1e-7)
