"""Data sets of images and their transforms."""

import gzip
import hashlib
import io
import os
import pathlib
import struct
import tarfile

import numpy
import pytest

import minpy as mx
from minpy import nd
from minpy.gluon.data import DataLoader, vision
from minpy.gluon.data.vision import transforms

RECORDS = pathlib.Path(__file__).parent.parent / "mxnet" / "data"


def idx(array):
    array = array.astype(numpy.uint8)
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def digits(tmp_path):
    images = numpy.random.RandomState(0).randint(0, 256, (10, 28, 28))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(numpy.arange(10)))
    return tmp_path, images


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    monkeypatch.setenv("MXNET_GLUON_REPO", (tmp_path / "nowhere").as_uri())


@pytest.mark.parametrize("kind", [vision.MNIST, vision.FashionMNIST])
def test_mnist(digits, kind, no_network):
    folder, images = digits
    dataset = kind(root=str(folder), train=False)
    assert len(dataset) == 10
    image, label = dataset[3]
    assert isinstance(image, nd.NDArray) and image.shape == (28, 28, 1) and image.dtype == numpy.uint8
    assert (image.asnumpy()[..., 0] == images[3]).all()
    assert label == 3 and isinstance(label, numpy.int32)
    scaled = kind(str(folder), False, lambda data, label: (data.astype("float32") / 255, label))
    assert scaled[3][0].asnumpy().max() <= 1
    data, labels = next(iter(DataLoader(dataset.transform_first(transforms.ToTensor()), 5, num_workers=1)))
    assert data.shape == (5, 1, 28, 28) and data.dtype == numpy.float32 and labels.dtype == numpy.int32
    assert numpy.allclose(data.asnumpy()[:, 0], images[:5] / 255)


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:40], lambda data: b""])
def test_a_damaged_file_is_fetched_again(digits, damage, monkeypatch, tmp_path):
    folder, images = digits
    path = folder / "t10k-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    served = tmp_path / "repo" / "gluon" / "dataset" / "mnist"
    served.mkdir(parents=True)
    (served / path.name).write_bytes(whole)
    monkeypatch.setenv("MXNET_GLUON_REPO", (tmp_path / "repo").as_uri())
    monkeypatch.setattr(vision.MNIST, "_test_data", (path.name, hashlib.sha1(whole).hexdigest()))
    path.write_bytes(damage(whole))
    assert len(vision.MNIST(str(folder), train=False)) == 10
    assert path.read_bytes() == whole


def test_what_cannot_be_fetched(tmp_path, no_network, monkeypatch):
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    with pytest.raises(OSError):
        vision.MNIST()
    assert os.listdir(tmp_path / "datasets" / "mnist") == []


def test_numbers_of_images_and_labels(digits, no_network):
    (digits[0] / "t10k-labels-idx1-ubyte").write_bytes(idx(numpy.arange(9)))
    with pytest.raises(ValueError, match=r"images of shape \(10, 28, 28\) and labels of shape \(9,\)"):
        vision.MNIST(str(digits[0]), train=False)


def cifar_rows(label_bytes, count=4):
    rows = numpy.random.RandomState(1).randint(0, 256, (count, 3072 + label_bytes)).astype(numpy.uint8)
    rows[:, :label_bytes] = numpy.arange(count)[:, None] + 10 * numpy.arange(label_bytes)
    return rows


@pytest.mark.parametrize(("kind", "label_bytes"), [(vision.CIFAR10, 1), (vision.CIFAR100, 2)])
def test_cifar_comes_from_its_archive(kind, label_bytes, tmp_path, monkeypatch):
    rows = cifar_rows(label_bytes)
    data = rows.tobytes()
    served = tmp_path / "repo" / "gluon" / "dataset" / kind._namespace
    served.mkdir(parents=True)
    name = kind._test_data[0][0]
    with tarfile.open(served / kind._archive_file[0], "w:gz") as archive:
        for member in (f"folder/{name}", "folder/other.txt", "../outside.bin"):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    archive_sha1 = hashlib.sha1((served / kind._archive_file[0]).read_bytes()).hexdigest()
    monkeypatch.setenv("MXNET_GLUON_REPO", (tmp_path / "repo").as_uri())
    monkeypatch.setattr(kind, "_archive_file", (kind._archive_file[0], archive_sha1))
    monkeypatch.setattr(kind, "_test_data", [(name, hashlib.sha1(data).hexdigest())])
    folder = tmp_path / "here"
    dataset = kind(str(folder), train=False)
    image, label = dataset[2]
    assert len(dataset) == 4 and image.shape == (32, 32, 3) and label == 2
    assert image.asnumpy()[0, 1].tolist() == rows[2, label_bytes + 1 :: 1024][:3].tolist()
    assert sorted(os.listdir(folder)) == sorted([name, kind._archive_file[0]])
    if label_bytes == 2:
        assert kind(str(folder), fine_label=True, train=False)[2][1] == 12


