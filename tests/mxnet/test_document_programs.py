"""Small programs as the documents about MXNet print them, run with `import mxnet`, and what MXNet 1.9.1 prints."""

import contextlib
import io
import textwrap

import pytest

import minpy.mxnet

PROGRAMS = {
    "arrays and devices": (
        """
        import mxnet as mx
        c = mx.nd.empty((2, 3), mx.cpu(2))
        print(c.shape, c.context, type(c.shape), c.dtype, c.stype, c.size, c.ndim)
        b = mx.nd.ones((2, 3))
        b[:] = 2
        print(b)
        there = mx.nd.zeros((2, 3), mx.cpu(1))
        print(b.copyto(there) is there, there.context, (b.copyto(mx.cpu(1)) * there).context)
        """,
        """
        (2, 3) cpu(2) <class 'tuple'> <class 'numpy.float32'> default 6 2

        [[2. 2. 2.]
         [2. 2. 2.]]
        <NDArray 2x3 @cpu(0)>
        True cpu(1) cpu(1)
        """,
    ),
    "names share an array, copies do not": (
        """
        import mxnet as mx
        a = mx.nd.ones((2, 3))
        b = a
        c = a.copyto(mx.cpu())
        a += 1
        b *= 3
        c *= 3
        print(a.asnumpy(), c.asnumpy(), a is b)
        host = a.asnumpy()
        host[0, 0] = 9
        print(host.flags.owndata, a.asnumpy()[0, 0])
        """,
        """
        [[6. 6. 6.]
         [6. 6. 6.]] [[3. 3. 3.]
         [3. 3. 3.]] True
        True 6.0
        """,
    ),
    "dtypes of new arrays": (
        """
        from mxnet import nd
        import numpy as np
        for source in ([1, 2], np.arange(3), np.ones(2), np.arange(3, dtype="uint8"), nd.array([1], dtype="int32")):
            print(nd.array(source).dtype.__name__, end=" ")
        try:
            nd.array([1, 2]).asscalar()
        except ValueError as error:
            print(error)
        """,
        "float32 float32 float32 float32 int32 The current array is not a scalar",
    ),
    "a file, byte for byte": (
        """
        import mxnet as mx, os, tempfile
        os.chdir(tempfile.mkdtemp())
        mx.nd.save("data.bin", [mx.nd.ones((2, 1)) * 2])
        print(open("data.bin", "rb").read().hex())
        mx.nd.save("data.bin", {"a": mx.nd.ones((2,)), "b": mx.nd.zeros((1, 2))})
        print(mx.nd.load("data.bin"))
        """,
        """
        120100000000000000000000000000000100000000000000c9fa93f900000000020000000200000000000000010000000000000001000000\
00000000000000000000004000000040"""
        """0000000000000000
        {'a':
        [1. 1.]
        <NDArray 2 @cpu(0)>, 'b':
        [[0. 0.]]
        <NDArray 1x2 @cpu(0)>}
        """,
    ),
    "symbols": (
        """
        import mxnet as mx
        net = mx.symbol.Variable("data")
        net = mx.symbol.FullyConnected(data=net, name="fc1", num_hidden=10)
        other = mx.sym.FullyConnected(data=mx.sym.Variable("data2"), name="net2", num_hidden=12)
        composed = net(data=other, name="compose")
        print(composed.list_arguments(), composed.list_outputs(), net.list_arguments())
        print(net.infer_shape(data=(100, 100)))
        total = mx.sym.Variable("a") * mx.sym.Variable("b")
        run = total.bind(ctx=mx.cpu(), args={"a": mx.nd.ones(3) * 4, "b": mx.nd.ones(3) * 2})
        print(run.forward(), total.list_outputs())
        """,
        """
        ['data2', 'net2_weight', 'net2_bias', 'fc1_weight', 'fc1_bias'] ['compose_output'] ['data', 'fc1_weight', 'fc1_bias']
        ([(100, 100), (10, 100), (10,)], [(100, 10)], [])
        [
        [8. 8. 8.]
        <NDArray 3 @cpu(0)>] ['_mul0_output']
        """,
    ),
    "a key-value store with an updater": (
        """
        import mxnet as mx
        kv, shape = mx.kv.create("local"), (2, 3)
        kv.init(3, mx.nd.ones(shape) * 2)
        a = mx.nd.zeros(shape)
        kv.push(3, [mx.nd.ones(shape, mx.cpu(i)) for i in range(4)])
        kv.pull(3, out=a)
        print(a.asnumpy()[0, 0])
        def update(key, input, stored):
            print("update on key: %d" % key)
            stored += input * 2
        kv._set_updater(update)
        kv.push(3, mx.nd.ones(shape))
        kv.pull(3, out=a)
        print(a.asnumpy()[0, 0], kv.type, kv.rank, kv.num_workers)
        keys = [5, 7, 9]
        kv.init(keys, [mx.nd.ones(shape)] * 3)
        kv.push(keys, [[mx.nd.ones(shape, mx.cpu(i)) for i in range(4)]] * 3)
        b = [[mx.nd.zeros(shape, mx.cpu(i)) for i in range(4)]] * 3
        kv.pull(keys, out=b)
        print(b[1][1].asnumpy()[0, 0], b[1][1].context)
        """,
        """
        4.0
        update on key: 3
        6.0 local 0 1
        update on key: 5
        update on key: 7
        update on key: 9
        9.0 cpu(1)
        """,
    ),
    "gradients": (
        """
        from mxnet import nd, autograd
        x = nd.arange(4).reshape((4, 1))
        x.attach_grad()
        with autograd.record():
            y = 2 * nd.dot(x.T, x)
        y.backward()
        print(y, x.grad)
        def sgd(params, lr, batch_size):
            for param in params:
                param[:] = param - lr * param.grad / batch_size
        w = nd.array([1.0, 2.0])
        w.attach_grad()
        with autograd.record():
            loss = (w * w).sum()
        loss.backward()
        sgd([w], 0.1, 1)
        print(w)
        """,
        """
        [[28.]]
        <NDArray 1x1 @cpu(0)>
        [[ 0.]
         [ 4.]
         [ 8.]
         [12.]]
        <NDArray 4x1 @cpu(0)>

        [0.8 1.6]
        <NDArray 2 @cpu(0)>
        """,
    ),
    "convolution and pooling": (
        """
        from mxnet import nd
        w, data = nd.arange(4).reshape((1, 1, 2, 2)), nd.arange(9).reshape((1, 1, 3, 3))
        print(nd.Convolution(data, w, nd.array([1]), kernel=w.shape[2:], num_filter=1, stride=(2, 2), pad=(1, 1)))
        print(nd.Pooling(data=data, pool_type="avg", kernel=(2, 2)), nd.Pooling(data=data, kernel=(2, 2)))
        print(nd.nn.relu(nd.arange(-2, 2)), nd.relu(nd.arange(-2, 2)))
        """,
        """
        [[[[ 1.  9.]
           [22. 44.]]]]
        <NDArray 1x1x2x2 @cpu(0)>

        [[[[2. 3.]
           [5. 6.]]]]
        <NDArray 1x1x2x2 @cpu(0)>
        [[[[4. 5.]
           [7. 8.]]]]
        <NDArray 1x1x2x2 @cpu(0)>

        [0. 0. 0. 1.]
        <NDArray 4 @cpu(0)>
        [0. 0. 0. 1.]
        <NDArray 4 @cpu(0)>
        """,
    ),
    "batch normalisation by hand: reshape is a view": (
        """
        from mxnet import nd
        x, moving = nd.arange(16).reshape((2, 2, 2, 2)), nd.zeros((2,))
        mean = x.mean(axis=(0, 2, 3), keepdims=True)
        variance = ((x - mean) ** 2).mean(axis=(0, 2, 3), keepdims=True)
        moving.reshape(mean.shape)[:] = 0.9 * moving.reshape(mean.shape) + 0.1 * mean
        print(moving, ((x - mean) / nd.sqrt(variance + 1e-5))[0, 0])
        """,
        """
        [0.55 0.95]
        <NDArray 2 @cpu(0)>
        [[-1.324244   -1.0834724 ]
         [-0.8427007  -0.60192907]]
        <NDArray 2x2 @cpu(0)>
        """,
    ),
    "dropout by hand: seeded uniform numbers": (
        """
        from mxnet import nd
        import mxnet as mx
        mx.random.seed(0)
        x = nd.arange(20).reshape((5, 4))
        nd.random.uniform(0, 1.0, x.shape, ctx=x.context)
        mask = nd.random.uniform(0, 1.0, x.shape, ctx=x.context) < 0.5
        print(mask * x * 2, x.zeros_like()[0], mask.dtype.__name__)
        """,
        """
        [[ 0.  0.  0.  6.]
         [ 0. 10.  0.  0.]
         [16. 18. 20.  0.]
         [24. 26.  0.  0.]
         [ 0. 34.  0.  0.]]
        <NDArray 5x4 @cpu(0)>
        [0. 0. 0. 0.]
        <NDArray 4 @cpu(0)> float32
        """,
    ),
    "layers": (
        """
        from mxnet import nd
        from mxnet.gluon import nn
        for layer in [nn.Flatten(), nn.Conv2D(1, kernel_size=(1, 2)), nn.MaxPool2D(pool_size=2, strides=2),
                      nn.Dense(256, activation="relu"), nn.Activation("relu"), nn.BatchNorm(axis=1)]:
            layer.initialize()
            print(repr(layer), layer(nd.ones((2, 3, 8, 8))).shape)
        """,
        """
        Flatten (2, 192)
        Conv2D(None -> 1, kernel_size=(1, 2), stride=(1, 1)) (2, 1, 8, 7)
        MaxPool2D(size=(2, 2), stride=(2, 2), padding=(0, 0), ceil_mode=False, global_pool=False, pool_type=max, layout=NCHW) (2, 3, 4, 4)
        Dense(None -> 256, Activation(relu)) (2, 256)
        Activation(relu) (2, 3, 8, 8)
        BatchNorm(axis=1, eps=1e-05, momentum=0.9, fix_gamma=False, use_global_stats=False, in_channels=None) (2, 3, 8, 8)
        """,
    ),
    "linear regression with Gluon": (
        """
        import mxnet as mx
        from mxnet import autograd, nd, gluon
        import numpy as np
        mx.random.seed(0)
        np.random.seed(0)
        x = nd.random.normal(scale=1, shape=(1100, 2))
        y = 2 * x[:, 0] + -3.4 * x[:, 1] + 4.2
        y += nd.random.normal(scale=0.01, shape=y.shape)
        batches = gluon.data.DataLoader(gluon.data.ArrayDataset(x[:1000], y[:1000]), 10, shuffle=True)
        square_loss = gluon.loss.L2Loss()
        net = gluon.nn.Sequential()
        with net.name_scope():
            net.add(gluon.nn.Dense(1))
        net.collect_params().initialize(mx.init.Normal(sigma=1))
        trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.03, "wd": 0.001})
        for epoch in range(3):
            for data, label in batches:
                with autograd.record():
                    loss = square_loss(net(data), label)
                loss.backward()
                trainer.step(10)
            print("%.4f" % square_loss(net(x[1000:]), y[1000:]).mean().asscalar())
        print(net[0].weight.data().asnumpy().round(4), net[0].bias.data().asnumpy().round(4))
        """,
        """
        0.0425
        0.0003
        0.0001
        [[ 1.998 -3.397]] [4.1952]
        """,
    ),
    "parameters in files": (
        """
        import os, tempfile, warnings
        import mxnet as mx
        from mxnet import gluon, nd
        warnings.simplefilter("ignore")
        os.chdir(tempfile.mkdtemp())
        net = gluon.nn.Sequential()
        with net.name_scope():
            net.add(gluon.nn.Dense(1, in_units=2))
        net.collect_params().initialize(mx.init.One())
        net.collect_params().reset_ctx(mx.cpu(1))
        print(net[0].weight.data(mx.cpu(1)), net[0].weight.list_ctx())
        net.save_params("net.params")
        print(list(nd.load("net.params")))
        net.save_parameters("net.params")
        print(list(nd.load("net.params")))
        net.load_params("net.params", mx.cpu(0))
        print(net[0].weight.list_ctx())
        """,
        """
        [[1. 1.]]
        <NDArray 1x2 @cpu(1)> [cpu(1)]
        ['dense0_weight', 'dense0_bias']
        ['0.weight', '0.bias']
        [cpu(0)]
        """,
    ),
    "linear regression with FeedForward": (
        """
        import mxnet as mx
        import numpy as np
        np.random.seed(0)
        mx.random.seed(0)
        x = np.linspace(-1, 1, 100)
        y = 5 * x + np.random.normal(0, 0.5, 100)
        net = mx.symbol.FullyConnected(data=mx.symbol.Variable("data"), num_hidden=1, name="pre")
        loss = mx.symbol.LinearRegressionOutput(data=net, label=mx.symbol.Variable("softmax_label"), name="loss")
        model = mx.model.FeedForward(ctx=mx.cpu(), symbol=loss, num_epoch=100, learning_rate=0.001,
                                     numpy_batch_size=1)
        model.fit(X=x, y=y)
        prediction = model.predict(x)
        print(type(prediction).__name__, prediction.shape, prediction.dtype)
        print("%.4f %.4f" % (model.arg_params["pre_weight"].asscalar(), model.arg_params["pre_bias"].asscalar()))
        """,
        """
        ndarray (100, 1) float32
        4.7619 0.0296
        """,
    ),
    "an executor with gradients": (
        """
        import mxnet as mx
        a, b, d = (mx.symbol.Variable(name) for name in "ABD")
        values = {"A": mx.nd.array([1.0]), "B": mx.nd.array([4.0]), "D": mx.nd.array([2.0])}
        gradients = {name: mx.nd.zeros((1,)) for name in "ABD"}
        executor = (a * b + d).bind(ctx=mx.cpu(), args=values, args_grad=gradients)
        print(executor.forward(is_train=True)[0].asscalar())
        executor.backward(out_grads=mx.nd.ones((1,)))
        print({name: g.asscalar().item() for name, g in executor.grad_dict.items()})
        print((b * a + 1).eval(A=mx.nd.ones(2), B=mx.nd.ones(2) * 2)[0].asnumpy())
        """,
        """
        6.0
        {'A': 4.0, 'B': 1.0, 'D': 1.0}
        [3. 3.]
        """,
    ),
    "short names of modules": (
        """
        import mxnet as mx
        from mxnet import ndarray, nd
        pairs = [(nd, ndarray), (mx.sym, mx.symbol), (mx.mod, mx.module), (mx.kv, mx.kvstore)]
        pairs += [(mx.init, mx.initializer), (mx.opt, mx.optimizer), (mx.nd, nd)]
        print(all(short is whole for short, whole in pairs))
        """,
        "True",
    ),
}


@pytest.fixture(autouse=True)
def _switched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    minpy.mxnet.install()
    yield
    minpy.mxnet.uninstall()


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    code, expected = PROGRAMS[name]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), minpy.name.NameManager():
        exec(compile(textwrap.dedent(code), name, "exec"), {"__name__": "__main__"})
    lines = [line.rstrip() for line in printed.getvalue().strip().splitlines()]
    assert lines == [line.rstrip() for line in textwrap.dedent(expected).strip().splitlines()]
