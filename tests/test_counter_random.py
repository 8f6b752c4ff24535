"""minpy.numpy.random.CounterGenerator: known answers, distributions, independence of threads, pieces and processor."""

import copy
import math
import os
import pickle
import subprocess
import sys
import threading

import numpy
import pytest
from scipy import stats

import minpy.numpy as np
from minpy.numpy.random import CounterGenerator

MASK32 = 2**32 - 1


def philox(key, counter):
    """One block of Philox4x32-10 by its definition."""
    x = [counter >> 32 * i & MASK32 for i in range(4)]
    for r in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        k0, k1 = (key & MASK32) + r * 0x9E3779B9 & MASK32, (key >> 32) + r * 0xBB67AE85 & MASK32
        x = [b >> 32 ^ x[1] ^ k0, b & MASK32, a >> 32 ^ x[3] ^ k1, a & MASK32]
    return x


def words(key, counter, n):
    """The first n words from a counter on."""
    return [word for i in range((n + 3) // 4) for word in philox(key, counter + i)][:n]


def at(key, counter=0, unit="word32", used=0):
    rng = CounterGenerator(key=key)
    place = {"key": key, "counter": counter}
    rng.state = {"bit_generator": "Philox4x32", "state": place, "unit": unit, "used": used}
    return rng


def bits(array):
    return numpy.asarray(array).tobytes()


# From the file kat_vectors of Random123.
@pytest.mark.parametrize(
    "counter, key, expected",
    [
        (0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (2**128 - 1, 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            0x03707344_13198A2E_85A308D3_243F6A88,
            0x299F31D0_A4093822,
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_known_answers(counter, key, expected):
    expected = [int(word, 16) for word in expected.split()]
    assert at(key, counter).random_raw(4, np.uint32).tolist() == expected
    assert philox(key, counter) == expected


@pytest.mark.parametrize("counter", [0, 2**32 - 5, 2**64 - 5, (7 << 64) + 2**33 - 3])
def test_words_follow_the_counter(counter):
    key = 0x0123456789ABCDEF
    expected = words(key, counter, 16) if counter != 2**64 - 5 else words(key, counter, 20)
    got = at(key, counter).random_raw(len(expected), np.uint32).tolist()
    assert got == expected
    wide = at(key, counter).random_raw(len(expected) // 2).tolist()
    assert wide == [low | high << 32 for low, high in zip(expected[::2], expected[1::2])]


def test_uniforms_are_the_words_scaled():
    n = 10_007
    raw = CounterGenerator(3).random_raw(n, np.uint32)
    assert bits(CounterGenerator(3).random(n, np.float32)) == bits(
        (numpy.asarray(raw) >> 8).astype("f4") * numpy.float32(2**-24)
    )
    raw = CounterGenerator(3).random_raw(n)
    assert bits(CounterGenerator(3).random(n)) == bits((numpy.asarray(raw) >> 11) * 2.0**-53)


def box_muller(first, second, size):
    """A pair of deviates from two words, in the precision of Python's math."""
    top = 2.0**size
    radius = math.sqrt(-2 * math.log(min((first + 1) / top, 1.0)))
    turn = 2 * math.pi * (second / top)
    return radius * math.cos(turn), radius * math.sin(turn)


@pytest.mark.parametrize("dtype, size, tolerance", [(np.float32, 32, 2e-6), (np.float64, 64, 4e-15)])
def test_normals_are_box_and_mullers(dtype, size, tolerance):
    raw = CounterGenerator(11).random_raw(4000, np.uint32 if size == 32 else np.uint64).tolist()
    expected = numpy.array([box_muller(a, b, size) for a, b in zip(raw[::2], raw[1::2])]).ravel()
    got = numpy.asarray(CounterGenerator(11).standard_normal(4000, dtype))
    assert got.dtype == dtype
    usable = numpy.repeat(numpy.array(raw[::2]) / 2.0**size < 0.99, 2)  # elsewhere the resolution shows
    assert usable.mean() > 0.98
    numpy.testing.assert_allclose(got[usable], expected[usable], rtol=0, atol=tolerance * 10)
    assert numpy.abs(got - expected).max() < (1e-3 if size == 32 else 1e-7)


def test_tails_are_reached():
    rng = CounterGenerator(1)
    sample = numpy.asarray(rng.standard_normal(20_000_000, np.float32))
    assert numpy.isfinite(sample).all() and 5.0 < numpy.abs(sample).max() <= 6.67


KOLMOGOROV = {
    "uniform float32": (lambda g, n: g.random(n, np.float32), stats.uniform().cdf),
    "uniform float64": (lambda g, n: g.random(n), stats.uniform().cdf),
    "uniform range": (lambda g, n: g.uniform(-3, 5, n), stats.uniform(-3, 8).cdf),
    "normal float32": (lambda g, n: g.standard_normal(n, np.float32), stats.norm().cdf),
    "normal float64": (lambda g, n: g.standard_normal(n), stats.norm().cdf),
    "normal moved": (lambda g, n: g.normal(2, 3, n, dtype=np.float32), stats.norm(2, 3).cdf),
}


@pytest.mark.parametrize("name", KOLMOGOROV)
@pytest.mark.parametrize("seed", [0, 1])
def test_distribution(name, seed):
    draw, cdf = KOLMOGOROV[name]
    sample = numpy.asarray(draw(CounterGenerator(seed), 200_000), dtype=float)
    assert stats.kstest(sample, cdf).pvalue > 1e-3
    # Neighbours, whole blocks and the halves of a pair are not correlated.
    centred = (sample - sample.mean()) / sample.std()
    for distance in (1, 2, 3, 4, 8):
        assert abs((centred[distance:] * centred[:-distance]).mean()) < 4.5 / math.sqrt(len(sample))
    pairs = centred[::2] ** 2, centred[1::2] ** 2
    assert abs(numpy.corrcoef(*pairs)[0, 1]) < 4.5 / math.sqrt(len(sample) / 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments(dtype):
    sample = numpy.asarray(CounterGenerator(5).standard_normal(2_000_000, dtype), dtype=float)
    root = math.sqrt(len(sample))
    for power, expected, deviation in ((1, 0, 1), (2, 1, 2**0.5), (3, 0, 15**0.5), (4, 3, 96**0.5)):
        assert abs((sample**power).mean() - expected) < 4.5 * deviation / root
    for level in (1, 2, 3, 4):
        share = 2 * stats.norm.sf(level)
        assert abs((numpy.abs(sample) > level).mean() - share) < 4.5 * math.sqrt(share) / root
    sample = numpy.asarray(CounterGenerator(5).random(2_000_000, dtype), dtype=float)
    assert sample.min() >= 0 and sample.max() < 1
    assert abs(sample.mean() - 0.5) < 4.5 * math.sqrt(1 / 12) / root


@pytest.mark.parametrize("span", [1, 2, 3, 10, 1000, 2**31 + 1, 3 * 2**30, 2**32 - 1, 2**32])
@pytest.mark.parametrize("dtype", [np.int64, np.uint32])
def test_integers_by_words(span, dtype):
    """Lemire's method by its definition, rejected words drawn again in the next stream."""
    key, n, low = 99, 1500, 0 if dtype is np.uint32 else -7
    raw, threshold, expected = words(key, 0, n), 2**32 % span, []
    for i, word in enumerate(raw):
        attempt = 0
        while (word * span & MASK32) < threshold:
            attempt += 1
            word = philox(key, (i // 4) | attempt << 96)[i % 4]
        expected.append(low + (word * span >> 32))
    got = at(key).integers(low, low + span, n, dtype)
    assert got.dtype == dtype and got.tolist() == expected


@pytest.mark.parametrize("span", [2**32 + 1, 3 * 2**62, 2**63 + 1, 2**64])
def test_integers_by_wide_words(span):
    key, n, expected = 5, 300, []
    for i in range(n):
        attempt = 0
        while True:
            low, high = philox(key, (i // 2) | attempt << 96)[2 * (i % 2) :][:2]
            product = (low | high << 32) * span
            if product % 2**64 >= 2**64 % span:
                break
            attempt += 1
        expected.append(product >> 64)
    assert at(key).integers(0, span, n, np.uint64).tolist() == expected
    shifted = at(key).integers(-(2**63), span - 2**63, n).tolist()
    assert shifted == [value - 2**63 for value in expected]
    each = at(key).integers(
        np.zeros(n, np.uint64), numpy.array([span - 1], "u8"), endpoint=True, dtype=np.uint64
    )
    assert each.tolist() == expected


@pytest.mark.parametrize("dtype", "? b B h H i I l L".split())
@pytest.mark.parametrize("n", [1, 3, 4, 5, 1023, 1024, 1025, 5000])
def test_integers_of_every_dtype(dtype, n):
    high = 2 if dtype == "?" else 100
    got = CounterGenerator(8).integers(0, high, n, dtype)
    wide = CounterGenerator(8).integers(0, high, n)
    assert got.dtype == numpy.dtype(dtype) and got.shape == (n,)
    assert (numpy.asarray(got) == numpy.asarray(wide)).all()


def test_integers_are_equally_likely():
    counts = numpy.bincount(numpy.asarray(CounterGenerator(4).integers(0, 7, 700_000)), minlength=7)
    assert stats.chisquare(counts).pvalue > 1e-3
    high = 3 * 2**30  # a quarter of the words is rejected
    sample = numpy.asarray(CounterGenerator(4).integers(0, high, 300_000))
    counts = numpy.bincount(sample // 2**28, minlength=12)
    assert len(counts) == 12 and stats.chisquare(counts).pvalue > 1e-3
    low = numpy.array([0, -5, 1000])
    sample = numpy.asarray(CounterGenerator(4).integers(low, low + [2, 5, 9], (50_000, 3)))
    for column, first, span in zip(sample.T, low, [2, 5, 9]):
        assert stats.chisquare(numpy.bincount(column - first, minlength=span)).pvalue > 1e-3


DRAWS = {
    "raw32": lambda g, n: g.random_raw(n, np.uint32),
    "raw64": lambda g, n: g.random_raw(n),
    "random32": lambda g, n: g.random(n, np.float32),
    "random64": lambda g, n: g.random(n),
    "normal32": lambda g, n: g.standard_normal(n, np.float32),
    "normal64": lambda g, n: g.standard_normal(n),
    "moved": lambda g, n: g.normal(1.5, 0.1, n, dtype=np.float32),
    "uniform": lambda g, n: g.uniform(-1, 0.3, n),
    "integers": lambda g, n: g.integers(0, 10, n),
    "rejecting": lambda g, n: g.integers(0, 3 * 2**30, n, np.uint32),
    "wide": lambda g, n: g.integers(0, 3 * 2**61, n),
}


@pytest.mark.parametrize("name", DRAWS)
def test_pieces_are_the_whole(name):
    sizes = [1, 2, 3, 4, 5, 7, 1, 1021, 1024, 3000, 4, 1]
    whole = DRAWS[name](CounterGenerator(6), sum(sizes))
    rng = CounterGenerator(6)
    assert bits(numpy.concatenate([DRAWS[name](rng, n) for n in sizes])) == bits(whole)


@pytest.mark.parametrize("method", ["random", "standard_normal"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_out_in_pieces_is_the_whole(method, dtype):
    whole = getattr(CounterGenerator(6), method)(5000, dtype)
    out, rng = np.zeros(5000, dtype), CounterGenerator(6)
    for begin, end in ((0, 1), (1, 17), (17, 17), (17, 2050), (2050, 5000)):
        view = out[begin:end]
        assert getattr(rng, method)(dtype=dtype, out=view) is view
    assert bits(out) == bits(whole)
    theirs = numpy.zeros((50, 100), dtype, order="F")
    assert getattr(CounterGenerator(6), method)((50, 100), dtype, out=theirs) is theirs
    assert theirs.tobytes("F") == bits(whole)


HASHES = """
import hashlib, os, sys, numpy
sys.path.insert(0, {folder!r})
from test_counter_random import CounterGenerator, DRAWS
for name, draw in DRAWS.items():
    print(name, hashlib.sha256(numpy.asarray(draw(CounterGenerator(6), 1_000_003)).tobytes()).hexdigest())
"""


def hashes(**environment):
    code = HASHES.format(folder=os.path.dirname(os.path.abspath(__file__)))
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=True
    ).stdout


def test_threads_and_instruction_sets_do_not_matter():
    first = hashes(MINPY_NUM_THREADS="1")
    assert len(first.splitlines()) == len(DRAWS)
    assert hashes(MINPY_NUM_THREADS="2") == first
    assert hashes(MINPY_NUM_THREADS="8") == first
    for isa in ("v2", "v3"):
        assert hashes(MINPY_ISA=isa, MINPY_NUM_THREADS="1") == first


def test_another_kind_begins_a_block():
    rng = at(7)
    rng.random(1, np.float32)
    assert rng.state["used"] == 1
    got = rng.standard_normal(2)
    assert bits(got) == bits(at(7, 1).standard_normal(2))
    assert rng.state["state"]["counter"] == 2 and rng.state["used"] == 0
    rng.random(4, np.float32)
    assert rng.state["state"]["counter"] == 3 and rng.state["used"] == 0


def test_state_returns():
    rng = CounterGenerator(21)
    rng.standard_normal(7)
    saved, copies = rng.state, [copy.deepcopy(rng), pickle.loads(pickle.dumps(rng))]
    expected = rng.standard_normal(9)
    for other in copies:
        assert bits(other.standard_normal(9)) == bits(expected)
    rng.state = saved
    assert bits(rng.standard_normal(9)) == bits(expected)
    bad = dict(saved, used=2)
    with pytest.raises(ValueError, match="cannot have been used"):
        rng.state = bad
    with pytest.raises(TypeError, match="state must be a dict"):
        rng.state = 3
    with pytest.raises(ValueError, match="state must be for a Philox4x32 PRNG"):
        rng.state = numpy.random.PCG64(1).state


def test_jumps_and_children():
    rng = CounterGenerator(2)
    rng.random(3)
    jumped = rng.jumped()
    assert jumped.state["state"]["counter"] == rng.state["state"]["counter"] + 2**64
    assert rng.jumped(2).state == rng.jumped().jumped().state
    assert bits(jumped.random(10)) != bits(rng.random(10))
    children, again = CounterGenerator(2).spawn(3), CounterGenerator(2).spawn(3)
    assert len({child.state["state"]["key"] for child in children}) == 3
    assert [child.state for child in children] == [child.state for child in again]
    with pytest.raises(TypeError, match="does not implement spawning"):
        CounterGenerator(key=1).spawn(1)
    for seed in ([1, 2], np.array([1, 2]), numpy.random.SeedSequence([1, 2])):
        assert CounterGenerator(seed).state == CounterGenerator([1, 2]).state
    assert CounterGenerator().state != CounterGenerator().state


@pytest.mark.parametrize("make", [CounterGenerator, numpy.random.default_rng])
def test_shuffles(make):
    rng = make(3)
    assert sorted(rng.permutation(100).tolist()) == list(range(100))
    matrix = np.arange(60).reshape(6, 10)
    mixed = rng.permutation(matrix, axis=1)
    assert mixed.shape == (6, 10) and (numpy.sort(numpy.asarray(mixed), 1) == numpy.asarray(matrix)).all()
    assert (numpy.asarray(mixed)[0] + 10 == numpy.asarray(mixed)[1]).all()
    items = list(range(50))
    rng.shuffle(items)
    assert sorted(items) == list(range(50)) != items


@pytest.mark.parametrize("n", [0, 1, 2, 5, 1023, 1026, 3000])
@pytest.mark.parametrize("used", [0, 3])
def test_permutations_by_words(n, used):
    """Fisher and Yates' shuffle from the last place on, by Lemire's integers from one word each."""
    key = 17
    expected, raw = list(range(n)), words(key, 0, n + used)[used:]
    for i in range(n - 1, 0, -1):
        place, attempt = used + n - 1 - i, 0
        word = raw[n - 1 - i]
        while (word * (i + 1) & MASK32) < 2**32 % (i + 1):
            attempt += 1
            word = philox(key, (place // 4) | attempt << 96)[place % 4]
        j = word * (i + 1) >> 32
        expected[i], expected[j] = expected[j], expected[i]
    rng = at(key, used=used)
    assert rng.permutation(n).tolist() == expected
    assert rng.state == at(key, (used + n) // 4, used=(used + n) % 4).state


def test_shuffle_in_place_and_fair():
    a = np.arange(20)
    view = a[::2]
    CounterGenerator(3).shuffle(view)
    assert sorted(a[::2].tolist()) == list(range(0, 20, 2)) and a[1::2].tolist() == list(range(1, 20, 2))
    rng, counts = CounterGenerator(0), {}
    for _ in range(1200):
        order = tuple(rng.permutation(3).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6 and stats.chisquare(list(counts.values())).pvalue > 1e-3


CALLS = {
    "random": lambda g, m: g.random(),
    "random float32": lambda g, m: g.random(dtype=m.float32),
    "random shape": lambda g, m: g.random((2, 3), "f4"),
    "random empty": lambda g, m: g.random(0),
    "random no dimensions": lambda g, m: g.random(()),
    "random integer size": lambda g, m: g.random(numpy.int64(4)),
    "random list size": lambda g, m: g.random([2, 2]),
    "normal": lambda g, m: g.standard_normal(),
    "normal float": lambda g, m: g.standard_normal(5, float),
    "normal scaled": lambda g, m: g.normal(3, 0),
    "normal arrays": lambda g, m: g.normal(m.zeros((2, 1)), [1.0, 2.0, 3.0]),
    "normal arrays sized": lambda g, m: g.normal([0, 1], 1, (4, 2)),
    "uniform": lambda g, m: g.uniform(1, 2),
    "uniform arrays": lambda g, m: g.uniform([0, 1], 2),
    "uniform equal": lambda g, m: g.uniform(2, 2, 3),
    "integers": lambda g, m: g.integers(10),
    "integers bool": lambda g, m: g.integers(0, 2, dtype=bool),
    "integers int": lambda g, m: g.integers(0, 2, dtype=int),
    "integers uint8": lambda g, m: g.integers(0, 256, dtype=m.uint8),
    "integers arrays": lambda g, m: g.integers([1, 5], [[6], [9]]),
    "integers endpoint": lambda g, m: g.integers(5, 5, 3, endpoint=True),
    "integers empty": lambda g, m: g.integers(5, 5, 0),
    "permutation": lambda g, m: g.permutation(5),
    "permutation negative": lambda g, m: g.permutation(-1),
}


@pytest.mark.parametrize("name", CALLS)
def test_results_are_like_numpys(name):
    got = CALLS[name](CounterGenerator(1), np)
    expected = CALLS[name](numpy.random.default_rng(1), numpy)
    if isinstance(expected, numpy.ndarray):
        assert type(got) is np.ndarray
        assert (got.shape, got.dtype) == (expected.shape, expected.dtype)
    else:
        assert type(got) is type(expected)


BAD_CALLS = {
    "random dtype": lambda g, m: g.random(3, int),
    "random no dtype": lambda g, m: g.random(3, "nonsense"),
    "normal dtype": lambda g, m: g.standard_normal(3, m.float16),
    "size negative": lambda g, m: g.random(-1),
    "size fraction": lambda g, m: g.random(2.5),
    "size text": lambda g, m: g.standard_normal("3"),
    "out dtype": lambda g, m: g.random(out=m.zeros(3, "f4")),
    "out strided": lambda g, m: g.random(out=m.zeros(6)[::2]),
    "out list": lambda g, m: g.random(out=[1.0, 2.0]),
    "out size": lambda g, m: g.random((2, 2), out=m.zeros(3)),
    "out read-only": lambda g, m: g.random(out=m.broadcast_to(m.zeros(1), (3,))),
    "scale negative": lambda g, m: g.normal(0, -1),
    "scale minus zero": lambda g, m: g.normal(0, -0.0),
    "scale array negative": lambda g, m: g.normal([0, 0], -1),
    "normal of text": lambda g, m: g.normal("a"),
    "normal shapes": lambda g, m: g.normal([0, 1], [1, 2, 3]),
    "normal size": lambda g, m: g.normal([0, 1], 1, 3),
    "uniform reversed": lambda g, m: g.uniform(1, 0),
    "uniform infinite": lambda g, m: g.uniform(0, math.inf),
    "uniform nan": lambda g, m: g.uniform(0, math.nan),
    "integers reversed": lambda g, m: g.integers(5, 5),
    "integers reversed endpoint": lambda g, m: g.integers(5, 4, endpoint=True),
    "integers below": lambda g, m: g.integers(-1, 5, dtype=m.uint8),
    "integers above": lambda g, m: g.integers(0, 257, dtype=m.uint8),
    "integers huge": lambda g, m: g.integers(2**64),
    "integers dtype": lambda g, m: g.integers(5, dtype=float),
    "integers byte order": lambda g, m: g.integers(5, dtype=">i4"),
    "integers array reversed": lambda g, m: g.integers([1, 5], [4, 4]),
    "integers of none": lambda g, m: g.integers(None),
    "integers nan": lambda g, m: g.integers(math.nan),
    "permutation axis": lambda g, m: g.permutation(m.zeros(3), 1),
    "shuffle number": lambda g, m: g.shuffle(3),
    "shuffle axis": lambda g, m: g.shuffle(m.zeros(3), 2),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_errors_are_numpys(name):
    with pytest.raises(Exception) as expected:
        BAD_CALLS[name](numpy.random.default_rng(0), numpy)
    rng = CounterGenerator(0)
    before = rng.state
    with pytest.raises(Exception) as got:
        BAD_CALLS[name](rng, np)
    assert (got.type, str(got.value)) == (expected.type, str(expected.value))
    assert rng.state == before


def test_bad_keys():
    for key in (-1, 2**64):
        with pytest.raises(ValueError, match="key must be positive and less than 2"):
            CounterGenerator(key=key)
    with pytest.raises(ValueError, match="cannot be both used"):
        CounterGenerator(1, key=1)


def test_out_is_a_write_for_the_tape():
    from minpy import autograd

    x = np.array([1.0, 2.0, 3.0])
    x.attach_grad()
    with autograd.record():
        y = np.exp(x)
        z = y * y
        with autograd.pause():
            CounterGenerator(0).random(out=y)
        total = z.sum()
    total.backward()
    numpy.testing.assert_allclose(numpy.asarray(x.grad), 2 * numpy.exp(2 * numpy.array([1.0, 2.0, 3.0])))


@pytest.mark.parametrize("size", [None, (4, 3)])
@pytest.mark.parametrize("start", [0.5, [0.5, 1.5, 2.5]])
def test_parameters_have_gradients(size, start):
    from minpy.core import grad

    start = np.array(start)
    shape = start.shape if size is None else size
    deviates = numpy.asarray(CounterGenerator(1).standard_normal(shape))
    units = numpy.asarray(CounterGenerator(1).random(shape))
    lead = tuple(range(len(shape) - start.ndim))
    for function, expected in (
        (lambda p: CounterGenerator(1).normal(p, 2.0, size), numpy.ones(shape)),
        (lambda p: CounterGenerator(1).normal(1.0, p, size), deviates),
        (lambda p: CounterGenerator(1).uniform(p, 9.0, size), 1 - units),
        (lambda p: CounterGenerator(1).uniform(-1.0, p, size), units),
    ):
        got = numpy.asarray(grad(lambda p, f=function: np.sum(f(p)))(start))
        numpy.testing.assert_allclose(got, expected.sum(lead), rtol=1e-12)
    assert type(CounterGenerator(1).normal(np.array(1.0), 2)) is float


def test_threads_share_a_generator():
    """Words drawn by several Python threads are those of the stream, each once."""
    rng, parts = CounterGenerator(1), []

    def draw():
        for _ in range(200):
            parts.append(numpy.asarray(rng.random_raw(37)))

    team = [threading.Thread(target=draw) for _ in range(4)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    drawn = numpy.sort(numpy.concatenate(parts))
    assert (drawn == numpy.sort(numpy.asarray(CounterGenerator(1).random_raw(len(drawn))))).all()


def test_no_floating_point_errors():
    with np.errstate(all="raise"):
        for draw in DRAWS.values():
            draw(CounterGenerator(2), 100_000)


def test_numpys_streams_stay():
    for name in ("PCG64", "Philox"):
        ours = np.random.Generator(getattr(np.random, name)(5)).standard_normal(5)
        theirs = numpy.random.Generator(getattr(numpy.random, name)(5)).standard_normal(5)
        assert bits(ours) == bits(theirs)