def test_cifar_of_a_wrong_length(tmp_path, monkeypatch):
    data = b"x" * 3000
    (tmp_path / "test_batch.bin").write_bytes(data)
    monkeypatch.setattr(vision.CIFAR10, "_test_data", [("test_batch.bin", hashlib.sha1(data).hexdigest())])
    with pytest.raises(ValueError, match="has 3000 bytes, a multiple of 3073 is expected"):
        vision.CIFAR10(str(tmp_path), train=False)


def test_image_record_dataset():
    pytest.importorskip("PIL")
    dataset = vision.ImageRecordDataset(str(RECORDS / "img.rec"))
    image, label = dataset[0]
    assert image.ndim == 3 and image.shape[2] == 3 and image.dtype == numpy.uint8
    assert vision.ImageRecordDataset(str(RECORDS / "img.rec"), flag=0)[0][0].shape[2] == 1
    doubled = vision.ImageRecordDataset(str(RECORDS / "img.rec"), transform=lambda x, y: (x, y * 2))
    assert numpy.all(doubled[1][1] == 2 * dataset[1][1])
    pictures = dataset.take(2)  # records follow that hold no pictures
    found = [image for image, _ in DataLoader(pictures, 1, num_workers=2)]
    assert len(found) == 2
    assert all((x[0].asnumpy() == dataset[i][0].asnumpy()).all() for i, x in enumerate(found))


