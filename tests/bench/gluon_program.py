"""One Gluon or Module program, timed on demand: the child of gluon_programs.py.

Runs under MXNet 1.9.1 (`python`, 3.8), under minpy (`python -m minpy.mxnet`) and, for the same networks written with
its own layers, under PyTorch; so its syntax is that of Python 3.8. It reads a number of repetitions per line and
answers with the wall clock and the CPU time that they took, in seconds.

    python gluon_program.py CASE STYLE
"""

import sys
import time

BATCH = 64


def lenet_mxnet(mx):
    """The convolutional network of the Gluon documents."""
    net = mx.gluon.nn.HybridSequential()
    with net.name_scope():
        net.add(mx.gluon.nn.Conv2D(20, 5, activation="relu"))
        net.add(mx.gluon.nn.MaxPool2D(2, 2))
        net.add(mx.gluon.nn.Conv2D(50, 5, activation="relu"))
        net.add(mx.gluon.nn.MaxPool2D(2, 2))
        net.add(mx.gluon.nn.Flatten())
        net.add(mx.gluon.nn.Dense(500, activation="relu"))
        net.add(mx.gluon.nn.Dense(10))
    return net


def block_mxnet(mx):
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.model_zoo.vision.BasicBlockV1(64, 1, in_channels=64))
    return net


def deep_mxnet(mx):
    net = mx.gluon.nn.HybridSequential()
    for _ in range(20):
        net.add(mx.gluon.nn.Dense(512, activation="relu", in_units=512))
    return net


NETWORKS = {
    "lenet": (lenet_mxnet, (BATCH, 1, 28, 28), 10),
    "block": (block_mxnet, (32, 64, 32, 32), None),
    "deep": (deep_mxnet, (128, 512), None),
}


def prepared(mx, case, batch, hybrid):
    make, shape, classes = NETWORKS[case]
    shape = (batch or shape[0],) + shape[1:]
    net = make(mx)
    net.initialize(mx.init.Xavier(magnitude=2.24))
    mx.random.seed(1)
    x = mx.nd.random.normal(shape=shape)
    y = mx.nd.array([i % (classes or 1) for i in range(shape[0])])
    if hybrid:
        net.hybridize(static_alloc=True, static_shape=True)
    net(x).wait_to_read()
    return net, x, y, classes


def gluon_train(mx, case, hybrid, update):
    net, x, y, classes = prepared(mx, case, None, hybrid)
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss() if classes else None
    if hybrid and loss:
        loss.hybridize(static_alloc=True, static_shape=True)
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.01})

    def step():
        with mx.autograd.record():
            out = net(x)
            value = loss(out, y) if loss else out.sum()
        value.backward()
        if update:
            trainer.step(x.shape[0])
        value.asnumpy()
        mx.nd.waitall()

    return step


def gluon_infer(mx, case, batch, hybrid):
    net, x, _, _ = prepared(mx, case, batch, hybrid)
    return lambda: net(x).asnumpy()


def symbol_of(mx, case):
    make, shape, classes = NETWORKS[case]
    out = make(mx)(mx.sym.var("data"))
    return (
        (mx.sym.SoftmaxOutput(out, name="softmax") if classes else mx.sym.MakeLoss(mx.sym.sum(out))),
        shape,
        classes,
    )


def module(mx, case, batch, train, update):
    symbol, shape, classes = symbol_of(mx, case)
    shape = (batch or shape[0],) + shape[1:]
    labels = [("softmax_label", shape[:1])] if classes else None
    mod = mx.mod.Module(symbol, label_names=["softmax_label"] if classes else None)
    mod.bind([("data", shape)], labels, for_training=train)
    mod.init_params(mx.init.Xavier(magnitude=2.24))
    y = [mx.nd.array([i % classes for i in range(shape[0])])] if classes else None
    data = mx.io.DataBatch([mx.nd.random.normal(shape=shape)], y)
    if update:
        mod.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": 0.01})

    def step():
        mod.forward(data, is_train=train)
        if train:
            mod.backward()
        if update:
            mod.update()
        mod.get_outputs()[0].asnumpy()
        mx.nd.waitall()

    return step


def torch_net(torch, case):
    nn = torch.nn
    if case == "lenet":
        return nn.Sequential(nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10))  # fmt: skip
    if case == "deep":
        return nn.Sequential(*[layer for _ in range(20) for layer in (nn.Linear(512, 512), nn.ReLU())])

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = (nn.Conv2d(64, 64, 3, padding=1, bias=False) for _ in range(2))
            self.m, self.n = nn.BatchNorm2d(64), nn.BatchNorm2d(64)

        def forward(self, x):
            return torch.relu(self.n(self.b(torch.relu(self.m(self.a(x))))) + x)

    return Block()


def torch_case(torch, case, batch, train, update, compiled):
    _, shape, classes = NETWORKS[case]
    net, x = torch_net(torch, case), torch.randn((batch or shape[0],) + shape[1:])
    y = torch.arange(shape[0]) % (classes or 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01 / shape[0])
    run = torch.compile(net) if compiled else net
    if not train:
        net.eval()

        def infer():
            with torch.no_grad():
                return run(x).numpy()

        return infer

    def step():
        optimizer.zero_grad()
        out = run(x)
        value = torch.nn.functional.cross_entropy(out, y, reduction="sum") if classes else out.sum()
        value.backward()
        if update:
            optimizer.step()
        value.item()

    return step


def make(case, style):
    network, _, what = case.partition("-")
    batch = int(what[5:] or 0) if what.startswith("infer") else None
    train, update = what in ("train", "pass"), what == "train"
    if style.startswith("torch"):
        import torch

        torch.set_num_threads(int(__import__("os").environ["OMP_NUM_THREADS"]))
        return torch_case(torch, network, batch, train, update, style == "torch.compile")
    import mxnet as mx

    if style == "module":
        return module(mx, network, batch, train, update)
    if train:
        return gluon_train(mx, network, style == "hybridized", update)
    return gluon_infer(mx, network, batch, style == "hybridized")


def main():
    step = make(*sys.argv[1:3])
    for _ in range(3):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        count = int(line)
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(count):
            step()
        print(time.perf_counter() - wall, time.process_time() - cpu, flush=True)


main()
