"""Random numbers against what MXNet 1.9.1 drew (data/streams.npz).

Keys ``rng:NAME:SEED`` are single calls; ``draw:NAME|PARAMETERS|DTYPE|SEED|N`` every 19th of N numbers (of every
97th for the long ones); ``draw:multi...`` calls with arrays as parameters; all with the seed in the key, or 5.
"""

import ast
import os
import pathlib
import signal
import sys
import threading

import numpy
import pytest

import minpy as mx
from minpy import _core, engine, random
from minpy import numpy as np

DATA = numpy.load(pathlib.Path(__file__).parent / "data" / "streams.npz")
SEEDED = {
    "uniform": lambda: random.uniform(shape=(300,)),
    "normal": lambda: random.normal(shape=(300,)),
    "uniform64": lambda: random.uniform(shape=(10,), dtype="float64"),
    "normal64": lambda: random.normal(shape=(10,), dtype="float64"),
    "randint": lambda: random.randint(0, 1000, shape=(10,)),
    "gamma": lambda: random.gamma(2, 3, shape=(10,)),
    "exponential": lambda: random.exponential(shape=(10,)),
    "poisson": lambda: random.poisson(4, shape=(10,)),
    "shuffle": lambda: random.shuffle(np.arange(10.0, dtype="float32")),
    "multinomial": lambda: random.multinomial(np.array([0.2, 0.3, 0.5], dtype="float32"), shape=(10,)),
    "uniform2calls": lambda: numpy.concatenate([random.uniform(shape=(3,)), random.uniform(shape=(3,))]),
    "uniform_cpu1": lambda: random.uniform(shape=(10,), ctx=mx.cpu(1)),
    "dropout": lambda: (numpy.asarray(random.uniform(shape=(20,))) < 0.5) * numpy.float32(2),
}


def same(ours, theirs):
    ours = numpy.asarray(ours)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    numpy.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("key", [k for k in DATA.files if k.startswith("rng:") and "bernoulli" not in k])
def test_seeded_calls(key):
    _, name, seed = key.split(":")
    random.seed(int(seed))
    same(SEEDED[name](), DATA[key])


@pytest.mark.parametrize("key", [k for k in DATA.files if k.count("|") == 4])
def test_long_draws(key):
    name, parameters, dtype, seed, n = key.removeprefix("draw:").split("|")
    random.seed(int(seed))
    drawn = getattr(random, name)(*ast.literal_eval(parameters), shape=(int(n),), dtype=dtype)
    drawn = numpy.asarray(drawn)
    same((drawn[::97] if int(n) > 5000 else drawn)[::19], DATA[key])


@pytest.mark.parametrize("key", [k for k in DATA.files if k.startswith("draw:multi")])
def test_arrays_as_parameters(key):
    kind, name = key.removeprefix("draw:").split("|")
    dtype = "float64" if kind == "multi64" else "float32"
    a, b = ([1, 2, 6], [0.3, 0.5, 0.9]) if name == "negative_binomial" else ([0.5, 2, 6.5], [1.5, 3, 9])
    parameters = [np.array(x, dtype=dtype) for x in ([a] if name in ("exponential", "poisson") else [a, b])]
    random.seed(5)
    same(getattr(random, name)(*parameters, shape=(40,)), DATA[key])


@pytest.mark.parametrize("name", ["uniform", "normal"])
def test_float16_is_rounded_from_doubles(name):
    random.seed(5)
    same(getattr(random, name)(shape=(50,), dtype="float16"), DATA[f"draw:half|{name}"])


