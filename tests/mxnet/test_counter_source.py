"""`minpy.config.random = "counter"`: mx.random, nd.random and mx.np.random from a counter-based generator."""

import math
import os
import random
import subprocess
import sys

import numpy
import pytest
from scipy import stats

import minpy as mx
from minpy import autograd, config, gluon, nd, npx
from minpy import numpy as np
from minpy.mxnet.numpy import random as np_random


@pytest.fixture(autouse=True)
def counter():
    config.random = "counter"
    mx.random.seed(7)
    yield
    config.random = "mxnet"


def values(array):
    return numpy.asarray(array, dtype=float)


def bits(array):
    return numpy.asarray(array).tobytes()


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True
    )
    return done.stdout, done.stderr


# --- The setting ---


def test_the_setting_is_checked():
    with pytest.raises(ValueError, match=r"config.random must be one of \('mxnet', 'counter'\), not 'numpy'"):
        config.random = "numpy"
    assert config.random == "counter"


def test_the_environment_sets_it():
    code = (
        "import minpy as mx; print(mx.config.random, mx.random.normal(shape=(3,)).asnumpy().tobytes().hex())"
    )
    by_default, _ = run(code, MINPY_RANDOM="")
    stated, _ = run(code, MINPY_RANDOM="mxnet")
    counter, _ = run(code, MINPY_RANDOM="counter")
    assert by_default == stated and by_default.split()[0] == "mxnet"
    mx.random.seed(0)  # what a program that does not seed starts from
    assert counter.split() == ["counter", bits(mx.random.normal(shape=(3,))).hex()]
    _, error = run(code, MINPY_RANDOM="philox")
    assert "ValueError: minpy.config.random must be one of" in error


def test_each_source_keeps_its_place():
    calls = [
        lambda: mx.random.normal(shape=(5,)),
        lambda: mx.random.shuffle(nd.arange(9)),
        lambda: mx.random.randint(0, 99, shape=(7,)),
        lambda: np_random.uniform(size=(3,)),
    ] * 3
    whole = {}
    for source in ("mxnet", "counter"):
        config.random = source
        mx.random.seed(3)
        whole[source] = [bits(call()) for call in calls]
    assert not set(whole["mxnet"]) & set(whole["counter"])
    mx.random.seed(3)
    for i, call in enumerate(calls):
        for source in ("mxnet", "counter"):
            config.random = source
            assert bits(call()) == whole[source][i]


def test_numbers_are_a_stream_of_the_counter_generator():
    draw = np.random.CounterGenerator(7).jumped()
    assert bits(mx.random.normal(1, 2, shape=(1000,))) == bits(draw.normal(1, 2, 1000, dtype="float32"))
    assert bits(mx.random.uniform(shape=(10,), dtype="float64")) == bits(draw.random(10))
    assert bits(mx.random.randint(-5, 5, shape=(10,))) == bits(draw.integers(-5, 5, 10, "int32"))


def test_dropout_has_a_stream_of_its_own():
    """Its mask depends on the seed alone, and has nothing to do with uniform numbers of that seed."""
    x, masks = nd.ones((1000,)), {}
    for source in ("mxnet", "counter"):
        config.random = source
        mx.random.seed(11)
        mx.random.normal(shape=(5,))
        with autograd.record():
            masks[source] = values(nd.Dropout(x, p=0.5)) > 0
    assert (masks["mxnet"] == masks["counter"]).all()
    mx.random.seed(11)
    alike = (values(mx.random.uniform(shape=(1000,))) >= 0.5) == masks["counter"]
    assert 400 < alike.sum() < 600


def test_seeds():
    first = bits(mx.random.uniform(shape=(50,)))
    for seed, same in ((7, True), (7 + 2**32, True), (8, False), (-7, False)):
        mx.random.seed(seed)
        assert (bits(mx.random.uniform(shape=(50,))) == first) == same
    mx.random.seed(7, ctx=mx.cpu(1))
    assert bits(mx.random.uniform(shape=(50,), ctx=mx.cpu(1))) == first
    with pytest.raises(ValueError, match="seed_state must be int"):
        mx.random.seed("7")


# --- Distributions ---

