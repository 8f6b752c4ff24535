"""Emitted code against the operators' own loops: the same programs with and without, bit for bit.

Which of two NaNs an addition or multiplication passes on is left open by IEEE 754 and differs between the loops
themselves, so NaNs are compared as NaNs; everything else by its bytes.
"""

import os
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest

import minpy.numpy as mnp
from minpy import _core

engine = _core.engine
pytestmark = pytest.mark.skipif(not engine.jit_available(), reason="no emitter for this processor")

CHUNK, CI_PROGRAMS = 25, 600
FLOAT_UNARY = "sqrt square reciprocal negative absolute fabs positive rint floor ceil trunc sign deg2rad rad2deg exp tanh".split()
FLOAT_BINARY = "add subtract multiply divide maximum minimum fmax fmin copysign".split()
INT_UNARY = "negative positive absolute square".split()
INT_BINARY = "add subtract multiply maximum minimum fmax fmin bitwise_and bitwise_or bitwise_xor".split()
COMPARISONS = "less less_equal greater greater_equal equal not_equal".split()
TESTS = "isnan isinf isfinite".split()
BOOL_BINARY = "logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor".split()
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -1e-40, 1e-45, 3e38, -3e38, 1e300, 1.0, -1.0, 2.5, 0.5]


@pytest.fixture(autouse=True)
def emit_at_once():
    was = engine.jit_enabled()
    engine.set_jit_hot(0)
    yield
    engine.set_jit_hot(500_000)
    engine.set_jit(was)


class Program:
    """One random program over arrays of one shape, reproducible from its seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        rows = self.random.choice([0, 0, 0, 64, 67, 130])
        self.shape = (rows, self.random.randint(64, 160)) if rows else (self.random.randint(4096, 9000),)
        self.special = self.random.random() < 0.3
        self.row_layout = rows and self.random.random() < 0.6
        self.pool = [self.fresh(t) for t in self.random.choices("ffffddlib", k=4)]

    def fresh(self, kind):
        if kind in "li":
            dtype, low = (np.int64, -(2**62)) if kind == "l" else (np.int32, -(2**31))
            values = self.numbers.integers(low, -low, self.shape, dtype=np.int64).astype(dtype)
        elif kind == "b":
            values = self.numbers.random(self.shape) < 0.5
        else:
            values = self.numbers.normal(size=self.shape) * self.random.choice([1, 10, 1e-3])
            if self.special:
                where = self.numbers.random(self.shape) < self.random.choice([0.001, 0.1])
                values[where] = self.numbers.choice(SPECIAL, where.sum())
            with np.errstate(all="ignore"):
                values = values.astype("f4" if kind == "f" else "f8")
        return self.place(values)

    def place(self, values):
        """In an array of its own, or between others' columns, or repeated along an axis."""
        if self.row_layout and self.random.random() < 0.7:
            how = self.random.choice(["columns", "row", "column"])
            if how == "columns":
                wide = mnp.zeros((self.shape[0], self.shape[1] + 5), dtype=values.dtype)
                view = wide[:, self.random.randint(0, 5) :][:, : self.shape[1]]
                view[...] = mnp.array(values)
                return view
            one = values[:1] if how == "row" else values[:, :1]
            return mnp.broadcast_to(mnp.array(one), self.shape)
        return mnp.array(values)

    def pick(self, kinds):
        fitting = [a for a in self.pool if a.dtype.kind in kinds]
        return (
            self.random.choice(fitting) if fitting else self.grown({"f": "f", "i": "i", "b": "b"}[kinds[0]])
        )

    def grown(self, kind):
        self.pool.append(self.fresh(kind))
        return self.pool[-1]

    def partner(self, a):
        """Another operand for a: an array of its dtype, or a number."""
        if self.random.random() < 0.4:
            if a.dtype.kind == "f":
                return self.random.choice([0.0, 1.0, 0.5, -2.0, 3.25, 1e-3, float("inf")])
            return (
                self.random.choice([True, False])
                if a.dtype.kind == "b"
                else self.random.choice([0, 1, -3, 1000])
            )
        same = [b for b in self.pool if b.dtype == a.dtype]
        return self.random.choice(same)

    def step(self):
        choice = self.random.random()
        if choice < 0.45:
            a = self.pick("f")
            if self.random.random() < 0.35:
                return getattr(mnp, self.random.choice(FLOAT_UNARY))(a)
            return getattr(mnp, self.random.choice(FLOAT_BINARY))(a, self.partner(a))
        if choice < 0.55:
            a = self.pick("i")
            if self.random.random() < 0.3:
                return getattr(mnp, self.random.choice(INT_UNARY))(a)
            return getattr(mnp, self.random.choice(INT_BINARY))(a, self.partner(a))
        if choice < 0.65:
            a = self.pick(self.random.choice("ffi"))
            if a.dtype.kind == "f" and self.random.random() < 0.3:
                return getattr(mnp, self.random.choice(TESTS))(a)
            return getattr(mnp, self.random.choice(COMPARISONS))(a, self.partner(a))
        if choice < 0.7:
            a = self.pick("b")
            if self.random.random() < 0.3:
                return mnp.logical_not(a)
            return getattr(mnp, self.random.choice(BOOL_BINARY))(a, self.partner(a))
        if choice < 0.78:
            a = self.pick(self.random.choice("fi"))
            return mnp.where(self.pick("b"), a, self.partner(a))
        if choice < 0.85:
            return self.pick(self.random.choice("fib")).astype(
                self.random.choice(["f4", "f8", "i4", "i8", "?"])
            )
        if choice < 0.9:
            low = self.random.choice([-1.0, 0.0, -0.0, 0.25])
            return mnp.clip(self.pick("f"), low, low + self.random.choice([0.0, 1.0, np.inf]))
        return self.write()

    def write(self):
        target = self.random.choice(self.pool)
        if not target.flags.writeable:
            return None
        operand = self.partner(target)
        if target.dtype.kind == "b":
            target |= operand
        elif self.random.random() < 0.4:
            target[...] = operand
        elif self.random.random() < 0.5:
            target += operand
        else:
            target *= operand
        return None

    def run(self):
        """All arrays and all warnings after some steps; some results are dropped unseen."""
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            for _ in range(self.random.randint(3, 40)):
                result = self.step()
                if result is not None:
                    if len(self.pool) > 6:
                        del self.pool[self.random.randrange(len(self.pool))]
                    self.pool.append(result)
            total = [mnp.sum(self.pick("f"))] if self.random.random() < 0.3 else []
            values = [np.array(np.asarray(a)) for a in [*self.pool, *total]]
        return values, [str(w.message) for w in seen]


def same(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind == "f":
        nan = np.isnan(a)
        if not (nan == np.isnan(b)).all():
            return False
        a, b = a[~nan], b[~nan]
    return a.tobytes() == b.tobytes()


def run(seed, emitted):
    engine.set_jit(emitted)
    return Program(seed).run()


@pytest.mark.parametrize("chunk", range(0, CI_PROGRAMS, CHUNK))
def test_random_programs(chunk):
    for seed in range(chunk, chunk + CHUNK):
        with np.errstate(all="warn"):
            (want, warned), (got, warned_too) = run(seed, False), run(seed, True)
        assert all(map(same, want, got)), seed
        assert warned == warned_too, seed
