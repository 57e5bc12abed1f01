"""Files of a data set: paths that stay inside its folder, images and label maps that are whole."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rose_model.errors import DataError

_FORMATS = ('JPEG', 'PNG')
_END_OF_JPEG, _END_OF_PNG = b'\xff\xd9', b'IEND'
_TAIL_BYTES = 4096
_COLOUR_MODES = frozenset({'1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'CMYK', 'YCbCr'})
_LABEL_MODES = frozenset({'L', 'P'})
_WIDE_MODES = frozenset({'L', 'I;16', 'I'})
# What Pillow lets through from its decoders.
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def path_inside(root: Path, name: str) -> Path:
    """``root / name`` for a name that was read from a file.

    Raises:
        DataError: the name is empty, absolute, has a ``..``, or leads out of ``root`` by a link.
    """
    parts = PurePosixPath(name)
    if not name or '\0' in name or parts.is_absolute() or '..' in parts.parts:
        raise DataError(f'File name {name!r} is not a path below {root}; correct the annotations.')
    try:
        inside = (root / parts).resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # a ring of links
        raise DataError(f'File name {name!r} below {root} cannot be followed: {error}.') from error
    if not inside:
        raise DataError(
            f'File name {name!r} leads out of {root} by a link; put the file there itself.'
        )
    return root / parts


def has_file(folder: Path, suffix: str) -> bool:
    """Whether a folder exists and has a file of that suffix (``'.png'``) in it."""
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(entry.name.endswith(suffix) for entry in entries)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of a JPEG or PNG file in pixels, without decoding it.

    Raises:
        DataError: there is no such file, it is no such image, or it lacks its end.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            # Phones write JPEG files of two views, which Pillow calls MPO.
            mark = _END_OF_PNG if image.format == 'PNG' else _END_OF_JPEG
        with path.open('rb') as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            complete = mark in file.read()
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error
    if not complete:
        raise DataError(f'{path} is cut off: its end is missing; copy it again.')
    return height, width


def read_image(path: Path) -> NDArray[np.uint8]:
    """A JPEG or PNG file as uint8 RGB ``[H, W, 3]``, in the order of its stored pixels.

    An EXIF orientation is not applied: annotations speak of the stored pixels.

    Raises:
        DataError: the file cannot be decoded to its end, or has more than 8 bits a channel.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.mode not in _COLOUR_MODES:
                raise DataError(f'{path} has mode {image.mode}; convert it to 8-bit RGB.')
            return np.array(image.convert('RGB'), np.uint8)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def read_label_map(path: Path) -> NDArray[np.uint8]:
    """A PNG file of 8-bit grey values or palette indices as uint8 ``[H, W]``.

    Raises:
        DataError: the file cannot be decoded to its end, or has colours or 16 bits.
    """
    return _read_png(path, _LABEL_MODES, 'labels are 8-bit grey or palette').astype(np.uint8)


def read_wide_label_map(path: Path) -> NDArray[np.int32]:
    """A PNG file of grey values with 8 or 16 bits as int32 ``[H, W]``.

    Raises:
        DataError: the file cannot be decoded to its end, or has colours.
    """
    return _read_png(path, _WIDE_MODES, 'instance ids are 16-bit grey').astype(np.int32)


def read_colour_map(path: Path) -> NDArray[np.int32]:
    """The red, green and blue values of a PNG file that holds ids, int32 ``[H, W, 3]``.

    Raises:
        DataError: the file cannot be decoded to its end, or is no RGB file of 8 bits a channel.
    """
    return _read_png(path, frozenset({'RGB'}), 'ids in colours are 8-bit RGB').astype(np.int32)


def _read_png(path: Path, modes: frozenset[str], expected: str) -> NDArray[Any]:
    try:
        with Image.open(path, formats=('PNG',)) as image:
            if image.mode not in modes:
                raise DataError(f'{path} has mode {image.mode}; {expected} PNG files.')
            return np.array(image)
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write RGB ``[H, W, 3]`` or labels ``[H, W]``; the same pixels give the same bytes.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        Image.fromarray(pixels).save(path, 'PNG', compress_level=6)
    except OSError as error:
        raise DataError(f'cannot write {path}: {error}; choose another folder.') from error


def read_json(path: Path, encoding: str | None = None) -> dict[str, Any]:
    """The object in a JSON file; without ``encoding`` in one that JSON allows.

    Raises:
        DataError: the file cannot be read, is no JSON, or holds something else than an object.
    """
    try:
        raw = path.read_bytes()
        content = json.loads(raw if encoding is None else raw.decode(encoding))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f'{path} is not a readable JSON file: {error}.') from error
    if not isinstance(content, dict):
        raise DataError(f'{path} holds a {type(content).__name__}; annotations are an object.')
    return content


def _unreadable(path: Path, error: BaseException) -> DataError:
    if not path.is_file():
        return DataError(f'{path} is not a file; complete the data set.')
    if not path.stat().st_size:
        return DataError(f'{path} is empty; copy it again.')
    return DataError(f'{path} cannot be decoded as JPEG or PNG: {error}; copy it again.')
