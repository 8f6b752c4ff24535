"""Every kind of file that is written is read by MXNet 1.9.1 itself, and trained on from there.

Needs an interpreter with MXNet 1.9.1, whose path is in the environment variable MINPY_MXNET_PYTHON; compat_tests/mxnet/
README.md says how to make one. MXNet's side is compat_tests/mxnet/read_files.py.
"""

import json
import os
import pathlib
import subprocess
import warnings

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd
from minpy.gluon import nn

INTERPRETER = os.environ.get("MINPY_MXNET_PYTHON")
READER = pathlib.Path(__file__).parents[2] / "compat_tests" / "mxnet" / "read_files.py"
PREFIX = "filesnet_"
TRAINERS = {
    "sgd": {"learning_rate": 0.1},
    "sgd momentum": {"learning_rate": 0.1, "momentum": 0.9, "wd": 0.01},
    "nag": {"learning_rate": 0.1, "momentum": 0.9},
    "adam": {"learning_rate": 0.01},
    "adamax": {"learning_rate": 0.01},
    "nadam": {"learning_rate": 0.01},
    "adagrad": {"learning_rate": 0.1},
    "adadelta": {},
    "rmsprop": {"learning_rate": 0.01},
    "rmsprop centered": {"learning_rate": 0.01, "centered": True},
    "ftrl": {"learning_rate": 0.1},
    "ftml": {"learning_rate": 0.1},
    "signum": {"learning_rate": 0.01, "momentum": 0.9},
    "lamb": {"learning_rate": 0.01},
    "lars": {"learning_rate": 0.1, "momentum": 0.9},
    "dcasgd": {"learning_rate": 0.1},
    "sgd float16": {"learning_rate": 0.1, "momentum": 0.9, "multi_precision": True},
}


