"""Views, overlapping in-place operators and assignments in random programs, against NumPy.

A program works on a pool of pairs (our array, NumPy's). Each step makes a view, an operator's result, or writes
through a random view of a random array; every step is done on both sides. Views are cut, permuted and broadcast
at random, so that in-place operands overlap their target in every way that strides allow.
"""

import random

import numpy as np
import pytest

import minpy.numpy as mnp

CI_PROGRAMS, LONG_PROGRAMS, CHUNK = 2_000, 100_000, 250
BINARY = ("add", "subtract", "maximum", "multiply")


class Program:
    """One random program, reproducible from its seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pool = [self.fresh() for _ in range(3)]

    def fresh(self):
        """A new owner of integers that floats hold exactly."""
        shape = tuple(self.random.choice([1, 2, 3, 4, 5]) for _ in range(self.random.choice([1, 2, 2, 3])))
        size = int(np.prod(shape))
        theirs = np.array([self.random.randint(-3, 3) for _ in range(size)], float).reshape(shape).copy()
        return mnp.array(theirs), theirs

    def pick(self):
        return self.random.choice(self.pool)

    def cut(self, pair):
        """A basic slice with random bounds and steps."""
        key = tuple(
            slice(
                self.random.choice([None, *range(n)]),
                self.random.choice([None, *range(n + 1)]),
                self.random.choice([1, 1, 1, 2, -1]),
            )
            for n in pair[1].shape
        )
        return pair[0][key], pair[1][key]

    def permute(self, pair):
        axes = self.random.sample(range(pair[1].ndim), pair[1].ndim)
        return pair[0].transpose(axes), pair[1].transpose(axes)

    def reshape(self, pair):
        shape = self.random.choice([(-1,), (1, -1), (-1, 1), pair[1].shape[::-1]])
        return pair[0].reshape(shape), pair[1].reshape(shape)

    def overlapping(self, target):
        """Another window on the target's memory, where there is one."""
        candidates = [p for p in self.pool if np.may_share_memory(p[1], target[1])]
        return self.cut(self.random.choice(candidates or [target]))

    def operand_for(self, target):
        pair = self.overlapping(target) if self.random.random() < 0.5 else self.pick()
        if self.random.random() < 0.3:
            pair = self.permute(pair)
        return pair

    def write(self):
        """An in-place operator or an assignment whose operand may overlap the target."""
        target = self.pick()
        if self.random.random() < 0.4:
            target = self.cut(target)
        (ours, theirs), (x, y) = target, self.operand_for(target)
        try:
            if np.broadcast_shapes(theirs.shape, y.shape) != theirs.shape or theirs.size == 0:
                return
        except ValueError:
            return
        kind = self.random.randrange(6)
        if kind == 0:
            ours += x
            theirs += y
        elif kind == 1:
            mnp.subtract(ours, x, out=ours)
            np.subtract(theirs, y, out=theirs)
        elif kind == 2:
            ours[...] = x
            theirs[...] = y.copy()  # NumPy misses some overlaps of one-dimensional views with unequal steps
        elif kind == 3:
            rows = [self.random.randrange(len(theirs)) for _ in range(len(theirs))]
            rows = list(dict.fromkeys(rows))  # with duplicates the winner is not defined
            ours[rows], theirs[rows] = ours[rows[::-1]] - 1, theirs[rows[::-1]] - 1
        elif kind == 4:
            mask = theirs > self.random.randint(-3, 3)
            ours[mnp.array(mask)], theirs[mask] = ours.max(), theirs.max()
        else:
            mnp.copyto(ours, x)
            np.copyto(theirs, y)

    def combine(self):
        (x, y), (z, w) = self.pick(), self.pick()
        try:
            np.broadcast_shapes(y.shape, w.shape)
        except ValueError:
            return
        name = self.random.choice(BINARY)
        self.pool.append((getattr(mnp, name)(x, z), getattr(np, name)(y, w)))

    def join(self):
        x, y = self.pick()
        axis = self.random.randrange(y.ndim)
        if y.shape[axis] <= 5:
            self.pool.append((mnp.concatenate([x, x], axis=axis), np.concatenate([y, y], axis=axis)))

    def add_view(self):
        make = self.random.choice([self.cut, self.cut, self.permute, self.reshape])
        pair = make(self.pick())
        if pair[1].size:
            self.pool.append(pair)

    def run(self):
        steps = {
            self.add_view: 28, self.write: 34, self.combine: 14, self.join: 4, self.check: 5,
            lambda: self.pool.append(self.fresh()): 8,
            lambda: len(self.pool) > 3 and self.pool.pop(self.random.randrange(len(self.pool))): 7,
        }  # fmt: skip
        for step in self.random.choices(list(steps), list(steps.values()), k=self.random.randint(4, 25)):
            step()
            for ours, theirs in self.pool:
                if np.abs(theirs).max() > 1e6:  # keep the arithmetic exact
                    ours %= 7
                    theirs %= 7
        self.check()

    def check(self):
        for ours, theirs in self.pool:
            assert ours.shape == theirs.shape
            assert all(s == t for n, s, t in zip(ours.shape, ours.strides, theirs.strides) if n > 1)
            np.testing.assert_array_equal(np.asarray(ours), theirs)


@pytest.mark.parametrize("start", range(0, CI_PROGRAMS, CHUNK))
def test_random_programs(start, deferral):
    for seed in range(start, start + CHUNK):
        Program(seed).run()


@pytest.mark.long
def test_many_random_programs():
    for seed in range(CI_PROGRAMS, CI_PROGRAMS + LONG_PROGRAMS):
        Program(seed).run()
