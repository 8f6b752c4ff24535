"""RecordIO; data/raw.rec, img.rec and img.idx were written by MXNet 1.9.1."""

import os
import pathlib
import pickle
import struct
import sys

import numpy
import pytest

import minpy as mx
from minpy import recordio
from minpy.recordio import IRHeader, MXIndexedRecordIO, MXRecordIO

FOLDER = pathlib.Path(__file__).parent / "data"
IMAGES = numpy.load(FOLDER / "img_expected.npz")
MAGIC = struct.pack("<I", 0xCED7230A)
RECORDS = [
    b"",
    b"a",
    b"abc",
    b"abcd",
    bytes(range(256)) * 3,
    MAGIC,
    b"xxxx" + MAGIC + b"yyyy" + MAGIC,
    b"x" + MAGIC + b"z",
]


def read_all(path):
    with MXRecordIO(path, "r") as file:
        return list(iter(file.read, None))


def part(data, flag=0, length=None):
    return MAGIC + struct.pack("<I", flag << 29 | (len(data) if length is None else length)) + data


@pytest.fixture
def file(tmp_path):
    def write(data):
        path = tmp_path / "x.rec"
        path.write_bytes(data)
        return str(path)

    return write


def test_read_what_mxnet_wrote():
    assert read_all(FOLDER / "raw.rec") == RECORDS


def test_write_what_mxnet_writes(tmp_path):
    with MXRecordIO(str(tmp_path / "raw.rec"), "w") as out:
        for record in RECORDS:
            out.write(record)
    assert (tmp_path / "raw.rec").read_bytes() == (FOLDER / "raw.rec").read_bytes()


@pytest.mark.parametrize("seed", range(5))
def test_every_record_comes_back(tmp_path, seed):
    """Records rich in magic words at all alignments."""
    rng = numpy.random.default_rng(seed)
    pieces = [b"", b"a", b"bc", b"def", b"ghij", MAGIC, MAGIC[:3], MAGIC * 3]
    records = [
        b"".join(pieces[i] for i in rng.integers(0, len(pieces), rng.integers(0, 12))) for _ in range(200)
    ]
    path = tmp_path / "x.rec"
    with MXRecordIO(path, "w") as out:
        for record in records:
            out.write(bytearray(record))
    assert read_all(path) == records
    data = path.read_bytes()
    heads, at = 0, 0
    while at < len(data):  # the magic word at a multiple of 4 starts a part, and nothing else does
        assert data[at : at + 4] == MAGIC
        length = struct.unpack_from("<I", data, at + 4)[0] & (1 << 29) - 1
        body = data[at + 8 : at + 8 + length]
        assert all(body[i : i + 4] != MAGIC for i in range(0, length, 4))
        at += 8 + length + -length % 4
        heads += 1
    assert heads == sum(1 + sum(r[i : i + 4] == MAGIC for i in range(0, len(r) - 3, 4)) for r in records)


@pytest.mark.parametrize(
    "data, offset, reason",
    [
        (MAGIC, 0, "the file ends inside a record"),
        (part(b"ab", length=4), 0, "the file ends inside a record of 4 bytes"),
        (part(b"abc"), 0, "the file ends inside a record of 3 bytes"),
        (b"xxxxxxxx", 0, "no record starts here"),
        (part(b"abcd") + b"junkjunk", 12, "no record starts here"),
        (part(b"abcd", flag=3), 0, "a part of a record with flag 3 is out of order"),
        (part(b"abcd", flag=1) + part(b"abcd"), 12, "a part of a record with flag 0 is out of order"),
        (part(b"abcd", flag=1), 12, "the file ends inside a record"),
        (part(b"abcd", flag=7), 0, "a part of a record with flag 7 is out of order"),
    ],
)
def test_damaged_files(file, data, offset, reason):
    path = file(data)
    with pytest.raises(mx.MXNetError, match=f"Invalid RecordIO File {path} at byte {offset}: {reason}"):
        read_all(path)


@pytest.mark.parametrize("size", range(1, 40))
def test_any_truncation_raises(file, size):
    whole = (FOLDER / "raw.rec").read_bytes()
    ends = {0, 8, 20, 32}  # after the first records nothing is missing
    path = file(whole[:size])
    if size in ends:
        assert read_all(path) == RECORDS[: sorted(ends).index(size)]
    else:
        with pytest.raises(mx.MXNetError, match="the file ends inside a record"):
            read_all(path)


