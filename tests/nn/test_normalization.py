"""Normalisation against its formula in double precision."""

import numpy
import pytest
from finite_differences import check_gradients
from threads import assert_same_bits

import minpy.numpy as np
from minpy import autograd, config, npx


def layer_norm(x, gamma, beta, axis=-1, eps=1e-5):
    x = numpy.moveaxis(x.astype(numpy.float64), axis, -1)
    y = (x - x.mean(-1, keepdims=True)) / numpy.sqrt(x.var(-1, keepdims=True) + eps)
    return numpy.moveaxis(y * gamma + beta, -1, axis)


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 2e-6), ("float16", 2e-3)])
@pytest.mark.parametrize(
    "shape, axis", [((3, 5), -1), ((2, 3, 17), 1), ((0, 4), -1), ((1, 1), 0), ((5, 1000), -1)]
)
def test_layer_norm(shape, axis, dtype, rtol):
    random = numpy.random.default_rng(0)
    x = random.normal(2, 3, shape).astype(dtype)
    gamma, beta = random.normal(size=(2, shape[axis])).astype(dtype)
    got = npx.layer_norm(np.array(x), np.array(gamma), np.array(beta), axis=axis)
    assert got.dtype == dtype
    numpy.testing.assert_allclose(got, layer_norm(x, gamma, beta, axis), rtol=rtol, atol=4 * rtol)


def test_layer_norm_gradients():
    random = numpy.random.default_rng(1)
    check_gradients(npx.layer_norm, random.normal(size=(3, 5)), random.normal(size=5), random.normal(size=5))


def test_layer_norm_errors():
    with pytest.raises(ValueError, match=r"gamma must have shape \(4,\)"):
        npx.layer_norm(np.ones((2, 4)), np.ones(3), np.ones(4))


def test_layer_norm_threads_do_not_matter():
    random = numpy.random.default_rng(2)
    x, gamma = (np.array(random.normal(size=s).astype("float32")) for s in ((500, 700), 700))
    x.attach_grad(), gamma.attach_grad()

    def run():
        with autograd.record():
            out = npx.layer_norm(x, gamma, gamma)
        out.backward(x)
        return [numpy.asarray(a).tobytes() for a in (out, x.grad, gamma.grad)]

    assert on_threads(1, run) == on_threads(2, run)


def on_threads(count, f):
    before = config.num_threads
    config.num_threads = count
    try:
        return f()
    finally:
        config.num_threads = before


def along(a, axis, ndim):
    return numpy.reshape(a, [-1 if i == axis % ndim else 1 for i in range(ndim)])


BATCHES = [
    ((4, 3, 5, 7), 1),
    ((4, 3, 6, 5), -1),
    ((9, 70), 1),
    ((2, 5, 33), 1),
    ((5, 3, 1, 1), 1),
    ((200, 2), 1),
]


@pytest.mark.parametrize("dtype, rtol", [("float64", 1e-12), ("float32", 3e-6), ("float16", 3e-3)])
@pytest.mark.parametrize("shape, axis", BATCHES)
def test_batch_norm(shape, axis, dtype, rtol):
    random = numpy.random.default_rng(3)
    x = random.normal(2, 3, shape).astype(dtype)
    params = "float32" if dtype == "float16" else dtype
    gamma, beta, mean, var = random.uniform(0.5, 2, size=(4, shape[axis])).astype(params)
    others = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    wide = x.astype("float64")

    def reference(m, v, scale):
        m, v, scale, shift = (along(a, axis, x.ndim) for a in (m, v, scale, beta))
        return (wide - m) / numpy.sqrt(v + 1e-3) * scale + shift

    def check(fix_gamma, training, **kwargs):
        arrays = [np.array(a) for a in (gamma, beta, mean, var)]
        with autograd.train_mode() if training else autograd.predict_mode():
            out = npx.batch_norm(np.array(x), *arrays, fix_gamma=fix_gamma, axis=axis, momentum=0.8, **kwargs)
        batch = training and not kwargs
        used = (wide.mean(others), wide.var(others)) if batch else (mean, var)
        want = reference(*used, numpy.ones_like(gamma) if fix_gamma else gamma)
        assert out.dtype == dtype and out.shape == shape
        numpy.testing.assert_allclose(out, want, rtol=rtol, atol=8 * rtol)
        for got, old, new in zip(arrays[2:], (mean, var), used):
            numpy.testing.assert_allclose(got, old * 0.8 + new * 0.2, rtol=10 * rtol)
        assert (numpy.asarray(arrays[0]) == 1).all() == (fix_gamma and batch)

    check(False, True)
    check(True, True)
    check(False, False)
    check(False, True, use_global_stats=True)


