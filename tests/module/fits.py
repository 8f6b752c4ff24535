"""What `Module.fit` and its relatives log, show to callbacks and refuse, for MXNet and for minpy.

`python fits.py` in an environment with MXNet writes what it says to data/fits.json.
"""

import json
import logging
import os
import pathlib
import re
import tempfile
import warnings

import numpy

DATA = pathlib.Path(__file__).parent / "data"
TIMES = re.compile(r"[\d.]+ samples/sec|cost=[\d.]+")
COLORS = re.compile(r"\x1b\[[0-9;]*m")


class Session:
    """Programs that write lines."""

    def __init__(self, mx):
        self.mx = mx
        self.lines = []
        rng = numpy.random.RandomState(0)
        self.data = rng.uniform(-1, 1, (50, 4)).astype("float32")
        self.labels = self.data[:, :3].argmax(1)

    def say(self, *values):
        self.lines.append(" ".join(map(str, values)))

    def net(self):
        sym = self.mx.sym
        hidden = sym.FullyConnected(sym.Variable("data"), num_hidden=5, name="fc1")
        hidden = sym.Dropout(sym.Activation(hidden, act_type="relu", name="r"), p=0.0, name="dp")
        return sym.SoftmaxOutput(sym.FullyConnected(hidden, num_hidden=3, name="fc2"), name="softmax")

    def batches(self, size=10):
        return self.mx.io.NDArrayIter(self.data, self.labels, size)

    def module(self, **options):
        return self.mx.mod.Module(self.net(), **options)

    def attempt(self, function):
        """The result; warnings and errors are said."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = function()
            except Exception as error:
                last = COLORS.sub("", str(error)).strip().split("\n")[-1]
                result = self.say("error", type(error).__name__, last)
        for warning in caught:
            if warning.category is UserWarning:
                self.say("warning", COLORS.sub("", str(warning.message)))
        return result

    def three_devices(self):
        mx = self.mx
        module = self.module(context=[mx.cpu(0), mx.cpu(1), mx.cpu(2)], work_load_list=[1, 2, 1])
        metric = mx.metric.CompositeEvalMetric(["acc", mx.metric.TopKAccuracy(2)])
        module.fit(
            self.batches(),
            eval_data=self.batches(),
            num_epoch=2,
            initializer=mx.init.Xavier(),
            eval_metric=metric,
            optimizer="adam",
            optimizer_params=(("learning_rate", 0.05),),
            batch_end_callback=[
                lambda p: self.say("batch", p.epoch, p.nbatch),
                mx.callback.Speedometer(10, 2, auto_reset=False),
            ],
            epoch_end_callback=[
                mx.callback.do_checkpoint("plain"),
                mx.callback.module_checkpoint(module, "whole", 1, True),
            ],
            eval_end_callback=lambda p: self.say(
                "evaluated", p.epoch, p.nbatch, p.eval_metric.get_name_value()
            ),
            eval_batch_end_callback=lambda p: self.say("evaluation", p.epoch, p.nbatch),
        )
        self.say(sorted(os.listdir(".")))
        self.say([executor.outputs[0].shape for executor in module._exec_group.execs])
        self.say("score", module.score(self.batches(), ["acc"], num_batch=2))
        self.say([out.shape for out in module.predict(self.batches(8), always_output_list=True)])
        self.say(module.predict(self.batches(8), num_batch=2).shape)
        self.say([[o.shape for o in part] for part in module.predict(self.batches(20), merge_batches=False)])
        for outputs, number, batch in module.iter_predict(self.batches(20)):
            self.say([out.shape for out in outputs], number, batch.pad)
        self.say("again")
        self.attempt(lambda: module.fit(self.batches(), num_epoch=3, begin_epoch=2))
        self.attempt(lambda: module.fit(self.batches(5), num_epoch=1, force_rebind=True, force_init=True))

    def going_on(self):
        mx = self.mx
        symbol, args, aux = mx.model.load_checkpoint("plain", 2)
        module = mx.mod.Module(symbol, context=mx.cpu())
        module.fit(self.batches(), arg_params=args, aux_params=aux, begin_epoch=2, num_epoch=3)
        loaded = mx.mod.Module.load("whole", 2, True)
        batches = self.batches()
        loaded.bind(batches.provide_data, batches.provide_label)
        loaded.init_optimizer(optimizer="adam")
        self.say(loaded.optimizer_initialized, loaded.params_initialized, sorted(loaded.get_params()[0]))
        self.attempt(lambda: loaded.bind(batches.provide_data, batches.provide_label))

    def refusals(self):
        mx, ones, attempt = self.mx, self.mx.nd.ones, self.attempt
        attempt(lambda: self.module(data_names=["nope"]))
        attempt(lambda: self.module(label_names=["nope"]))
        attempt(lambda: self.module(fixed_param_names=["zz"]))
        module = self.module()
        attempt(lambda: module.forward(None))
        attempt(lambda: module.init_params())
        attempt(lambda: module.get_params())
        attempt(lambda: module.fit(self.batches()))
        module.bind([("data", (10, 4))], [("softmax_label", (10,))])
        attempt(lambda: module.update())
        attempt(lambda: module.init_params(arg_params={"fc1_weight": ones((5, 4))}, allow_missing=False))
        attempt(lambda: module.init_params(arg_params={"fc1_weight": ones((5, 4))}, allow_missing=True))
        attempt(lambda: module.set_params({"fc1_bias": ones(5)}, {}, allow_missing=False))
        attempt(lambda: module.set_params({"fc1_bias": ones(5), "u": ones(5)}, {}, allow_missing=True))
        attempt(lambda: module.init_optimizer(optimizer=mx.optimizer.SGD(learning_rate=0.1)))
        attempt(lambda: module.init_optimizer())
        attempt(lambda: self.module(context=[mx.cpu(0), mx.cpu(1)], work_load_list=[1]))
        for option in ("optimizer", "eval_metric"):
            attempt(
                lambda option=option: self.module().fit(self.batches(), num_epoch=1, **{option: "nosuch"})
            )

    def inference(self):
        mx = self.mx
        module = self.module()
        module.bind([("data", (10, 4))], for_training=False)
        module.init_params()
        self.attempt(lambda: module.backward())
        self.say(module.output_names, module.output_shapes, module.data_shapes, module.label_shapes)
        self.say(
            module.data_names, module.label_names, module.symbol.name, module.binded, module.for_training
        )
        module.forward(mx.io.DataBatch([mx.nd.ones((10, 4))]), is_train=False)
        self.say(module.get_outputs()[0].shape, module.get_outputs(merge_multi_context=False)[0][0].shape)
        self.attempt(lambda: module.get_input_grads())
        self.attempt(lambda: module.save_checkpoint("late", 1, True))


def run(mx):
    """All lines."""
    session = Session(mx)
    mx.random.seed(0)
    handler = logging.Handler()
    handler.emit = lambda record: session.say(
        record.levelname, record.name, TIMES.sub("#", COLORS.sub("", record.getMessage()))
    )
    root = logging.getLogger()
    level, before = root.level, os.getcwd()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for part in (session.three_devices, session.going_on, session.refusals, session.inference):
                session.say("--", part.__name__)
                part()
        finally:
            os.chdir(before)
            root.removeHandler(handler)
            root.setLevel(level)
    return session.lines


if __name__ == "__main__":
    import mxnet

    (DATA / "fits.json").write_text(json.dumps(run(mxnet), indent=1) + "\n")
