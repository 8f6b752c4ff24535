"""Bad input: the same mistakes made with numpy and with minpy.numpy raise the same class with the same text."""

import re

import numpy
import pytest

import minpy.numpy as np
from minpy import autograd
from minpy.core import grad

# Each row is one mistake; `m` is the module under test.
CASES = {
    # shapes
    "add of unequal shapes": lambda m: m.ones(3) + m.ones(4),
    "in-place add of a larger shape": lambda m: m.ones(3).__iadd__(m.ones((2, 3))),
    "out of a wrong shape": lambda m: m.add(m.ones(3), 1, out=m.ones(4)),
    "out of too few dimensions": lambda m: m.add(m.ones((2, 3)), 1, out=m.ones(3)),
    "reshape to another size": lambda m: m.arange(6).reshape(4, 2),
    "reshape with two unknowns": lambda m: m.arange(6).reshape(-1, -1),
    "reshape with an impossible unknown": lambda m: m.reshape(m.arange(6), (4, -1)),
    "shape attribute of another size": lambda m: setattr(m.arange(6), "shape", (4,)),
    "matmul of unequal inner sizes": lambda m: m.ones((2, 3)) @ m.ones((2, 3)),
    "matmul with a scalar": lambda m: m.ones(3) @ 2,
    "dot of unequal sizes": lambda m: m.dot(m.ones(3), m.ones(4)),
    "dot of unequal matrices": lambda m: m.dot(m.ones((2, 3)), m.ones((2, 3))),
    "concatenate of unequal shapes": lambda m: m.concatenate([m.ones((2, 3)), m.ones((2, 4))]),
    "concatenate of unequal ranks": lambda m: m.concatenate([m.ones((2, 3)), m.ones(2)]),
    "concatenate of nothing": lambda m: m.concatenate([]),
    "concatenate of scalars": lambda m: m.concatenate([m.array(1.0), m.array(2.0)]),
    "stack of unequal shapes": lambda m: m.stack([m.ones(2), m.ones(3)]),
    "stack of nothing": lambda m: m.stack([]),
    "split that does not divide": lambda m: m.split(m.arange(7), 3),
    "broadcast_to a smaller shape": lambda m: m.broadcast_to(m.ones((2, 3)), (3,)),
    "assignment of a wrong shape": lambda m: m.ones((2, 3)).__setitem__(0, m.ones(4)),
    "assignment of a sequence to an element": lambda m: m.ones(3).__setitem__(0, [1.0, 2.0]),
    "squeeze of a long axis": lambda m: m.squeeze(m.ones((2, 1)), axis=0),
    "transpose with a missing axis": lambda m: m.transpose(m.ones((2, 3)), (0,)),
    "transpose with a repeated axis": lambda m: m.ones((2, 3)).transpose(0, 0),
    "cross of long vectors": lambda m: m.cross(m.ones(4), m.ones(4)),
    "einsum with a bad subscript": lambda m: m.einsum("ij,jk", m.ones((2, 3)), m.ones((4, 2))),
    "ragged nesting": lambda m: m.array([[1, 2], [3]]),
    "inverse of a non-square matrix": lambda m: m.linalg.inv(m.ones((2, 3))),
    "inverse of a singular matrix": lambda m: m.linalg.inv(m.zeros((2, 2))),
    "cholesky of an indefinite matrix": lambda m: m.linalg.cholesky(m.array([[0.0, 1], [1, 0]])),
    "solve of unequal sizes": lambda m: m.linalg.solve(m.eye(3), m.ones(4)),
    # axes
    "sum over a missing axis": lambda m: m.sum(m.ones((2, 3)), axis=2),
    "method sum over a missing axis": lambda m: m.ones((2, 3)).sum(axis=-3),
    "sum over a repeated axis": lambda m: m.ones((2, 3)).sum(axis=(0, 0)),
    "sum over a fractional axis": lambda m: m.ones((2, 3)).sum(axis=1.5),
    "mean over a missing axis": lambda m: m.mean(m.ones(3), axis=1),
    "argmax over a missing axis": lambda m: m.argmax(m.ones(3), axis=1),
    "sort over a missing axis": lambda m: m.sort(m.ones(3), axis=1),
    "in-place sort over a missing axis": lambda m: m.ones(3).sort(axis=2),
    "concatenate along a missing axis": lambda m: m.concatenate([m.ones(3), m.ones(3)], axis=1),
    "expand_dims too far": lambda m: m.expand_dims(m.ones(3), 3),
    "swapaxes with a missing axis": lambda m: m.swapaxes(m.ones((2, 3)), 0, 2),
    "cumsum over a missing axis": lambda m: m.cumsum(m.ones(3), axis=2),
    "repeat along a missing axis": lambda m: m.repeat(m.ones(3), 2, axis=1),
    "take along a missing axis": lambda m: m.take(m.ones(3), [0], axis=1),
    "moveaxis of a missing axis": lambda m: m.moveaxis(m.ones((2, 3)), 0, 5),
    # empty reductions
    "max of nothing": lambda m: m.max(m.ones(0)),
    "argmin of nothing": lambda m: m.ones(0).argmin(),
    "minimum.reduce of nothing": lambda m: m.minimum.reduce(m.ones((0, 2))),
    # keywords and arity
    "unknown keyword of a ufunc": lambda m: m.exp(m.ones(3), nothing=1),
    "unknown keyword of a function": lambda m: m.sum(m.ones(3), nothing=1),
    "unknown keyword of a method": lambda m: m.ones(3).sum(nothing=1),
    "too many arguments of a ufunc": lambda m: m.exp(1.0, m.ones(1), m.ones(1)),
    "too few arguments of a ufunc": lambda m: m.add(m.ones(3)),
    "too few arguments of a function": lambda m: m.concatenate(),
    "argument given twice": lambda m: m.zeros(3, shape=3),
    "out is not an array": lambda m: m.add(m.ones(3), 1, out=[1, 2, 3]),
    "casting by a wrong name": lambda m: m.add(m.ones(3), 1, casting="sometimes"),
    "order by a wrong name": lambda m: m.ones(3).copy(order="Q"),
    "mode by a wrong name": lambda m: m.take(m.ones(3), [0], mode="sometimes"),
    "sort of a wrong kind": lambda m: m.sort(m.ones(3), kind="x"),
    "unknown attribute": lambda m: m.ones(3).no_such_attribute,
    # dtypes and casting
    "int += float": lambda m: m.ones(3, int).__iadd__(0.5),
    "out of a narrower dtype": lambda m: m.add(m.ones(3), 1.0, out=m.ones(3, int)),
    "uint8 and a negative number": lambda m: m.ones(3, m.uint8) + (-1),
    "int8 and a large number": lambda m: m.ones(3, m.int8) * 300,
    "int8 filled with a large number": lambda m: m.ones(3, m.int8).fill(300),
    "array of a number out of range": lambda m: m.array([300], dtype=m.uint8),
    "bitwise operator on floats": lambda m: m.ones(3) & m.ones(3),
    "inversion of floats": lambda m: ~m.ones(3),
    "shift of floats": lambda m: m.ones(3) << 1,
    "subtraction of booleans": lambda m: m.array([True]) - m.array([False]),
    "negation of booleans": lambda m: -m.array([True]),
    "integers to a negative power": lambda m: m.arange(3) ** -1,
    "order of complex numbers by floor": lambda m: m.floor(m.ones(2, complex)),
    "unsafe cast refused": lambda m: m.array([1.5]).astype(int, casting="safe"),
    "unknown dtype": lambda m: m.zeros(3, dtype="no_such_dtype"),
    "dtype object that is none": lambda m: m.zeros(3, dtype=object()),
    "text into a float array": lambda m: m.ones(3).__setitem__(0, "text"),
    "None into an int array": lambda m: m.ones(3, int).__setitem__(0, None),
    "complex into a float array": lambda m: m.ones(3).__setitem__(0, 1j),
    "NaN into an int array": lambda m: m.ones(3, int).__setitem__(0, float("nan")),
    "infinity into an int array": lambda m: m.ones(3, int).__setitem__(1, float("inf")),
    "huge number into an int array": lambda m: m.ones(3, m.int32).__setitem__(0, 2**40),
    "text plus number": lambda m: m.ones(3) + "text",
    "view of an indivisible size": lambda m: m.ones(3, m.int16).view(m.int64),
    # indices
    "index too large": lambda m: m.ones(3)[3],
    "index too negative": lambda m: m.ones((2, 3))[0, -4],
    "too many indices": lambda m: m.ones(3)[0, 0],
    "index of a 0-d array": lambda m: m.array(1.0)[0],
    "fractional index": lambda m: m.ones(3)[1.0],
    "text index": lambda m: m.ones(3)["a"],
    "two ellipses": lambda m: m.ones((2, 3))[..., ...],
    "fractional array index": lambda m: m.ones(3)[m.array([0.5])],
    "array index too large": lambda m: m.ones(3)[[0, 5]],
    "mask of a wrong length": lambda m: m.ones(3)[m.array([True, False])],
    "index arrays that do not broadcast": lambda m: m.ones((3, 3))[[0, 1], [0, 1, 2]],
    "zero step": lambda m: m.ones(3)[::0],
    "assignment out of range": lambda m: m.ones(3).__setitem__(7, 1.0),
    "assignment of a wrong count through a mask": lambda m: m.ones(3).__setitem__(
        m.array([True, True, False]), [1, 2, 3]
    ),
    "take out of range": lambda m: m.take(m.ones(3), [3]),
    "put out of range": lambda m: m.put(m.ones(3), [9], 1),
    "unravel out of range": lambda m: m.unravel_index(9, (2, 3)),
    "deleting an element": lambda m: m.ones(3).__delitem__(0),
    "choose out of range": lambda m: m.choose([5], [m.ones(1), m.ones(1)]),
    # conversions
    "truth of several elements": lambda m: bool(m.ones(3)),
    "float of several elements": lambda m: float(m.ones(3)),
    "int of several elements": lambda m: int(m.ones(3)),
    "index from a float array": lambda m: [1, 2][m.array(1.0)],
    "item of several elements": lambda m: m.ones(3).item(),
    "item out of range": lambda m: m.ones(3).item(5),
    "int of NaN": lambda m: int(m.array(float("nan"))),
    "length of a 0-d array": lambda m: len(m.array(1.0)),
    "iteration over a 0-d array": lambda m: iter(m.array(1.0)),
    "hash": lambda m: hash(m.ones(3)),
    "call": lambda m: m.ones(3)(),
    # sizes
    "negative size": lambda m: m.zeros(-1),
    "negative size in a tuple": lambda m: m.ones((2, -3)),
    "size beyond the address space": lambda m: m.zeros((2**62, 4)),
    "size beyond the memory": lambda m: m.empty(2**58),
    "shape of fractions": lambda m: m.zeros(2.5),
    "shape of text": lambda m: m.zeros("3"),
    "too many dimensions": lambda m: m.zeros((1,) * 65),
    "arange without end": lambda m: m.arange(0, float("inf")),
    "arange with a zero step": lambda m: m.arange(0, 3, 0),
    "linspace of negative length": lambda m: m.linspace(0, 1, -1),
    "repeat by a negative count": lambda m: m.repeat(m.ones(3), -1),
    "eye of negative size": lambda m: m.eye(-1),
    # memory
    "write into read-only": lambda m: m.broadcast_to(m.ones(1), (3,)).__setitem__(0, 1.0),
    "in-place operator on read-only": lambda m: m.frombuffer(b"12345678", m.uint8).__iadd__(1),
    "out is read-only": lambda m: m.add(1.0, 1.0, out=m.broadcast_to(m.ones(1), (3,))),
    "in-place sort of read-only": lambda m: m.frombuffer(b"21", m.uint8).sort(),
    "fill of read-only": lambda m: m.frombuffer(b"21", m.uint8).fill(1),
    "put into read-only": lambda m: m.put(m.frombuffer(b"21", m.uint8), [0], 1),
    "read-only made writeable": lambda m: m.frombuffer(b"21", m.uint8).setflags(write=True),
    "frombuffer of an indivisible size": lambda m: m.frombuffer(b"123", m.int16),
    "resize of a view": lambda m: m.ones(6)[::2].resize(2),
    "buffer too small": lambda m: m.ndarray((4,), m.float64, buffer=b"1234"),
    "copyto of an unsafe cast": lambda m: m.copyto(m.ones(2, int), m.ones(2)),
    # numbers
    "random size negative": lambda m: m.random.default_rng(0).normal(size=-1),
    "random scale negative": lambda m: m.random.default_rng(0).normal(scale=-1.0),
    "choice of more than there are": lambda m: m.random.default_rng(0).choice(3, 5, replace=False),
    "division error raised": lambda m: raised_by_errstate(m),
    "quantile out of range": lambda m: m.quantile(m.ones(3), 2.0),
    "bincount of negatives": lambda m: m.bincount(m.array([-1])),
    "histogram of no range": lambda m: m.histogram(m.ones(3), range=(1, 0)),
    "pad by a wrong mode": lambda m: m.pad(m.ones(3), 1, mode="sometimes"),
    "interp of unequal lengths": lambda m: m.interp(1.0, [1.0, 2.0], [1.0]),
    "searchsorted by a wrong side": lambda m: m.searchsorted(m.ones(3), 1.0, side="middle"),
    "fft of nothing": lambda m: m.fft.fft(m.ones(0)),
}


