"""Initializers; data/initializers.npz holds what MXNet 1.9.1 made with seed 0, data/more_initializers.npz too."""

import json
import logging
import pathlib
import pickle

import numpy
import pytest

import minpy as mx
from minpy import init, nd, random, util

FOLDER = pathlib.Path(__file__).parent / "data"
DATA = numpy.load(FOLDER / "initializers.npz")
MORE = numpy.load(FOLDER / "more_initializers.npz")

# Key of the data, initializer, and the text that describes it.
CASES = {
    "uniform": (init.Uniform(), '["uniform", {"scale": 0.07}]'),
    "normal": (init.Normal(), '["normal", {"sigma": 0.01}]'),
    "xavier": (init.Xavier(), '["xavier", {"rnd_type": "uniform", "factor_type": "avg", "magnitude": 3}]'),
    "xavier_g_in2": (
        init.Xavier("gaussian", "in", 2),
        '["xavier", {"rnd_type": "gaussian", "factor_type": "in", "magnitude": 2}]',
    ),
    "msra": (init.MSRAPrelu(), '["msraprelu", {"factor_type": "avg", "slope": 0.25}]'),
    "orthogonal": (init.Orthogonal(), '["orthogonal", {"scale": 1.414, "rand_type": "uniform"}]'),
    "bilinear": (init.Bilinear(), '["bilinear", {}]'),
    "one": (init.One(), '["one", {}]'),
    "zero": (init.Zero(), '["zero", {}]'),
    "constant": (init.Constant(3), '["constant", {"value": 3}]'),
    "lstmbias": (init.LSTMBias(1.0), '["lstmbias", {"forget_bias": 1.0}]'),
}
RANDOM_BUT_EXACT = {"uniform", "normal", "xavier", "xavier_g_in2", "msra"}


def initialized(initializer, name, shape, attrs=None):
    array = nd.full(shape, 7.0)
    initializer(init.InitDesc(name, attrs), array)
    return array.asnumpy()


@pytest.mark.parametrize("key", CASES)
def test_values_and_text(key):
    initializer, text = CASES[key]
    assert initializer.dumps() == text
    for one in (initializer, init.create(text)):
        random.seed(0)
        attrs = {"__init__": one.dumps()} if key == "lstmbias" else None
        values = initialized(one, "x_bias" if attrs else "x_weight", DATA[f"init:{key}"].shape, attrs)
        tolerance = 2e-6 if key == "orthogonal" else 0
        numpy.testing.assert_allclose(values, DATA[f"init:{key}"], rtol=0, atol=tolerance)
        assert one == initializer


@pytest.mark.parametrize("key", [k for k in MORE.files if "|" in k and not k.startswith("np|")])
def test_fused_rnn(key):
    mode, bidirectional = key.split("|")
    initializer = init.FusedRNN(init.Uniform(0.5), 3, 2, mode, bidirectional == "1", 2.0)
    for one in (initializer, init.create(initializer.dumps())):
        random.seed(0)
        numpy.testing.assert_array_equal(initialized(one, "x_weight", MORE[key].shape), MORE[key])


def test_fused_rnn_by_the_global_initializer():
    array = nd.zeros(4 * 3 * (5 + 3 + 2))
    desc = init.InitDesc("rnn_parameters", {"__init__": init.FusedRNN(None, 3, 1, "lstm").dumps()})
    init.One()(desc, array)
    values = array.asnumpy()
    assert (values[:96] == 1).all() and (values[96:] == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0] * 2).all()
    with pytest.raises(AssertionError, match="are not a whole number of units of gru"):
        initialized(init.FusedRNN(init.One(), 3, 1, "gru"), "x_weight", (92,))


@pytest.mark.parametrize("key", ["uniform", "normal", "xavier"])
def test_numpy_semantics_have_a_stream_of_their_own(key):
    initializer = {"uniform": init.Uniform(0.3), "normal": init.Normal(2.0), "xavier": init.Xavier()}[key]
    random.seed(0)
    with util.np_array(True):
        values = initialized(initializer, "a_weight", (4, 3))
    numpy.testing.assert_allclose(values, MORE[f"np|{key}"], rtol=3e-7, atol=0)