DRAWS = {
    "uniform": (lambda **k: mx.random.uniform(-1, 3, **k), stats.uniform(-1, 4)),
    "normal": (lambda **k: mx.random.normal(2, 3, **k), stats.norm(2, 3)),
    "exponential": (lambda **k: mx.random.exponential(2.5, **k), stats.expon(scale=2.5)),
    "gamma tiny": (lambda **k: mx.random.gamma(0.08, 2, **k), stats.gamma(0.08, scale=2)),
    "gamma below one": (lambda **k: mx.random.gamma(0.7, 2, **k), stats.gamma(0.7, scale=2)),
    "gamma one": (lambda **k: mx.random.gamma(1, 0.5, **k), stats.gamma(1, scale=0.5)),
    "gamma": (lambda **k: mx.random.gamma(4.5, 3, **k), stats.gamma(4.5, scale=3)),
    "gamma large": (lambda **k: mx.random.gamma(5000, 1, **k), stats.gamma(5000)),
}
COUNTS = {
    "poisson zero": (lambda **k: mx.random.poisson(0, **k), stats.poisson(0)),
    "poisson small": (lambda **k: mx.random.poisson(0.3, **k), stats.poisson(0.3)),
    "poisson": (lambda **k: mx.random.poisson(9.9, **k), stats.poisson(9.9)),
    "poisson ten": (lambda **k: mx.random.poisson(10, **k), stats.poisson(10)),
    "poisson fifty": (lambda **k: mx.random.poisson(50, **k), stats.poisson(50)),
    "poisson large": (lambda **k: mx.random.poisson(3e4, **k), stats.poisson(3e4)),
    "negative binomial": (lambda **k: mx.random.negative_binomial(3, 0.4, **k), stats.nbinom(3, 0.4)),
    "negative binomial large": (
        lambda **k: mx.random.negative_binomial(40, 0.1, **k),
        stats.nbinom(40, 0.1),
    ),
    "generalized": (
        lambda **k: mx.random.generalized_negative_binomial(3, 0.4, **k),
        stats.nbinom(1 / 0.4, 1 / (1 + 3 * 0.4)),
    ),
    "generalized without dispersion": (
        lambda **k: mx.random.generalized_negative_binomial(3, 0, **k),
        stats.poisson(3),
    ),
    "randint": (lambda **k: mx.random.randint(-3, 9, **k), stats.randint(-3, 9)),
    "bernoulli": (lambda **k: mx.random.bernoulli(0.3, **k), stats.bernoulli(0.3)),
    "multinomial": (
        lambda **k: mx.random.multinomial(nd.array([0.1, 0.6, 0.3]), **k),
        stats.rv_discrete(values=([0, 1, 2], [0.1, 0.6, 0.3])),
    ),
}
FLOATS = ["float32", "float64"]


def check_counts(sample, law):
    """Pearson's test, with the rare counts at both ends together."""
    sample = values(sample).ravel()
    assert (sample == numpy.floor(sample)).all()
    ends = law.ppf([2e-3, 1 - 2e-3])
    edges = numpy.unique(numpy.linspace(*ends, min(40, int(ends[1] - ends[0]) + 1)).astype(int))
    expected = numpy.diff(numpy.concatenate([[0], law.cdf(edges), [1]])) * len(sample)
    got = numpy.bincount(numpy.searchsorted(edges, sample), minlength=len(expected))
    kept = expected > 1e-6
    assert got[~kept].sum() == 0
    if kept.sum() > 1:
        assert stats.chisquare(got[kept], expected[kept] * got.sum() / expected[kept].sum()).pvalue > 1e-3


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_distribution(name, dtype):
    draw, law = DRAWS[name]
    sample = values(draw(shape=(200, 1000), dtype=dtype)).ravel()
    assert stats.kstest(sample, law.cdf).pvalue > 1e-3
    mean, variance, fourth = law.mean(), law.var(), float(law.stats(moments="k")) + 3
    root = math.sqrt(len(sample))
    assert abs(sample.mean() - mean) < 4.5 * math.sqrt(variance) / root
    assert abs(sample.var() - variance) < 4.5 * variance * math.sqrt(fourth - 1) / root
    centred = (sample - mean) / math.sqrt(variance)
    for distance in (1, 2, 4, 256):
        assert abs((centred[distance:] * centred[:-distance]).mean()) < 4.5 / root


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    draw, law = COUNTS[name]
    check_counts(draw(shape=(150_000,)), law)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_counts_of_other_dtypes(dtype):
    sample = mx.random.poisson(20, shape=(50_000,), dtype=dtype)
    assert numpy.dtype(sample.dtype) == dtype
    check_counts(sample, stats.poisson(20))