TAKEN_BY_NUMPY_1 = {
    "uint8 and a negative number",
    "int8 and a large number",
    "int8 filled with a large number",
    "array of a number out of range",
    "huge number into an int array",
}


def raised_by_errstate(m):
    with m.errstate(divide="raise"):
        return m.ones(3) / m.zeros(3)


def failure(call):
    try:
        call()
    except Exception as error:
        return type(error), re.sub(r"minpy\.", "", str(error))
    return None


def test_the_table_is_long_enough():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_misuse_raises_as_numpy_does(name):
    expected = failure(lambda: CASES[name](numpy))
    if expected is None and name in TAKEN_BY_NUMPY_1 and numpy.__version__ < "2":
        pytest.skip("NumPy 1 widens the dtype or lets the number wrap")
    assert expected is not None, "NumPy takes this: the case is no misuse"
    assert failure(lambda: CASES[name](np)) == expected


@pytest.mark.parametrize(
    "name", ["NaN to int8", "overflow", "division by zero", "log of a negative", "empty mean"]
)
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_warnings_are_numpys(name):
    call = {
        "NaN to int8": lambda m: m.array([float("nan"), 1.0]).astype(m.int8),
        "overflow": lambda m: m.exp(m.array([1000.0])),
        "division by zero": lambda m: m.ones(2) / 0,
        "log of a negative": lambda m: m.log(m.array([-1.0])),
        "empty mean": lambda m: m.ones(0).mean(),
    }[name]
    with pytest.warns(RuntimeWarning) as expected:
        call(numpy)
    with pytest.warns(RuntimeWarning) as got:
        call(np)
    assert [str(w.message) for w in got] == [str(w.message) for w in expected]


