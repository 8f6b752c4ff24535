"""Emitted code against the operators' own loops: the same programs with and without, bit for bit.

Which of two NaNs an addition or multiplication passes on is left open by IEEE 754 and differs between the loops
themselves, so NaNs are compared as NaNs; everything else by its bytes.
"""

import itertools
import os
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest

import minpy.numpy as mnp
import minpy.numpy_extension as npx
from minpy import _core

engine = _core.engine
pytestmark = pytest.mark.skipif(not engine.jit_available(), reason="no emitter for this processor")

CHUNK, CI_PROGRAMS = 25, 600
FLOAT_UNARY = """sqrt square reciprocal negative absolute fabs positive rint floor ceil trunc sign deg2rad rad2deg exp tanh
    expm1 log log2 log10 log1p sin cos""".split()
ACTIVATIONS = "relu softsign softrelu log_sigmoid silu mish selu gelu gelu_tanh erf sigmoid".split()
FUNCTIONS = "exp expm1 tanh log log2 log10 log1p sin cos".split()
# Some exponents are other operators when they are numbers, in the loops too.
POWERS = {f"power {y}": lambda a, y=y: mnp.power(a, y) for y in (2.5, 3, -1.0, 2, 0.5, 1, 0, -0.75)} | {
    "power rint": lambda a: mnp.power(a, mnp.rint(a[::-1])),
    "power abs": lambda a: mnp.power(mnp.abs(a), a[::-1]),
}
FLOAT_BINARY = "add subtract multiply divide maximum minimum fmax fmin copysign hypot power".split()
INT_UNARY = "negative positive absolute square invert".split()
INT_BINARY = "add subtract multiply maximum minimum fmax fmin bitwise_and bitwise_or bitwise_xor".split()
COMPARISONS = "less less_equal greater greater_equal equal not_equal".split()
TESTS = "isnan isinf isfinite".split()
LOGICAL = "logical_and logical_or logical_xor".split()
BOOL_BINARY = [
    *LOGICAL,
    *"bitwise_and bitwise_or bitwise_xor maximum minimum fmax fmin".split(),
    *COMPARISONS,
]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -1e-40, 1e-45, 3e38, -3e38, 1e300, 1.0, -1.0, 2.5, 0.5]


@pytest.fixture(autouse=True)
def emit_at_once():
    was = engine.jit_enabled()
    least = _core.set_deferral_threshold(4096)
    engine.set_jit_hot(0)
    yield
    _core.set_deferral_threshold(least)
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
                if self.random.random() < 0.3:
                    return getattr(npx, self.random.choice(ACTIVATIONS))(a)
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
            if self.random.random() < 0.2:
                return mnp.logical_not(a)
            return getattr(mnp, self.random.choice([*COMPARISONS, *LOGICAL]))(a, self.partner(a))
        if choice < 0.7:
            a = self.pick("b")
            if self.random.random() < 0.3:
                return getattr(mnp, self.random.choice(["logical_not", "invert"]))(a)
            return getattr(mnp, self.random.choice(BOOL_BINARY))(a, self.partner(a))
        if choice < 0.78:
            a = self.pick(self.random.choice("ffiib"))
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


def difference(run):
    """What run() adds to the counters of emitted code."""
    before = engine.jit_counters()
    run()
    return {k: v - before[k] for k, v in engine.jit_counters().items()}


def arrays(n, *dtypes):
    numbers = np.random.default_rng(n)
    return [mnp.array(numbers.random(n).astype(t)) for t in dtypes]


def test_code_is_made_and_found_again():
    a, b = arrays(5000, "f4", "f4")
    engine.set_jit(True)
    engine.forget_jit()
    first = difference(lambda: np.asarray((a + b) * a - 2))
    assert first["compiled"] == 1 and first["bytes"] > 0
    # Other addresses, sizes and numbers are the same code; other dtypes, operators and wirings are not.
    c, d = arrays(7001, "f4", "f4")
    assert difference(lambda: np.asarray((c + d) * c - 7))["compiled"] == 0
    c, d = arrays(5000, "f8", "f8")
    assert difference(lambda: np.asarray((c + d) * c - 2))["compiled"] == 1
    assert difference(lambda: np.asarray((a + b) * b - 2))["compiled"] == 1
    assert difference(lambda: np.asarray((a + b) * a + 2))["compiled"] == 1
    assert difference(lambda: np.asarray((a + a) * a - 2))["compiled"] == 1


