"""From the fields of an image message to uint8 RGB ``[H, W, 3]``, without trusting any of them.

Pure numpy and OpenCV; no ROS.  Everything is checked before memory is taken that grows with the
claimed size.  Encodings: rgb8, bgr8, 8UC3 (taken as bgr8), rgba8, bgra8, mono8, mono16, the four
Bayer patterns with 8 and 16 bits, yuv422 (uyvy) and yuv422_yuy2 (yuyv).  Compressed: JPEG, PNG.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ros2_rose.bad_image import BadImageError, BadImageReason
from ros2_rose.compressed_header import CompressedHeader, read_header

__all__ = [
    'ENCODINGS',
    'MAX_PIXELS',
    'BadImageError',
    'BadImageReason',
    'CompressedHeader',
    'check_compressed',
    'check_raw',
    'decode_compressed',
    'decode_raw',
]

MAX_PIXELS = 2**25  # 33.5 million, above any automotive camera

# OpenCV reads its own limit when it is loaded.  It stands behind ours, should a header be misread.
os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', str(MAX_PIXELS))

import cv2  # noqa: E402

Buffer = bytes | bytearray | memoryview | array  # type: ignore[type-arg]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Encoding:
    """How many values of which width make a pixel, and the way from them to RGB."""

    channels: int
    bytes_per_value: int
    to_rgb: Callable[[Pixels], Pixels]
    pixels_per_group: int = 1


def decode_raw(
    height: int,
    width: int,
    encoding: str,
    is_bigendian: bool | int,
    step: int,
    data: Buffer,
    *,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """A fresh uint8 RGB ``[height, width, 3]`` from the fields of a ``sensor_msgs/Image``.

    ``step`` is the length of a row in bytes; padding at the end of rows is legal and skipped, and
    may be missing after the last row.  16-bit values keep their upper 8 bits.

    Raises:
        BadImageError: with a reason other than ``DECODE``, see :func:`check_raw`.
    """
    check_raw(height, width, encoding, step, len(data), max_pixels=max_pixels)
    layout = _ENCODINGS[encoding]
    row_bytes = width * layout.channels * layout.bytes_per_value
    # Safe: check_raw has shown that the last row ends inside the data.
    rows = np.lib.stride_tricks.as_strided(
        np.frombuffer(data, dtype=np.uint8), (height, row_bytes), (step, 1), writeable=False
    )
    values = np.ascontiguousarray(rows)
    if layout.bytes_per_value == 2:
        values = values[:, 0 if is_bigendian else 1 :: 2]  # the upper byte of each value
    try:
        return layout.to_rgb(values.reshape(height, width, layout.channels))
    except cv2.error as error:
        raise BadImageError(
            BadImageReason.ENCODING,
            f'OpenCV cannot convert {width}x{height} {encoding}: {error}.',
        ) from error


def check_raw(
    height: int,
    width: int,
    encoding: str,
    step: int,
    size: int,
    *,
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Check that ``size`` bytes are an image of these fields; takes no memory.

    Raises:
        BadImageError: ``EMPTY``, ``TOO_LARGE``, ``ENCODING``, ``STEP`` or ``DATA_SIZE``.
    """
    _check_pixels(height, width, max_pixels)
    layout = _ENCODINGS.get(encoding)
    if layout is None:
        known = ', '.join(_ENCODINGS)
        raise BadImageError(
            BadImageReason.ENCODING,
            f'The encoding {encoding[:64]!r} is not supported; use one of {known}.',
        )
    if width % layout.pixels_per_group:
        raise BadImageError(
            BadImageReason.ENCODING,
            f'{encoding} stores pixels in pairs and needs an even width, got {width}.',
        )
    row_bytes = width * layout.channels * layout.bytes_per_value
    if step < row_bytes:
        raise BadImageError(
            BadImageReason.STEP,
            f'step must be at least {row_bytes} for {width} pixels of {encoding}, got {step}.',
        )
    whole = step * height
    unpadded = whole - step + row_bytes
    if size not in (whole, unpadded):
        raise BadImageError(
            BadImageReason.DATA_SIZE,
            f'data must hold step x height = {whole} bytes, got {size}.',
        )