def test_a_view_outlives_its_base():
    def tail():
        x = np.arange(1000.0)
        y = x[990:]
        del x
        return y

    views = [tail() for _ in range(50)]
    [np.full(1000, -1.0) for _ in range(50)]
    for view in views:
        assert view.tolist() == list(range(990, 1000))
    flat = np.arange(3.0).flat
    memory = memoryview(np.arange(5.0))
    theirs = numpy.asarray(np.arange(4.0))
    [np.full(5, -1.0) for _ in range(50)]
    assert list(flat) == [0, 1, 2] and memory[3] == 3 and theirs.tolist() == [0, 1, 2, 3]


def test_failed_writes_leave_the_array_as_it_was():
    x = np.arange(4)
    for write in (lambda: x.__setitem__(1, "text"), lambda: x.__iadd__(0.5), lambda: np.add(x, 1.5, out=x)):
        with pytest.raises((ValueError, TypeError)):
            write()
    assert x.tolist() == [0, 1, 2, 3]


# --- Gradients: the cases that NumPy does not have ---


def variable(values=(1.0, 2.0)):
    x = np.array(values)
    x.attach_grad()
    return x


def backward_twice():
    x = variable()
    with autograd.record():
        y = (x * x).sum()
    y.backward()
    y.backward()


def in_place_on_variable():
    x = variable()
    with autograd.record():
        x += 1