def test_batch_norm_outputs_statistics():
    x = np.array(numpy.random.default_rng(4).normal(size=(2, 3, 4)))
    args = [np.ones(3), np.zeros(3), np.full(3, 0.5), np.full(3, 2.0)]
    with autograd.train_mode():
        _, mean, rstd = npx.batch_norm(x, *args, output_mean_var=True)
    numpy.testing.assert_allclose(mean, numpy.asarray(x).mean((0, 2)), rtol=1e-12)
    numpy.testing.assert_allclose(rstd, 1 / numpy.sqrt(numpy.asarray(x).var((0, 2)) + 1e-3), rtol=1e-12)
    args[2:] = np.full(3, 0.5), np.full(3, 2.0)
    _, mean, rstd = npx.batch_norm(x, *args, output_mean_var=True)
    numpy.testing.assert_allclose(mean, [0.5] * 3)
    numpy.testing.assert_allclose(rstd, [2.001**-0.5] * 3)


@pytest.mark.parametrize("shape, axis", [((3, 2, 2, 3), 1), ((3, 4, 2), -1), ((6, 3), 1)])
@pytest.mark.parametrize("fix_gamma", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_gradients(shape, axis, fix_gamma, training):
    random = numpy.random.default_rng(5)
    n = shape[axis]
    mean, var = random.normal(size=n), random.uniform(0.5, 2, n)

    def f(x, gamma, beta):
        with autograd.train_mode() if training else autograd.predict_mode():
            return npx.batch_norm(
                x, gamma, beta, np.array(mean), np.array(var), fix_gamma=fix_gamma, axis=axis, eps=0.1
            )

    if not (fix_gamma and training):  # that would write into gamma, a variable
        check_gradients(f, random.normal(size=shape), random.normal(size=n), random.normal(size=n))
    elif training:
        gamma = np.ones(n)
        check_gradients(lambda x, beta: f(x, gamma, beta), random.normal(size=shape), random.normal(size=n))
        x = np.array(random.normal(size=shape))
        gamma.attach_grad()
        gamma.grad[...] = 5
        with autograd.record():
            out = f(x, gamma, np.zeros(n))
        out.backward()
        assert not numpy.asarray(gamma.grad).any()


def test_batch_norm_threads_do_not_matter():
    random = numpy.random.default_rng(6)
    for shape in ((16, 8, 20, 21), (3000, 70)):
        x = np.array(random.normal(size=shape).astype("float32"))
        gamma = np.array(random.normal(size=shape[1]).astype("float32"))
        x.attach_grad(), gamma.attach_grad()

        def run(x=x, gamma=gamma):
            with autograd.record():
                out = npx.batch_norm(x, gamma, gamma, gamma.copy(), gamma.copy(), fix_gamma=False)
            out.backward(x)
            return [numpy.asarray(a).tobytes() for a in (out, x.grad, gamma.grad)]

        assert on_threads(1, run) == on_threads(2, run)


def test_instance_and_group_norm():
    random = numpy.random.default_rng(7)
    x, gamma, beta = random.normal(1, 2, (2, 6, 3, 5)), random.normal(size=6), random.normal(size=6)

    def normalized(groups, eps):
        g = x.reshape(2, groups, -1)
        return ((g - g.mean(-1, keepdims=True)) / numpy.sqrt(g.var(-1, keepdims=True) + eps)).reshape(x.shape)

    scale, shift = along(gamma, 1, 4), along(beta, 1, 4)
    got = npx.instance_norm(np.array(x), np.array(gamma), np.array(beta))
    numpy.testing.assert_allclose(got, normalized(6, 1e-3) * scale + shift, rtol=1e-11)
    got, mean, deviation = npx.group_norm(
        np.array(x), np.array(gamma), np.array(beta), num_groups=3, output_mean_var=True
    )
    numpy.testing.assert_allclose(got, normalized(3, 1e-5) * scale + shift, rtol=1e-11)
    numpy.testing.assert_allclose(mean, x.reshape(2, 3, -1).mean(-1), rtol=1e-12)
    numpy.testing.assert_allclose(deviation, numpy.sqrt(x.reshape(2, 3, -1).var(-1) + 1e-5), rtol=1e-12)
    got = npx.group_norm(np.array(x), np.array(gamma[:2]), np.array(beta[:2]), num_groups=2)
    scale, shift = (along(numpy.repeat(a[:2], 3), 1, 4) for a in (gamma, beta))
    numpy.testing.assert_allclose(got, normalized(2, 1e-5) * scale + shift, rtol=1e-11)
    args = random.normal(size=(2, 4, 3)), gamma[:4], beta[:4]
    check_gradients(lambda *a: npx.instance_norm(*a, eps=0.1), *args)
    check_gradients(lambda *a: npx.group_norm(*a, num_groups=2, eps=0.1), *args)
    args = random.normal(size=(2, 4, 37)), gamma[:4], beta[:4]  # whole vectors, and a rest
    check_gradients(lambda *a: npx.group_norm(*a, num_groups=2, eps=0.1), *args)


@pytest.mark.parametrize("shape", [(3, 6, 11, 13), (2, 6), (0, 6, 4), (2, 6, 0)])
def test_group_norm_in_single_precision(shape):
    random = numpy.random.default_rng(8)
    x, head = random.normal(1, 2, shape), random.normal(size=shape)
    scale, shift = random.normal(size=6), random.normal(size=6)
    results = []
    for dtype in ("float32", "float64"):
        args = [np.array(a.astype(dtype)) for a in (x, scale, shift)]
        for a in args:
            a.attach_grad()
        with autograd.record():
            y = npx.group_norm(*args, num_groups=3)
        y.backward(np.array(head.astype(dtype)))
        results.append([y, *(a.grad for a in args)])
    for single, double in zip(*results):
        assert single.dtype == "float32" and single.shape == double.shape
        numpy.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-4)


