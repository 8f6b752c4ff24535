"""Networks by name: names, shapes and outputs as MXNet 1.9.1 has them, recorded in data/model_zoo.*."""

import hashlib
import json
import pathlib
import zipfile

import numpy
import pytest

import minpy as mx
from minpy import autograd, gluon, nd
from minpy.gluon.model_zoo import model_store, vision

DATA = pathlib.Path(__file__).parent / "data"
DIGESTS = json.loads((DATA / "model_zoo.json").read_text())
OUTPUTS = numpy.load(DATA / "model_zoo.npz")


def made(name, **kwargs):
    with mx.name.NameManager():
        return vision.get_model(name, **kwargs)


def digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


@pytest.mark.parametrize("name", DIGESTS)
def test_names_and_shapes(name):
    """Full names, names by structure, and the printed network, before shapes are told by a batch."""
    net = made(name)
    parameters = [[k, list(p.shape), p.grad_req] for k, p in net.collect_params().items()]
    assert digest(parameters) == DIGESTS[name]["params"]
    keys = [[k, p.name] for k, p in net._collect_params_with_prefix().items()]
    assert digest(keys) == DIGESTS[name]["keys"]
    assert digest(repr(net)) == DIGESTS[name]["repr"]


def fill(net):
    rng = numpy.random.RandomState(5)
    for name, p in net.collect_params().items():
        if name.endswith("weight"):
            values = rng.randn(*p.shape) * numpy.sqrt(2 / numpy.prod(p.shape[1:]))
        elif name.endswith(("gamma", "var")):
            values = rng.uniform(0.5, 1.5, p.shape)
        else:
            values = rng.randn(*p.shape) * 0.1
        p.set_data(nd.array(values))


RUNS = {  # name: size of the images
    "mobilenet0.25": 64,
    "mobilenetv2_0.25": 64,
    "resnet18_v1": 32,
    "resnet18_v2": 32,
    "resnet50_v2": 64,
    "squeezenet1.0": 224,
    "squeezenet1.1": 224,
    "densenet121": 224,
}


def network(name):
    net = made(name, classes=10, **({"thumbnail": True} if RUNS[name] == 32 else {}))
    net.initialize()
    x = nd.array(numpy.random.RandomState(0).randn(1, 3, RUNS[name], RUNS[name]))
    net(x)
    fill(net)
    return net, x


@pytest.mark.parametrize("name", RUNS)
def test_outputs(name):
    net, x = network(name)
    scale = abs(OUTPUTS[name]).max()
    numpy.testing.assert_allclose(net(x).asnumpy() / scale, OUTPUTS[name] / scale, atol=2e-5)


@pytest.mark.parametrize("name", ["mobilenet0.25", "mobilenetv2_0.25", "resnet18_v1", "squeezenet1.1"])
def test_training(name):
    """Every parameter gets a gradient that is finite and not zero everywhere."""
    net, x = network(name)
    mx.random.seed(1)
    with autograd.record():
        loss = gluon.loss.SoftmaxCrossEntropyLoss()(net(x), nd.array([3]))
    loss.backward()
    trained = [p for p in net.collect_params().values() if p.grad_req != "null"]
    assert trained
    for parameter in trained:
        assert numpy.isfinite(parameter.grad().asnumpy()).all()
    assert sum(bool(p.grad().asnumpy().any()) for p in trained) > 0.9 * len(trained)


def test_files(tmp_path):
    net, x = network("resnet18_v1")
    path = str(tmp_path / "net.params")
    net.save_parameters(path)
    other = made("resnet18_v1", classes=10, thumbnail=True)
    other.load_parameters(path)
    assert numpy.array_equal(other(x).asnumpy(), net(x).asnumpy())
    names = str(tmp_path / "names.params")
    net.collect_params().save(names)
    other = made("resnet18_v1", classes=10, thumbnail=True)
    other.collect_params().load(names)
    assert numpy.array_equal(other(x).asnumpy(), net(x).asnumpy())


def test_get_model():
    assert isinstance(vision.get_model("ResNet18_v1"), vision.ResNetV1)
    assert vision.resnet18_v1.__name__ == "resnet18_v1"
    assert isinstance(vision.mobilenet_v2_0_25(classes=3), vision.MobileNetV2)
    with pytest.raises(
        ValueError, match="Model resnet19_v1 is not supported. Available options are\n\talexnet"
    ):
        vision.get_model("resnet19_v1")
    with pytest.raises(AssertionError, match="Invalid number of layers: 19"):
        vision.get_resnet(1, 19)
    with pytest.raises(AssertionError, match="Invalid resnet version: 3. Options are 1 and 2."):
        vision.get_resnet(3, 18)
    with pytest.raises(AssertionError, match="Unsupported SqueezeNet version 2.0"):
        vision.SqueezeNet("2.0")
    assert len([n for n in DIGESTS if n in vision.constructors()]) == 34


# --- Files of weights ---


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A place to fetch from, with weights of a small network under the name squeezenet1.1."""
    net, _ = network("squeezenet1.1")
    source = tmp_path / "weights.params"
    net.save_parameters(str(source))
    sha1 = hashlib.sha1(source.read_bytes()).hexdigest()
    monkeypatch.setitem(model_store._model_sha1, "squeezenet1.1", sha1)
    folder = tmp_path / "server" / "gluon" / "models"
    folder.mkdir(parents=True)
    stem = f"squeezenet1.1-{sha1[:8]}"
    with zipfile.ZipFile(folder / f"{stem}.zip", "w") as archive:
        archive.write(source, f"{stem}.params")
    monkeypatch.setenv("MXNET_GLUON_REPO", (tmp_path / "server").as_uri())
    return source, stem


def test_pretrained(repository, tmp_path):
    source, stem = repository
    root = tmp_path / "models"
    net = vision.squeezenet1_1(pretrained=True, root=str(root), classes=10, ctx=mx.cpu(1))
    assert [p.name for p in root.iterdir()] == [f"{stem}.params"]
    assert net.features[0].weight.list_ctx() == [mx.cpu(1)]
    saved = nd.load(str(source))["features.0.weight"].asnumpy()
    assert numpy.array_equal(net.features[0].weight.data().asnumpy(), saved)
    (root / f"{stem}.params").write_bytes(b"damaged")
    path = model_store.get_model_file("squeezenet1.1", root=str(root))
    assert pathlib.Path(path).read_bytes() == source.read_bytes()
    model_store.purge(str(root))
    assert not list(root.iterdir())


def test_wrong_downloads(repository, tmp_path, monkeypatch):
    source, stem = repository
    monkeypatch.setitem(model_store._model_sha1, "squeezenet1.1", stem[-8:] + "0" * 32)
    root = tmp_path / "models"
    with pytest.raises(ValueError, match="Downloaded file has different hash"):
        model_store.get_model_file("squeezenet1.1", root=str(root))
    assert not list(root.iterdir())
    with pytest.raises(ValueError, match="Pretrained model for nothing is not available"):
        model_store.get_model_file("nothing")


# --- Branches ---


@pytest.mark.parametrize("make", [gluon.nn.Concurrent, gluon.contrib.nn.HybridConcurrent])
def test_branches(make):
    net = make(axis=1)
    net.add(gluon.nn.Dense(3), gluon.contrib.nn.Identity())
    net.initialize()
    x = nd.ones((2, 4))
    out = net(x)
    assert out.shape == (2, 7) and numpy.array_equal(out.asnumpy()[:, 3:], x.asnumpy())
    assert numpy.array_equal(out.asnumpy()[:, :3], net[0](x).asnumpy())
