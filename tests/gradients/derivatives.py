"""Checks a function's value and its first and second derivatives against NumPy and finite differences."""

import numpy
import pytest

import minpy.numpy as mnp
from minpy import autograd
from minpy.core import grad

_STEP = 1e-6


def _distinct(shape, low, high, seed):
    """Numbers that no two of which, and none and zero, come closer than a finite difference tells apart."""
    n = int(numpy.prod(shape))
    values = numpy.linspace(low, high, n)
    return numpy.random.RandomState(seed).permutation(values).reshape(shape)


def _square(seed, n=3):
    random = numpy.random.RandomState(seed)
    return random.uniform(-1, 1, (n, n)) + 2.0 * numpy.diag(1.0 + numpy.arange(n) * 0.7)


def make_input(letter, seed):
    """The array that a letter of the table stands for."""
    shapes = {"v": (4,), "m": (3, 4), "t": (2, 3, 4), "n": (3, 4), "u": (4,), "o": (4,)}
    if letter in "vmt":
        return _distinct(shapes[letter], -1.31, 1.73, seed)
    if letter in "VM":
        return _distinct(shapes[letter.lower()], 0.37, 2.11, seed)
    if letter == "u":
        return _distinct(shapes[letter], -0.83, 0.77, seed)
    if letter == "o":
        return _distinct(shapes[letter], 1.2, 3.1, seed)
    if letter == "n":
        x = make_input("m", seed)
        x[0, 1] = x[2, 3] = numpy.nan
        return x
    if letter in "sk4":
        x = _square(seed, 4 if letter == "4" else 3)
        return x + 1j * numpy.random.RandomState(seed + 9).uniform(-1, 1, x.shape) if letter == "k" else x
    if letter in "zcq":
        shape = {"z": (4,), "c": (3, 4), "q": (3,)}[letter]
        return _distinct(shape, -1.1, 1.4, seed) + 1j * _distinct(shape, -0.9, 1.2, seed + 5)
    raise KeyError(letter)


def make_inputs(letters):
    return [make_input(letter, 3 + 7 * i) for i, letter in enumerate(letters)]


def outputs_of(result):
    """The results of a call as a flat list."""
    if isinstance(result, (tuple, list)):
        return [item for part in result for item in outputs_of(part)]
    return [result]


def _real_parts(xs):
    """Complex inputs become pairs of real ones, so that derivatives are those of real functions."""
    parts, complexes = [], []
    for x in xs:
        complexes.append(numpy.iscomplexobj(x))
        parts += [x.real.copy(), x.imag.copy()] if complexes[-1] else [x]
    return parts, complexes


def _assemble(parts, complexes):
    parts = iter(parts)
    return [next(parts) + 1j * next(parts) if is_complex else next(parts) for is_complex in complexes]


class Check:
    """A function of real arrays that weighs all outputs of the checked one, with its derivatives."""

    def __init__(self, function, xs):
        self.function = function
        self.parts, self.complexes = _real_parts(xs)
        self.n = len(self.parts)

    def loss(self, np, *parts):
        total = 0.0
        for k, y in enumerate(outputs_of(self.function(np, *_assemble(parts, self.complexes)))):
            if numpy.dtype(y.dtype).kind in "biuO":
                continue
            weights = numpy.cos(1.0 + k + numpy.arange(y.size)).reshape(y.shape)
            y = y * (0.8 - 0.5j) if numpy.dtype(y.dtype).kind == "c" else y
            total = total + np.sum(np.real((y + 0.3 * y * y) * weights))
        return total

    def gradient(self, parts):
        arrays = [mnp.array(p) for p in parts]
        gradients = grad(lambda *a: self.loss(mnp, *a), list(range(self.n)))(*arrays)
        return [numpy.array(g) for g in gradients]

    def check_all(self):
        """All three stages; skips the test when an old NumPy itself cannot run the function."""
        try:
            self.loss(numpy, *self.parts)
        except (AttributeError, TypeError) as error:
            if numpy.lib.NumpyVersion(numpy.__version__) < "2.4.0":
                pytest.skip(f"not in NumPy {numpy.__version__}: {error}")
            raise
        self.check_values()
        self.check_first()
        self.check_second()

    def check_values(self):
        arrays = [mnp.array(p) for p in self.parts]
        for a in arrays:
            a.attach_grad()
        with autograd.record():
            found = outputs_of(self.function(mnp, *_assemble(arrays, self.complexes)))
        expected = outputs_of(
            self.function(numpy, *_assemble([p.copy() for p in self.parts], self.complexes))
        )
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected):
            assert isinstance(ours, (mnp.ndarray, numpy.generic, int)), type(ours)
            assert numpy.shape(ours) == numpy.shape(theirs)
            assert numpy.asarray(ours).dtype == numpy.asarray(theirs).dtype
            numpy.testing.assert_allclose(numpy.asarray(ours), theirs, rtol=1e-13, atol=1e-14)

    def check_first(self, tolerance=2e-6):
        found = self.gradient(self.parts)
        for i, (part, ours) in enumerate(zip(self.parts, found)):
            numeric = numpy.zeros_like(part)
            for at in numpy.ndindex(part.shape):
                if numpy.isnan(part[at]):
                    continue
                sides = []
                for step in (_STEP, -_STEP):
                    moved = [p.copy() for p in self.parts]
                    moved[i][at] += step
                    sides.append(self.loss(numpy, *moved))
                numeric[at] = (sides[0] - sides[1]) / (2 * _STEP)
            assert ours.shape == part.shape
            assert ours.dtype == part.dtype
            numpy.testing.assert_allclose(
                ours, numeric, rtol=tolerance, atol=tolerance * (1 + abs(numeric).max())
            )

    def check_second(self, tolerance=2e-5):
        """Hessian times a vector, against the difference of first derivatives along the vector."""
        random = numpy.random.RandomState(1)
        directions = [random.uniform(-1, 1, p.shape) for p in self.parts]

        def slope(*arrays):
            gradients = grad(lambda *a: self.loss(mnp, *a), list(range(self.n)))(*arrays)
            return sum((mnp.sum(g * d) for g, d in zip(gradients, directions)), 0.0)

        found = grad(slope, list(range(self.n)))(*[mnp.array(p) for p in self.parts])
        ahead, behind = (
            self.gradient([p + step * d for p, d in zip(self.parts, directions)]) for step in (_STEP, -_STEP)
        )
        for ours, a, b in zip(found, ahead, behind):
            numeric = (a - b) / (2 * _STEP)
            numpy.testing.assert_allclose(
                numpy.array(ours), numeric, rtol=tolerance, atol=tolerance * (1 + abs(numeric).max())
            )
