"""`default_rng(Philox(seed)).random`: our kernels give NumPy's numbers and leave NumPy's state."""

import os
import subprocess
import sys
import threading

import numpy
import pytest

import minpy.numpy as np
from minpy import _core

LONG = 40_000
DTYPES = ["f4", "f8"]


def pair(seed=5, **state):
    """Our generator and NumPy's, in one state."""
    ours, theirs = (
        np.random.default_rng(np.random.Philox(seed)),
        numpy.random.default_rng(numpy.random.Philox(seed)),
    )
    if state:
        changed = theirs.bit_generator.state
        changed["state"]["counter"][:] = state.pop("counter", 0)
        changed |= state
        ours.bit_generator.state = theirs.bit_generator.state = changed
    return ours, theirs


def same(ours, theirs):
    ours, theirs = numpy.asarray(ours), numpy.asarray(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    assert ours.tobytes() == theirs.tobytes()


def same_state(ours, theirs):
    ours, theirs = ours.bit_generator.state, theirs.bit_generator.state
    assert repr(ours) == repr(theirs)


@pytest.fixture
def kernels(monkeypatch):
    """Counts the draws by kernels of ours."""
    calls = []
    draw = _core.random_philox64
    monkeypatch.setattr(_core, "random_philox64", lambda *args: (calls.append(args[0].size), draw(*args))[1])
    return calls


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [*range(2**15, 2**15 + 8), LONG, 300_001])
def test_numbers_and_state(dtype, n, kernels):
    ours, theirs = pair()
    for _ in range(3):
        same(ours.random(n, dtype), theirs.random(n, dtype))
        same_state(ours, theirs)
    assert len(kernels) == 6
    same(ours.standard_normal(7), theirs.standard_normal(7))
    same(ours.integers(0, 9, 5, "i4"), theirs.integers(0, 9, 5, "i4"))


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("halves", range(4))
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_was_drawn_before(before, halves, dtype, kernels):
    ours, theirs = pair()
    for n in (LONG, LONG + 3, LONG + 5):
        for generator in (ours, theirs):
            generator.random(before)
            generator.random(halves, "f4")
        same(ours.random(n, dtype), theirs.random(n, dtype))
        same_state(ours, theirs)
    assert kernels


