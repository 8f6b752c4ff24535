"""Random graphs give the same values and gradients bound, imperatively, read back from JSON, and as a block."""

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd, sym

SHAPES = {"a": (3, 4), "b": (3, 4), "c": (4, 5), "d": (5,)}


def _steps(rng, count):
    """A program: names of operators with the positions of their inputs, valid for the shapes that arise."""
    shapes = list(SHAPES.values())
    steps = []
    while len(steps) < count:
        kind = rng.choice(
            ["unary", "pair", "scalar", "dense", "reduce", "concat", "reshape", "broadcast", "norm"]
        )
        i = int(rng.integers(len(shapes)))
        shape = shapes[i]
        same = [j for j, s in enumerate(shapes) if s == shape]
        j = int(rng.choice(same))
        if kind == "unary":
            steps.append(
                (str(rng.choice(["tanh", "sigmoid", "relu", "square", "sin", "softsign"])), (i,), {})
            )
        elif kind == "pair":
            steps.append((str(rng.choice(["+", "-", "*", "maximum", "elemwise_mul"])), (i, j), {}))
        elif kind == "scalar":
            steps.append(
                (str(rng.choice(["+", "*", "r-"])) + "s", (i,), {"scalar": float(rng.integers(1, 5)) / 2})
            )
        elif kind == "dense" and len(shape) == 2 and shape[1] == 4:
            steps.append(("dot", (i, 2), {}))
        elif kind == "reduce" and len(shape) == 2:
            steps.append((str(rng.choice(["sum", "mean", "max"])), (i,), {"axis": 1, "keepdims": True}))
        elif kind == "concat" and len(shape) == 2 and shape[1] < 20:
            steps.append(("concat", (i, j), {"dim": 1}))
        elif kind == "reshape" and len(shape) == 2:
            steps.append(("transpose", (i,), {}))
        elif kind == "broadcast" and len(shape) == 2 and shape[1] == 5:
            steps.append((str(rng.choice(["broadcast_add", "broadcast_mul"])), (i, 3), {}))
        elif kind == "norm" and len(shape) == 2:
            steps.append(("log_softmax", (i,), {"axis": -1}))
        else:
            continue
        probe = [nd.zeros(s) for s in shapes]
        shapes.append(_apply(nd, steps[-1], probe).shape)
    return steps


def _apply(F, step, values):
    name, inputs, options = step
    args = [values[i] for i in inputs]
    if name in "+-*":
        return {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y}[name](*args)
    if name.endswith("s") and name[:-1] in ("+", "*", "r-"):
        x, scalar = args[0], options["scalar"]
        return {"+": x + scalar, "*": x * scalar, "r-": scalar - x}[name[:-1]]
    return getattr(F, name)(*args, **options)


def _run(F, steps, inputs):
    values = list(inputs)
    for step in steps:
        values.append(_apply(F, step, values))
    total = F.sum(F.tanh(values[-1]))
    for value in values[-4:-1]:
        total = total + F.sum(F.tanh(value))
    return total, values[-1]


class _Network(gluon.HybridBlock):
    def __init__(self, steps):
        super().__init__()
        self._steps = steps

    def hybrid_forward(self, F, *inputs):
        return list(_run(F, self._steps, inputs))


def _check(seed, tmp_path):
    rng = numpy.random.default_rng(seed)
    steps = _steps(rng, int(rng.integers(5, 40)))
    arrays = {name: nd.array(rng.normal(size=shape)) for name, shape in SHAPES.items()}
    with mx.name.NameManager():
        graph = sym.Group(_run(sym, steps, [sym.Variable(name) for name in SHAPES]))
    used = graph.list_arguments()
    grads = {name: nd.zeros(SHAPES[name]) for name in used}
    for array in arrays.values():
        array.attach_grad()
    with autograd.record():
        expected = _run(nd, steps, list(arrays.values()))
    expected[0].backward()
    for which in (graph, sym.load_json(graph.tojson())):
        executor = which.bind(mx.cpu(), {name: arrays[name] for name in used}, grads)
        found = executor.forward(is_train=True)
        executor.backward([nd.ones(found[0].shape), nd.zeros(found[1].shape)])
        for out, value in zip(found, expected):
            numpy.testing.assert_array_equal(out.asnumpy(), value.asnumpy())
        for name in used:
            numpy.testing.assert_allclose(
                grads[name].asnumpy(), arrays[name].grad.asnumpy(), rtol=1e-5, atol=1e-6, err_msg=name
            )
        shapes = which.infer_shape(**{name: SHAPES[name] for name in used})[1]
        assert [tuple(s) for s in shapes] == [tuple(out.shape) for out in found]
    net = _Network(steps)
    net.hybridize()
    gradients = {name: arrays[name].grad.asnumpy() for name in used}
    for _ in range(2):  # the first call traces, the second runs the plan
        with autograd.record():
            found = net(*arrays.values())
        found[0].backward()
        for out, value in zip(found, expected):
            numpy.testing.assert_array_equal(out.asnumpy(), value.asnumpy())
        for name, gradient in gradients.items():
            numpy.testing.assert_array_equal(arrays[name].grad.asnumpy(), gradient, err_msg=name)
    assert len(net._compiled.plans) == 1
    assert sym.load(net.export(str(tmp_path / "net"))[0]).list_arguments() == [
        f"data{list(SHAPES).index(name)}" for name in used
    ]


@pytest.mark.parametrize("seed", range(30))
def test_bound_imperative_and_hybridized_agree(seed, tmp_path):
    _check(seed, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_two_thousand_graphs(tmp_path):
    for seed in range(1000, 3000):
        _check(seed, tmp_path)