def test_threads_do_not_change_the_numbers():
    """Long draws of several threads at once take their streams one after the other."""
    random.seed(3)
    alone = [numpy.asarray(random.normal(shape=(200000,))) for _ in range(4)]
    random.seed(3)
    together = [None] * 4

    def draw(i):
        together[i] = numpy.asarray(random.normal(shape=(200000,)))

    threads = [threading.Thread(target=draw, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = {x[:8].tobytes(): x for x in together}
    assert len(first) == 4
    for x in alone:
        numpy.testing.assert_array_equal(first[x[:8].tobytes()], x)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_fork_while_another_thread_draws():
    """The child has the streams, and they are not locked by a thread that it does not have."""
    random.uniform()  # nothing is imported any more, for which Python itself has locks
    expected = DATA["rng:uniform:0"][:3].tolist()
    stop = threading.Event()

    def draw():
        out = np.empty(100000, dtype="float32")
        while not stop.is_set():
            random.normal(out=out)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                try:
                    signal.alarm(20)
                    random.seed(0)
                    os._exit(0 if random.uniform(shape=3).asnumpy().tolist() == expected else 1)
                finally:
                    os._exit(2)
            assert os.waitpid(pid, 0)[1] == 0
    finally:
        stop.set()
        thread.join()


def test_streams_go_on_and_start_anew():
    random.seed(9)
    first, second = numpy.asarray(random.uniform(shape=5)), numpy.asarray(random.uniform(shape=5))
    assert not (first == second).any()
    random.seed(numpy.int64(9), ctx=mx.cpu(1))
    numpy.testing.assert_array_equal(random.uniform(shape=5), first)
    random.seed(10)
    assert not (numpy.asarray(random.uniform(shape=5)) == first).any()


def test_shuffle_and_multinomial_have_a_stream_of_their_own():
    random.seed(3)
    order = numpy.asarray(random.shuffle(np.arange(8)))
    assert order.tolist() == [0, 6, 1, 2, 7, 4, 5, 3]
    random.seed(3, ctx=mx.cpu())
    assert numpy.asarray(random.shuffle(np.arange(8))).tolist() == [6, 5, 3, 0, 7, 1, 2, 4]
    random.seed(3)
    random.uniform(shape=100)
    assert numpy.asarray(random.shuffle(np.arange(8))).tolist() == order.tolist()


def test_shuffle_of_rows():
    random.seed(1)
    rows = np.arange(20).reshape(10, 2)
    shuffled = numpy.asarray(random.shuffle(rows))
    assert (shuffled[:, 0] // 2).tolist() == [7, 9, 2, 6, 3, 1, 4, 8, 0, 5]
    assert (shuffled[:, 1] == shuffled[:, 0] + 1).all()
    random.seed(1)
    assert random.shuffle(rows, out=rows) is rows
    numpy.testing.assert_array_equal(rows, shuffled)


def test_multinomial():
    rows = np.array([[0.1, 0.9], [1, 0]], dtype="float32")
    random.seed(0)
    index, logs = random.multinomial(rows, get_prob=True)
    assert numpy.asarray(index).tolist() == [1, 0] and index.dtype == numpy.int32
    numpy.testing.assert_array_equal(logs, numpy.log(numpy.array([0.9, 1], "float32")))
    many = random.multinomial(rows, shape=(2, 3), dtype="float32")
    assert many.shape == (2, 2, 3) and many.dtype == numpy.float32
    assert (numpy.asarray(many)[1] == 0).all()
    assert random.multinomial(rows[0]).shape == (1,)
    share = numpy.asarray(random.multinomial(np.array([0.2, 0.3, 0.5]), shape=20000))
    assert abs(numpy.bincount(share) / 20000 - [0.2, 0.3, 0.5]).max() < 0.02


def test_out():
    random.seed(4)
    expected = numpy.asarray(random.uniform(-1, 1, shape=(3, 4)))
    for out in (np.zeros((3, 4), dtype="float32"), np.zeros((4, 3), dtype="float32").T, np.zeros((3, 4))):
        random.seed(4)
        assert random.uniform(-1, 1, out=out) is out
        if out.dtype == numpy.float32:
            numpy.testing.assert_array_equal(out, expected)
        assert abs(numpy.asarray(out)).max() <= 1 and numpy.asarray(out).std() > 0.3
    with pytest.raises(mx.MXNetError, match=r"Shape inconsistent, Provided = \[2\], inferred shape=\[3\]"):
        random.uniform(shape=3, out=np.zeros(2, dtype="float32"))
    integers = np.zeros(100, dtype="int64")
    random.randint(-3, 4, out=integers)
    assert set(numpy.asarray(integers).tolist()) == set(range(-3, 4))


def test_shapes_and_dtypes():
    assert random.uniform().shape == (1,) and random.normal(shape=3).shape == (3,)
    assert random.randn(2, 3).shape == (2, 3) and random.randn(2, loc=50).dtype == numpy.float32
    assert abs(numpy.asarray(random.randn(100, loc=50)) - 50).max() < 10
    assert random.randint(0, 3).dtype == numpy.int32
    assert random.poisson(2, shape=(2, 2), dtype="float16").dtype == numpy.float16
    a = np.array([1.0, 2.0], dtype="float32")
    assert random.uniform(a, a + 1).shape == (2,) and random.uniform(a, a + 1, shape=(3, 4)).shape == (
        2,
        3,
        4,
    )
    assert random.uniform(shape=0).shape == (0,)


def test_like():
    data = np.zeros((3, 5), dtype="float64")
    for (
        name
    ) in "uniform normal exponential gamma poisson negative_binomial generalized_negative_binomial".split():
        like = getattr(random, name + "_like")
        assert like.__name__ == name + "_like"
        drawn = like(data)
        assert drawn.shape == (3, 5) and drawn.dtype == numpy.float64
    random.seed(2)
    expected = numpy.asarray(random.uniform(2, 3, shape=(3, 5), dtype="float64"))
    random.seed(2)
    numpy.testing.assert_array_equal(random.uniform_like(data, 2, high=3), expected)
    random.seed(2)
    expected = numpy.asarray(random.exponential(0.25, shape=(3, 5), dtype="float64"))
    random.seed(2)
    numpy.testing.assert_array_equal(random.exponential_like(data, lam=4), expected)
    with pytest.raises(TypeError, match="scale"):
        random.exponential_like(data, scale=4)
    out = np.zeros((3, 5))
    assert random.gamma_like(data, alpha=2, out=out) is out and (numpy.asarray(out) > 0).all()


def test_bernoulli():
    random.seed(1)
    assert numpy.asarray(random.bernoulli(0.5, shape=8)).tolist() == [0, 1, 1, 0, 1, 0, 0, 0]
    random.seed(1)
    assert numpy.asarray(random.bernoulli(logit=0.0, shape=8)).tolist() == [0, 1, 1, 0, 1, 0, 0, 0]
    assert random.bernoulli(np.array([0.0, 1.0])).tolist() == [0, 1]
    with pytest.raises(ValueError, match="Either `prob` or `logit` must be specified"):
        random.bernoulli(0.5, 0.5)


@pytest.mark.parametrize(
    "name, parameters, message",
    [
        ("uniform", (1, 0), "low must be less or equal to high in uniform distribution"),
        ("normal", (0, -1), "scale parameter in gaussian has to be positive"),
        ("normal", (0, numpy.nan), "scale parameter in gaussian has to be positive"),
        ("gamma", (-1, 1), "alpha parameter in gamma distribution has to be positive"),
        ("gamma", (1, 0), "beta parameter in gamma distribution has to be positive"),
        ("poisson", (-1,), "lambda parameter in poisson distribution has to be non-negative"),
        ("exponential", (-1,), "lambda parameter in exponential distribution has to be positive"),
        ("negative_binomial", (-1, 0.5), "k parameter in negative binomial distribution"),
        ("negative_binomial", (1, 0), "p parameter in negative binomial distribution"),
        ("generalized_negative_binomial", (-1, 1), "mu parameter in generalized negative binomial"),
        ("randint", (5, 3), "low must be less or equal to high in uniform distribution"),
        ("randint", (0.5, 3), "Invalid Parameter format for low expect long but value='0.5'"),
    ],
)
def test_parameters_out_of_range(name, parameters, message):
    """MXNet raises some of these only when the result is read; here the call does."""
    with pytest.raises(mx.MXNetError, match=message):
        getattr(random, name)(*parameters, shape=2)


def test_wrong_kinds():
    with pytest.raises(TypeError, match="a minpy array is required"):
        random.uniform(out=numpy.zeros(2, "float32"))
    one = np.ones(1, dtype="float32")
    with pytest.raises(ValueError, match="must be either NDArray or numbers, but got <class 'str'>"):
        random.uniform("a")
    for low, high in ((one, 2), (0, one)):
        with pytest.raises(AssertionError, match="Distribution parameters must all have the same type"):
            random.uniform(low, high)
    with pytest.raises(mx.MXNetError, match="Invalid Input: 'int32', valid values are: {'None', 'float16', "):
        random.uniform(dtype="int32")
    with pytest.raises(mx.MXNetError, match="Invalid Input: 'float32', valid values are: {'None', 'int32', "):
        random.randint(0, 3, dtype="float32")
    for bad in (1.5, "1", None, True):
        with pytest.raises(ValueError, match="seed_state must be int"):
            random.seed(bad)


def test_extreme_parameters_end():
    """Infinite shapes would be drawn for ever."""
    assert numpy.asarray(random.gamma(numpy.inf, 1, shape=2)).tolist() == [numpy.inf] * 2
    assert random.generalized_negative_binomial(2, 1e-44, shape=2).shape == (2,)
    assert (numpy.asarray(random.poisson(1e12, shape=3)) > 9e11).all()


def test_writing_while_recording_is_refused():
    from minpy import autograd

    x = np.ones(3, dtype="float32")
    x.attach_grad()
    with autograd.record(), pytest.raises(Exception, match="record"):
        random.uniform(out=x)
    random.uniform(out=x)
    engine.waitall()
    assert (numpy.asarray(x) < 1).all()


@pytest.mark.parametrize(
    "rows, classes, draws", [(1, 3, 5000), (4000, 5, 1), (3, 700, 40), (200, 30, 30), (2, 4, 0)]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_multinomial_is_a_search_among_sums(rows, classes, draws, dtype):
    """However many rows, classes and draws there are: the class whose sum of probabilities is the first above."""
    weights = numpy.random.default_rng(1).random((rows, classes))
    weights[:, 1] = 0
    chances = (weights / weights.sum(1, keepdims=True)).astype(dtype)
    random.seed(4)
    places = np.empty((rows, draws), dtype="float32")
    _core.serial_uniform(places)
    random.seed(4)
    got = numpy.asarray(random.multinomial(np.array(chances), shape=(draws,)))
    assert got.shape == (rows, draws) and not (got == 1).any()
    for sums, place, row in zip(numpy.cumsum(chances, 1, dtype=dtype), numpy.asarray(places), got):
        assert (row == numpy.minimum(numpy.searchsorted(sums, place, side="right"), classes - 1)).all()
