"""Elementwise chains as people write them in NumPy, on float32 arrays of each size of --sizes.

One text serves every library that has NumPy's names and arrays that can be written in place. Libraries without such
arrays run the `functional` text, which returns the new state.
"""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy
from cases import Case, Prepared, flat, matrix_shape


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program(Case):
    """A function of `np` and arrays. The first `state` arrays are replaced by what it returns, call by call."""

    group: str = "chains"
    sized: bool = True
    without: tuple = ("autograd",)  # which would time NumPy again
    program: Callable
    inputs: Callable  # (rng, size) -> arrays
    functional: Callable | None = None
    step: Callable | None = None  # the body of the program's loop, which takes it as its last argument
    state: int = 0

    def prepare(self, library, size):
        program = self.compiled(library)
        values = self.inputs(numpy.random.default_rng(1), size)
        arrays = [library.array(value) for value in values]
        count = self.state

        def run():
            result = program(*arrays)
            if count:
                arrays[:count] = flat(result)
            library.wait(result)
            return result

        return Prepared("run()", {"run": run}, lambda: flat(run()))

    def compiled(self, library):
        np = library.np
        text = self.functional if self.functional and library.immutable else self.program
        if self.step and library.compiles_steps:
            step = library.compile(functools.partial(self.step, np))
            return lambda *arrays: text(np, *arrays, lambda np, *values: step(*values))
        return library.compile(lambda *arrays: text(np, *arrays), donate=tuple(range(self.state)))


def uniform(low, high, count, shape=lambda size: size):
    """Inputs of `count` arrays with values between `low` and `high`."""
    span = numpy.float32(high - low)
    return lambda rng, size: [
        rng.random(shape(size), numpy.float32) * span + numpy.float32(low) for _ in range(count)
    ]


def rows(size):
    return max(size // 1000, 1), min(size, 1000)


def normal_distribution(np, d):
    """The cumulative normal distribution, by Abramowitz and Stegun's polynomial 26.2.17."""
    k = 1.0 / (1.0 + 0.2316419 * np.abs(d))
    series = 1.330274429
    for coefficient in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        series = coefficient + k * series
    tail = np.exp(-0.5 * d * d) * (k * series) * 0.3989422804
    return np.where(d > 0, 1.0 - tail, tail)


def black_scholes(np, price, strike, years):
    rate, volatility = 0.02, 0.3
    deviation = volatility * np.sqrt(years)
    d1 = (np.log(price / strike) + (rate + 0.5 * volatility * volatility) * years) / deviation
    d2 = d1 - deviation
    cdf1, cdf2 = normal_distribution(np, d1), normal_distribution(np, d2)
    discounted = strike * np.exp(-rate * years)
    call = price * cdf1 - discounted * cdf2
    put = discounted * (1.0 - cdf2) - price * (1.0 - cdf1)
    return call, put


def black_scholes_inputs(rng, size):
    ranges = ((5, 30), (1, 100), (0.25, 10))
    return [uniform(low, high, 1)(rng, size)[0] for low, high in ranges]


def normalise_rows(np, x):
    centred = x - np.mean(x, axis=1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=1, keepdims=True) + 1e-5)


def softmax_rows(np, x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def adam(np, p, m, v, g):
    m *= 0.9
    m += 0.1 * g
    v *= 0.999
    v += 0.001 * g * g
    p -= 0.001 * m / (np.sqrt(v) + 1e-8)
    return p, m, v


def gaussian_pdf(np, x):
    mean, deviation = 0.5, 1.5
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))


def tanh_chain(np, a, b, c, d):
    return np.tanh(a * b + c) * d


def hypot_chain(np, x, y, z):
    return 1.0 / (1.0 + np.hypot(np.hypot(x, y), z))


def squared_distance(np, a, b):
    return np.sum((a - b) ** 2)


def mandelbrot_step(np, cx, cy, x, y, count):
    xx, yy = x * x, y * y
    inside = xx + yy <= 4.0
    count = np.where(inside, count + 1.0, count)
    return np.where(inside, xx - yy + cx, x), np.where(inside, 2.0 * x * y + cy, y), count


def mandelbrot(np, cx, cy, step=mandelbrot_step):
    x, y, count = np.zeros_like(cx), np.zeros_like(cy), np.zeros_like(cx)
    for _ in range(10):
        x, y, count = step(np, cx, cy, x, y, count)
    return count


def mandelbrot_inputs(rng, size):
    return [uniform(low, high, 1, matrix_shape)(rng, size)[0] for low, high in ((-2, 0.6), (-1.3, 1.3))]


def next_generation(z):
    n = (
        (z[:-2, :-2] + z[:-2, 1:-1] + z[:-2, 2:])
        + (z[1:-1, :-2] + z[1:-1, 2:])
        + (z[2:, :-2] + z[2:, 1:-1] + z[2:, 2:])
    )
    return (n == 3) | ((n == 2) & (z[1:-1, 1:-1] == 1))


def game_of_life(np, z):
    z[1:-1, 1:-1] = next_generation(z)
    return z


def game_of_life_functional(np, z):
    return z.at[1:-1, 1:-1].set(next_generation(z).astype(z.dtype))


def life_inputs(rng, size):
    return [(rng.random(matrix_shape(size)) < 0.3).astype(numpy.float32)]


def flow(u):
    return 0.1 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1])


def heat(np, u):
    u[1:-1, 1:-1] += flow(u)
    return u


def heat_functional(np, u):
    return u.at[1:-1, 1:-1].add(flow(u))


def triad(np, a, b, c):
    a[:] = b + 3.0 * c
    return a


def triad_functional(np, a, b, c):
    return b + 3.0 * c


CASES = [
    Program(name="Black-Scholes", program=black_scholes, inputs=black_scholes_inputs),
    Program(name="normalise rows", program=normalise_rows, inputs=uniform(-1, 1, 1, rows)),
    Program(name="softmax rows", program=softmax_rows, inputs=uniform(-4, 4, 1, rows)),
    Program(name="Adam update", program=adam, inputs=uniform(0.1, 1, 4), state=3),
    Program(name="Gaussian pdf", program=gaussian_pdf, inputs=uniform(-3, 3, 1)),
    Program(name="tanh(a*b+c)*d", program=tanh_chain, inputs=uniform(-1, 1, 4)),
    Program(name="hypot chain", program=hypot_chain, inputs=uniform(-1, 1, 3)),
    Program(name="sum((a-b)**2)", program=squared_distance, inputs=uniform(-1, 1, 2)),
    Program(
        name="Mandelbrot",
        program=mandelbrot,
        step=mandelbrot_step,
        inputs=mandelbrot_inputs,
        loose=1e-3,
    ),
    Program(
        name="Game of Life",
        program=game_of_life,
        functional=game_of_life_functional,
        inputs=life_inputs,
        state=1,
    ),
    Program(
        name="heat stencil",
        program=heat,
        functional=heat_functional,
        inputs=uniform(0.5, 1, 1, matrix_shape),
        state=1,
    ),
    Program(
        name="triad",
        program=triad,
        functional=triad_functional,
        inputs=uniform(0.5, 1, 3),
        state=1,
        traffic=3,
    ),
]
