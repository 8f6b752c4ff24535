"""Batches over several devices, gradients of limited norm, and files from the network."""

import collections
import hashlib
import os
import shutil
import ssl
import urllib.request
import uuid
import warnings
import weakref

import numpy

import minpy.numpy as np
from minpy import _core, nd
from minpy.util import is_np_array, is_np_shape

__all__ = [
    "check_sha1",
    "clip_global_norm",
    "download",
    "replace_file",
    "split_and_load",
    "split_data",
]

_CHUNK = 1 << 20
_DEFAULT_REPOSITORY = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"


def is_array(value):
    """Whether this is an array of minpy; isinstance would take NumPy's for one."""
    return type(value) is _core.ndarray or isinstance(value, nd.NDArray)


def split_data(data, num_slice, batch_axis=0, even_split=True):
    """Cut an array into slices along an axis; the first ones are longer by one where the length leaves a rest.

    Parameters
    ----------
    data : NDArray
    num_slice : int
    batch_axis : int
    even_split : bool
        Whether all slices must have the same length.

    Returns
    -------
    list of NDArray
        Views of `data` where `batch_axis` is 0.

    Raises
    ------
    ValueError
        If the slices cannot be of one length and have to be.
    """
    size = data.shape[batch_axis]
    each, rest = divmod(size, num_slice)
    if even_split and rest:
        raise ValueError(
            f"data with shape {data.shape} cannot be evenly split into {num_slice} slices along axis "
            f"{batch_axis}. Use a batch size that's multiple of {num_slice} or set even_split=False to allow "
            "uneven partitioning of data."
        )
    bounds = [each * i + min(i, rest) for i in range(num_slice + 1)]
    before = (slice(None),) * (batch_axis % len(data.shape))
    return [data[(*before, slice(bounds[i], bounds[i + 1]))] for i in range(num_slice)]


def split_and_load(data, ctx_list, batch_axis=0, even_split=True):
    """Cut an array into a slice for each device and copy the slices there.

    Parameters
    ----------
    data : NDArray or array_like
    ctx_list : list of Context
    batch_axis : int
    even_split : bool
        Whether all slices must have the same length.

    Returns
    -------
    list of NDArray
        A slice on a device that already holds the data is a view.
    """
    if not is_array(data):
        data = np.array(data) if is_np_array() else nd.array(data, ctx=ctx_list[0])
    slices = [data] if len(ctx_list) == 1 else split_data(data, len(ctx_list), batch_axis, even_split)
    return [_on(part, ctx) for part, ctx in zip(slices, ctx_list, strict=True)]


def _on(array, ctx):
    return array.as_in_context(ctx) if isinstance(array, nd.NDArray) else array


def clip_global_norm(arrays, max_norm, check_isfinite=True):
    """Scale arrays in place so that the root of the sum of all their squares is at most `max_norm`.

    Parameters
    ----------
    arrays : list of NDArray
    max_norm : float
    check_isfinite : bool
        Warn when the norm is not finite; this waits for the arrays.

    Returns
    -------
    float or NDArray
        The norm before: a number, or an array of one element when `check_isfinite` is False.
    """
    assert len(arrays) > 0
    ctx = getattr(arrays[0], "context", None)
    norm = (sum(_on((array * array).sum(), ctx) for array in arrays)) ** 0.5
    if check_isfinite and not numpy.isfinite(norm.item()):
        warnings.warn(
            UserWarning("nan or inf is detected. Clipping results will be undefined."), stacklevel=2
        )
    scale = np.minimum(max_norm / (norm + 1e-8), 1.0)
    for array in arrays:
        array *= _on(scale, getattr(array, "context", None))
    return norm.item() if check_isfinite else norm


