"""Attention against softmax(q k' + mask) v in double precision."""

import subprocess
import sys

import ml_dtypes
import numpy
import pytest
from finite_differences import check_gradients, gradients

import minpy.numpy as np
from minpy import config, npx


def normal(seed, *shape):
    return numpy.random.default_rng(seed).normal(size=shape)


def reference(q, k, v, mask=None, causal=False, scale=None):
    q, k, v = (numpy.asarray(a).astype(numpy.float64) for a in (q, k, v))
    s = (1 / numpy.sqrt(q.shape[-1]) if scale is None else scale) * (q @ k.swapaxes(-1, -2))
    if mask is not None:
        s = numpy.where(mask, s, -numpy.inf) if mask.dtype == bool else s + mask
    if causal:
        s = numpy.where(numpy.tri(*s.shape[-2:], dtype=bool), s, -numpy.inf)
    top = s.max(-1, keepdims=True)
    e = numpy.exp(s - numpy.where(numpy.isneginf(top), 0, top))
    total = e.sum(-1, keepdims=True)
    return e / numpy.where(total == 0, 1, total) @ v


def reference_gradients(q, k, v, g, mask=None, causal=False):
    """By the formulas, with the whole matrix of weights."""
    q, k, v, g = (numpy.asarray(a).astype(numpy.float64) for a in (q, k, v, g))
    scale = 1 / numpy.sqrt(q.shape[-1])
    p = reference(
        q, k, numpy.broadcast_to(numpy.eye(k.shape[-2]), (*k.shape[:-1], k.shape[-2])), mask, causal
    )
    dp = g @ v.swapaxes(-1, -2)
    ds = p * (dp - (p * dp).sum(-1, keepdims=True))
    return scale * ds @ k, scale * ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g


SHAPES = [  # lead, queries, keys, width, value width
    ((), 1, 1, 1, 1),
    ((2, 3), 5, 7, 3, 4),
    ((1,), 100, 300, 33, 17),
    ((2,), 400, 257, 64, 64),
    ((17, 1), 7, 40, 16, 8),
    ((3,), 97, 530, 5, 40),
    ((2, 3), 2, 530, 21, 19),
]
TOLERANCE = {"float64": 1e-12, "float32": 1e-5, "float16": 3e-3, "bfloat16": 2e-2}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lead, queries, keys, width, value_width", SHAPES)
def test_forward_and_gradients(lead, queries, keys, width, value_width, causal, dtype):
    real = ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype
    q, k, v, g = (
        np.array(normal(seed, *lead, n, w)).astype(real)
        for seed, (n, w) in enumerate(
            [(queries, width), (keys, width), (keys, value_width), (queries, value_width)]
        )
    )
    tolerance = TOLERANCE[dtype]
    want = reference(q, k, v, causal=causal)
    got = npx.scaled_dot_product_attention(q, k, v, causal=causal)
    assert got.dtype == q.dtype
    numpy.testing.assert_allclose(numpy.asarray(got).astype("f8"), want, rtol=tolerance, atol=tolerance)
    for a in (q, k, v):
        a.attach_grad()
    grads = gradients(lambda *a: npx.scaled_dot_product_attention(*a, causal=causal), [q, k, v], g)
    for got, want in zip(grads, reference_gradients(q, k, v, g, causal=causal)):
        assert got.dtype == q.dtype
        numpy.testing.assert_allclose(
            numpy.asarray(got).astype("f8"),
            want,
            rtol=4 * tolerance,
            atol=tolerance * max(1, abs(want).max()),
        )


@pytest.mark.parametrize("shape", [(40, 300), (3, 1, 1, 300), (2, 40, 300), (3, 2, 40, 1)])
@pytest.mark.parametrize("kind", ["bool", "float"])
def test_masks(shape, kind):
    q, k, v, g = (
        normal(0, 3, 2, 40, 8),
        normal(1, 3, 2, 300, 8),
        normal(2, 3, 2, 300, 8),
        normal(3, 3, 2, 40, 8),
    )
    mask = normal(4, *shape)
    if kind == "bool":
        mask = mask > 0
    arrays = [np.array(a) for a in (q, k, v)]
    for a in arrays:
        a.attach_grad()
    f = lambda *a: npx.scaled_dot_product_attention(*a, mask=np.array(mask))  # noqa: E731
    numpy.testing.assert_allclose(f(*arrays), reference(q, k, v, mask), rtol=1e-11, atol=1e-13)
    wanted = reference_gradients(q, k, v, g, mask)
    for got, want in zip(gradients(f, arrays, np.array(g)), wanted):
        numpy.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)