def test_masses_of_large_means():
    """Where few draws fall, the logarithm of the mass decides: compare far tails and the middle."""
    mean, n = 1000.0, 2_000_000
    sample = values(mx.random.poisson(mean, shape=(n,), dtype="float64"))
    for level in (-4, -3, -2, 2, 3, 4):
        bound = mean + level * math.sqrt(mean)
        law = stats.poisson(mean)
        share = law.cdf(bound) if level < 0 else law.sf(bound)
        got = (sample <= bound).mean() if level < 0 else (sample > bound).mean()
        assert abs(got - share) < 4.5 * math.sqrt(share / n)


PARAMETERS = {
    "uniform": ([-1, 0.5, 2, 2], [1, 3, 2.5, 9]),
    "normal": ([-1, 0.5, 2, 0], [1, 3, 2.5, 9]),
    "exponential": ([0.1, 1, 2, 30],),
    "gamma": ([0.2, 1, 2, 30], [1, 3, 2.5, 9]),
    "poisson": ([0.2, 3, 11, 300],),
    "negative_binomial": ([1, 2, 5, 40], [0.3, 0.5, 0.9, 0.2]),
    "generalized_negative_binomial": ([1, 2, 5, 40], [0.3, 0.5, 0, 0.2]),
}


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("draws", [1, 3, 100, 1000])
def test_arrays_as_parameters(name, dtype, draws):
    """Each element is what its parameters as numbers give at that place."""
    draw, parameters = getattr(mx.random, name), PARAMETERS[name]
    mx.random.seed(5)
    got = values(draw(*(nd.array(p, dtype=dtype).reshape((2, 2)) for p in parameters), shape=(draws,)))
    assert got.shape == (2, 2, draws)
    for i, pair in enumerate(zip(*(numpy.array(p, dtype) for p in parameters))):
        mx.random.seed(5)
        whole = values(draw(*(float(p) for p in pair), shape=(4 * draws,), dtype=dtype))
        expected = whole[i * draws : (i + 1) * draws]
        numpy.testing.assert_allclose(got.reshape(4, draws)[i], expected, rtol=3e-7, atol=3e-7)


def test_many_parameters():
    n = 60_000
    mean = numpy.tile([0.5, 4, 12, 90], n)
    sample = values(mx.random.poisson(nd.array(mean)))
    shape = values(mx.random.gamma(nd.array(mean), nd.ones((4 * n,)) * 2))
    for i in range(4):
        check_counts(sample[i::4], stats.poisson(mean[i]))
        assert stats.kstest(shape[i::4], stats.gamma(mean[i], scale=2).cdf).pvalue > 1e-3


def test_extreme_parameters():
    with numpy.errstate(all="raise"):
        assert (values(mx.random.gamma(1e-30, 1, shape=(300,))) == 0).all()
        large = values(mx.random.gamma(1e30, 2, shape=(300,), dtype="float64"))
        numpy.testing.assert_allclose(large, 2e30, rtol=1e-14)
        large = values(mx.random.poisson(1e17, shape=(300,), dtype="float64"))
        assert numpy.abs(large / 1e17 - 1).max() < 3e-8
        assert (values(mx.random.negative_binomial(0, 0.5, shape=(300,))) == 0).all()
        assert (values(mx.random.negative_binomial(5, 1, shape=(300,))) == 0).all()
        assert (values(mx.random.poisson(math.inf, shape=(3,))) == math.inf).all()
        assert (values(mx.random.gamma(math.inf, 1, shape=(3,))) == math.inf).all()
        assert (values(mx.random.normal(0, 1e-40, shape=(300,), dtype="float64")) < 1e-38).all()


def test_shuffle():
    orders = {}
    for _ in range(1200):
        order = tuple(values(mx.random.shuffle(nd.arange(3))).tolist())
        orders[order] = orders.get(order, 0) + 1
    assert len(orders) == 6 and stats.chisquare(list(orders.values())).pvalue > 1e-3
    rows = nd.arange(24).reshape((6, 4))
    mixed = values(mx.random.shuffle(rows))
    assert sorted(mixed[:, 0].tolist()) == values(rows)[:, 0].tolist() != mixed[:, 0].tolist()
    assert (mixed[:, 1] == mixed[:, 0] + 1).all()
    mx.random.shuffle(rows, out=rows)
    assert sorted(values(rows)[:, 0].tolist()) == list(range(0, 24, 4))


