"""gluon.contrib.nn and gluon.contrib.rnn."""

import pathlib

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd
from minpy.gluon import contrib, rnn


@pytest.mark.parametrize(
    "make, factors",
    [
        (contrib.nn.PixelShuffle1D, (3,)),
        (contrib.nn.PixelShuffle2D, (2, 3)),
        (contrib.nn.PixelShuffle3D, (2, 3, 4)),
    ],
)
def test_pixel_shuffle(make, factors):
    """Channel c * prod(f) + offset of a pixel lands at that offset within the pixel's block."""
    sizes = (3, 4, 5)[: len(factors)]
    x = numpy.random.RandomState(0).randn(2, 2 * numpy.prod(factors), *sizes).astype("f")
    layer = make(factors[0] if len(factors) == 1 else factors)
    y = layer(nd.array(x)).asnumpy()
    assert y.shape == (2, 2, *(n * f for n, f in zip(sizes, factors)))
    for offset in numpy.ndindex(*factors):
        channel = numpy.ravel_multi_index(offset, factors)
        strided = tuple(slice(o, None, f) for o, f in zip(offset, factors))
        assert numpy.array_equal(
            y[(slice(None), slice(None), *strided)], x[:, channel :: numpy.prod(factors)]
        )


def test_pixel_shuffle_settings():
    assert repr(contrib.nn.PixelShuffle1D(3)) == "PixelShuffle1D(3)"
    assert repr(contrib.nn.PixelShuffle2D(2)) == "PixelShuffle2D((2, 2))"
    with pytest.raises(AssertionError, match="wrong length 3"):
        contrib.nn.PixelShuffle2D((1, 2, 3))


def test_names_of_other_layers():
    norm = contrib.nn.SyncBatchNorm(in_channels=5, num_devices=2, prefix="b_")
    plain = gluon.nn.BatchNorm(in_channels=5)
    x = nd.array(numpy.random.RandomState(0).randn(2, 5, 6))
    for layer in (norm, plain):
        layer.initialize()
    with autograd.record():
        assert numpy.array_equal(norm(x).asnumpy(), plain(x).asnumpy())
    assert numpy.array_equal(norm.running_mean.data().asnumpy(), plain.running_mean.data().asnumpy())
    embedding = contrib.nn.SparseEmbedding(5, 3)
    embedding.initialize()
    assert embedding(nd.array([1, 4])).shape == (2, 3)
    assert repr(embedding) == "SparseEmbedding(5 -> 3, float32)"


def test_lstmp_cell_is_the_layer_with_a_projection():
    cell = contrib.rnn.LSTMPCell(4, 3, prefix="net_l0_")
    layer = rnn.LSTM(4, projection_size=3, layout="NTC", prefix="net_")
    x = nd.array(numpy.random.RandomState(0).randn(2, 5, 6))
    for block in (cell, layer):
        block.initialize(mx.init.Normal(0.5))
    cell.unroll(5, x)
    layer(x)
    for name, parameter in cell.collect_params().items():
        layer.collect_params()[name].set_data(parameter.data())
    outputs, states = cell.unroll(5, x, merge_outputs=True)
    expected, after = layer(x, layer.begin_state(2))
    numpy.testing.assert_allclose(outputs.asnumpy(), expected.asnumpy(), rtol=1e-5, atol=1e-6)
    for state, last in zip(states, after):
        numpy.testing.assert_allclose(state.asnumpy(), last.asnumpy()[0], rtol=1e-5, atol=1e-6)
    assert repr(cell) == "LSTMPCell(6 -> 16 -> 3)"


def test_variational_dropout_is_the_same_at_all_steps():
    cell = contrib.rnn.VariationalDropoutCell(rnn.RNNCell(40, input_size=5), drop_outputs=0.5)
    cell.initialize(mx.init.Normal(1))
    x = nd.array(numpy.random.RandomState(0).randn(3, 6, 5))
    with autograd.record():
        first = cell.unroll(6, x, merge_outputs=True)[0].asnumpy()
        second = cell.unroll(6, x, merge_outputs=True)[0].asnumpy()
    dropped = first == 0
    assert 0.3 < dropped.mean() < 0.7 and (dropped == dropped[:, :1]).all()
    assert ((second == 0) != dropped).any()
    assert not (cell.unroll(6, x, merge_outputs=True)[0].asnumpy() == 0).any()


