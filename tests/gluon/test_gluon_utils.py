"""gluon.utils: batches over devices, norms, files from the network."""

import hashlib
import os
import pathlib

import numpy
import pytest

import minpy as mx
from minpy import nd
from minpy.gluon import utils


def test_split_data():
    x = nd.arange(20).reshape((10, 2))
    assert [part.shape for part in utils.split_data(x, 3, even_split=False)] == [(4, 2), (3, 2), (3, 2)]
    parts = utils.split_data(x, 5)
    assert isinstance(utils.split_data(x, 1), list)
    assert (nd.concat(*parts, dim=0) == x).asnumpy().all()
    left, right = utils.split_data(x, 2, batch_axis=1)
    assert left.shape == (10, 1) and right.asnumpy()[0] == 1
    message = (
        r"data with shape \(10, 2\) cannot be evenly split into 4 slices along axis 0. Use a batch size that's "
        "multiple of 4 or set even_split=False to allow uneven partitioning of data."
    )
    with pytest.raises(ValueError, match=message):
        utils.split_data(x, 4)


def test_split_and_load():
    contexts = [mx.cpu(0), mx.cpu(1)]
    for data in (numpy.arange(6), [0, 1, 2, 3, 4, 5], nd.arange(6)):
        parts = utils.split_and_load(data, contexts)
        assert [part.context for part in parts] == contexts
        assert [part.asnumpy().tolist() for part in parts] == [[0, 1, 2], [3, 4, 5]]
        assert parts[0].dtype == numpy.float32
    x = nd.ones((4, 2))
    assert utils.split_and_load(x, [mx.cpu(0)])[0] is x
    assert utils.split_and_load(x, [mx.cpu(1)])[0].context == mx.cpu(1)


def test_clip_global_norm():
    arrays = [nd.ones((2, 2)) * 3, nd.ones((3,), ctx=mx.cpu(1)) * 4]
    norm = utils.clip_global_norm(arrays, 2.0)
    assert isinstance(norm, float) and norm == pytest.approx(84**0.5, rel=1e-6)
    assert sum(float((x * x).sum().asscalar()) for x in arrays) == pytest.approx(4, rel=1e-5)
    assert arrays[1].context == mx.cpu(1)
    before = [x.asnumpy() for x in arrays]
    result = utils.clip_global_norm(arrays, 50.0, check_isfinite=False)
    assert isinstance(result, nd.NDArray) and result.shape == (1,)
    assert all((x.asnumpy() == y).all() for x, y in zip(arrays, before, strict=True))
    with pytest.warns(UserWarning, match="nan or inf is detected. Clipping results will be undefined."):
        utils.clip_global_norm([nd.array([numpy.nan])], 1.0)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "served" / "file.bin"
    path.parent.mkdir()
    path.write_bytes(b"content" * 1000)
    return path.as_uri(), hashlib.sha1(path.read_bytes()).hexdigest()


def test_download(tmp_path, source, capsys):
    url, sha1 = source
    folder = tmp_path / "here"
    folder.mkdir()
    found = utils.download(url, str(folder), sha1_hash=sha1)
    assert found == str(folder / "file.bin")
    assert utils.check_sha1(found, sha1) and not utils.check_sha1(found, "0" * 40)
    assert capsys.readouterr().out == f"Downloading {found} from {url}...\n"
    utils.download(url, str(folder), sha1_hash=sha1)
    assert capsys.readouterr().out == ""
    pathlib.Path(found).write_bytes(b"damaged")
    utils.download(url, str(folder))
    assert pathlib.Path(found).read_bytes() == b"damaged"
    utils.download(url, str(folder), sha1_hash=sha1)
    assert utils.check_sha1(found, sha1)
    new = tmp_path / "a" / "b" / "other.bin"
    assert utils.download(url, str(new)) == str(new) and new.exists()


def test_a_download_that_fails_leaves_no_file(tmp_path, source, capsys):
    folder = tmp_path / "empty"
    folder.mkdir()
    with pytest.raises(UserWarning, match="is downloaded but the content hash does not match"):
        utils.download(source[0], str(folder), sha1_hash="0" * 40, retries=2)
    assert os.listdir(folder) == []
    assert "retrying, 1 attempt left" in capsys.readouterr().out
    with pytest.raises(OSError):
        utils.download((tmp_path / "nowhere").as_uri(), str(folder), retries=1)
    assert os.listdir(folder) == []


def test_repository(monkeypatch):
    monkeypatch.setenv("MXNET_GLUON_REPO", "http://example.org/data")
    assert utils._get_repo_file_url("gluon/dataset/mnist", "x.gz") == (
        "http://example.org/data/gluon/dataset/mnist/x.gz"
    )


def test_shape_is_known():
    assert not utils.shape_is_known(None)
    assert not utils.shape_is_known(())
    assert not utils.shape_is_known((2, 0))
    assert utils.shape_is_known((2, 3))
    with pytest.raises(AssertionError, match="shape dimension size cannot be less than 0, while received -1"):
        utils.shape_is_known((-1, 3))
    with mx.util.np_shape(True):
        assert utils.shape_is_known(()) and utils.shape_is_known((2, 0))
        assert not utils.shape_is_known((2, -1))