def test_multinomial_of_rows():
    rows = nd.array([[0.5, 0.5, 0], [0, 0, 1], [0.2, 0.3, 0.5]])
    drawn, logs = mx.random.multinomial(rows, shape=(40_000,), get_prob=True)
    for row, sample in zip(values(rows), values(drawn)):
        check_counts(sample, stats.rv_discrete(values=(range(3), row)))
    picked = numpy.take_along_axis(values(rows), values(drawn).astype(int), 1)
    numpy.testing.assert_allclose(values(logs), numpy.log(picked), rtol=1e-6)


# --- Reproducibility ---

ALL = {name: draw for name, (draw, _) in {**DRAWS, **COUNTS}.items()}


@pytest.mark.parametrize("name", ALL)
def test_pieces_are_the_whole(name):
    sizes = [1, 2, 5, 250, 256, 1021, 3000, 1]
    whole = ALL[name](shape=(sum(sizes),))
    mx.random.seed(7)
    assert bits(numpy.concatenate([ALL[name](shape=(n,)) for n in sizes])) == bits(whole)
    mx.random.seed(8)
    assert name == "poisson zero" or bits(ALL[name](shape=(sum(sizes),))) != bits(whole)


HASHES = """
import hashlib, sys, numpy
sys.path.insert(0, {folder!r})
import minpy as mx
from minpy import nd
from test_counter_source import ALL, PARAMETERS
def show(name, array):
    print(name, hashlib.sha256(numpy.asarray(array).tobytes()).hexdigest())
for name, draw in ALL.items():
    show(name, draw(shape=(100_003,)))
    if "randint" not in name and "multinomial" not in name and "bernoulli" not in name:
        show(name, draw(shape=(100_003,), dtype="float64"))
for name, parameters in PARAMETERS.items():
    show(name, getattr(mx.random, name)(*(nd.array(p) for p in parameters), shape=(20_001,)))
show("shuffle", mx.random.shuffle(nd.arange(50_000)))
"""


def test_threads_and_instruction_sets_do_not_matter():
    code = HASHES.format(folder=os.path.dirname(os.path.abspath(__file__)))
    first, error = run(code, MINPY_RANDOM="counter", MINPY_NUM_THREADS="1")
    assert len(first.splitlines()) > 2 * len(DRAWS) + len(COUNTS), error
    for environment in (
        {"MINPY_NUM_THREADS": "2"},
        {"MINPY_NUM_THREADS": "5"},
        {"MINPY_ISA": "v2"},
        {"MINPY_ISA": "v3"},
    ):
        assert run(code, MINPY_RANDOM="counter", **environment)[0] == first


def test_a_forked_process_draws_on():
    code = (
        "import os, minpy as mx\n"
        "mx.random.normal(shape=(4,))\n"
        "if os.fork():\n"
        "    assert os.wait()[1] == 0\n"
        "print(float(mx.random.normal(shape=(4,)).sum().asscalar()))\n"
    )
    lines = run(code, MINPY_RANDOM="counter")[0].split()
    assert len(lines) == 2 and lines[0] == lines[1]


# --- Arguments ---