def check_sha1(filename, sha1_hash):
    """Whether the content of a file has a SHA-1 hash, given in hexadecimal digits."""
    digest = hashlib.sha1()
    with open(filename, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == sha1_hash


def replace_file(src, dst):
    """Give a file its final name, in one step that other processes see whole; `src` is removed on failure."""
    try:
        os.replace(src, dst)
    except OSError as error:
        _remove(src)
        raise OSError(
            f"Moving downloaded temp file - {src}, to {dst} failed. Please retry the download."
        ) from error


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def download(url, path=None, overwrite=False, sha1_hash=None, retries=5, verify_ssl=True):
    """Fetch a file from the network, unless it is there already.

    The file gets its name when it is complete and its hash is right, so that a half-written or wrong one is never
    taken for it.

    Parameters
    ----------
    url : str
    path : str, optional
        The name of the file, or the folder for it; by default the current folder.
    overwrite : bool
        Fetch it also when it is there.
    sha1_hash : str, optional
        In hexadecimal digits; a file with another hash is fetched again.
    retries : int
        How often to try again.
    verify_ssl : bool
        Whether to check the server's certificate.

    Returns
    -------
    str
        The name of the file.

    Raises
    ------
    UserWarning
        If what was fetched has another hash.
    OSError
        If the last attempt fails.
    """
    name = url.split("/")[-1]
    if path is None:
        assert name, "Can't construct file-name from this URL. Please set the `path` option manually."
        target = name
    else:
        path = os.path.expanduser(path)
        target = os.path.join(path, name) if os.path.isdir(path) else path
    assert retries >= 0, f"Number of retries should be at least 0, currently it's {retries}"
    if not verify_ssl:
        warnings.warn(
            "Unverified HTTPS request is being made (verify_ssl=False). Adding certificate verification is "
            "strongly advised.",
            stacklevel=2,
        )
    if overwrite or not os.path.exists(target) or (sha1_hash and not check_sha1(target, sha1_hash)):
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        _fetch_patiently(url, target, sha1_hash, retries, verify_ssl)
    return target


def _fetch_patiently(url, target, sha1_hash, retries, verify_ssl):
    while True:
        try:
            print(f"Downloading {target} from {url}...")
            return _fetch(url, target, sha1_hash, verify_ssl)
        except Exception as error:
            retries -= 1
            if retries <= 0:
                raise
            plural = "s" if retries > 1 else ""
            print(f"download failed due to {error!r}, retrying, {retries} attempt{plural} left")


def _fetch(url, target, sha1_hash, verify_ssl):
    part = f"{target}.{uuid.uuid4()}"
    context = None if verify_ssl else ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(url, context=context) as source, open(part, "wb") as file:
            shutil.copyfileobj(source, file, _CHUNK)
            expected = source.headers.get("Content-Length")
            if expected is not None and file.tell() != int(expected):
                raise OSError(f"{url} ended after {file.tell()} of {expected} bytes")
        if sha1_hash and not check_sha1(part, sha1_hash):
            raise UserWarning(
                f"File {target} is downloaded but the content hash does not match. The repo may be outdated or "
                'download may be incomplete. If the "repo_url" is overridden, consider switching to the default '
                "repo."
            )
        replace_file(part, target)
    finally:
        _remove(part)


def _get_repo_url():
    """Where data sets and models are fetched from: ``$MXNET_GLUON_REPO``, else MXNet's own place."""
    return os.environ.get("MXNET_GLUON_REPO", _DEFAULT_REPOSITORY).rstrip("/") + "/"


def _get_repo_file_url(namespace, filename):
    """The URL of a file in a folder of the repository."""
    return f"{_get_repo_url()}{namespace}/{filename}"


class HookHandle:
    """What a registered hook is removed by: `detach`, or the end of a ``with`` block."""

    def __init__(self):
        self._hooks = None
        self._id = None

    @classmethod
    def of(cls, hooks_dict, hook):
        """The handle of a hook that is added to a dictionary."""
        handle = cls()
        handle.attach(hooks_dict, hook)
        return handle

    def attach(self, hooks_dict, hook):
        """Add the hook to a dictionary of hooks, which must be an OrderedDict."""
        assert not self._hooks, "The same handle cannot be attached twice."
        self._id = id(hook)
        hooks_dict[self._id] = hook
        self._hooks = weakref.ref(hooks_dict)

    def detach(self):
        """Remove the hook; further calls do nothing."""
        hooks = self._hooks() if self._hooks else None
        if hooks is not None:
            hooks.pop(self._id, None)

    def __getstate__(self):
        return self._hooks() if self._hooks else None, self._id

    def __setstate__(self, state):
        hooks, self._id = state
        self._hooks = weakref.ref(collections.OrderedDict() if hooks is None else hooks)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.detach()


def shape_is_known(shape):
    """Whether no length of a shape is left open: 0, or -1 under NumPy shape semantics."""
    if shape is None:
        return False
    unknown = -1 if is_np_shape() else 0
    if len(shape) == 0:
        return unknown == -1
    for length in shape:
        if length == unknown:
            return False
        assert length > unknown, (
            f"shape dimension size cannot be less than {unknown}, while received {length}"
        )
    return True