def test_similar_programs_do_not_share_code():
    """Every wiring of three operators over three arrays gives its own result."""
    engine.set_jit(True)
    ours = arrays(4099, "f4", "f4", "f4")
    theirs = [np.asarray(a) for a in ours]
    pairs = [(0, 0), (0, 1), (1, 0), (1, 2), (2, 1), (0, 2)]
    for i, j in pairs:
        for k, m in pairs:
            got = (ours[i] - ours[j]) / (ours[k] + ours[m])
            with np.errstate(all="ignore"):
                want = (theirs[i] - theirs[j]) / (theirs[k] + theirs[m])
            assert np.asarray(got).tobytes() == want.tobytes()


def test_cold_programs_stay_with_the_loops():
    a, b = arrays(5000, "f4", "f4")
    engine.set_jit(True)
    engine.forget_jit()
    engine.set_jit_hot(5000 * 3 * 2)
    work = lambda: np.asarray((a - b) * a - b)  # noqa: E731
    assert difference(work)["compiled"] == 0
    assert difference(work)["compiled"] == 1


@pytest.mark.parametrize("n", [*range(4096, 4096 + 17), 4096 + 1023, 10_001])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_tail(n, dtype):
    """All remainders of a vector, with truth values, and nothing written behind the end."""
    engine.set_jit(True)
    room = mnp.zeros(n + 16, dtype=dtype)
    flags = mnp.zeros(n + 16, dtype=bool)
    a, b = arrays(n, dtype, dtype)
    room[:n] = a * 3 - b
    flags[:n] = a * 2 > b
    x, y = np.asarray(a), np.asarray(b)
    assert np.asarray(room).tobytes() == np.concatenate([x * 3 - y, np.zeros(16, dtype)]).tobytes()
    assert np.asarray(flags).tobytes() == np.concatenate([x * 2 > y, np.zeros(16, bool)]).tobytes()


def test_flags_name_their_operator():
    """Blocks in which a flag is raised are redone, also when they were overwritten."""
    engine.set_jit(True)
    a, b = arrays(20_000, "f4", "f4")
    b[12_345] = 0
    want = np.asarray(a).copy()
    with np.errstate(all="ignore"):
        want = (want + 1) / np.asarray(b) * 2
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in divide") as seen:
        a += 1
        a /= b
        a *= 2
        got = np.asarray(a)
    assert len(seen) == 1
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize("dtype", ["i4", "i8", "f4", "f8", "?"])
def test_what_is_overwritten_unread_was_copied_before(dtype):
    """A copy that stays in a register is read before its original is stored to."""
    engine.set_jit(True)
    theirs = (np.arange(5000) % 3).astype(dtype)
    x, other = mnp.array(theirs), mnp.array(theirs[::-1].copy())
    y = x.copy() if dtype == "?" else +x
    between = mnp.not_equal(other, 1) if dtype == "?" else other * 3
    x[...] = 1
    z = y ^ between if dtype == "?" else y * 2 + between
    del y
    got, want = np.asarray(z), theirs[::-1]
    want = theirs ^ (want != 1) if dtype == "?" else theirs * 2 + want * 3
    assert got.tobytes() == want.astype(dtype).tobytes()
    assert (np.asarray(x) == 1).all()


def test_more_operands_than_registers():
    engine.set_jit(True)
    many = arrays(6000, *["f4"] * 30)
    theirs = [np.asarray(a) for a in many]
    got, want = many[0] * 1, theirs[0] * 1
    for k in range(1, 30):
        got, want = got * (k / 8) + many[k], want * np.float32(k / 8) + theirs[k]
    assert np.asarray(got).tobytes() == want.tobytes()
    # All sums alive at once: values leave the registers.
    sums = [many[k] + many[k + 1] for k in range(20)]
    wanted = [theirs[k] + theirs[k + 1] for k in range(20)]
    for k in range(19, 0, -1):
        sums[k - 1] = sums[k - 1] * sums[k]
        wanted[k - 1] = wanted[k - 1] * wanted[k]
    assert np.asarray(sums[0]).tobytes() == wanted[0].tobytes()


