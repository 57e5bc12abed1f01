"""Corrections as training examples: the form in which they are stored.

::

    FOLDER/<name>/image.png         the original pixels, RGB
    FOLDER/<name>/correction.json   a CorrectionRecord

A folder whose name ends in ``.partial`` is being written or removed, and counts for nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from rose_model.records import PointHint, RefinementCase, RefineTarget, Segment
from rose_model.segment_record import SegmentRecord

IMAGE_FILE, RECORD_FILE = 'image.png', 'correction.json'
PARTIAL = '.partial'

_Side = Annotated[int, Field(gt=0)]


class CorrectionRecord(BaseModel):
    """What was said about a frame, and the frame's segments before and after it.

    Format 1, which is read as well, knows neither ``instruction`` nor ``label`` nor deletions, and
    its text is never empty.

    Attributes:
        image: Name of the image's file, beside this one.
        height, width: Of the image, in pixels.
        instruction: What the frame had been asked for; empty if nobody knows.
        text: The correction in words; may be empty where ``label``, a click or the case says what
            was wrong.
        label: The category that was stated beside the text, or empty.
        scope: How far the correction reached.
        points: Clicks that came with it.
        segment_id: What was corrected or, where it is not among ``before``, added; where it is not
            among ``after``, deleted.  What else is in ``before`` alone was the same object.
    """

    model_config = ConfigDict(frozen=True, extra='forbid', strict=True)

    format: Literal[1, 2] = 2
    image: str = IMAGE_FILE
    height: _Side
    width: _Side
    camera: str
    stamp_ns: Annotated[int, Field(ge=0)]
    model: str
    instruction: str = ''
    text: str
    label: str = ''
    case: RefinementCase
    target: RefineTarget
    scope: Literal['frame', 'track', 'session']
    points: tuple[PointHint, ...]
    segment_id: str
    before: tuple[SegmentRecord, ...]
    after: tuple[SegmentRecord, ...]


def segment_records(segments: Sequence[Segment]) -> tuple[SegmentRecord, ...]:
    """The data of segments, in their order."""
    return tuple(SegmentRecord.of(segment) for segment in segments)


def write_correction(
    folder: Path, name: str, record: CorrectionRecord, image: NDArray[np.uint8]
) -> None:
    """Store an example below ``folder``, whole or not at all.

    ``image``: uint8 RGB ``[H, W, 3]``.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    partial = folder / (name + PARTIAL)
    encoded = cv2.imencode('.png', cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    try:
        partial.mkdir()
        _write(partial / record.image, encoded.tobytes())
        _write(partial / RECORD_FILE, record.model_dump_json().encode())
        partial.replace(folder / name)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def remove_correction(folder: Path, name: str) -> bool:
    """Remove an example; false if there is none of that name.

    Raises:
        OSError: it cannot be removed.
    """
    if not (folder / name).is_dir():
        return False
    partial = (folder / name).replace(folder / (name + PARTIAL))
    shutil.rmtree(partial)
    return True


def _write(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk: vehicles are switched off without a word."""
    with path.open('wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