def backward_of_a_constant():
    np.ones(2).sum(keepdims=True).backward()


def wrong_head_gradient():
    x = variable()
    with autograd.record():
        y = x * x
    y.backward(np.ones(3))


GRADIENT_CASES = {
    "gradient of an integer array": (
        lambda: grad(lambda x: (x * x).sum())(np.arange(3)),
        "TypeError",
        "dtype int64: gradients exist for real and complex arrays only",
    ),
    "attach_grad to an integer array": (
        lambda: np.arange(3).attach_grad(),
        "TypeError",
        "this one has dtype int64: convert it first, as in x.astype(float)",
    ),
    "gradient of text": (lambda: grad(lambda x: x)("text"), "TypeError", "argument 0 is a str"),
    "function that returns text": (lambda: grad(lambda x: "text")(1.0), "TypeError", "returned a str"),
    "function that returns nothing": (lambda: grad(lambda x: None)(1.0), "TypeError", "returned a NoneType"),
    "argnum beyond the arguments": (lambda: grad(lambda x: x, argnum=3)(1.0), "TypeError", "argnum is 3"),
    "no argument": (lambda: grad(lambda x: x, argnum=())(1.0), "ValueError", "names no argument"),
    "gradient of a number": (lambda: grad(3)(1.0), "TypeError", "a function is needed, not a int"),
    "backward twice": (backward_twice, "MXNetError", "backward"),
    "in-place on a variable": (
        in_place_on_variable,
        "MXNetError",
        "Assigning to NDArrays that are already in a computational graph will cause undefined behavior",
    ),
    "backward of a constant": (backward_of_a_constant, "MXNetError", "computational graph"),
    "head gradient of a wrong shape": (wrong_head_gradient, "ValueError", "head gradient 0 has shape (3,)"),
    "wrong grad_req": (lambda: np.ones(2).attach_grad(grad_req="sometimes"), "KeyError", "sometimes"),
    "error inside the function": (
        lambda: grad(lambda x: x + np.ones(5))(np.ones(3)),
        "ValueError",
        "broadcast",
    ),
}


@pytest.mark.parametrize("name", GRADIENT_CASES)
def test_gradient_misuse(name):
    call, kind, text = GRADIENT_CASES[name]
    with pytest.raises(Exception) as caught:  # noqa: PT011  (the class is checked by name below)
        call()
    assert caught.type.__name__ == kind
    assert text in str(caught.value)