def test_stores_past_the_caches():
    """Large results, also at addresses that such stores cannot write."""
    engine.set_jit(True)
    room = mnp.zeros(3_000_005, dtype="f4")
    a, b = arrays(3_000_001, "f4", "f4")
    want = np.asarray(a) * np.asarray(b) + 1
    for start in (0, 3):
        room[start : start + a.size] = a * b + 1
        assert np.asarray(room[start : start + a.size]).tobytes() == want.tobytes()
    assert np.asarray(a * b + 1).tobytes() == want.tobytes()


def test_no_page_is_writable_and_executable():
    a, b = arrays(5000, "f4", "f4")
    engine.set_jit(True)
    engine.forget_jit()
    assert difference(lambda: np.asarray((a + b) * a))["compiled"] == 1
    with open("/proc/self/maps") as maps:
        rights = [line.split()[1] for line in maps if "[v" not in line]
    assert any(r.startswith("r-x") for r in rights)
    assert not any("w" in r and "x" in r for r in rights)


@pytest.mark.parametrize("variables", [{"MINPY_JIT": "0"}, {"MINPY_ISA": "v2"}])
def test_switches(variables):
    code = """
import numpy as np, minpy.numpy as mnp
from minpy import _core
a = mnp.arange(500_000.0)
for _ in range(4):
    x = np.asarray((a + 1) * a)
assert (x == (np.asarray(a) + 1) * np.asarray(a)).all()
assert _core.engine.jit_counters()["compiled"] == 0 and not _core.engine.jit_enabled()
"""
    subprocess.run([sys.executable, "-c", code], env=os.environ | variables, check=True, timeout=60)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", [*FUNCTIONS, *ACTIVATIONS, *POWERS, "hypot"])
def test_functions_have_the_bits_of_their_loops(name, dtype):
    """Over all magnitudes, alone and between other operators; arguments that the code leaves to the loops too."""
    function = getattr(mnp, name, None) or getattr(npx, name, None) or POWERS.get(name)
    if name == "hypot":
        function = lambda a: mnp.hypot(a, a[::-1] * 0.7)  # noqa: E731
    numbers = np.random.default_rng(7)
    offsets = [0, 0.7, 1, 1.4142135] if name.startswith("log") else [0]
    for scale, offset in itertools.product(
        [1e-40, 1e-30, 1e-10, 1e-3, 1, 10, 60, 87, 89, 700, 1e4, 1e7], offsets
    ):
        x = (
            np.concatenate([numbers.normal(size=5000), numbers.random(5003), -numbers.random(3)]) * scale
            + offset
        )
        for special in ([], SPECIAL):
            x[: len(special)] = special
            with np.errstate(all="ignore"):
                a = mnp.array(x.astype(dtype))
                results = []
                for emitted in (False, True):
                    engine.set_jit(emitted)
                    results.append([np.array(np.asarray(r)) for r in (function(a), 1 - function(a * 2))])
            assert all(map(same, *results)), (scale, offset)


def test_functions_stay_in_the_code_for_ordinary_arguments():
    """Underflow that nobody asks for included: otherwise the loops would be all that runs."""
    engine.set_jit(True)
    numbers = np.random.default_rng(3)
    x = numbers.random(50_000).astype("f4") + np.float32(0.25)
    a, low = mnp.array(x), mnp.array(x * -90)
    for name in FUNCTIONS:
        assert recoveries(lambda: getattr(mnp, name)(a) * 2) == 0, name  # noqa: B023
    for name in ACTIVATIONS:
        assert recoveries(lambda: getattr(npx, name)(low) * 2) == 0, name  # noqa: B023
    assert recoveries(lambda: mnp.power(a, 2.5) * 2) == 0
    assert recoveries(lambda: mnp.hypot(a, a * 2) * 2) == 0
    with np.errstate(under="ignore"):
        assert recoveries(lambda: mnp.exp(low) * 2) == 0
    with np.errstate(under="warn"), pytest.warns(RuntimeWarning, match="underflow encountered in exp"):
        assert recoveries(lambda: mnp.exp(low) * 2) > 0


def recoveries(run):
    return difference(lambda: np.asarray(run()))["recoveries"]