@pytest.fixture
def pictures(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    pixels = numpy.random.RandomState(2).randint(0, 256, (6, 5, 3)).astype(numpy.uint8)
    for folder, names in (("bus", ["b.png", "a.PNG"]), ("car", ["c.png"])):
        (tmp_path / folder).mkdir()
        for name in names:
            pillow.fromarray(pixels).save(tmp_path / folder / name)
    return tmp_path, pixels


def test_image_folder_dataset(pictures):
    folder, pixels = pictures
    (folder / "notes.txt").write_text("x")
    (folder / "car" / "more.txt").write_text("x")
    with pytest.warns(UserWarning) as warned:
        dataset = vision.ImageFolderDataset(str(folder))
    texts = [str(one.message) for one in warned]
    assert f"Ignoring {folder / 'notes.txt'}, which is not a directory." in texts
    assert f"Ignoring {folder / 'car' / 'more.txt'} of type .txt. Only support .jpg, .jpeg, .png" in texts
    assert dataset.synsets == ["bus", "car"]
    assert [(os.path.basename(name), label) for name, label in dataset.items] == [
        ("a.PNG", 0),
        ("b.png", 0),
        ("c.png", 1),
    ]
    image, label = dataset[2]
    assert (image.asnumpy() == pixels).all() and label == 1
    with pytest.warns(UserWarning):
        grey = vision.ImageFolderDataset(str(folder), 0, lambda x, y: x.shape)
    assert grey[0] == (6, 5, 1)


def test_image_list_dataset(pictures):
    folder, pixels = pictures
    (folder / "list.lst").write_text("0\t3\tbus/b.png\n1\t4\t5\tcar/c.png\n")
    dataset = vision.ImageListDataset(str(folder), "list.lst")
    image, label = dataset[0]
    assert (image.asnumpy() == pixels).all() and label == 3
    assert dataset[1][1].tolist() == [4, 5]
    listed = vision.ImageListDataset(str(folder), [[7, "bus/b.png"], [[1, 2], "car/c.png"]])
    assert listed[0][1] == 7 and listed[1][1].tolist() == [1, 2] and len(listed) == 2
    with pytest.raises(ValueError, match="imglist must be"):
        vision.ImageListDataset(str(folder), 5)


IMAGE = nd.array(numpy.random.RandomState(0).randint(0, 256, (20, 30, 3)), dtype="uint8")


def test_compose_groups_hybrid_blocks():
    T = transforms
    net = T.Compose([T.Resize(8), T.ToTensor(), T.Normalize(0.5, 0.5), T.Rotate(5), T.Cast("float16")])
    assert [type(child).__name__ for child in net] == ["HybridSequential", "Rotate", "Cast"]
    out = net(IMAGE)
    assert out.shape == (3, 8, 8) and out.dtype == numpy.float16
    given = [T.Cast()]
    T.Compose(given)
    assert len(given) == 1
    assert T.HybridCompose([T.Resize(8), T.ToTensor()])(IMAGE).shape == (3, 8, 8)
    with pytest.raises(ValueError, match="is not a HybridBlock"):
        T.HybridCompose([T.CenterCrop(3)])


@pytest.mark.parametrize(
    ("transform", "shape"),
    [
        (transforms.Resize(10), (10, 10, 3)),
        (transforms.Resize((12, 10)), (10, 12, 3)),
        (transforms.Resize(10, keep_ratio=True), (10, 15, 3)),
        (transforms.CenterCrop((12, 10)), (10, 12, 3)),
        (transforms.CenterCrop(40), (40, 40, 3)),
        (transforms.RandomCrop(12), (12, 12, 3)),
        (transforms.RandomCrop((30, 24), pad=2), (24, 30, 3)),
        (transforms.RandomResizedCrop((12, 10)), (10, 12, 3)),
        (transforms.CropResize(1, 2, 6, 5), (5, 6, 3)),
        (transforms.CropResize(1, 2, 6, 5, size=(3, 4)), (4, 3, 3)),
        (transforms.RandomFlipLeftRight(), (20, 30, 3)),
        (transforms.RandomFlipTopBottom(), (20, 30, 3)),
        (transforms.RandomBrightness(0.5), (20, 30, 3)),
        (transforms.RandomContrast(0.5), (20, 30, 3)),
        (transforms.RandomSaturation(0.5), (20, 30, 3)),
        (transforms.RandomHue(0.5), (20, 30, 3)),
        (transforms.RandomColorJitter(0.5, 0.5, 0.5, 0.5), (20, 30, 3)),
        (transforms.RandomLighting(0.5), (20, 30, 3)),
        (transforms.RandomGray(1.0), (20, 30, 3)),
    ],
)
def test_shapes(transform, shape):
    out = transform(IMAGE)
    assert out.shape == shape and out.dtype == numpy.uint8 and isinstance(out, nd.NDArray)


def test_flips_come_out_both_ways():
    mx.random.seed(1)
    outs = {transforms.RandomFlipLeftRight()(IMAGE).asnumpy().tobytes() for _ in range(20)}
    assert outs == {IMAGE.asnumpy().tobytes(), IMAGE.asnumpy()[:, ::-1].tobytes()}


def test_random_apply():
    assert transforms.RandomApply(transforms.Resize(5), p=1.0)(IMAGE).shape == (5, 5, 3)
    assert transforms.RandomApply(transforms.Resize(5), p=-1.0)(IMAGE).shape == (20, 30, 3)
    assert transforms.HybridRandomApply(transforms.Resize(5), p=1.0)(IMAGE).shape == (5, 5, 3)


def test_rotation_arguments():
    with pytest.raises(TypeError, match="Consider calling it after ToTensor"):
        transforms.Rotate(30)(IMAGE)
    with pytest.raises(ValueError, match="must be an ordered tuple"):
        transforms.RandomRotation((5, 5))
    with pytest.raises(ValueError, match="should be between 0 and 1"):
        transforms.RandomRotation((0, 5), rotate_with_proba=2)
    tensor = transforms.ToTensor()(IMAGE)
    assert transforms.RandomRotation((-5, 5))(tensor).shape == tensor.shape
    assert transforms.RandomRotation((-5, 5), rotate_with_proba=0)(tensor) is tensor
