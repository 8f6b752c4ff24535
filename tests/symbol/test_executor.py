"""Executors: values, gradients, and what is shared."""

import pathlib

import numpy
import pytest

import minpy as mx
from minpy import autograd, nd, sym
from minpy.base import MXNetError

DATA = pathlib.Path(__file__).parent / "data"


def product():
    return sym.Variable("A") * sym.Variable("B") + sym.Variable("D")


def bound(grad_req="write", **arrays):
    arrays = arrays or {"A": nd.array([1.0]), "B": nd.array([4.0]), "D": nd.array([2.0])}
    grads = {name: nd.zeros(a.shape) for name, a in arrays.items()}
    return product().bind(mx.cpu(), arrays, grads, grad_req)


def test_forward_and_backward():
    executor = bound()
    assert executor.forward(is_train=True)[0].asnumpy() == [6]
    executor.backward()
    assert [executor.grad_dict[n].asnumpy() for n in "ABD"] == [4, 1, 1]
    executor.backward(nd.array([3.0]))
    assert [executor.grad_dict[n].asnumpy() for n in "ABD"] == [12, 3, 3]


def test_backward_without_forward_or_in_prediction():
    executor = bound()
    executor.backward()
    assert executor.grad_dict["A"].asnumpy() == [4]
    executor.forward(is_train=False, B=numpy.array([7.0], "f"))
    executor.backward()
    assert executor.grad_dict["A"].asnumpy() == [7]


@pytest.mark.parametrize("grad_req", ["add", ["add", "add", "null"], {"A": "add", "B": "add"}])
def test_grad_req_add(grad_req):
    executor = bound(grad_req)
    for _ in range(2):
        executor.forward(is_train=True)
        executor.backward()
    assert executor.grad_dict["A"].asnumpy() == [8]
    assert executor.grad_dict["D"].asnumpy() == [2 if grad_req == "add" else 0]


def test_a_gradient_that_nothing_reaches_is_zero():
    a = sym.Variable("a")
    executor = (sym.BlockGrad(a) * 2 + sym.Variable("b")).bind(
        mx.cpu(), {"a": nd.ones((2,)), "b": nd.ones((2,))}, {"a": nd.ones((2,)) * 9, "b": nd.ones((2,)) * 9}
    )
    executor.forward(is_train=True)
    executor.backward()
    assert executor.grad_dict["a"].asnumpy().tolist() == [0, 0]
    assert executor.grad_dict["b"].asnumpy().tolist() == [1, 1]


def test_arguments_are_shared_and_keep_their_own_gradient():
    a = nd.array([1.0])
    a.attach_grad()
    executor = bound(A=a, B=nd.array([4.0]), D=nd.array([2.0]))
    a[:] = 5
    assert executor.forward(is_train=True)[0].asnumpy() == [22]
    executor.backward()
    assert a.grad.asnumpy() == [0] and executor.grad_dict["A"].asnumpy() == [4]
    with autograd.record():
        y = a * a
    y.backward()
    assert a.grad.asnumpy() == [10]


def test_outputs_are_reused():
    executor = bound()
    first = executor.forward()[0]
    executor.forward(A=nd.array([10.0]))
    assert first is executor.outputs[0] and first.asnumpy() == [42]
    assert executor.output_dict[
        "_plus0_output" if "_plus0_output" in executor.output_dict else next(iter(executor.output_dict))
    ].asnumpy() == [42]