def test_variational_dropout_of_inputs_and_states():
    """The hidden state is dropped before the step, the cell of an LSTM is not."""
    cell = contrib.rnn.VariationalDropoutCell(rnn.LSTMCell(50, input_size=5), 0.5, 0.5)
    cell.initialize(mx.init.Normal(1))
    with autograd.record():
        cell(nd.ones((1, 5)), [nd.ones((1, 50)), nd.ones((1, 50))])
    assert set(cell._masks) == {"inputs", "states"}
    assert set(cell._masks["states"].asnumpy().ravel()) == {0, 2}
    assert repr(cell) == "VariationalDropoutCell(p_out = 0.0, p_state = 0.5)"


CONVOLUTIONAL = numpy.load(pathlib.Path(__file__).parent / "data" / "convolutional_rnn.npz")


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_convolutional_cells(dims, kind):
    """Outputs and states of two steps as MXNet 1.9.1 computes them; the same with channels last."""
    shape = (3, *(7, 6, 5)[:dims])
    make = getattr(contrib.rnn, f"Conv{dims}D{kind}Cell")
    cell = make(shape, 4, 3, 3, i2h_pad=1)
    cell.initialize()
    rng = numpy.random.RandomState(dims)
    for _, parameter in sorted(cell.collect_params().items(), key=lambda item: item[0][-10:]):
        parameter.set_data(nd.array(rng.uniform(-0.5, 0.5, parameter.shape)))
    x = nd.array(rng.uniform(-1, 1, (2, 2, *shape)))
    outputs, states = cell.unroll(2, x, layout="NTC", merge_outputs=True)
    assert repr(cell) == str(CONVOLUTIONAL[f"{dims}{kind} r"])
    numpy.testing.assert_allclose(outputs.asnumpy(), CONVOLUTIONAL[f"{dims}{kind}"], rtol=1e-4, atol=1e-5)
    numpy.testing.assert_allclose(
        states[-1].asnumpy(), CONVOLUTIONAL[f"{dims}{kind} s"], rtol=1e-4, atol=1e-5
    )
    last = make((*shape[1:], 3), 4, 3, 3, i2h_pad=1, conv_layout=["NWC", "NHWC", "NDHWC"][dims - 1])
    last.initialize()
    for name in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias"):
        values = getattr(cell, name).data().asnumpy()
        getattr(last, name).set_data(nd.array(numpy.moveaxis(values, 1, -1) if values.ndim > 1 else values))
    again, _ = last.unroll(2, nd.array(numpy.moveaxis(x.asnumpy(), 2, -1)), layout="NTC", merge_outputs=True)
    numpy.testing.assert_allclose(
        numpy.moveaxis(again.asnumpy(), -1, 2), outputs.asnumpy(), rtol=1e-4, atol=1e-5
    )


def test_convolutional_cells_refuse():
    with pytest.raises(AssertionError, match="Only support odd number"):
        contrib.rnn.Conv2DRNNCell((3, 6, 6), 4, 3, 2)
    with pytest.raises(AssertionError, match="list/tuple of length 2"):
        contrib.rnn.Conv2DRNNCell((3, 6, 6), 4, (3,), 3)


@pytest.mark.parametrize("kind", ["DeformableConvolution", "ModulatedDeformableConvolution"])
@pytest.mark.parametrize("channels", [0, 4])
def test_deformable_convolutions(kind, channels):
    """Places that start at zero make a convolution (with weights 2 * sigmoid(0) = 1); then they are learnt."""
    layer = getattr(contrib.cnn, kind)(6, 3, padding=1, in_channels=channels, activation="relu")
    layer.initialize(mx.init.Xavier())
    x = nd.random.uniform(shape=(2, 4, 7, 7))
    out = layer(x)
    plain = nd.Convolution(
        x, layer.deformable_conv_weight.data(), layer.deformable_conv_bias.data(), kernel=(3, 3), pad=(1, 1),
        num_filter=6,
    )  # fmt: skip
    numpy.testing.assert_allclose(out.asnumpy(), nd.relu(plain).asnumpy(), rtol=1e-4, atol=1e-5)
    assert repr(layer).startswith(f"{kind}(4 -> 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), Act")
    layer.hybridize()
    numpy.testing.assert_allclose(layer(x).asnumpy(), out.asnumpy(), rtol=1e-5, atol=1e-6)
    trainer = gluon.Trainer(layer.collect_params(), "sgd", {"learning_rate": 0.1})
    with autograd.record():
        loss = (layer(x) ** 2).sum()
    loss.backward()
    trainer.step(2)
    assert abs(layer.offset_weight.data().asnumpy()).max() > 0
