"""What a compressed image claims to be, read before anything is decoded.

A decoder trusts the size in the header: 100 kB that claim 30,000 x 30,000 pixels cost gigabytes.
And what becomes of a cut JPEG depends on the decoder's version: some return the whole size with
junk below the cut.  So the structure is walked from the first marker to the last, which costs far
less than decoding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ros2_rose.bad_image import BadImageError, BadImageReason

_JPEG_MAGIC = b'\xff\xd8\xff'
_PNG_MAGIC = b'\x89PNG\r\n\x1a\n'

# In entropy-coded data 0xFF is followed by 0x00 (a stuffed byte) or a restart marker, never by
# another code.
_JPEG_MARKER = re.compile(rb'\xff([^\x00\xff\xd0-\xd7])')
_JPEG_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_START_OF_SCAN = 0xDA
_JPEG_END = 0xD9

# Real files have a few hundred at most; the limit bounds the time that a hostile one can take.
_MAX_PARTS = 50_000


@dataclass(frozen=True)
class CompressedHeader:
    """Format and size of a compressed image, as its own bytes say."""

    kind: Literal['jpeg', 'png']
    height: int
    width: int

    def agrees_with(self, message_format: str) -> bool:
        """False if ``CompressedImage.format`` names another codec.

        Drivers write it in many ways (``jpg``, ``rgb8; jpeg compressed bgr8``), or not at all.
        """
        text = message_format[:64].lower()
        named = {kind for word, kind in _FORMAT_WORDS.items() if word in text}
        return not named or self.kind in named


_FORMAT_WORDS = {'jpeg': 'jpeg', 'jpg': 'jpeg', 'png': 'png', 'webp': 'webp', 'tiff': 'tiff'}


def read_header(data: bytes) -> CompressedHeader:
    """Format and size of a whole JPEG or PNG.

    Raises:
        BadImageError: ``DECODE`` if the data are neither, or end too early.
    """
    if data.startswith(_JPEG_MAGIC):
        return CompressedHeader('jpeg', *_jpeg_size(data))
    if data.startswith(_PNG_MAGIC):
        return CompressedHeader('png', *_png_size(data))
    raise _broken(f'the {len(data)} bytes are neither JPEG nor PNG; send one of the two')


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """(height, width) of the first frame, after walking every marker up to the image's end."""
    size: tuple[int, int] | None = None
    has_scan = False
    position = 2
    for _ in range(_MAX_PARTS):
        marker = _JPEG_MARKER.search(data, position)
        if marker is None:
            raise _broken('the JPEG is cut: it has no end marker')
        code = marker[1][0]
        if code == _JPEG_END:
            break
        length = int.from_bytes(data[marker.end() : marker.end() + 2])
        position = marker.end() + length
        if length < 2 or position > len(data):
            raise _broken(f'the JPEG is cut inside its segment {code:#x}')
        if code in _JPEG_START_OF_FRAME and size is None:
            size = _jpeg_frame_size(data[marker.end() + 2 : position])
        has_scan = has_scan or code == _JPEG_START_OF_SCAN
    else:
        raise _broken(f'the JPEG has more than {_MAX_PARTS} segments')
    if size is None or not has_scan:
        raise _broken('the JPEG has no image in it')
    return size


def _jpeg_frame_size(segment: bytes) -> tuple[int, int]:
    if len(segment) < 6:
        raise _broken('the frame header of the JPEG is too short')
    return int.from_bytes(segment[1:3]), int.from_bytes(segment[3:5])


def _png_size(data: bytes) -> tuple[int, int]:
    """(height, width) from the first chunk, after walking every chunk up to IEND."""
    if data[8:16] != b'\x00\x00\x00\x0dIHDR' or len(data) < 33:
        raise _broken('the PNG does not start with its header chunk')
    position = len(_PNG_MAGIC)
    for _ in range(_MAX_PARTS):
        end = position + 12 + int.from_bytes(data[position : position + 4])
        if end > len(data):
            raise _broken('the PNG is cut: it has no end chunk')
        if data[position + 4 : position + 8] == b'IEND':
            return int.from_bytes(data[20:24]), int.from_bytes(data[16:20])
        position = end
    raise _broken(f'the PNG has more than {_MAX_PARTS} chunks')


def _broken(text: str) -> BadImageError:
    return BadImageError(BadImageReason.DECODE, f'Cannot decode: {text}.')
