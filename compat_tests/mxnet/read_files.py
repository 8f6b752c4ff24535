"""Read with MXNet what minpy wrote: run by tests/mxnet/test_files_for_mxnet.py under an interpreter that has MXNet 1.9.1.

    python read_files.py FOLDER

FOLDER holds the files and expected.npz. Prints a line for each kind of file; fails at the first difference.
"""

import json
import os
import sys
import warnings

import mxnet as mx
import numpy as np
from mxnet import gluon, nd

warnings.simplefilter("ignore")
FOLDER = sys.argv[1]
EXPECTED = np.load(os.path.join(FOLDER, "expected.npz"), allow_pickle=False)
with open(os.path.join(FOLDER, "plan.json")) as plan_file:
    PLAN = json.load(plan_file)


def path(name):
    return os.path.join(FOLDER, name)


def check(what, found, key, rtol=1e-5, atol=1e-6):
    wanted = EXPECTED[key]
    found = found.asnumpy() if hasattr(found, "asnumpy") else np.asarray(found)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype, (
        what,
        found.dtype,
        wanted.dtype,
        found.shape,
        wanted.shape,
    )
    if wanted.dtype.kind in "fV":
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol, err_msg=what)
    else:
        np.testing.assert_array_equal(found, wanted, err_msg=what)


def arrays():
    for name in PLAN["arrays"]:
        loaded = nd.load(path(name))
        items = loaded.items() if isinstance(loaded, dict) else enumerate(loaded)
        for key, array in items:
            check(name, array, f"{name}|{key}")
            assert array.stype == PLAN["stypes"].get(f"{name}|{key}", "default")
    mx.npx.set_np()
    for key, array in mx.npx.load(path("np.params")).items():
        check("np.params", array, f"np.params|{key}")
    mx.npx.reset_np()


def lenet():
    net = gluon.nn.HybridSequential(prefix=PLAN["prefix"])
    with net.name_scope():
        net.add(
            gluon.nn.Conv2D(4, 3, activation="relu"),
            gluon.nn.BatchNorm(),
            gluon.nn.MaxPool2D(),
            gluon.nn.Flatten(),
            gluon.nn.Dense(8, activation="tanh"),
            gluon.nn.Dense(3),
        )
    return net


def networks():
    x = nd.array(EXPECTED["x"])
    for name in PLAN["gluon"]:
        net = lenet()
        net.load_parameters(path(name))
        check(name, net(x), "y", 1e-4, 1e-5)
    net = lenet()
    net.collect_params().load(path("prefixed.params"))
    check("ParameterDict", net(x), "y", 1e-4, 1e-5)
    block = gluon.SymbolBlock.imports(path("exported-symbol.json"), ["data"], path("exported-0000.params"))
    check("export", block(x), "y", 1e-4, 1e-5)


def checkpoints():
    symbol, args, aux = mx.model.load_checkpoint(path("module"), 3)
    module = mx.mod.Module.load(path("module"), 3, load_optimizer_states=True)
    x, label = nd.array(EXPECTED["mx"]), nd.array(EXPECTED["mlabel"])
    module.bind([("data", x.shape)], [("softmax_label", label.shape)])
    module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.1, "momentum": 0.9})
    batch = mx.io.DataBatch([x], [label])
    module.forward(batch, is_train=False)
    check("module", module.get_outputs()[0], "mout", 1e-4, 1e-5)
    module.forward_backward(batch)
    module.update()
    for name, array in module.get_params()[0].items():
        check("module update " + name, array, "mnext|" + name, 1e-4, 1e-5)
    for name in PLAN["symbols"]:
        loaded = mx.sym.load(path(name))
        assert loaded.list_arguments() == PLAN["symbols"][name], name


def trainers():
    for name in PLAN["trainers"]:
        parameter = gluon.Parameter("w", shape=(4, 3), dtype=PLAN["trainers"][name]["dtype"])
        parameter.initialize()
        parameter.set_data(nd.array(EXPECTED[name + "|w"], dtype=PLAN["trainers"][name]["dtype"]))
        settings = dict(PLAN["trainers"][name]["settings"])
        trainer = gluon.Trainer([parameter], PLAN["trainers"][name]["optimizer"], settings)
        trainer.load_states(path(name + ".states"))
        with mx.autograd.record():
            loss = (parameter.data() * nd.array(EXPECTED["gradient"], dtype=parameter.dtype)).sum()
        loss.backward()
        trainer.step(1)
        check(name, parameter.data(), name + "|next", 1e-3 if parameter.dtype == "float16" else 1e-4, 1e-5)


def records():
    reader = mx.recordio.MXRecordIO(path("plain.rec"), "r")
    for wanted in PLAN["records"]:
        assert reader.read() == wanted.encode("latin1")
    assert reader.read() is None
    indexed = mx.recordio.MXIndexedRecordIO(path("images.idx"), path("images.rec"), "r")
    assert indexed.keys == [0, 1, 2]
    for i in (2, 0, 1):
        header, image = mx.recordio.unpack_img(indexed.read_idx(i))
        assert header.id == i
        check("label", np.float32(header.label), f"label{i}")
        check("image", image, f"image{i}")


for kind in (arrays, networks, checkpoints, trainers, records):
    kind()
    print(kind.__name__, "ok")
