"""Files and URLs: everything that reads or writes a file by name goes through here.

A name with `://` is a URL. file:// is a local file; the others (s3://, gs://, az://, hdfs://, https://, memory:// ...)
are opened by fsspec, an optional dependency. Whole files are written under a temporary name and renamed; object
stores do that by themselves.
"""

import os
import tempfile
import urllib.parse

from minpy.base import MXNetError

__all__ = ["exists", "open_file", "read_file", "write_atomically"]


def _local(name):
    """The local path that a name or a file:// URL means; None for other URLs."""
    if "://" not in name:
        return name
    return urllib.parse.unquote(urllib.parse.urlsplit(name).path) if name.startswith("file://") else None


def _fsspec(name):
    try:
        import fsspec
    except ImportError:
        kind = name.split("://")[0]
        raise MXNetError(
            f"{name} is a URL: pip install 'minpy[url]', and the package that fsspec needs for {kind}://"
        ) from None
    return fsspec


def _failed(name, error):
    return MXNetError(f'Open "{name}": {getattr(error, "strerror", None) or error}')


def open_file(name, mode):
    """Open a file or URL.

    Parameters
    ----------
    name : str
    mode : str
        As of `open`.

    Raises
    ------
    MXNetError
        When it cannot be opened, or is a URL and fsspec or its part for that kind of URL is missing.
    """
    path = _local(name)
    if path is not None:
        try:
            return open(os.path.expanduser(path), mode)
        except (OSError, ValueError) as error:
            raise _failed(name, error) from error
    fsspec = _fsspec(name)
    try:
        return fsspec.open(name, mode).open()
    except Exception as error:  # backends raise classes of their own
        raise _failed(name, error) from error


def read_file(name):
    """The bytes of a file or URL."""
    with open_file(name, "rb") as file:
        try:
            return file.read()
        except OSError as error:
            raise _failed(name, error) from error


def exists(name):
    """Whether there is a file or URL of this name."""
    path = _local(name)
    if path is not None:
        return os.path.exists(path)
    try:
        file_system, inner = _fsspec(name).core.url_to_fs(name)
        return file_system.exists(inner)
    except MXNetError:
        raise
    except Exception as error:
        raise _failed(name, error) from error


def write_atomically(name, content):
    """Write bytes to a file under a temporary name, then rename it; or to a URL.

    Raises
    ------
    MXNetError
        When it cannot be written.
    """
    if not isinstance(name, str):
        raise TypeError("fname required to be a string")
    path = _local(name)
    if path is not None:
        _write_and_rename(path, content)
        return
    try:
        with open_file(name, "wb") as file:
            file.write(content)
    except MXNetError:
        raise
    except Exception as error:
        raise _failed(name, error) from error


def _write_and_rename(path, content):
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=os.path.basename(path) + ".")
    except (OSError, ValueError) as error:
        raise MXNetError(f"cannot write {path!r}: {getattr(error, 'strerror', None) or error}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