def test_opening(tmp_path):
    with pytest.raises(mx.MXNetError, match='Open ".*missing.rec": No such file or directory'):
        MXRecordIO(str(tmp_path / "missing.rec"), "r")
    with pytest.raises(ValueError, match="Invalid flag a"):
        MXRecordIO(str(FOLDER / "raw.rec"), "a")
    with pytest.raises(FileNotFoundError):
        MXIndexedRecordIO(str(tmp_path / "missing.idx"), str(FOLDER / "img.rec"), "r")
    (tmp_path / "bad.idx").write_text("0\t0\n1 16\n")
    with pytest.raises(
        mx.MXNetError, match=r"Invalid index file .*bad.idx at line 2: key and offset expected"
    ):
        MXIndexedRecordIO(str(tmp_path / "bad.idx"), str(FOLDER / "img.rec"), "r")


def test_reset_and_misuse(tmp_path):
    reader = MXRecordIO(str(FOLDER / "raw.rec"), "r")
    assert [reader.read() for _ in range(3)] == RECORDS[:3]
    reader.reset()
    assert reader.read() == RECORDS[0]
    with pytest.raises(AssertionError):
        reader.write(b"x")
    reader.close()
    reader.close()
    writer = MXRecordIO(str(tmp_path / "x.rec"), "w")
    writer.write(b"first")
    with pytest.raises(AssertionError):
        writer.read()
    for wrong in ("text", 5):
        with pytest.raises(TypeError):
            writer.write(wrong)
    writer.reset()
    writer.write(b"second")
    writer.close()
    assert read_all(tmp_path / "x.rec") == [b"second"]


def test_too_long(tmp_path):
    with (
        MXRecordIO(str(tmp_path / "x.rec"), "w") as writer,
        pytest.raises(mx.MXNetError, match=r"RecordIO only accept record less than 2\^29 bytes"),
    ):
        writer.write(bytes(1 << 29))


def test_index(tmp_path):
    idx, rec = str(tmp_path / "x.idx"), str(tmp_path / "x.rec")
    with MXIndexedRecordIO(idx, rec, "w") as writer:
        positions = [writer.tell()]
        for i, record in enumerate(RECORDS):
            writer.write_idx(10 * i, record)
            positions.append(writer.tell())
    assert pathlib.Path(idx).read_text() == "".join(f"{10 * i}\t{p}\n" for i, p in enumerate(positions[:-1]))
    reader = MXIndexedRecordIO(idx, rec, "r")
    assert reader.keys == [10 * i for i in range(len(RECORDS))] and reader.idx[20] == positions[2]
    for i in (6, 0, 7, 3):
        assert reader.read_idx(10 * i) == RECORDS[i]
    reader.seek(40)
    assert reader.read() == RECORDS[4] and reader.read() == RECORDS[5]
    with pytest.raises(KeyError):
        reader.read_idx(5)
    with pytest.raises(AssertionError):
        reader.tell()
    reader.reset()
    assert reader.read() == RECORDS[0]


def test_text_keys(tmp_path):
    idx, rec = str(tmp_path / "x.idx"), str(tmp_path / "x.rec")
    with MXIndexedRecordIO(idx, rec, "w", key_type=str) as writer:
        writer.write_idx("cat.jpg", b"cat")
    assert MXIndexedRecordIO(idx, rec, "r", key_type=str).read_idx("cat.jpg") == b"cat"


def test_pickles_open_the_file_again():
    reader = MXIndexedRecordIO(str(FOLDER / "img.idx"), str(FOLDER / "img.rec"), "r")
    reader.read_idx(3)
    other = pickle.loads(pickle.dumps(reader))
    assert other.read_idx(7) == reader.read_idx(7) and other.keys == reader.keys
    closed = MXRecordIO(str(FOLDER / "raw.rec"), "r")
    closed.close()
    assert not pickle.loads(pickle.dumps(closed)).is_open