def test_other_kinds_of_numbers():
    random.seed(0)
    values = initialized(init.Orthogonal(rand_type="normal"), "a_weight", (4, 3))
    numpy.testing.assert_allclose(values, MORE["ortho"], rtol=0, atol=2e-6)
    numpy.testing.assert_allclose(values.T @ values, 1.414**2 * numpy.eye(3), atol=1e-6)
    random.seed(0)
    values = initialized(init.Xavier("gaussian", "out", 2), "a_weight", (4, 3))
    numpy.testing.assert_array_equal(values, MORE["xav"])


@pytest.mark.parametrize(
    "name, value",
    [("x_weight", 0), ("x_bias", 0), ("x_gamma", 1), ("x_beta", 0), ("x_min", 0), ("x_max", 1)],
)
def test_rules_for_names(name, value):
    assert (initialized(init.Zero(), name, (2, 2)) == value).all()


def test_quantized_weights():
    random.seed(0)
    expected = int(random.randint(-127, 127).asnumpy()[0])
    random.seed(0)
    assert (initialized(init.Zero(), "x_weight_quantize", (2, 2)) == expected).all()
    assert (initialized(init.One(), "x_bias_quantize", (2,)) == 0).all()


@pytest.mark.parametrize("name", ["x_moving_mean", "x_running_var", "upsampling_x", "foo", "data"])
def test_names_without_a_rule(name):
    with pytest.raises(
        ValueError, match=f"Unknown initialization pattern for {name}. Default initialization is"
    ):
        initialized(init.Zero(), name, (2, 2))


def test_attribute_wins_over_name():
    attrs = {"__init__": '["constant", {"value": 5}]'}
    assert (initialized(init.Zero(), "x_bias", (3,), attrs) == 5).all()
    assert (initialized(init.Zero(), "x_moving_var", (3,), {"__init__": '["one", {}]'}) == 1).all()
    desc = init.InitDesc("x_weight")
    zero = init.Zero()
    zero(desc, nd.ones(2))
    assert desc.global_init is zero and desc == "x_weight"


@pytest.mark.parametrize(
    "name, shape, expected",
    [
        ("bn_moving_mean", (2,), 0),
        ("bn_moving_var", (2,), 1),
        ("bn_moving_inv_var", (2,), 0),
        ("bn_moving_avg", (2,), 0),
        ("stn_loc_weight", (2,), 0),
        ("fc_weight", (2,), 3),
        ("stn_loc_bias", (6,), [1, 0, 0, 0, 1, 0]),
        ("upsampling_x", (1, 1, 2, 2), [[[[0.0625, 0.1875], [0.1875, 0.5625]]]]),
    ],
)
def test_plain_names_follow_older_rules(name, shape, expected):
    array = nd.full(shape, 7.0)
    with pytest.warns(DeprecationWarning, match="Calling initializer with init"):
        init.Constant(3)(name, array)
    if name == "upsampling_x":
        expected = initialized(init.Bilinear(), "w_weight", shape)
    assert (array.asnumpy() == numpy.asarray(expected)).all()


def test_plain_names_check_their_arguments():
    with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match="name must be string"):
        init.Zero()(3, nd.ones(1))
    with pytest.warns(DeprecationWarning), pytest.raises(TypeError, match="arr must be NDArray"):
        init.Zero()("x_weight", numpy.ones(1))


def test_load(caplog):
    caplog.set_level(logging.INFO)
    load = init.Load({"arg:a": nd.ones(2), "aux:b": nd.full(3, 4.0)}, default_init=init.Zero(), verbose=True)
    for name, size, value in (("a", 2, 1), ("b", 3, 4), ("c_weight", 2, 0)):
        array = nd.full(size, 7.0)
        load(init.InitDesc(name), array)
        assert (array.asnumpy() == value).all()
    assert [r.getMessage() for r in caplog.records] == [
        "Initialized a by loading",
        "Initialized b by loading",
        "Initialized c_weight by default",
    ]
    with pytest.raises(
        AssertionError, match=r"a cannot be initialized from loading. Shape mismatch, target \(3,\)"
    ):
        load("a", nd.ones(3))
    with pytest.raises(AssertionError, match="Cannot Initialize c. Not found in loaded param and no default"):
        init.Load({})("c", nd.ones(3))


