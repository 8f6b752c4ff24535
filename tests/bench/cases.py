"""What is measured: one statement per case, the same for every library unless a library spells it differently.

A statement sees `np` (the library's NumPy-like namespace), the arrays that `INPUTS` makes, and, in the
gradient group, `gradient` (of `chain`). `other` holds the spelling of libraries without NumPy's names.
"""

import dataclasses

import numpy


@dataclasses.dataclass(frozen=True)
class Case:
    group: str
    name: str
    statement: str
    other: dict = dataclasses.field(default_factory=dict)
    without: tuple = ()  # libraries that have no such thing


def inputs(group):
    """The arrays of a group by name, as NumPy arrays."""
    rng = numpy.random.default_rng(0)

    def real(*shape):
        return rng.standard_normal(shape).astype(numpy.float32)

    if group == "large":
        n = 1_000_000
        return {
            "x": real(n),
            "y": real(n),
            "A": real(1000, 1000),
            "B": real(1000, 1000),
            "index": rng.integers(0, n, n),
            "mask": rng.random(n) < 0.5,
        }
    return {"a": real(16), "b": real(16), "m": real(4, 4), "k": real(4, 4)}


def chain(np):
    """A function of four operations, for the gradient group."""
    return lambda x: np.sum(np.tanh(x * 1.5 + 0.25))


NO_NUMPY = ("numpy",)
CASES = [
    Case("small", "a + b", "a + b"),
    Case("small", "a * 2.0", "a * 2.0"),
    Case("small", "np.add(a, b)", "np.add(a, b)"),
    Case("small", "np.exp(a)", "np.exp(a)"),
    Case("small", "a.sum()", "a.sum()"),
    Case("small", "a[2:5]", "a[2:5]"),
    Case("small", "a[3]", "a[3]"),
    Case("small", "np.zeros(3)", "np.zeros(3)", {"torch": "np.zeros(3, dtype=np.float64)"}),
    Case("small", "np.dot(m, k)", "np.dot(m, k)", {"torch": "np.mm(m, k)"}),
    Case("small", "np.concatenate((a, b))", "np.concatenate((a, b))", {"torch": "np.cat((a, b))"}),
    Case("grad", "gradient of a 4-op chain", "gradient(a)", without=NO_NUMPY),
    Case("large", "x + y", "x + y"),
    Case("large", "np.exp(x)", "np.exp(x)"),
    Case("large", "np.tanh(x)", "np.tanh(x)"),
    Case("large", "x.sum()", "x.sum()"),
    Case("large", "A.sum(0)", "A.sum(0)"),
    Case("large", "A.sum(1)", "A.sum(1)"),
    Case("large", "x.argmax()", "x.argmax()"),
    Case("large", "np.sort(x)", "np.sort(x)", {"torch": "np.sort(x).values"}),
    Case("large", "np.cumsum(x)", "np.cumsum(x)", {"torch": "np.cumsum(x, 0)"}),
    Case("large", "x[mask]", "x[mask]"),
    Case("large", "x[index]", "x[index]"),
    Case("large", "A.T.copy()", "A.T.copy()", {"torch": "A.T.contiguous()"}),
    Case("large", "A @ B", "A @ B"),
]
