"""Reading and writing RecordIO files, and the images with labels inside them.

A record is the word 0xced7230a, a word with a flag in its upper 3 bits and the length in the others, and the data,
filled up to a multiple of 4 bytes. Where data contain the first word at a multiple of 4 they are cut there into parts
(flags 1, 2 ... 2, 3), and the word itself is left out. All numbers are little endian.
"""

import numbers
import os
import struct
from collections import namedtuple

import numpy as np

from minpy._files import open_file
from minpy.base import MXNetError

__all__ = [
    "IRHeader",
    "MXIndexedRecordIO",
    "MXRecordIO",
    "pack",
    "pack_img",
    "unpack",
    "unpack_img",
]

_MAGIC = struct.pack("<I", 0xCED7230A)
_LENGTH_BITS = 29
# Beyond it a record's length is compared with the file's before room is made for it.
_UNCHECKED_LENGTH = 1 << 20
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


def _parts(data):
    """`data` without the magic words in it, cut where they were."""
    start = 0
    at = data.find(_MAGIC)
    while at >= 0:
        if at % 4:
            at = data.find(_MAGIC, at + 1)
        else:
            yield data[start:at]
            start = at + 4
            at = data.find(_MAGIC, start)
    yield data[start:]


class MXRecordIO:
    """A RecordIO file that is read or written from its start to its end.

    Parameters
    ----------
    uri : str
        Path of the file.
    flag : {'r', 'w'}
        Read, or write a new file.

    Raises
    ------
    ValueError
        For another flag.
    MXNetError
        When the file cannot be opened.

    Examples
    --------
    >>> with mx.recordio.MXRecordIO("data.rec", "w") as file:
    ...     file.write(b"first")
    >>> mx.recordio.MXRecordIO("data.rec", "r").read()
    b'first'
    """

    def __init__(self, uri, flag):
        self.uri = os.fspath(uri)
        self.flag = flag
        self.pid = None
        self.is_open = False
        self._file = None
        self.open()

    def open(self):
        """Open the file: reading starts at its beginning, writing empties it."""
        if self.flag not in ("r", "w"):
            raise ValueError(f"Invalid flag {self.flag}")
        self.writable = self.flag == "w"
        self._file = open_file(self.uri, self.flag + "b")
        self.pid = os.getpid()
        self.is_open = True

    def close(self):
        """Close the file; further calls do nothing."""
        if not self.is_open:
            return
        self._file.close()
        self.is_open = False
        self.pid = None

    def __del__(self):
        if getattr(self, "is_open", False):
            self.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def __getstate__(self):
        if self.writable:
            raise TypeError(f"a record file that is being written cannot be pickled: {self.uri}")
        return {**self.__dict__, "_file": None}

    def __setstate__(self, state):
        self.__dict__.update(state)
        if self.is_open:
            self.is_open = False
            self.open()

    def _check_pid(self, allow_reset=False):
        """A file that was opened before a fork shares its position with the other process: open it again."""
        if self.pid == os.getpid():
            return
        if not allow_reset:
            raise RuntimeError("Forbidden operation in multiple processes")
        self.reset()

    def reset(self):
        """Go back to the first record; a file that is being written becomes empty."""
        self.close()
        self.open()

    def write(self, buf):
        """Append a record.

        Parameters
        ----------
        buf : bytes
            Less than 2**29 of them.
        """
        assert self.writable
        self._check_pid()
        size = memoryview(buf).nbytes
        if size >= 1 << _LENGTH_BITS:
            raise MXNetError(f"RecordIO only accept record less than 2^29 bytes, this one has {size}")
        data = bytes(buf)
        parts = list(_parts(data))
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            flag = (_WHOLE if last else _FIRST) if i == 0 else (_LAST if last else _MIDDLE)
            self._file.write(_MAGIC + struct.pack("<I", flag << _LENGTH_BITS | len(part)) + part)
        self._file.write(bytes(-len(data) % 4))

    def read(self):
        """The next record.

        Returns
        -------
        bytes or None
            None after the last record.

        Raises
        ------
        MXNetError
            When the file is damaged; names it and the place.
        """
        assert not self.writable
        self._check_pid()
        parts = []
        while True:
            flag, part = self._read_part(len(parts))
            if flag is None:
                return None
            parts.append(part)
            if flag in (_WHOLE, _LAST):
                return _MAGIC.join(parts) if len(parts) > 1 else part

    def _read_head(self, earlier):
        """The flag and length of the next part, which follows `earlier` ones of its record; Nones behind the last."""
        start = self._file.tell()
        head = self._file.read(8)
        if not head and not earlier:
            return None, None
        if len(head) < 8:
            self._fail(start, "the file ends inside a record")
        if head[:4] != _MAGIC:
            self._fail(start, "no record starts here")
        word = struct.unpack_from("<I", head, 4)[0]
        flag, length = word >> _LENGTH_BITS, word & ((1 << _LENGTH_BITS) - 1)
        if flag not in ((_MIDDLE, _LAST) if earlier else (_WHOLE, _FIRST)):
            self._fail(start, f"a part of a record with flag {flag} is out of order")
        return flag, length

    def _read_part(self, earlier):
        start = self._file.tell()
        flag, length = self._read_head(earlier)
        if flag is None:
            return None, None
        padded = length + -length % 4
        if padded > _UNCHECKED_LENGTH and padded > self._remaining():
            self._fail(start, f"the file ends inside a record of {length} bytes")
        data = self._file.read(padded)
        if len(data) < padded:
            self._fail(start, f"the file ends inside a record of {length} bytes")
        return flag, data[:length]

    def offsets(self):
        """Where the records begin, from here to the end of the file; only their heads are read."""
        found, inside = [], False
        while True:
            start = self._file.tell()
            flag, length = self._read_head(inside)
            if flag is None:
                return found
            if not inside:
                found.append(start)
            inside = flag in (_FIRST, _MIDDLE)
            self._file.seek(length + -length % 4, os.SEEK_CUR)

    def _remaining(self):
        at = self._file.tell()
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(at)
        return end - at

    def _fail(self, offset, reason):
        raise MXNetError(f"Invalid RecordIO File {self.uri} at byte {offset}: {reason}")