def test_a_file_being_written_is_not_pickled(tmp_path):
    with MXRecordIO(str(tmp_path / "x.rec"), "w") as writer, pytest.raises(TypeError, match="x.rec"):
        pickle.dumps(writer)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_after_fork():
    """The child must not move the parent's place in the file, and may read by key only."""
    sequential = MXRecordIO(str(FOLDER / "raw.rec"), "r")
    indexed = MXIndexedRecordIO(str(FOLDER / "img.idx"), str(FOLDER / "img.rec"), "r")
    expected = [indexed.read_idx(key) for key in indexed.keys]
    indexed.seek(1)
    pid = os.fork()
    if pid == 0:
        try:
            same = [indexed.read_idx(key) for key in indexed.keys] == expected
            try:
                sequential.read()
                same = False
            except RuntimeError as error:
                same = same and "Forbidden operation in multiple processes" in str(error)
            os._exit(0 if same else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    assert indexed.read() == expected[1] and sequential.read() == RECORDS[0]


def test_pack():
    packed = recordio.pack(IRHeader(3, 4.5, 77, 88), b"payload")
    assert packed == struct.pack("<IfQQ", 0, 4.5, 77, 88) + b"payload"
    header, data = recordio.unpack(packed)
    assert header == IRHeader(0, 4.5, 77, 88) and data == b"payload"
    assert (
        repr(header) == "HEADER(flag=0, label=4.5, id=77, id2=88)"
        and pickle.loads(pickle.dumps(header)) == header
    )
    for label in ([1, 2, 3], numpy.arange(1, 4), mx.nd.array([1, 2, 3])):
        packed = recordio.pack((0, label, 5, 0), b"data")
        assert packed[:4] == struct.pack("<I", 3) and len(packed) == 24 + 12 + 4
        header, data = recordio.unpack(packed)
        assert header.label.tolist() == [1, 2, 3] and header.label.dtype == numpy.float32 and data == b"data"
    assert recordio.unpack(recordio.pack(IRHeader(0, numpy.float32(2), 1, 0), b""))[0].label == 2


def test_unpack_damaged():
    with pytest.raises(mx.MXNetError, match="a record of 10 bytes is too short for a header of 24"):
        recordio.unpack(b"0123456789")
    with pytest.raises(mx.MXNetError, match="a record of 28 bytes is too short for 3 labels"):
        recordio.unpack(recordio.pack(IRHeader(0, [1, 2, 3], 0, 0), b"")[:28])


def test_images_that_mxnet_wrote():
    pytest.importorskip("PIL")
    reader = MXIndexedRecordIO(str(FOLDER / "img.idx"), str(FOLDER / "img.rec"), "r")
    for i in range(5):
        header, image = recordio.unpack_img(reader.read_idx(i))
        numpy.testing.assert_array_equal(header.label, IMAGES[f"label{i}"])
        assert header.id == i and image.dtype == numpy.uint8
        # Odd ones are JPEG files, which decoders round differently.
        numpy.testing.assert_allclose(
            image.astype(int), IMAGES[f"dec{i}"].astype(int), atol=3 if i % 2 else 0
        )
    header, data = recordio.unpack(reader.read_idx(7))
    assert header == IRHeader(0, 4.5, 77, 88) and data == b"payload"


@pytest.mark.parametrize("shape", [(8, 9, 3), (8, 9, 4), (8, 9), (8, 9, 1)])
def test_images_come_back(shape):
    pytest.importorskip("PIL")
    image = numpy.random.default_rng(0).integers(0, 256, shape, dtype="uint8")
    header, again = recordio.unpack_img(recordio.pack_img(IRHeader(0, 1.0, 2, 0), image, 9, ".png"))
    numpy.testing.assert_array_equal(again, image.squeeze())
    assert header.label == 1.0
    packed = recordio.pack_img(IRHeader(0, 1.0, 2, 0), image, 100, ".png")
    assert recordio.unpack_img(packed, 1)[1].shape == (8, 9, 3)
    assert recordio.unpack_img(packed, 0)[1].shape == (8, 9)


def test_channels_and_jpeg():
    pil = pytest.importorskip("PIL.Image")
    import io

    image = numpy.zeros((16, 16, 3), "uint8")
    image[..., 0] = 250  # blue
    packed = recordio.pack_img(IRHeader(0, 1.0, 2, 0), image)
    opened = pil.open(io.BytesIO(recordio.unpack(packed)[1]))
    assert opened.format == "JPEG" and opened.getpixel((3, 3))[2] > 240 > 10 > opened.getpixel((3, 3))[0]
    assert abs(recordio.unpack_img(packed)[1].astype(int) - image).max() < 6
    small = recordio.pack_img(IRHeader(0, 1.0, 2, 0), IMAGES["img0"], 5)
    assert len(small) < len(recordio.pack_img(IRHeader(0, 1.0, 2, 0), IMAGES["img0"], 100))
    with pytest.raises(mx.MXNetError, match="7 bytes could not be decoded as an image"):
        recordio.unpack_img(recordio.pack(IRHeader(0, 1, 1, 1), b"payload"))
