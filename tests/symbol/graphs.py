"""Graphs whose names, attributes, shapes and JSON were recorded with MXNet 1.9.1 (data/graphs.json)."""


def _v(s, *names):
    found = [s.Variable(name) for name in names]
    return found[0] if len(found) == 1 else found


def _arithmetic(s):
    a, b = _v(s, "a", "b")
    return s.Group(
        [
            a + b,
            a - b,
            a * b,
            a / b,
            a % b,
            a**b,
            a == b,
            a > b,
            a <= b,
            -a,
            abs(a),
            2**a,
            3 / a,
            1 - a,
            a * 2.5,
            a > 1,
        ]
    )


def _shared(s):
    a = _v(s, "a")
    w = s.Variable("w", shape=(4, 0), lr_mult=2, wd_mult=0.5)
    x = s.FullyConnected(a, weight=w, num_hidden=4, no_bias=True, name="first")
    return s.FullyConnected(x, weight=w, num_hidden=4, no_bias=True, name="second")


def _lstm(s):
    return s.RNN(_v(s, "x"), state_size=3, num_layers=2, mode="lstm", state_outputs=True, bidirectional=True)


GRAPHS = {
    "arithmetic": _arithmetic,
    "batch_norm": lambda s: s.BatchNorm(_v(s, "x"), name="bn", fix_gamma=False),
    "shared": _shared,
    "lstm": _lstm,
    "gru": lambda s: s.RNN(_v(s, "x"), state_size=3, num_layers=1, mode="gru"),
    "convolution": lambda s: s.Pooling(
        s.Convolution(_v(s, "x"), kernel=(3, 3), num_filter=4, pad=(1, 1)), kernel=(2, 2), stride=(2, 2)
    ),
    "deconvolution": lambda s: s.Deconvolution(_v(s, "x"), kernel=(3, 3), num_filter=4),
    "split": lambda s: s.SliceChannel(_v(s, "x"), num_outputs=3, name="sp"),
    "concat": lambda s: s.Concat(*_v(s, "a", "b", "c"), dim=1),
    "flatten": lambda s: s.flatten(s.relu(_v(s, "x"))),
    "softmax_output": lambda s: s.SoftmaxOutput(_v(s, "x"), name="softmax"),
    "softmax_multi": lambda s: s.SoftmaxOutput(_v(s, "x"), multi_output=True, name="softmax"),
    "regression": lambda s: s.LinearRegressionOutput(_v(s, "x")),
    "logistic": lambda s: s.LogisticRegressionOutput(_v(s, "x")),
    "svm": lambda s: s.SVMOutput(_v(s, "x")),
    "embedding": lambda s: s.Embedding(_v(s, "x"), input_dim=10, output_dim=4),
    "layer_norm": lambda s: s.LayerNorm(_v(s, "x")),
    "prelu": lambda s: s.LeakyReLU(_v(s, "x"), act_type="prelu"),
    "dropout": lambda s: s.Dropout(_v(s, "x"), p=0.3),
    "linalg": lambda s: s.linalg.gemm2(*_v(s, "a", "b"), transpose_b=True),
    "constants": lambda s: s.Group([s.zeros((2, 3)), s.ones((2,)), s.random.uniform(0, 1, (2,))]),
    "reductions": lambda s: s.Group(
        [s.sum(_v(s, "x"), axis=1), s.mean(_v(s, "x")), s.max(_v(s, "x"), axis=0, keepdims=True)]
    ),
    "reshape": lambda s: s.transpose(s.Reshape(_v(s, "x"), shape=(-1, 2)), axes=(1, 0)),
    "maximum": lambda s: s.Group([s.maximum(*_v(s, "a", "b")), s.minimum(_v(s, "a"), 2)]),
    "backwards": lambda s: _v(s, "a") + s.exp(_v(s, "b")),
    "made_data": lambda s: s.FullyConnected(num_hidden=3, name="fc"),
}
SHAPES = {
    "arithmetic": {"a": (2, 3)},
    "batch_norm": {"x": (2, 5, 4)},
    "shared": {"a": (2, 4)},
    "lstm": {"x": (5, 2, 4)},
    "gru": {"x": (5, 2, 4)},
    "convolution": {"x": (0, 3, 8, 8)},
    "deconvolution": {"x": (1, 2, 5, 5)},
    "split": {"x": (2, 6)},
    "concat": {"a": (2, 3), "b": (2, 1), "c": (2, 2)},
    "flatten": {"x": (2, 3, 4)},
    "softmax_output": {"x": (2, 3)},
    "softmax_multi": {"x": (2, 3, 4)},
    "regression": {"x": (4, 1)},
    "logistic": {"x": (4, 2)},
    "svm": {"x": (4, 2)},
    "embedding": {"x": (4, 2)},
    "layer_norm": {"x": (4, 2)},
    "prelu": {"x": (4, 2)},
    "dropout": {"x": (4, 2)},
    "linalg": {"a": (4, 2), "b": (3, 2)},
    "reductions": {"x": (4, 2)},
    "reshape": {"x": (4, 3)},
    "maximum": {"a": (4, 3)},
    "backwards": {"a": (4, 3)},
    "made_data": {"fc_data": (0, 12)},
}