def test_queries_that_see_no_key_give_zeros():
    q, k, v = (np.array(normal(seed, 4, 6)) for seed in range(3))
    mask = numpy.ones((4, 4), bool)
    mask[2] = False
    for a in (q, k, v):
        a.attach_grad()
    f = lambda *a: npx.scaled_dot_product_attention(*a, mask=np.array(mask))  # noqa: E731
    assert not numpy.asarray(f(q, k, v))[2].any()
    grads = gradients(f, [q, k, v], np.ones((4, 6)))
    assert not numpy.asarray(grads[0])[2].any()
    assert all(numpy.isfinite(numpy.asarray(g)).all() for g in grads)


def test_large_scores_and_nan():
    q, k, v = normal(0, 3, 4), normal(1, 700, 4), normal(2, 700, 4)
    got = npx.scaled_dot_product_attention(np.array(1e4 * q), np.array(k), np.array(v))
    numpy.testing.assert_allclose(got, reference(1e4 * q, k, v), rtol=1e-9, atol=1e-12)
    q[1, 2] = numpy.nan
    got = numpy.asarray(npx.scaled_dot_product_attention(np.array(q), np.array(k), np.array(v)))
    assert numpy.isnan(got[1]).all()
    assert numpy.isfinite(got[[0, 2]]).all()


def test_strided_broadcast_and_empty():
    x = normal(0, 2, 5, 3, 8)  # batch, length, heads, width
    a = np.array(x).transpose(0, 2, 1, 3)
    numpy.testing.assert_allclose(
        npx.scaled_dot_product_attention(a, a, a[..., ::2]),
        reference(*(x.transpose(0, 2, 1, 3),) * 2, x.transpose(0, 2, 1, 3)[..., ::2]),
        rtol=1e-11,
    )
    k, v = normal(1, 4, 8), normal(2, 1, 4, 6)
    check = npx.scaled_dot_product_attention(a, np.array(k), np.array(v))
    full = [numpy.broadcast_to(b, (2, 3, *b.shape[-2:])) for b in (k, v)]
    numpy.testing.assert_allclose(check, reference(x.transpose(0, 2, 1, 3), *full), rtol=1e-11)
    for shapes in (((0, 3, 4),) * 3, ((2, 0, 4), (2, 3, 4), (2, 3, 4))):
        out = npx.scaled_dot_product_attention(*(np.ones(s) for s in shapes))
        assert out.shape == (*shapes[0][:2], 4)
    none = npx.scaled_dot_product_attention(np.ones((2, 3)), np.ones((0, 3)), np.ones((0, 5)))
    numpy.testing.assert_array_equal(none, numpy.zeros((2, 5)))


def test_gradients_to_second_order():
    q, k, v = normal(0, 2, 3, 4), normal(1, 2, 5, 4), normal(2, 2, 5, 3)
    check_gradients(npx.scaled_dot_product_attention, q, k, v)
    check_gradients(lambda *a: npx.scaled_dot_product_attention(*a, causal=True, scale=0.7), q, k, v)
    check_gradients(npx.scaled_dot_product_attention, q, k, v, normal(3, 2, 1, 5))
    seen = np.array([[True, False, True, True, False], [False] * 5, [True] * 5])
    check_gradients(lambda *a: npx.scaled_dot_product_attention(*a, mask=seen), q, k, v)
    check_gradients(npx.scaled_dot_product_attention, q, k[:1], v[0])


@pytest.mark.parametrize("lead", [(20,), (1,)])
def test_threads_do_not_change_bits(lead):
    arrays = [np.array(normal(seed, *lead, 600, 32).astype("float32")) for seed in range(3)]
    for a in arrays:
        a.attach_grad()
    head = np.array(normal(3, *lead, 600, 32).astype("float32"))
    found = []
    for threads in (1, 2):
        config.num_threads = threads
        out = npx.scaled_dot_product_attention(*arrays)
        grads = gradients(npx.scaled_dot_product_attention, arrays, head)
        found.append([numpy.asarray(r).tobytes() for r in (out, *grads)])
    config.num_threads = None
    assert found[0] == found[1]


