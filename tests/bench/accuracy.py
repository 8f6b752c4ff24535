"""How far the elementary functions are from the exact results, in units in the last place (ULP).

python tests/bench/accuracy.py             prints the table
python tests/bench/accuracy.py --write     and writes it to docs/accuracy.md

The reference is longdouble, 11 bits longer than float64 (x86-64); the error functions, which NumPy lacks, are summed
in it from series without cancellation. Operands are bit patterns from the whole domain of a function, subnormal numbers
included, and numbers around the places that are hard for it. An overflow to infinity counts as the number after the
largest. Each result is computed by the loops alone and in a deferred program, whose bits have to be the same.
"""

import argparse
import dataclasses
import pathlib
import platform
import sys
import typing

import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDE = numpy.longdouble
HALF_PI = WIDE(numpy.pi) / 2 + WIDE(6.123233995736766036e-17)


def erf(x):
    """2/sqrt(pi) e^-x^2 sum 2^n x^(2n+1) / (2n+1)!!, whose terms are all positive; |x| < 3.5."""
    term = total = x
    for n in range(1, 80):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return total * gauss(x) * 2 / numpy.sqrt(2 * HALF_PI)


def erfc(x):
    """1 - erf for -3.5 < x < 1, beyond by the continued fraction, from its end."""
    x = numpy.asarray(x, WIDE)
    far = numpy.maximum(x, 1)
    rest = far
    for n in range(260, 0, -1):
        rest = far + WIDE(n) / 2 / rest
    tail = gauss(far) / rest / numpy.sqrt(2 * HALF_PI)
    return numpy.where(x < 1, 1 - erf(numpy.clip(x, -3.5, 1)), numpy.where(x > 200, 0, tail))


def gauss(x):
    """e^(-x^2), the square in two parts."""
    head = x.astype("f4").astype(WIDE)
    return numpy.exp(-head * head) * numpy.exp(-(x - head) * (x + head))


def exact_erf(x):
    near = numpy.clip(x, -3, 3)
    return numpy.where(numpy.abs(x) < 3, erf(near), numpy.sign(x) * (1 - erfc(numpy.abs(x))))


def exact_gelu(x):
    """x/2 erfc(-x/sqrt(2)), minus infinity giving 0."""
    finite = numpy.maximum(x, WIDE(-1e300))
    z = -finite / numpy.sqrt(WIDE(2))
    positive = erfc(numpy.maximum(z, -3.4))
    return numpy.where(z < -12, finite, finite / 2 * numpy.where(z < -3.4, 2 - erfc(-z), positive))


def exact_sigmoid(x):
    return numpy.where(x > 0, 1 / (1 + numpy.exp(-x)), numpy.exp(x) / (1 + numpy.exp(numpy.minimum(x, 100))))


def exact_softplus(x):
    return numpy.maximum(x, 0) + numpy.log1p(numpy.exp(-numpy.abs(x)))


def nearby(points, dtype, rng, n):
    """Numbers at all distances, from the next float on, from the given ones."""
    points = numpy.asarray(points, dtype)
    unsigned = f"u{points.itemsize}"
    chosen = rng.choice(points, n).view(unsigned)
    bits = numpy.finfo(dtype).nmant
    distance = numpy.exp2(rng.uniform(0, bits, n)).astype(unsigned)
    return numpy.where(rng.random(n) < 0.5, chosen + distance, chosen - distance).view(dtype)


def any_bits(dtype, rng, n):
    x = rng.integers(0, 256, (n, numpy.dtype(dtype).itemsize), "u1").view(dtype)[:, 0]
    return x[numpy.isfinite(x)]


def subnormal(dtype, rng, n):
    tiny = numpy.finfo(dtype).tiny
    return (rng.uniform(-1, 1, n) * tiny * 2).astype(dtype)


