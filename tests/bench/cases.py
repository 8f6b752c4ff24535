"""The kinds of cases, and those of one statement: small and large arrays, one operation each.

A case prepares itself for a library (libraries.py): it makes the inputs as that library's arrays and says what to
time, as a statement over a namespace, and how to get its value for the comparison with the other libraries.
"""

import dataclasses
from collections.abc import Callable

import numpy


@dataclasses.dataclass
class Prepared:
    statement: str  # what timeit repeats
    namespace: dict
    value: Callable  # () -> arrays to compare, from a fresh start


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    group: str
    name: str
    without: tuple = ()  # libraries that have no such thing
    sized: bool = False  # taken at every size of --sizes
    loose: float = 0.0  # part of the elements that may differ, where a comparison decides on the last bit
    traffic: int = 0  # arrays that it must read or write, where memory bandwidth is the limit

    def prepare(self, library, size):
        raise NotImplementedError


def flat(value):
    """The arrays in nested tuples and lists, in order."""
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in flat(item)]
    return [value]


def matrix_shape(size):
    """The shape of about `size` elements whose sides differ least."""
    side = round(size**0.5)
    return side, side


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement(Case):
    """One statement over the arrays of `inputs` and `np`, the library's own namespace."""

    statement: str
    inputs: Callable
    other: dict = dataclasses.field(default_factory=dict)  # the spelling of libraries without NumPy's names

    def prepare(self, library, size):
        arrays = {name: library.array(value) for name, value in self.inputs().items()}
        statement = self.other.get(library.name, self.statement)
        statement = library.finished(statement, tiny=self.group != "large")
        namespace = {"np": library.module, "wait": library.wait, **arrays}
        if self.group == "grad":
            namespace["gradient"] = library.gradient(four_operations(library.np))
        return Prepared(statement, namespace, lambda: [eval(statement, namespace)])


def four_operations(np):
    """A function of four operations, for the gradient group."""
    return lambda x: np.sum(np.tanh(x * 1.5 + 0.25))


def small_inputs():
    rng = numpy.random.default_rng(0)
    shapes = {"a": 16, "b": 16, "m": (4, 4), "k": (4, 4)}
    return {name: rng.standard_normal(shape, numpy.float32) for name, shape in shapes.items()}


def large_inputs():
    rng, n = numpy.random.default_rng(0), 1_000_000
    shapes = {"x": n, "y": n, "A": (1000, 1000), "B": (1000, 1000)}
    arrays = {name: rng.standard_normal(shape, numpy.float32) for name, shape in shapes.items()}
    return {**arrays, "index": rng.integers(0, n, n), "mask": rng.random(n) < 0.5}


def small(statement, **other):
    return Statement(
        group="small",
        name=statement,
        statement=statement,
        inputs=small_inputs,
        other=other,
        without=("torch_compile",),
    )


def large(statement, without=(), **other):
    return Statement(
        group="large",
        name=statement,
        statement=statement,
        inputs=large_inputs,
        other=other,
        without=("torch_compile", *without),
    )


GRADIENT = Statement(
    group="grad",
    name="gradient of a 4-op chain",
    statement="gradient(a)",
    inputs=small_inputs,
    without=("numpy", "torch_compile"),
)
CASES = [
    small("a + b"),
    small("a * 2.0"),
    small("np.add(a, b)"),
    small("np.exp(a)"),
    small("a.sum()"),
    small("a[2:5]"),
    small("a[3]"),
    small("np.zeros(3)", torch="np.zeros(3, dtype=np.float64)"),
    small("np.dot(m, k)", torch="np.mm(m, k)", mlx="np.matmul(m, k)"),
    small("np.concatenate((a, b))", torch="np.cat((a, b))"),
    GRADIENT,
    large("x + y"),
    large("np.exp(x)"),
    large("np.tanh(x)"),
    large("x.sum()"),
    large("A.sum(0)"),
    large("A.sum(1)"),
    large("x.argmax()"),
    large("np.sort(x)", torch="np.sort(x).values"),
    large("np.cumsum(x)", torch="np.cumsum(x, 0)"),
    large("x[mask]", without=("mlx",)),
    large("x[index]"),
    large("A.T.copy()", torch="A.T.contiguous()", mlx="np.contiguous(A.T)"),
    large("A @ B"),
]