def test_errors():
    net = product()
    ok = {"A": nd.ones((2,)), "B": nd.ones((2,)), "D": nd.ones((2,))}
    with pytest.raises(ValueError, match="key `B` is missing in `args`"):
        net.bind(mx.cpu(), {"A": nd.ones((2,))})
    with pytest.raises(TypeError):
        net.bind(mx.cpu(), {**ok, "A": numpy.ones(2)})
    with pytest.raises(MXNetError):
        net.bind(mx.cpu(), {**ok, "A": nd.ones((3,))})
    with pytest.raises(MXNetError):
        net.bind(mx.cpu(), {**ok, "A": nd.ones((2,), dtype="float64")})
    with pytest.raises(MXNetError):
        net.bind(mx.cpu(), {**ok, "A": nd.ones((2,), ctx=mx.cpu(1))})
    with pytest.raises(ValueError, match="'null': 0, 'write': 1, 'add': 3"):
        net.bind(mx.cpu(), ok, ok, grad_req="foo")
    executor = net.bind(mx.cpu(), {**ok, "extra": nd.ones((1,))})
    with pytest.raises(ValueError, match=r"Shape not match! Argument A, need: \(2,\), received: \(3,\)"):
        executor.forward(A=nd.ones((3,)))
    with pytest.raises(TypeError, match="Unknown argument z"):
        executor.forward(z=nd.ones((3,)))
    with pytest.raises(RuntimeError, match="simple_bind error. Arguments:\nfoo"):
        net.simple_bind(mx.cpu(), foo=(2,))
    with pytest.raises(RuntimeError, match="simple_bind error"):
        (sym.Variable("a") + sym.Variable("a")).simple_bind(mx.cpu(), a=(2,))


def test_partial_gradients():
    args = {"A": nd.ones((2,)), "B": nd.ones((2,)), "D": nd.ones((2,))}
    executor = product().bind(mx.cpu(), args, {"A": nd.zeros((2,))})
    assert executor.grad_dict["B"] is None
    executor.forward(is_train=True)
    executor.backward()
    assert executor.grad_dict["A"].asnumpy().tolist() == [1, 1]


def test_simple_bind_makes_zeros_and_reshape_shares():
    net = sym.FullyConnected(sym.Variable("data"), num_hidden=3, name="fc")
    executor = net.simple_bind(mx.cpu(), data=(4, 2), type_dict={"data": "float64"})
    assert executor.arg_dict["fc_weight"].dtype == numpy.float64
    assert not executor.arg_dict["fc_weight"].asnumpy().any() and executor.outputs[0].shape == (4, 3)
    smaller = executor.reshape(data=(2, 2))
    assert smaller.arg_dict["fc_weight"] is executor.arg_dict["fc_weight"]
    assert smaller.forward()[0].shape == (2, 3)
    with pytest.raises(AssertionError, match="allow_up_sizing"):
        executor.reshape(data=(9, 2))
    assert executor.reshape(allow_up_sizing=True, data=(9, 2)).forward()[0].shape == (9, 3)
    with pytest.raises(AssertionError, match="partial_shaping"):
        executor.reshape(data=(4, 1))


def test_monitor_sees_every_output():
    seen = []
    executor = bound()
    executor.set_monitor_callback(lambda name, array: seen.append((name, array.asnumpy().tolist())))
    executor.forward()
    assert [name.split("_output")[0].rstrip("0123456789") for name, _ in seen] == ["_mul", "_plus"]
    assert [value for _, value in seen] == [[4], [6]]
    seen.clear()
    executor.set_monitor_callback(lambda name, array: seen.append(name), monitor_all=True)
    executor.forward()
    assert {"A", "B", "D"} <= set(seen)


def test_batch_norm_updates_its_statistics_in_training_only():
    net = sym.BatchNorm(sym.Variable("x"), name="bn", fix_gamma=False, momentum=0.5)
    executor = net.simple_bind(mx.cpu(), x=(4, 2))
    executor.arg_dict["bn_gamma"][:] = 1
    executor.forward(is_train=False, x=numpy.arange(8.0).reshape(4, 2))
    assert executor.aux_dict["bn_moving_mean"].asnumpy().tolist() == [0, 0]
    executor.forward(is_train=True)
    executor.backward()
    assert executor.aux_dict["bn_moving_mean"].asnumpy().tolist() == [1.5, 2.0]