def test_mixed():
    mixed = init.Mixed(["bias", ".*"], [init.Zero(), init.Constant(2)])
    for name, value in (("bias", 0), ("fc_weight", 2)):
        array = nd.full(2, 7.0)
        mixed(init.InitDesc(name), array)
        assert (array.asnumpy() == value).all()
    with pytest.raises(ValueError, match="Parameter name fc_weight did not match any pattern."):
        init.Mixed(["bias"], [init.Zero()])(init.InitDesc("fc_weight"), nd.ones(2))


def test_own_initializers():
    @init.register
    @init.alias("tenth")
    class Tenths(init.Initializer):
        def _init_weight(self, _, arr):
            arr[:] = 0.1

        def _init_bias(self, _, arr):
            arr[:] = 1

    try:
        for name in ("tenth", "Tenths"):
            assert numpy.allclose(initialized(init.create(name), "x_weight", 2), 0.1)
        assert (initialized(init.create("tenths"), "x_bias", 2) == 1).all()
    finally:
        from minpy import registry

        for name in ("tenth", "tenths"):
            del registry._REGISTRY[init.Initializer][name]
    with pytest.raises(NotImplementedError, match="Must override it"):
        initialized(init.Initializer(), "x_weight", 2)


def test_registered_names():
    from minpy import registry

    assert sorted(registry.get_registry(init.Initializer)) == [
        "bilinear",
        "constant",
        "fusedrnn",
        "lstmbias",
        "msraprelu",
        "normal",
        "one",
        "ones",
        "orthogonal",
        "uniform",
        "xavier",
        "zero",
        "zeros",
    ]


def test_verbosity(caplog):
    caplog.set_level(logging.INFO)
    one = init.One()
    assert one.set_verbosity(True) is one
    initialized(one, "x_weight", (2, 2))
    initialized(init.Zero().set_verbosity(True, lambda array: "zeros"), "x_bias", 2)
    assert [r.getMessage() for r in caplog.records] == [
        "Initialized x_weight as weight: 1.0",
        "Initialized x_bias as bias: zeros",
    ]


def test_errors():
    with pytest.raises(
        ValueError, match="Xavier initializer cannot be applied to vector x_weight. It requires"
    ):
        initialized(init.Xavier(), "x_weight", (3,))
    with pytest.raises(ValueError, match="Incorrect factor type"):
        initialized(init.Xavier(factor_type="up"), "x_weight", (3, 3))
    for wrong in (init.Xavier(rnd_type="cauchy"), init.Orthogonal(rand_type="cauchy")):
        with pytest.raises(ValueError, match="Unknown random type"):
            initialized(wrong, "x_weight", (3, 3))


def test_constant_arrays():
    constant = init.Constant(nd.array([[1, 2], [3, 4]]))
    assert json.loads(constant.dumps()) == ["constant", {"value": [[1.0, 2.0], [3.0, 4.0]]}]
    assert constant == init.Constant(numpy.array([[1, 2], [3, 4]])) != init.Constant(1)
    assert (initialized(constant, "x_weight", (2, 2)) == [[1, 2], [3, 4]]).all()


def test_other_dtypes_and_pickles():
    array = nd.zeros((50, 20), dtype="float16")
    init.Xavier()(init.InitDesc("x_weight"), array)
    assert array.asnumpy().std() > 0.1
    assert pickle.loads(pickle.dumps(init.Xavier(magnitude=2))) == init.Xavier(magnitude=2) != init.Xavier()
    assert init.Uniform(1) != init.Normal(1) and (init.Uniform(1) == 1) is False
    assert mx.initializer is init and mx.init.Xavier.__module__ == "minpy.initializer"
