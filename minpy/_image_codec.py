"""Image files in memory, by OpenCV where it is installed and by Pillow else; channels are blue, green, red."""

import functools
import io

import numpy as np

from minpy.base import MXNetError

_GREY, _COLOUR = 0, 1


@functools.cache  # a search for a module that is missing takes as long as decoding a small image
def _library():
    try:
        import cv2

        return cv2, None
    except ImportError:
        pass
    try:
        from PIL import Image

        return None, Image
    except ImportError:
        raise ImportError(
            "reading and writing images needs opencv-python-headless or Pillow: pip install Pillow"
        ) from None


def encode(image, quality, file_format):
    """The bytes of an image file.

    Parameters
    ----------
    image : numpy.ndarray
        Of uint8.
    quality : int
        Of JPEG files, or the compression of PNG files.
    file_format : str
        An ending such as ``.jpg``.
    """
    cv2, pillow = _library()
    kind = file_format.lower().lstrip(".")
    kind = "jpeg" if kind == "jpg" else kind
    if cv2 is not None:
        option = {"jpeg": cv2.IMWRITE_JPEG_QUALITY, "png": cv2.IMWRITE_PNG_COMPRESSION}.get(kind)
        done, data = cv2.imencode(file_format, image, None if option is None else [option, quality])
        assert done, "failed to encode image"
        return data.tobytes()
    if image.ndim == 3 and image.shape[2] in (3, 4):
        image = image[:, :, [2, 1, 0, 3][: image.shape[2]]]
    elif image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    options = {"jpeg": {"quality": quality}, "png": {"compress_level": min(quality, 9)}}.get(kind, {})
    data = io.BytesIO()
    pillow.fromarray(np.ascontiguousarray(image)).save(data, kind, **options)
    return data.getvalue()


def decode(data, colour, rgb=False):
    """The image in the bytes of a file, as numpy.ndarray of uint8.

    Parameters
    ----------
    data : bytes
    colour : int
        1: three channels, 0: grey, -1: as in the file.
    rgb : bool
        Whether channels are red, green, blue; else blue, green, red.

    Raises
    ------
    MXNetError
        When this is no image.
    """
    cv2, pillow = _library()
    if cv2 is not None:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), colour) if data else None
        if image is None:
            raise MXNetError(f"{len(data)} bytes could not be decoded as an image")
        return _swapped(image) if rgb else image
    try:
        image = pillow.open(io.BytesIO(data))
        image.load()
    except Exception as error:
        raise MXNetError(f"{len(data)} bytes could not be decoded as an image: {error}") from error
    if colour == _GREY:
        return np.array(image.convert("L"))
    if colour == _COLOUR or image.mode not in ("L", "RGBA"):
        image = image.convert("RGB")
    pixels = np.array(image)
    return pixels if rgb else _swapped(pixels)


def _swapped(pixels):
    """Red and blue exchanged, where there are colours."""
    return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]])
