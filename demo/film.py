"""Pictures and the film of the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from demo.errors import DemoError
from demo.frames import Rgb
from rose_model.overlay import draw_overlay
from rose_model.preprocess import resize
from rose_model.records import Segment

FILM_HEIGHT_MAX = 720


class Film:
    """An MP4 film (MPEG-4) of ``rate_hz``; a context manager that closes the file."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path = path
        self._rate_hz = round(rate_hz, 1)  # finer rates do not fit the format
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def __enter__(self) -> Film:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.release()

    def add(self, rgb: Rgb) -> None:
        """Append a picture, scaled to the size of the first one: a folder may hold several sizes.

        Raises:
            DemoError: OpenCV cannot write films here.
        """
        if self._writer is None:
            self._size = _film_size(rgb)
            code = cv2.VideoWriter.fourcc(*'mp4v')
            self._writer = cv2.VideoWriter(str(self._path), code, self._rate_hz, self._size)
            if not self._writer.isOpened():
                raise DemoError(f'cannot write {self._path}: OpenCV finds no MPEG-4 encoder.')
        width, height = self._size
        self._writer.write(cv2.cvtColor(resize(rgb, (height, width)), cv2.COLOR_RGB2BGR))


def draw_beside(rgb: Rgb, segments: Sequence[Segment]) -> Rgb:
    """The frame and, to its right, its overlay: that hides the colours that names speak of."""
    return np.concatenate((rgb, draw_overlay(rgb, segments)), axis=1)


def write_picture(path: Path, rgb: Rgb) -> None:
    """Write a picture as PNG.

    Raises:
        DemoError: the file cannot be written.
    """
    if not cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)):
        raise DemoError(f'cannot write {path}.')


def spread(indices: Sequence[int], count: int) -> list[int]:
    """At most ``count`` (2 or more) of the indices, evenly spread, first and last among them."""
    if len(indices) <= count:
        return list(indices)
    return [indices[round(k * (len(indices) - 1) / (count - 1))] for k in range(count)]


def _film_size(rgb: Rgb) -> tuple[int, int]:
    """Width and height of the film: even, as encoders want them, and not higher than 720."""
    height, width = rgb.shape[:2]
    scale = min(1.0, FILM_HEIGHT_MAX / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