def test_eval_and_several_outputs():
    parts = sym.SliceChannel(sym.Variable("x"), num_outputs=2, name="parts")
    low, high = sym.Group([parts[1], parts[0]]).eval(x=nd.array([[1, 2, 3, 4]]))
    assert low.asnumpy().tolist() == [[3, 4]] and high.asnumpy().tolist() == [[1, 2]]


def test_recorded_mlp():
    io = numpy.load(DATA / "mlp_io.npz")
    executor = sym.load(str(DATA / "mlp-symbol.json")).simple_bind(mx.cpu(), data=(8, 12))
    executor.copy_params_from({k[5:]: nd.array(io[k]) for k in io.files if k.startswith("init:")})
    out = executor.forward(is_train=False, data=io["x"], softmax_label=io["y_label"])[0].asnumpy()
    numpy.testing.assert_allclose(out, io["out0"], atol=1e-6)
    executor.forward(is_train=True)
    executor.backward()
    for name in (k for k in io.files if k.startswith("grad:")):
        numpy.testing.assert_allclose(executor.grad_dict[name[5:]].asnumpy(), io[name], atol=1e-5)


@pytest.mark.parametrize("version", ["095", "0110", "110"])
def test_recorded_networks_of_old_releases(version):
    io = numpy.load(DATA / f"legacy_{version}_net_io.npz")
    params = nd.load(str(DATA / f"legacy_{version}_net-0001.params"))
    executor = sym.load(str(DATA / f"legacy_{version}_net-symbol.json")).simple_bind(
        mx.cpu(), grad_req="null", data=io["x"].shape
    )
    executor.copy_params_from(
        *({k[4:]: a for k, a in params.items() if k.startswith(p)} for p in ("arg:", "aux:"))
    )
    numpy.testing.assert_allclose(executor.forward(data=io["x"])[0].asnumpy(), io["y"], atol=1e-6)


def test_monitor_sees_what_operators_return_in_the_backward_pass():
    with mx.name.NameManager():
        h = sym.FullyConnected(sym.Variable("data"), num_hidden=3, name="fc")
        a = sym.Activation(h, act_type="tanh", name="act")
        net = sym.Group([(a * 2 + h) * h, sym.BlockGrad(a)])
    executor = net.simple_bind(mx.cpu(), data=(2, 4))
    rng = numpy.random.default_rng(0)
    for array in executor.arg_dict.values():
        array[:] = rng.normal(size=array.shape)
    seen = []
    executor.set_monitor_callback(lambda name, array: seen.append((name, array.asnumpy())))
    fc = executor.forward(is_train=True)
    forward = [name for name, _ in seen]
    assert forward == [
        "fc_output", "act_output", "_mulscalar0_output", "_plus0_output", "_mul0_output", "blockgrad0_output",
    ]  # fmt: skip
    h, a = (dict(seen)[name] for name in ("fc_output", "act_output"))
    executor.backward([nd.ones(out.shape) for out in fc])
    backward = seen[len(forward) :]
    assert [name for name, _ in backward] == [
        "_mul0_backward_output0", "_mul0_backward_output1", "_plus0_backward_output0", "_plus0_backward_output1",
        "_mulscalar0_backward_output", "act_backward_output", "fc_backward_output0", "fc_backward_output1",
        "fc_backward_output2",
    ]  # fmt: skip
    found = dict(backward)
    numpy.testing.assert_allclose(found["_mul0_backward_output1"], 2 * a + h, rtol=1e-5)
    numpy.testing.assert_allclose(found["_mulscalar0_backward_output"], 2 * h, rtol=1e-5)
    numpy.testing.assert_allclose(found["act_backward_output"], 2 * h * (1 - a * a), rtol=1e-4, atol=1e-5)
    numpy.testing.assert_allclose(
        found["fc_backward_output1"], executor.grad_dict["fc_weight"].asnumpy(), rtol=1e-5
    )