class MXIndexedRecordIO(MXRecordIO):
    """A RecordIO file with an index, so that records can be read in any order.

    Parameters
    ----------
    idx_path : str
        Path of the index: a line of text ``key<TAB>offset`` for each record.
    uri : str
        Path of the records.
    flag : {'r', 'w'}
        Read, or write new files.
    key_type : type
        Of the keys.

    Raises
    ------
    OSError
        When the index cannot be opened.
    MXNetError
        When the records cannot be opened, or the index has other lines.

    Attributes
    ----------
    keys : list
        In the order of the index.
    idx : dict
        From key to offset.
    """

    def __init__(self, idx_path, uri, flag, key_type=int):
        self.idx_path = os.fspath(idx_path)
        self.idx = {}
        self.keys = []
        self.key_type = key_type
        self.fidx = None
        super().__init__(uri, flag)

    def open(self):
        super().open()
        self.idx = {}
        self.keys = []
        try:
            index = self._open_index()
        except (OSError, MXNetError):
            self.close()
            raise
        if self.writable:
            self.fidx = index
            return
        with index:
            number = 0
            try:
                for number, line in enumerate(index, 1):
                    if line.strip():
                        self._read_line(line, number)
            except UnicodeDecodeError as error:
                raise MXNetError(
                    f"Invalid index file {self.idx_path} after line {number}: {error.reason}"
                ) from None

    def _open_index(self):
        return (
            open_file(self.idx_path, self.flag) if "://" in self.idx_path else open(self.idx_path, self.flag)
        )

    def _read_line(self, line, number):
        try:
            key, offset = line.strip().split("\t")[:2]
            key, offset = self.key_type(key), int(offset)
            if not 0 <= offset < 1 << 63:
                raise ValueError
        except ValueError:
            raise MXNetError(
                f"Invalid index file {self.idx_path} at line {number}: key and offset expected, got {line!r}"
            ) from None
        self.idx[key] = offset
        self.keys.append(key)

    def close(self):
        if not self.is_open:
            return
        super().close()
        if self.fidx is not None:
            self.fidx.close()

    def seek(self, idx):
        """Go to the record of a key; `read` reads it next.

        Raises
        ------
        KeyError
            When there is no such key.
        """
        assert not self.writable
        self._check_pid(allow_reset=True)
        self._file.seek(self.idx[idx])

    def tell(self):
        """The offset at which the next record will be written."""
        assert self.writable
        return self._file.tell()

    def read_idx(self, idx):
        """The record of a key, as bytes. May be called in a process forked after the file was opened.

        Raises
        ------
        KeyError
            When there is no such key.
        MXNetError
            When no record starts where the index says.
        """
        self.seek(idx)
        record = self.read()
        if record is None:
            raise MXNetError(f"{self.idx_path}: key {idx} lies beyond the end of {self.uri}")
        return record

    def write_idx(self, idx, buf):
        """Append a record under a key."""
        key = self.key_type(idx)
        offset = self.tell()
        self.write(buf)
        self.fidx.write(f"{key}\t{offset}\n")
        self.idx[key] = offset
        self.keys.append(key)