@pytest.mark.parametrize(
    "counter", [2**64 - 3, [2**64 - 2000, 2**64 - 1, 2**64 - 1, 7], [2**64 - 2] + [2**64 - 1] * 3]
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_counters_carry(counter, dtype, kernels):
    counter = counter if isinstance(counter, list) else [counter, 0, 0, 0]
    ours, theirs = pair(counter=numpy.array(counter, "u8"))
    same(ours.random(LONG, dtype), theirs.random(LONG, dtype))
    same_state(ours, theirs)
    assert kernels


def test_states_that_somebody_made(kernels):
    """The rest of a block is taken from the state, whatever its counter would give."""
    for dtype in DTYPES:
        ours, theirs = pair(
            buffer=numpy.arange(4, dtype="u8") << 40, buffer_pos=1, has_uint32=1, uinteger=2**31
        )
        same(ours.random(LONG, dtype), theirs.random(LONG, dtype))
        same_state(ours, theirs)
    jumped = [g.bit_generator.jumped(3) for g in pair()]
    ours, theirs = np.random.Generator(jumped[0]), numpy.random.Generator(jumped[1])
    same(ours.random(LONG), theirs.random(LONG))
    assert kernels


@pytest.mark.parametrize("dtype", DTYPES)
def test_words_are_numpys(dtype):
    bits = numpy.random.Philox(9)
    state = bits.state["state"]
    words = np.empty(1003, "u8")
    _core.random_philox64(words, *state["key"].tolist(), 1, 0, 0, 0)
    same(words, bits.random_raw(1003))


CALLS = {
    "shape": lambda g, m: g.random((200, 200)),
    "list": lambda g, m: g.random([200, 200], dtype=m.float32),
    "keywords": lambda g, m: g.random(size=numpy.int64(LONG), dtype="float32"),
    "no dtype": lambda g, m: g.random(LONG, None),
    "out": lambda g, m: g.random(out=m.zeros((200, 200))),
    "out with a size": lambda g, m: g.random((200, 200), out=m.zeros((200, 200))),
    "out of numpy": lambda g, m: g.random(LONG, "f4", numpy.zeros(LONG, "f4")),
    "out view": lambda g, m: g.random(out=m.zeros((400, 200))[50:250]),
}
OTHER_CALLS = {
    "short": lambda g, m: g.random(100),
    "one": lambda g, m: g.random(),
    "empty": lambda g, m: g.random((LONG, 0)),
    "out by columns": lambda g, m: g.random(out=numpy.zeros((200, 200), order="F")),
}
BAD_CALLS = {
    "dtype": lambda g, m: g.random(LONG, "i4"),
    "byte order": lambda g, m: g.random(LONG, ">f8"),
    "size": lambda g, m: g.random(4e4),
    "negative": lambda g, m: g.random((-200, -200)),
    "out dtype": lambda g, m: g.random(out=m.zeros(LONG, "f4")),
    "out shape": lambda g, m: g.random(LONG, out=m.zeros(LONG + 1)),
    "out step": lambda g, m: g.random(out=m.zeros(2 * LONG)[::2]),
    "out list": lambda g, m: g.random(out=[0.0] * LONG),
    "keyword": lambda g, m: g.random(LONG, order="C"),
    "twice": lambda g, m: g.random(LONG, size=LONG),
    "four": lambda g, m: g.random(LONG, float, None, None),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls(name, kernels):
    ours, theirs = pair()
    same(CALLS[name](ours, np), CALLS[name](theirs, numpy))
    same_state(ours, theirs)
    assert kernels


@pytest.mark.parametrize("name", OTHER_CALLS)
def test_what_numpy_draws(name, kernels):
    ours, theirs = pair()
    same(OTHER_CALLS[name](ours, np), OTHER_CALLS[name](theirs, numpy))
    same_state(ours, theirs)
    assert not kernels


@pytest.mark.parametrize("name", BAD_CALLS)
def test_errors_are_numpys(name, kernels):
    ours, theirs = pair()
    with pytest.raises(Exception) as expected:
        BAD_CALLS[name](theirs, numpy)
    with pytest.raises(Exception) as got:
        BAD_CALLS[name](ours, np)
    assert (got.type, str(got.value)) == (expected.type, str(expected.value))
    same_state(ours, theirs)
    assert not kernels


def test_out_is_returned():
    out = np.zeros((200, 200))
    assert pair()[0].random(out=out) is out
    theirs = numpy.zeros((200, 200))
    assert pair()[0].random(out=theirs) is theirs
    same(out, theirs)


def test_other_bit_generators_are_numpys(kernels):
    for name in ("PCG64", "MT19937", "SFC64"):
        ours, theirs = (
            numpy_like.Generator(getattr(numpy_like, name)(3)) for numpy_like in (np.random, numpy.random)
        )
        same(ours.random(LONG), theirs.random(LONG))
    assert not kernels


def test_threads_share_a_generator():
    """What several threads draw from one generator are its numbers, each once."""
    generator, parts = pair()[0], []

    def draw():
        for _ in range(20):
            parts.append(numpy.asarray(generator.random(LONG + 1)))

    team = [threading.Thread(target=draw) for _ in range(4)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join()
    drawn = numpy.sort(numpy.concatenate(parts))
    assert (drawn == numpy.sort(pair()[1].random(len(drawn)))).all()


HASHES = """
import hashlib, numpy
import minpy.numpy as np
for dtype in ("f4", "f8"):
    rng = np.random.default_rng(np.random.Philox(5))
    print(hashlib.sha256(numpy.asarray(rng.random(1_000_003, dtype)).tobytes()).hexdigest())
"""


def test_threads_and_instruction_sets_do_not_matter():
    def hashes(**environment):
        command = [sys.executable, "-c", HASHES]
        return subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=True
        ).stdout

    expected = hashes(MINPY_NUM_THREADS="1")
    assert len(expected.split()) == 2
    for environment in ({"MINPY_NUM_THREADS": "3"}, {"MINPY_ISA": "v2"}, {"MINPY_ISA": "v3"}):
        assert hashes(**environment) == expected
