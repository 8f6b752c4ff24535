"""Random programs of views, in-place writes and arithmetic, with gradients checked by the complex step.

Every program runs on minpy arrays and on a NumPy mirror whose variables carry an imaginary step of 1e-30; the
mirror's imaginary part is the exact directional derivative. 2 000 programs by default; the long run is
``python tests/tape/test_programs.py 100000``.
"""

import random
import sys

import numpy as onp
import pytest

import minpy.numpy as np
from minpy import autograd

STEP = 1e-30
OPERATORS = [("add", 1), ("multiply", 2), ("subtract", 1)]


class Program:
    """One random program: `pool` pairs arrays with their mirrors."""

    def __init__(self, seed):
        self.choose = random.Random(seed)
        self.rng = onp.random.default_rng(seed)
        self.variables = []
        self.pool = []
        self.writes = 0

    def fresh(self, variable):
        shape = tuple(self.choose.choice([1, 2, 3, 4]) for _ in range(self.choose.choice([1, 2, 2, 3])))
        values = self.rng.uniform(-1.2, 1.2, shape)
        if self.choose.random() < 0.3:
            values = onp.asfortranarray(values)
        array, mirror = np.array(values), values.astype(complex)
        if variable:
            array.attach_grad()
            direction = self.rng.uniform(-1, 1, shape)
            mirror.imag = STEP * direction
            self.variables.append((array, direction))
        self.pool.append((array, mirror))

    def is_variable(self, array):
        root = array.base if array.base is not None else array
        return any(array is v or root is v for v, _ in self.variables)

    def pick(self):
        return self.pool[self.choose.randrange(len(self.pool))]

    def slice(self, array, mirror):
        index = tuple(
            slice(
                self.choose.choice([None, *range(d)]),
                self.choose.choice([None, *range(d + 1)]),
                self.choose.choice([1, 1, 2, -1]),
            )
            for d in mirror.shape
        )
        if self.choose.random() < 0.15:
            index = (None, *index)
        if self.choose.random() < 0.2 and mirror.ndim > 1:
            index = (*index[:-1], self.choose.randrange(mirror.shape[-1])) if index[0] is not None else index
        if mirror[index].size:
            self.pool.append((array[index], mirror[index]))

    def rearrange(self, array, mirror):
        kind = self.choose.randrange(4)
        if kind == 0:
            axes = list(range(mirror.ndim))
            self.choose.shuffle(axes)
            self.pool.append((array.transpose(axes), mirror.transpose(axes)))
        elif kind == 1:
            self.pool.append((array.reshape(-1), mirror.reshape(-1)))
        elif kind == 2 and mirror.shape[0] == 1:
            shape = (self.choose.choice([2, 3]), *mirror.shape[1:])
            self.pool.append((np.broadcast_to(array, shape), onp.broadcast_to(mirror, shape)))
        else:
            shape = mirror.shape[::-1]
            self.pool.append((array.reshape(shape), mirror.reshape(shape)))

    def combine(self, array, mirror):
        other, other_mirror = self.pick()
        name, _ = self.choose.choice(OPERATORS)
        try:
            onp.broadcast_shapes(mirror.shape, other_mirror.shape)
        except ValueError:
            return
        result = getattr(np, name)(array, other), getattr(onp, name)(mirror, other_mirror)
        self.pool.append(result)

    def write(self, array, mirror):
        if not mirror.flags.writeable or self.is_variable(array):
            return
        other, other_mirror = self.pick()
        try:
            if onp.broadcast_shapes(mirror.shape, other_mirror.shape) != mirror.shape:
                return
        except ValueError:
            return
        self.writes += 1
        kind = self.choose.randrange(4)
        if kind == 0:
            array[...] = other
            mirror[...] = other_mirror
        elif kind == 1:
            index = slice(None, None, -1)
            array[index] = other
            mirror[index] = other_mirror
        else:
            name, _ = self.choose.choice(OPERATORS)
            getattr(np, name)(array, other, out=array)
            getattr(onp, name)(mirror, other_mirror, out=mirror)

    def step(self):
        k = self.choose.random()
        array, mirror = self.pick()
        if k < 0.05:
            self.fresh(self.choose.random() < 0.5)
        elif k < 0.25:
            self.slice(array, mirror)
        elif k < 0.37:
            self.rearrange(array, mirror)
        elif k < 0.62:
            self.combine(array, mirror)
        elif k < 0.97:
            self.write(array, mirror)
        elif len(self.pool) > 3:
            del self.pool[self.choose.randrange(len(self.pool))]

    def run(self):
        with autograd.record():
            for variable in (True, True, False):
                self.fresh(variable)
            for _ in range(self.choose.randint(8, 28)):
                self.step()
                if any(onp.abs(m).max() > 1e6 for _, m in self.pool):
                    break

    def check(self):
        """Compares all values and gradients; returns the number of gradients."""
        checked = 0
        for array, mirror in self.pool:
            onp.testing.assert_allclose(onp.asarray(array), mirror.real, rtol=1e-9, atol=1e-9)
        for array, mirror in self.pool:
            head = self.rng.uniform(-1, 1, mirror.shape)
            want = (head * mirror.imag).sum() / STEP
            for variable, _ in self.variables:
                variable.grad[...] = 0
            try:
                array.backward(np.array(head), retain_graph=True)
            except RuntimeError:
                assert want == 0, "the array has no history, but depends on a variable"
                continue
            got = sum((onp.asarray(v.grad) * d).sum() for v, d in self.variables)
            assert abs(got - want) <= 1e-7 * (1 + abs(want)), (got, want)
            checked += 1
        return checked


def run_programs(seeds):
    checked = writes = 0
    for seed in seeds:
        program = Program(seed)
        try:
            program.run()
            checked += program.check()
        except Exception as e:
            raise AssertionError(f"program {seed} failed") from e
        writes += program.writes
    return checked, writes


@pytest.mark.parametrize("block", range(4))
def test_random_programs(block):
    checked, writes = run_programs(range(block * 500, (block + 1) * 500))
    assert checked > 1000 and writes > 500


if __name__ == "__main__":
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    checked, writes = run_programs(range(total))
    print(f"programs {total}, gradients checked {checked}, in-place writes {writes}")