HEADER = namedtuple("HEADER", ["flag", "label", "id", "id2"])
HEADER.__doc__ = """What precedes an image in a record.

Parameters
----------
flag : int
    Number of labels when they are an array; `pack` sets it.
label : float or array of float
id : int
    Number of the image.
id2 : int
    Upper bits of the number, usually 0.
"""
IRHeader = HEADER
_IR_FORMAT = "<IfQQ"
_IR_SIZE = struct.calcsize(_IR_FORMAT)


def pack(header, s):
    """A header and data as one record.

    Parameters
    ----------
    header : IRHeader
    s : bytes

    Returns
    -------
    bytes
    """
    header = IRHeader(*header)
    if isinstance(header.label, numbers.Number):
        return struct.pack(_IR_FORMAT, 0, header.label, header.id, header.id2) + s
    label = np.asarray(header.label, dtype=np.float32)
    return struct.pack(_IR_FORMAT, label.size, 0, header.id, header.id2) + label.tobytes() + s


def unpack(s):
    """The header and the data of a record.

    Parameters
    ----------
    s : bytes

    Returns
    -------
    tuple of IRHeader and bytes

    Raises
    ------
    MXNetError
        When the record is too short for its header.
    """
    if len(s) < _IR_SIZE:
        raise MXNetError(f"a record of {len(s)} bytes is too short for a header of {_IR_SIZE}")
    header = IRHeader(*struct.unpack_from(_IR_FORMAT, s))
    start = _IR_SIZE + 4 * header.flag
    if len(s) < start:
        raise MXNetError(f"a record of {len(s)} bytes is too short for {header.flag} labels")
    if header.flag > 0:
        header = header._replace(label=np.frombuffer(s, np.float32, header.flag, _IR_SIZE))
    return header, s[start:]


def pack_img(header, img, quality=95, img_fmt=".jpg"):
    """A header and an image as one record.

    Parameters
    ----------
    header : IRHeader
    img : numpy.ndarray
        Of uint8, height by width, with 3 channels blue, green, red, or 4 with alpha, or none.
    quality : int
        Of JPEG files 1 to 100, of PNG files the compression 1 to 9.
    img_fmt : str
        The kind of file by its ending.

    Returns
    -------
    bytes
    """
    from minpy import _image_codec

    return pack(header, _image_codec.encode(np.asarray(img), quality, img_fmt))


def unpack_img(s, iscolor=-1):
    """The header and the image of a record.

    Parameters
    ----------
    s : bytes
    iscolor : int
        1: three channels, 0: grey, -1: as in the file.

    Returns
    -------
    tuple of IRHeader and numpy.ndarray
        Channels are blue, green, red.

    Raises
    ------
    MXNetError
        When the data are no image.
    """
    from minpy import _image_codec

    header, data = unpack(s)
    return header, _image_codec.decode(data, iscolor)