BAD_CALLS = {
    "uniform order": lambda r: r.uniform(1, 0),
    "uniform dtype": lambda r: r.uniform(dtype="int32"),
    "uniform kinds": lambda r: r.uniform(nd.ones((2,)), 3),
    "uniform text": lambda r: r.uniform("a", 1),
    "normal scale": lambda r: r.normal(0, -1),
    "normal arrays": lambda r: r.normal(nd.zeros((3,)), nd.array([1, 0, 1])),
    "normal shapes": lambda r: r.normal(nd.zeros((3,)), nd.ones((2,))),
    "normal out": lambda r: r.normal(0, 1, shape=(3,), out=nd.zeros((2,))),
    "exponential zero": lambda r: r.exponential(0),
    "exponential": lambda r: r.exponential(-1),
    "gamma alpha": lambda r: r.gamma(0, 1),
    "gamma beta": lambda r: r.gamma(1, -2),
    "gamma nan": lambda r: r.gamma(math.nan, 1),
    "poisson": lambda r: r.poisson(-1),
    "negative binomial k": lambda r: r.negative_binomial(-1, 0.5),
    "negative binomial p": lambda r: r.negative_binomial(1, 0),
    "generalized": lambda r: r.generalized_negative_binomial(1, -1),
    "randint order": lambda r: r.randint(3, 3),
    "randint dtype": lambda r: r.randint(0, 3, dtype="float32"),
    "randint part": lambda r: r.randint(0.5, 3),
    "bernoulli none": lambda r: r.bernoulli(),
    "bernoulli both": lambda r: r.bernoulli(0.5, 0.5),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_errors_are_the_same(name):
    found = []
    for source in ("mxnet", "counter"):
        config.random = source
        with pytest.raises((ValueError, mx.base.MXNetError, AssertionError, ZeroDivisionError)) as raised:
            BAD_CALLS[name](mx.random)
        found.append((raised.type, str(raised.value)))
    assert found[0] == found[1]
    assert bits(mx.random.uniform(shape=(4,))) == bits(
        np.random.CounterGenerator(7).jumped().random(4, "float32")
    )


@pytest.mark.parametrize("name", ["uniform", "normal", "exponential", "gamma", "poisson"])
def test_out_of_any_kind(name):
    draw = getattr(mx.random, name)
    wanted = values(draw(shape=(3, 4)))
    mx.random.seed(7)
    target = nd.zeros((3, 4))
    assert draw(out=target) is target
    numpy.testing.assert_array_equal(values(target), wanted)
    for make, expected in (
        (lambda: nd.zeros((4, 3)).T, wanted),
        (lambda: nd.zeros((3, 4), dtype="float16"), wanted.astype("f2")),
        (lambda: nd.zeros((3, 4), dtype="int32"), wanted.astype("i4")),
        (lambda: np.zeros((6, 4))[::2], wanted),
    ):
        mx.random.seed(7)
        target = make()
        dtype = target.dtype
        assert draw(shape=(3, 4), out=target) is target and target.dtype == dtype
        numpy.testing.assert_array_equal(values(target), expected)
    assert values(draw(shape=(0, 3))).shape == (0, 3)


@pytest.mark.parametrize(
    "low, high, dtype",
    [
        (0, 10_000_000, "int32"),
        (-(2**31), 2**31, "int32"),
        (-(2**62), 2**62, "int64"),
        (-(2**63), 2**63 - 1, "int64"),
    ],
)
def test_randint_bounds(low, high, dtype):
    drawn = mx.random.randint(low, high, shape=(20_000,), dtype=dtype)
    assert numpy.dtype(drawn.dtype) == dtype
    drawn = numpy.asarray(drawn)
    assert drawn.min() >= low and drawn.max() < high
    assert stats.kstest((drawn.astype(float) - low) / (high - low), "uniform").pvalue > 1e-3
    assert (values(mx.random.randint(5, 6, shape=(9,))) == 5).all()


@pytest.mark.parametrize(
    "name, parameters",
    [
        ("uniform", (1, 2)),
        ("normal", (1, 2)),
        ("gamma", (2, 3)),
        ("poisson", (3,)),
        ("negative_binomial", (3, 0.5)),
    ],
)
def test_in_the_shape_of_an_array(name, parameters):
    for dtype in ("float16", "float32", "float64"):
        mx.random.seed(7)
        got = getattr(mx.random, f"{name}_like")(nd.zeros((3, 5), dtype=dtype), *parameters)
        mx.random.seed(7)
        expected = getattr(mx.random, name)(*parameters, shape=(3, 5), dtype=dtype)
        assert got.dtype == expected.dtype and bits(got) == bits(expected)
    mx.random.seed(7)
    got = mx.random.exponential_like(nd.zeros((50_000,)), lam=4)
    assert stats.kstest(values(got), stats.expon(scale=0.25).cdf).pvalue > 1e-3


def test_float16_is_rounded():
    sample = values(mx.random.normal(shape=(50_000,), dtype="float16"))
    mx.random.seed(7)
    wide = numpy.asarray(mx.random.normal(shape=(50_000,)))
    numpy.testing.assert_array_equal(sample, wide.astype("f2"))


# --- Where others draw through it ---


class Noisy(gluon.HybridBlock):
    def hybrid_forward(self, F, x):
        return x * 2 + F.random.normal(0, 1, shape=(4,)) + F.random.uniform(shape=(4,))


def test_hybridized_blocks_draw_anew():
    x, results = nd.array([1, 2, 3, 4]), []
    for hybridized in (False, True):
        block = Noisy()
        if hybridized:
            block.hybridize()
        mx.random.seed(7)
        results.append([bits(block(x)) for _ in range(6)])
    assert results[0] == results[1] and len(set(results[0])) == 6


def test_hybridized_blocks_follow_the_setting():
    block, x = Noisy(), nd.array([1, 2, 3, 4])
    block.hybridize()
    for _ in range(3):
        block(x)
    for source in ("mxnet", "counter", "mxnet"):
        config.random = source
        mx.random.seed(9)
        expected = bits(Noisy()(x))
        mx.random.seed(9)
        assert bits(block(x)) == expected


def test_recorded_draws():
    x = nd.array([1.0, 2, 3])
    x.attach_grad()
    drawn = []
    for _ in range(2):
        with autograd.record():
            noise = mx.random.gamma(2, 1, shape=(3,))
            y = (x * noise).sum()
        y.backward()
        numpy.testing.assert_array_equal(values(x.grad), values(noise))
        drawn.append(bits(noise))
    assert drawn[0] != drawn[1]
    means = nd.array([1.0, 2, 3])
    with autograd.record():
        noise = mx.random.normal(means, nd.ones((3,)), shape=(2,))
    assert values(noise).shape == (3, 2)


def test_symbols():
    executor = (mx.sym.random.normal(0, 1, shape=(5,)) + mx.sym.Variable("x")).bind(
        mx.cpu(), {"x": nd.zeros((5,))}
    )
    first, second = (bits(executor.forward()[0]) for _ in range(2))
    assert first != second
    mx.random.seed(7)
    assert bits(mx.random.normal(shape=(5,))) == first


def test_operators_and_initializers():
    for draw in (
        lambda: nd.random_normal(0, 1, shape=(5,)),
        lambda: nd.random.normal(0, 1, shape=(5,)),
        lambda: nd.sample_normal(nd.zeros((1,)), nd.ones((1,)), shape=(5,)).reshape((5,)),
    ):
        mx.random.seed(7)
        assert bits(draw()) == bits(np.random.CounterGenerator(7).jumped().standard_normal(5, "float32"))
    for initializer, law in (
        (mx.init.Normal(0.5), stats.norm(0, 0.5)),
        (mx.init.Uniform(0.5), stats.uniform(-0.5, 1)),
        (mx.init.Xavier(magnitude=6), stats.uniform(-math.sqrt(0.03), 2 * math.sqrt(0.03))),
    ):
        weights = []
        for seed in (7, 7, 8):
            mx.random.seed(seed)
            array = nd.zeros((200, 200))
            initializer("weight", array)
            weights.append(array)
        assert bits(weights[0]) == bits(weights[1]) != bits(weights[2])
        assert stats.kstest(values(weights[0]).ravel(), law.cdf).pvalue > 1e-3


NP_DRAWS = {
    "uniform": (lambda n: np_random.uniform(1, 3, size=n), stats.uniform(1, 2)),
    "normal": (lambda n: np_random.normal(1, 3, size=n), stats.norm(1, 3)),
    "exponential": (lambda n: np_random.exponential(2, size=n), stats.expon(scale=2)),
    "gumbel": (lambda n: np_random.gumbel(size=n), stats.gumbel_r()),
    "gamma": (lambda n: np_random.gamma(2.5, 2, size=n), stats.gamma(2.5, scale=2)),
    "uniform_n": (lambda n: npx.random.uniform_n(1, 3, batch_shape=n), stats.uniform(1, 2)),
    "normal_n": (lambda n: npx.random.normal_n(1, 3, batch_shape=n), stats.norm(1, 3)),
}


@pytest.mark.parametrize("name", NP_DRAWS)
def test_mx_np_random(name):
    draw, law = NP_DRAWS[name]
    sample = draw(50_000)
    assert sample.dtype == numpy.float32
    assert stats.kstest(values(sample), law.cdf).pvalue > 1e-3
    assert bits(draw(50_000)) != bits(sample)
    mx.random.seed(7)
    assert bits(draw(50_000)) == bits(sample)


def test_mx_np_counts():
    check_counts(np_random.randint(0, 7, size=50_000), stats.randint(0, 7))
    check_counts(npx.random.bernoulli(0.25, size=50_000), stats.bernoulli(0.25))
    check_counts(np_random.poisson(4, size=50_000), stats.poisson(4))
    x = np.arange(50)
    np_random.shuffle(x)
    assert sorted(x.tolist()) == list(range(50)) != x.tolist()


def test_module_of_nd_is_the_same():
    assert nd.random.gamma is mx.random.gamma


def test_workers_of_a_data_loader_take_the_setting():
    from minpy.gluon.data._worker import Seeds

    seeds = Seeds()
    config.random = "mxnet"
    kept = numpy.random.get_state(), random.getstate()
    try:
        seeds.apply(0)
    finally:
        numpy.random.set_state(kept[0])
        random.setstate(kept[1])
    assert config.random == "counter"