def decode_compressed(
    data: Buffer,
    format: str = '',
    *,
    max_pixels: int = MAX_PIXELS,
) -> Pixels:
    """A fresh uint8 RGB ``[H, W, 3]`` from the fields of a ``sensor_msgs/CompressedImage``.

    The codec is read from the data; ``format``, the message's word for it, is often wrong and not
    used.  The camera's own rows and columns are kept: an EXIF rotation is ignored.

    Raises:
        BadImageError: ``DECODE``, ``EMPTY`` or ``TOO_LARGE``.
    """
    header = check_compressed(data, max_pixels=max_pixels)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:
        raise BadImageError(BadImageReason.DECODE, f'Cannot decode: {error}.') from error
    if bgr is None or bgr.shape != (header.height, header.width, 3):
        raise BadImageError(
            BadImageReason.DECODE,
            f'Cannot decode: the {header.kind} of {header.width}x{header.height} is damaged.',
        )
    return _colour(cv2.COLOR_BGR2RGB)(np.asarray(bgr, dtype=np.uint8))


def check_compressed(data: Buffer, *, max_pixels: int = MAX_PIXELS) -> CompressedHeader:
    """Format and size of a compressed image, read without decoding it.

    Raises:
        BadImageError: ``DECODE``, ``EMPTY`` or ``TOO_LARGE``.
    """
    header = read_header(bytes(data))
    _check_pixels(header.height, header.width, max_pixels)
    return header


def _check_pixels(height: int, width: int, max_pixels: int) -> None:
    if height < 1 or width < 1:
        raise BadImageError(
            BadImageReason.EMPTY, f'The image must have pixels, got {width}x{height}.'
        )
    if height * width > max_pixels:
        raise BadImageError(
            BadImageReason.TOO_LARGE,
            f'The image must have at most max_pixels = {max_pixels} pixels, got {width}x{height}.',
        )


def _colour(code: int) -> Callable[[Pixels], Pixels]:
    def convert(pixels: Pixels) -> Pixels:
        return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)

    return convert


def _bayer(code: int) -> dict[int, _Encoding]:
    return {bits: _Encoding(1, bits // 8, _colour(code)) for bits in (8, 16)}


_UYVY = _Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_UYVY), pixels_per_group=2)
_YUYV = _Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_YUY2), pixels_per_group=2)
_GREY = _colour(cv2.COLOR_GRAY2RGB)
_BGR = _Encoding(3, 1, _colour(cv2.COLOR_BGR2RGB))

# OpenCV names a Bayer pattern by its second row, ROS by its first.
_BAYER_CODES = {
    'rggb': cv2.COLOR_BayerBG2RGB,
    'bggr': cv2.COLOR_BayerRG2RGB,
    'gbrg': cv2.COLOR_BayerGR2RGB,
    'grbg': cv2.COLOR_BayerGB2RGB,
}

_ENCODINGS: dict[str, _Encoding] = {
    'rgb8': _Encoding(3, 1, np.copy),
    'bgr8': _BGR,
    '8UC3': _BGR,
    'rgba8': _Encoding(4, 1, _colour(cv2.COLOR_RGBA2RGB)),
    'bgra8': _Encoding(4, 1, _colour(cv2.COLOR_BGRA2RGB)),
    'mono8': _Encoding(1, 1, _GREY),
    'mono16': _Encoding(1, 2, _GREY),
    **{
        f'bayer_{pattern}{bits}': layout
        for pattern, code in _BAYER_CODES.items()
        for bits, layout in _bayer(code).items()
    },
    'yuv422': _UYVY,
    'uyvy': _UYVY,
    'yuv422_yuy2': _YUYV,
    'yuyv': _YUYV,
}

ENCODINGS = tuple(_ENCODINGS)
"""Every ``Image.encoding`` that can be decoded."""
