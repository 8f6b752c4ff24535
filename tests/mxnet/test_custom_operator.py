"""Operators written in Python: nd.Custom."""

import numpy
import pytest

import minpy as mx
from minpy import autograd, nd


class _Softmax(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        x = in_data[0].asnumpy()
        y = numpy.exp(x - x.max(axis=1, keepdims=True))
        self.assign(out_data[0], req[0], mx.nd.array(y / y.sum(axis=1, keepdims=True)))

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        label = in_data[1].asnumpy().astype(int)
        y = out_data[0].asnumpy()
        y[numpy.arange(len(label)), label] -= 1
        self.assign(in_grad[0], req[0], mx.nd.array(y))


@mx.operator.register("test_softmax")
class _SoftmaxProp(mx.operator.CustomOpProp):
    def __init__(self):
        super().__init__(need_top_grad=False)

    def list_arguments(self):
        return ["data", "label"]

    def infer_shape(self, in_shape):
        return [in_shape[0], [in_shape[0][0]]], [in_shape[0]], []

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return _Softmax()


class _Scaled(mx.operator.CustomOp):
    """Two outputs: the data times a number, and their sum with a counter of calls."""

    def __init__(self, factor, seen):
        self._factor = factor
        self._seen = seen

    def forward(self, is_train, req, in_data, out_data, aux):
        self._seen.append(is_train)
        aux[0][:] += 1
        self.assign(out_data[0], req[0], in_data[0] * self._factor)
        self.assign(out_data[1], req[1], in_data[0].sum() + aux[0])

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], out_grad[0] * self._factor)
        self.assign(in_grad[0], "add", out_grad[1].broadcast_to(in_data[0].shape))


_seen = []


@mx.operator.register("test_scaled")
class _ScaledProp(mx.operator.CustomOpProp):
    def __init__(self, factor="1"):
        super().__init__()
        assert isinstance(factor, str)
        self._factor = float(factor)

    def list_outputs(self):
        return ["scaled", "total"]

    def list_auxiliary_states(self):
        return ["calls"]

    def infer_shape(self, in_shape):
        return in_shape, [in_shape[0], [1]], [[1]]

    def create_operator(self, ctx, in_shapes, in_dtypes):
        assert ctx == mx.cpu()
        assert in_shapes == [[3]]
        assert in_dtypes == [numpy.float32]
        return _Scaled(self._factor, _seen)


def test_a_loss():
    x = nd.array([[1, 2, 3], [1, 1, 1]])
    x.attach_grad()
    with autograd.record():
        y = nd.Custom(x, nd.array([2, 0]), op_type="test_softmax")
    assert type(y) is nd.NDArray
    numpy.testing.assert_allclose(y.asnumpy(), nd.softmax(x).asnumpy(), rtol=1e-6)
    y.backward()
    numpy.testing.assert_allclose(
        x.grad.asnumpy(), nd.softmax(x).asnumpy() - [[0, 0, 1], [1, 0, 0]], rtol=1e-6, atol=1e-7
    )


def test_arrays_by_name_attributes_as_text_and_states():
    x, calls = nd.array([1, 2, 3]), nd.zeros((1,))
    x.attach_grad()
    del _seen[:]
    with autograd.record():
        scaled, total = nd.Custom(data=x, calls=calls, factor=2, op_type="test_scaled", name="layer")
        loss = (scaled * nd.array([1, 10, 100])).sum() + 5 * total
    nd.Custom(x, calls, op_type="test_scaled")
    assert _seen == [True, False]
    assert calls.tolist() == [2]
    assert scaled.tolist() == [2, 4, 6]
    assert total.tolist() == [7]
    loss.backward()
    assert x.grad.tolist() == [7, 25, 205]


def test_gradients_flow_through_between_other_operators():
    x, calls = nd.array([1, 2, 3]), nd.zeros((1,))
    x.attach_grad()
    with autograd.record():
        y = nd.Custom(x * x, calls, factor=3, op_type="test_scaled")[0].exp()
    y.backward()
    numpy.testing.assert_allclose(
        x.grad.asnumpy(), 6 * x.asnumpy() * numpy.exp(3 * x.asnumpy() ** 2), rtol=1e-5
    )


def test_errors_reach_the_caller():
    with pytest.raises(mx.MXNetError, match="Cannot find custom operator nowhere"):
        nd.Custom(nd.ones((1,)), op_type="nowhere")
    with pytest.raises(TypeError, match="label is missing"):
        nd.Custom(nd.ones((1, 2)), op_type="test_softmax")
    with pytest.raises(ValueError, match=r"label must have shape \(2,\), its shape is \(3,\)"):
        nd.Custom(nd.ones((2, 2)), nd.ones((3,)), op_type="test_softmax")
    with pytest.raises(TypeError, match="no subclass of CustomOpProp"):
        mx.operator.register("wrong")(int)


def test_the_table_of_operators():
    assert "Convolution" in mx.operator.get_all_registered_operators()
    found = mx.operator.get_operator_arguments("Activation")
    assert found.names == ["data", "act_type"]
    assert found.narg == 2


# --- PythonOp, NumpyOp, NDArrayOp ---


@pytest.mark.filterwarnings("ignore:.*has been deprecated")
@pytest.mark.parametrize("kind", [mx.operator.NumpyOp, mx.operator.NDArrayOp], ids=["NumpyOp", "NDArrayOp"])
def test_operators_of_the_first_versions(kind):
    """MXNet's example: a softmax for which the gradient is p - onehot."""

    class Softmax(kind):
        def __init__(self):
            super().__init__(need_top_grad=False)

        def list_arguments(self):
            return ["data", "label"]

        def infer_shape(self, in_shape):
            return [in_shape[0], [in_shape[0][0]]], [in_shape[0]]

        def forward(self, in_data, out_data):
            x, y = in_data[0], out_data[0]
            assert isinstance(x, numpy.ndarray) == (kind is mx.operator.NumpyOp)
            values = numpy.asarray(x)
            e = numpy.exp(values - values.max(axis=1, keepdims=True))
            y[:] = e / e.sum(axis=1, keepdims=True)

        def backward(self, out_grad, in_data, out_data, in_grad):
            label = numpy.asarray(in_data[1]).astype(int)
            values = numpy.array(out_data[0])
            values[numpy.arange(len(label)), label] -= 1
            in_grad[0][:] = values

    with pytest.warns(UserWarning, match="has been deprecated. Please use CustomOp"):
        softmax = Softmax()
    graph = softmax(data=mx.sym.Variable("data"), name="softmax")
    assert graph.list_arguments() == ["data", "softmax_label"]
    executor = graph.simple_bind(mx.cpu(), data=(2, 3))
    executor.arg_dict["data"][:] = x = mx.nd.array([[1, 2, 3], [0, 0, 1]])
    executor.arg_dict["softmax_label"][:] = mx.nd.array([2, 0])
    p = executor.forward(is_train=True)[0].asnumpy()
    numpy.testing.assert_allclose(p, mx.nd.softmax(x).asnumpy(), rtol=1e-6)
    executor.backward()
    numpy.testing.assert_allclose(executor.grad_dict["data"].asnumpy(), p - [[0, 0, 1], [1, 0, 0]], rtol=1e-6)
