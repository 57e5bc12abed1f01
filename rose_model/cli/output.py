"""What the commands read and write: pictures, JSON records and tables of segments."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from rich.text import Text

from rose_model.errors import DataError
from rose_model.records import Segment, Segmentation
from rose_model.segment_record import SegmentRecord


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """The picture as uint8 RGB ``[H, W, 3]``, turned upright where its EXIF data says so.

    Raises:
        DataError: there is no such file, or OpenCV cannot decode it.
    """
    if not path.is_file():
        raise DataError(f'{path} is not a file; name a picture.')
    rgb = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if rgb is None:
        raise DataError(f'{path} is not a picture that OpenCV can decode; convert it to PNG.')
    return rgb.astype(np.uint8, copy=False)


def write_rgb(path: Path, rgb: NDArray[np.uint8]) -> Path:
    """Write a uint8 RGB picture and its folder; returns ``path``.

    Raises:
        DataError: the file cannot be written.
    """
    written, encoded = cv2.imencode('.png', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not written:
        raise DataError(f'{path}: a picture of shape {rgb.shape} cannot be coded as PNG.')
    _write(path, encoded.tobytes())
    return path


def write_json(path: Path, record: dict[str, Any]) -> Path:
    """Write a record as indented JSON and its folder; returns ``path``."""
    _write(path, (json.dumps(record, indent=2, ensure_ascii=False) + '\n').encode())
    return path


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise DataError(f'cannot write {path}: {error.strerror}; choose another --out.') from error


def segmentation_to_dict(segmentation: Segmentation, image: Path, model: str) -> dict[str, Any]:
    """A segmented picture as plain data, in pixels of the picture that ``read_rgb`` gives."""
    height, width = segmentation.original_size
    return {
        'image': str(image),
        'height': height,
        'width': width,
        'model': model,
        'instruction': segmentation.instruction,
        'segments': [
            SegmentRecord.of(segment).model_dump(mode='json') for segment in segmentation.segments
        ],
    }


def segments_table(segments: Sequence[Segment], title: str, marked: Collection[str] = ()) -> Table:
    """A row a segment; the ids in ``marked`` stand out."""
    table = Table(title=Text(title), title_justify='left')
    table.add_column('id')
    table.add_column('name')
    for heading in ('name score', 'objectness', 'mask score', 'area / px'):
        table.add_column(heading, justify='right')
    table.add_column('kind')
    table.add_column('box x1 y1 x2 y2 / px')
    for segment in segments:
        table.add_row(
            Text(segment.id),
            Text(segment.category),  # a generated name is not markup
            f'{segment.category_score:.2f}',
            f'{segment.objectness:.2f}',
            f'{segment.mask_score:.2f}',
            str(segment.area),
            'thing' if segment.is_thing else 'stuff',
            ' '.join(map(str, segment.box_xyxy)),
            style='bold green' if segment.id in marked else None,
        )
    return table