def multiples_of_half_pi(dtype, rng, n):
    count = numpy.concatenate([numpy.arange(-2000, 2000), numpy.exp2(rng.uniform(11, 50, n)) // 1])
    return (count.astype(WIDE) * HALF_PI).astype(dtype)


@dataclasses.dataclass
class Function:
    name: str
    exact: typing.Callable
    low: float  # of the domain
    high: float
    spans: tuple = ((-1, 1),)  # intervals that are covered evenly
    hard: tuple = (1.0,)  # numbers whose neighbourhood is covered
    arity: int = 1
    space: str = "numpy"

    def call(self, package):
        if package is numpy:
            return getattr(numpy, self.name, None)
        if self.space == "numpy":
            return getattr(package.numpy, self.name)
        return getattr(package.numpy_extension, self.space)


def named(name, low=-numpy.inf, high=numpy.inf, spans=((-1, 1),), hard=(1.0,), arity=1):
    return Function(name, getattr(numpy, name), low, high, spans, hard, arity)


BOTH = (1.0, -1.0)
FUNCTIONS = [
    named("sqrt", 0),
    named("cbrt"),
    named("exp", spans=((-1, 1), (-104, 89), (-746, 710)), hard=(*BOTH, -87.3, -708.4)),
    named("exp2", spans=((-1, 1), (-150, 128), (-1075, 1024)), hard=(*BOTH, -126, -1022)),
    named("expm1", spans=((-1, 1), (-40, 89), (-40, 710)), hard=(*BOTH, 0.35, -0.35)),
    named("log", 0, spans=((0.5, 2), (0, 100))),
    named("log2", 0, spans=((0.5, 2), (0, 100))),
    named("log10", 0, spans=((0.5, 2), (0, 100))),
    named("log1p", -1, spans=((-1, 1), (0, 100)), hard=(*BOTH, 0.41, -0.29)),
    named("sin", spans=((-7, 7), (-2e3, 2e3), (-2e7, 2e7))),
    named("cos", spans=((-7, 7), (-2e3, 2e3), (-2e7, 2e7))),
    named("tan", spans=((-7, 7), (-2e3, 2e3), (-2e7, 2e7))),
    named("arcsin", -1, 1, hard=(*BOTH, 0.5, -0.5)),
    named("arccos", -1, 1, hard=(*BOTH, 0.5, -0.5)),
    named("arctan", spans=((-1, 1), (-10, 10)), hard=(*BOTH, 0.4142, 2.414)),
    named("sinh", spans=((-1, 1), (-22, 22), (-89.5, 89.5), (-710.5, 710.5)), hard=(*BOTH, 10, 22)),
    named("cosh", spans=((-1, 1), (-22, 22), (-89.5, 89.5), (-710.5, 710.5)), hard=(*BOTH, 10, 22)),
    named("tanh", spans=((-1, 1), (-10, 10), (-22, 22)), hard=(*BOTH, 9, 19)),
    named("arcsinh", spans=((-1, 1), (-10, 10)), hard=(*BOTH, 1e-3, 1e3)),
    named("arccosh", 1, spans=((1, 2), (1, 100)), hard=(1.0, 1.5, 2.0)),
    named("arctanh", -1, 1, hard=(*BOTH, 0.5, 1e-3)),
    named("arctan2", arity=2),
    named("hypot", arity=2),
    named("power", arity=2),
    named("logaddexp", arity=2),
    Function("erf", exact_erf, -numpy.inf, numpy.inf, ((-1, 1), (-6, 6)), (*BOTH, 3.0), space="erf"),
    Function("sigmoid", exact_sigmoid, -numpy.inf, numpy.inf, ((-1, 1), (-104, 40), (-746, 40)), BOTH, space="sigmoid"),
    Function("softplus", exact_softplus, -numpy.inf, numpy.inf, ((-1, 1), (-104, 40), (-746, 40)), BOTH,
             space="softrelu"),
    Function("gelu", exact_gelu, -numpy.inf, numpy.inf, ((-1, 1), (-6, 6), (-14, 6), (-38, 6)), BOTH, space="gelu"),
]  # fmt: skip


def operands(function, dtype, n, seed=0):
    """Groups of operands: what is special about them, and the arrays."""
    rng = numpy.random.default_rng([seed, len(function.name)])
    if function.arity == 2:
        return pairs(function.name, dtype, rng, n)
    groups = {"all": any_bits(dtype, rng, 2 * n), "subnormal": subnormal(dtype, rng, n // 8)}
    for low, high in function.spans:
        groups[f"{low} to {high}"] = rng.uniform(low, high, n).astype(dtype)
    groups["hard"] = nearby(function.hard, dtype, rng, n)
    if function.name in ("sin", "cos", "tan"):
        groups["multiples of pi/2"] = multiples_of_half_pi(dtype, rng, n)
    for name, x in groups.items():
        groups[name] = (x[(x >= function.low) & (x <= function.high)],)
    return groups


def pairs(name, dtype, rng, n):
    x, y = (rng.permutation(any_bits(dtype, rng, 3 * n)[: 2 * n]) for _ in range(2))
    groups = {"all": (x, y)}
    unit, other = (rng.uniform(-2, 2, n).astype(dtype) for _ in range(2))
    groups["-2 to 2"] = (unit, other)
    groups["subnormal"] = (subnormal(dtype, rng, n // 8), subnormal(dtype, rng, n // 8))
    near = nearby([1.0], dtype, rng, n)
    if name == "power":
        top = numpy.log(numpy.finfo(dtype).max)
        reach = rng.uniform(-1.08, 1, n) * top
        for title, base in (("all", numpy.abs(any_bits(dtype, rng, 2 * n))[:n]), ("near 1", near)):
            base = base[base > 0]
            with numpy.errstate(all="ignore"):
                exponent = (reach[: len(base)] / numpy.log(base.astype(WIDE))).astype(dtype)
            groups[f"{title}, whole range"] = (base, exponent)
        groups["integers"] = (unit * 50, rng.integers(-20, 20, n).astype(dtype))
        groups["-2 to 2"] = (numpy.abs(unit), other)
        groups["all"] = (numpy.abs(x), y)
    elif name == "logaddexp":
        wide = rng.uniform(-700, 700, n).astype(dtype)
        groups["apart"] = (wide, (wide + rng.uniform(-60, 60, n)).astype(dtype))
        groups["same sign"] = (numpy.abs(unit), numpy.abs(other))
        # The sum of two exponentials next to 1 has a logarithm that no format of this length resolves.
        del groups["-2 to 2"]
        groups["sums above 1"] = (unit, numpy.maximum(other, dtype(0.01)))
    else:
        groups["near 1"] = (near, nearby([1.0, -1.0], dtype, rng, n))
        groups["far apart"] = (unit, (other * numpy.exp2(rng.uniform(-30, 30, n))).astype(dtype))
    return {title: tuple(a[: min(map(len, p))] for a in p) for title, p in groups.items()}


def errors(got, exact, dtype):
    """The distance of each result from the exact one in ULP of the exact one."""
    finfo = numpy.finfo(dtype)
    after_largest = numpy.ldexp(WIDE(1), finfo.maxexp)
    got = numpy.clip(got.astype(WIDE), -after_largest, after_largest)
    exact = numpy.clip(exact, -after_largest, after_largest)
    exponent = numpy.clip(numpy.frexp(exact)[1] - 1, finfo.minexp, finfo.maxexp - 1)
    error = numpy.abs(got - exact) / numpy.ldexp(WIDE(1), exponent - finfo.nmant)
    return numpy.where(
        numpy.isnan(got) & numpy.isnan(exact), 0, numpy.where(numpy.isnan(error), numpy.inf, error)
    )


def computed(function, package, args):
    """By the loops; of minpy also in a program of several operators, which emitted code runs: the same bits."""
    call = function.call(package)
    if package is numpy:
        return call(*args)
    ours = [package.numpy.array(a) for a in args]
    before = package._core.set_deferral_threshold(1 << 62)
    alone = numpy.asarray(call(*ours))
    package._core.set_deferral_threshold(64)
    package._core.engine.set_jit_hot(0)
    try:
        fused = numpy.asarray(-call(*[+a for a in ours]))
    finally:
        package._core.set_deferral_threshold(before)
        package._core.engine.set_jit_hot(500_000)
    same = numpy.array_equal(alone, -fused, equal_nan=True)
    if not same or not (numpy.signbit(alone) == numpy.signbit(-fused))[~numpy.isnan(alone)].all():
        raise AssertionError(f"{function.name}: the program's bits are not those of the loop")
    return alone


def worst(function, dtype, package, n, seed=0):
    """The largest error over all groups of operands, and the operands and the group it belongs to."""
    dtype = numpy.dtype(dtype).type
    found = (0.0, (), "")
    for title, args in operands(function, dtype, n, seed).items():
        with numpy.errstate(all="ignore"):
            exact = function.exact(*[a.astype(WIDE) for a in args])
            error = errors(computed(function, package, args), exact, dtype)
        if error.size and error.max() > found[0]:
            at = int(error.argmax())
            found = (float(error[at]), tuple(a[at] for a in args), title)
    return found


def rows(package, n, seed=0):
    for function in FUNCTIONS:
        row = [function.name]
        for dtype in ("float32", "float64"):
            ours = worst(function, dtype, package, n, seed)
            theirs = worst(function, dtype, numpy, n, seed) if function.call(numpy) else None
            row += [ours, theirs]
        yield row


def shown(found):
    return "" if found is None else f"{found[0]:.2f}" if found[0] < 1e4 else f"{found[0]:.0e}"


def place(found):
    return (
        "(" + ", ".join(f"{float(x):.6g}" for x in found[1]) + ")"
        if len(found[1]) > 1
        else f"{float(found[1][0]):.6g}"
    )


def table(measured):
    yield "| function | float32 | at | NumPy | float64 | at | NumPy |"
    yield "| --- | ---: | --- | ---: | ---: | --- | ---: |"
    for name, single, single_numpy, double, double_numpy in measured:
        cells = [f"`{name}`", shown(single), place(single), shown(single_numpy)]
        cells += [shown(double), place(double), shown(double_numpy)]
        yield "| " + " | ".join(cells) + " |"


HEADER = """# Accuracy

The largest errors found of the elementary functions on a CPU, in units in the last place (ULP) of the exact result, and
NumPy's on the same operands: {n} and more of each kind, namely bit patterns from the whole domain, subnormal numbers,
the ranges where the function varies, and numbers next to its zeros, poles and changes of method. A correctly rounded
result has at most 0.5. `logaddexp` is measured where its result is not the logarithm of almost 1, which no two operands
of this length determine. Operators alone and in deferred programs, compiled or not, have the same bits.

Written by `python tests/bench/accuracy.py --write` ({isa}, NumPy {numpy}). `tests/cpu/test_accuracy.py` keeps all of them
below the bounds there.

"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-n", type=int, default=50_000, help="operands of each kind")
    parser.add_argument("--write", action="store_true", help="write docs/accuracy.md")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    import minpy

    lines = []
    for line in table(rows(minpy, options.n)):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        header = HEADER.format(n=options.n, isa=platform.machine(), numpy=numpy.__version__)
        (ROOT / "docs" / "accuracy.md").write_text(header + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