class Writer:
    """Files in a folder, and what they should give: arrays for expected.npz, and the plan for the reader."""

    def __init__(self, folder):
        self.folder, self.expected = folder, {}
        self.plan = {"arrays": [], "stypes": {}, "gluon": [], "symbols": {}, "trainers": {}, "records": []}

    def path(self, name):
        return str(self.folder / name)

    def arrays(self):
        rng = numpy.random.RandomState(0)
        dtypes = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")
        files = {
            "dict.params": {d: nd.array(rng.rand(2, 3) * 9, dtype=d) for d in dtypes},
            "list.params": [nd.ones((2,)), nd.array(rng.rand(1, 2, 3, 1))],
            "checkpoint.params": {"arg:w": nd.ones((3,)), "aux:m": nd.zeros((1, 2))},
            "sparse.params": {
                "csr": nd.array([[0, 1], [2, 0], [0, 0]]).tostype("csr"),
                "rsp": nd.array([[0, 0], [1, 2]]).tostype("row_sparse"),
            },
        }
        for name, arrays in files.items():
            nd.save(self.path(name), arrays)
            self.plan["arrays"].append(name)
            for key, array in arrays.items() if isinstance(arrays, dict) else enumerate(arrays):
                self.expected[f"{name}|{key}"] = array.asnumpy()
                self.plan["stypes"][f"{name}|{key}"] = array.stype
        mx.npx.set_np()
        try:
            arrays = {
                name: mx.np.ones(shape, dtype="float32")
                for name, shape in (("empty", (0, 3)), ("scalar", ()), ("plain", (2,)))
            }
            mx.npx.save(self.path("np.params"), arrays)
        finally:
            mx.npx.reset_np()
        self.expected |= {f"np.params|{key}": numpy.asarray(a, "float32") for key, a in arrays.items()}

    def networks(self):
        net = nn.HybridSequential(prefix=PREFIX)
        with net.name_scope():
            net.add(nn.Conv2D(4, 3, activation="relu"), nn.BatchNorm(), nn.MaxPool2D(), nn.Flatten(),
                    nn.Dense(8, activation="tanh"), nn.Dense(3))  # fmt: skip
        net.initialize(mx.init.Xavier())
        x = nd.random.uniform(shape=(4, 1, 8, 8))
        with autograd.record():
            net(x).sum().backward()
        net.hybridize()
        y = net(x)
        self.expected |= {"x": x.asnumpy(), "y": y.asnumpy()}
        self.plan["prefix"], self.plan["gluon"] = PREFIX, ["structural.params", "legacy.params"]
        net.save_parameters(self.path("structural.params"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net.save_params(self.path("legacy.params"))
        net.collect_params().save(self.path("prefixed.params"))
        net.export(self.path("exported"))

    def checkpoints(self):
        data = mx.sym.Variable("data")
        hidden = mx.sym.Activation(
            mx.sym.FullyConnected(data, num_hidden=8, name="fc1"), act_type="relu", name="relu1"
        )
        graph = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(hidden, num_hidden=3, name="fc2"), name="softmax")
        x, label = numpy.random.rand(6, 5).astype("float32"), numpy.float32([0, 1, 2, 0, 1, 2])
        module = mx.mod.Module(graph)
        module.bind([("data", x.shape)], [("softmax_label", label.shape)])
        module.init_params(mx.init.Xavier())
        module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.1, "momentum": 0.9})
        batch = mx.io.DataBatch([nd.array(x)], [nd.array(label)])
        for _ in range(2):
            module.forward_backward(batch)
            module.update()
        module.save_checkpoint(self.path("module"), 3, save_optimizer_states=True)
        module.forward(batch, is_train=False)
        self.expected |= {"mx": x, "mlabel": label, "mout": module.get_outputs()[0].asnumpy()}
        module.forward_backward(batch)
        module.update()
        self.expected |= {f"mnext|{name}": a.asnumpy() for name, a in module.get_params()[0].items()}
        graphs = {
            "conv.json": mx.sym.Pooling(mx.sym.Convolution(data, kernel=(3, 3), num_filter=2), kernel=(2, 2)),
            "rnn.json": mx.rnn.FusedRNNCell(4, 2, "lstm").unroll(3, data, layout="TNC", merge_outputs=True)[
                0
            ],
            "scalars.json": mx.sym.exp(1 - data / 2) + data.mean(axis=1, keepdims=True),
        }
        for name, one in graphs.items():
            one.save(self.path(name))
            self.plan["symbols"][name] = one.list_arguments()

    def trainers(self):
        rng = numpy.random.RandomState(1)
        gradient = self.expected["gradient"] = rng.randn(4, 3).astype("float32")
        for name, settings in TRAINERS.items():
            dtype = "float16" if "float16" in name else "float32"
            parameter = gluon.Parameter("w", shape=(4, 3), dtype=dtype)
            parameter.initialize()
            parameter.set_data(nd.array(rng.randn(4, 3), dtype=dtype))
            kind = name.split()[0]
            trainer = gluon.Trainer([parameter], kind, settings)

            def step():
                with autograd.record():
                    loss = (parameter.data() * nd.array(gradient, dtype=dtype)).sum()
                loss.backward()
                trainer.step(1)

            step()
            step()
            trainer.save_states(self.path(f"{name}.states"))
            self.expected[f"{name}|w"] = parameter.data().asnumpy()
            step()
            self.expected[f"{name}|next"] = parameter.data().asnumpy()
            self.plan["trainers"][name] = {"optimizer": kind, "settings": settings, "dtype": dtype}

    def records(self):
        self.plan["records"] = ["abc", "", "x" * 1000, "\xce\xfa\xed\xfe" + "\x0a\x23\xd7\xce" * 3]
        with mx.recordio.MXRecordIO(self.path("plain.rec"), "w") as writer:
            for record in self.plan["records"]:
                writer.write(record.encode("latin1"))
        with mx.recordio.MXIndexedRecordIO(self.path("images.idx"), self.path("images.rec"), "w") as writer:
            for i, label in enumerate((1.0, [2.0, 3.0], 4.0)):
                image = numpy.random.randint(0, 255, (6, 5, 3)).astype("uint8")
                header = mx.recordio.IRHeader(0, numpy.float32(label) if i == 1 else label, i, 0)
                writer.write_idx(i, mx.recordio.pack_img(header, image, quality=9, img_fmt=".png"))
                self.expected |= {f"label{i}": numpy.float32(label), f"image{i}": image}


@pytest.mark.skipif(not INTERPRETER, reason="MINPY_MXNET_PYTHON is not set")
def test_mxnet_reads_our_files(tmp_path):
    pytest.importorskip("PIL")
    mx.random.seed(0)
    writer = Writer(tmp_path)
    kinds = ("arrays", "networks", "checkpoints", "trainers", "records")
    for kind in kinds:
        getattr(writer, kind)()
    numpy.savez(tmp_path / "expected.npz", **writer.expected)
    (tmp_path / "plan.json").write_text(json.dumps(writer.plan))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [INTERPRETER, str(READER), str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.split("\n")[: len(kinds)] == [f"{kind} ok" for kind in kinds]


@pytest.mark.parametrize("name", TRAINERS)
def test_states_name_mxnets_classes(name):
    """Pickles of states mention nothing of minpy."""
    parameter = gluon.Parameter("w", shape=(2, 2))
    parameter.initialize()
    settings = {**TRAINERS[name], "lr_scheduler": mx.lr_scheduler.FactorScheduler(5, 0.5)}
    settings.pop("learning_rate", None)
    updater = mx.optimizer.get_updater(mx.optimizer.create(name.split()[0], **settings))
    updater(0, nd.ones((2, 2)), parameter.data())
    states = updater.get_states(dump_optimizer=True)
    assert b"minpy" not in states and b"mxnet.optimizer.optimizer" in states
    again = mx.optimizer.get_updater(mx.optimizer.SGD())
    again.set_states(states)
    assert type(again.optimizer) is type(updater.optimizer)
    assert isinstance(again.optimizer.lr_scheduler, mx.lr_scheduler.FactorScheduler)