MEMORY = """
import resource, numpy
import minpy.numpy as np
from minpy import autograd, npx

def run(length):
    x = np.ones((1, length, 32), "float32")
    x.attach_grad()
    with autograd.record():
        out = npx.scaled_dot_product_attention(x, x, x)
    out.backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

small = run(16)
print(run(4096) - small)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="kilobytes are Linux's unit")
def test_scores_are_never_stored():
    grown = int(subprocess.run([sys.executable, "-c", MEMORY], check=True, capture_output=True).stdout)
    assert grown < 32 * 1024  # one matrix of scores has 64 MiB


def test_errors():
    x = np.ones((2, 3, 4))
    with pytest.raises(ValueError, match="key must have at least two axes"):
        npx.scaled_dot_product_attention(x, np.ones(4), x)
    with pytest.raises(ValueError, match=r"key \(..., keys, width\)"):
        npx.scaled_dot_product_attention(x, np.ones((2, 3, 5)), x)
    with pytest.raises(ValueError):
        npx.scaled_dot_product_attention(x, np.ones((3, 3, 4)), x)
    with pytest.raises(ValueError, match="broadcast"):
        npx.scaled_dot_product_attention(x, x, x, mask=np.ones((2, 2), bool))
    with pytest.raises(ValueError, match=r"heads \* 3 \* width"):
        npx.interleaved_matmul_selfatt_qk(np.ones((3, 2, 10)), 2)
    with pytest.raises(ValueError, match=r"attention must have shape \(4, queries, 3\)"):
        npx.interleaved_matmul_selfatt_valatt(np.ones((3, 2, 12)), np.ones((2, 3, 3)), 2)


def test_interleaved_self_attention():
    length, batch, heads, width = 5, 2, 3, 4
    x = normal(0, length, batch, heads, 3, width)
    q, k, v = x.transpose(3, 1, 2, 0, 4)
    flat = x.reshape(length, batch, -1)
    scores = q @ k.swapaxes(-1, -2) / 2
    got = npx.interleaved_matmul_selfatt_qk(np.array(flat), heads)
    numpy.testing.assert_allclose(got, scores.reshape(batch * heads, length, length), rtol=1e-12)
    out = npx.interleaved_matmul_selfatt_valatt(np.array(flat), got, heads)
    want = (scores @ v).transpose(2, 0, 1, 3).reshape(length, batch, -1)
    numpy.testing.assert_allclose(out, want, rtol=1e-12)
    check_gradients(lambda a: npx.interleaved_matmul_selfatt_qk(a, 2), normal(1, 3, 1, 12))
    check_gradients(
        lambda a, w: npx.interleaved_matmul_selfatt_valatt(a, w, 2), normal(1, 3, 1, 12), normal(2, 2, 3, 3)
    )


def test_interleaved_encoder_decoder_attention():
    queries, keys, batch, heads, width = 5, 7, 2, 3, 4
    q, x = normal(0, queries, batch, heads, width), normal(1, keys, batch, heads, 2, width)
    k, v = x.transpose(3, 1, 2, 0, 4)
    scores = q.transpose(1, 2, 0, 3) @ k.swapaxes(-1, -2) / 2
    flat = np.array(x.reshape(keys, batch, -1))
    got = npx.interleaved_matmul_encdec_qk(np.array(q.reshape(queries, batch, -1)), flat, heads)
    numpy.testing.assert_allclose(got, scores.reshape(batch * heads, queries, keys), rtol=1e-12)
    out = npx.interleaved_matmul_encdec_valatt(flat, got, heads)
    want = (scores @ v).transpose(2, 0, 1, 3).reshape(queries, batch, -1)
    numpy.testing.assert_allclose(out, want, rtol=1e-12)
    check_gradients(
        lambda a, b: npx.interleaved_matmul_encdec_qk(a, b, 2), normal(2, 3, 1, 4), normal(3, 2, 1, 8)
    )
    numpy.testing.assert_allclose(npx.div_sqrt_dim(np.array(q)), q / 2)