def test_group_norm_on_threads():
    x = np.array(numpy.random.default_rng(9).normal(size=(16, 12, 40, 40)).astype("float32"))
    gamma = np.array(numpy.linspace(0.5, 2, 12, dtype="float32"))

    def run():
        a, b = x.copy(), gamma.copy()
        a.attach_grad()
        b.attach_grad()
        with autograd.record():
            y = npx.group_norm(a, b, gamma, num_groups=4)
        y.backward(x)
        return [y, a.grad, b.grad]

    assert_same_bits(run)


@pytest.mark.parametrize("mode, axes", [("instance", (1, 2, 3)), ("channel", (1,)), ("spatial", (2, 3))])
def test_l2_normalization(mode, axes):
    x = numpy.random.default_rng(8).normal(size=(2, 3, 4, 2))
    got = npx.l2_normalization(np.array(x), mode=mode, eps=0.1)
    numpy.testing.assert_allclose(got, x / numpy.sqrt((x * x).sum(axes, keepdims=True) + 0.1), rtol=1e-13)
    check_gradients(lambda a: npx.l2_normalization(a, mode=mode, eps=0.1), x[:1])


@pytest.mark.parametrize("nsize", [1, 3, 5])
def test_lrn(nsize):
    x = numpy.random.default_rng(9).normal(size=(2, 4, 3))
    near = numpy.abs(numpy.subtract.outer(numpy.arange(4), numpy.arange(4))) <= nsize // 2
    total = numpy.einsum("dc,ncw->ndw", near, x * x)
    want = x * (2 + 0.5 / nsize * total) ** -0.75
    numpy.testing.assert_allclose(npx.lrn(np.array(x), nsize, alpha=0.5), want, rtol=1e-13)
    check_gradients(lambda a: npx.lrn(a, nsize, alpha=0.5), x[:1])


def test_other_errors():
    with pytest.raises(ValueError, match=r"moving_var must have shape \(3,\)"):
        npx.batch_norm(np.ones((2, 3)), np.ones(3), np.ones(3), np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="axis 4 is out of bounds"):
        npx.batch_norm(np.ones((2, 3)), *[np.ones(3)] * 4, axis=4)
    with pytest.raises(ValueError, match="must divide"):
        npx.group_norm(np.ones((2, 3)), np.ones(3), np.ones(3), num_groups=2)
    with pytest.raises(ValueError, match="mode must be"):
        npx.l2_normalization(np.ones((2, 3)), mode="all")
    with pytest.raises(ValueError, match="nsize must be odd"):
        npx.lrn(np.ones((2, 3)), 2)
