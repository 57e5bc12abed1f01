"""Where the frames come from: the procedural street, a picture folder, a video file or a bag."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.bag import is_bag, read_bag
from demo.errors import InputError
from rose_model.data.sample import Sample
from rose_model.data.streets import render_scene

RATE_HZ = 10.0
MAX_FRAMES = 300
"""A longer input is cut here: 30 s of film, so that the demonstration ends within two minutes."""

STREET_SEEDS = (1_000_003, 1_000_006, 1_000_008, 1_000_014)
"""Scenes that no training run draws."""
STREET_FRAMES = 20
"""Frames that each scene is played for."""
STREET_PACE = 3.0
"""Street time per time of the film, so that the movement is seen."""
STREET_SIZE = (360, 480)

_PICTURES = {'.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff', '.ppm'}

Rgb = NDArray[np.uint8]


def read_frames(source: Path | None) -> Iterator[Rgb]:
    """At most ``MAX_FRAMES`` frames in their order, uint8 RGB ``[H, W, 3]``.

    ``None`` is the procedural street.  The same source gives the same frames each time, so that a
    frame's index names it.

    Raises:
        InputError: there is nothing to play, or a frame cannot be read.
    """
    return islice(_frames(source), MAX_FRAMES)


def street(index: int) -> Sample:
    """Frame ``index`` of the procedural street, with what there is to see in it."""
    seed = STREET_SEEDS[index // STREET_FRAMES]
    time_s = index % STREET_FRAMES / RATE_HZ * STREET_PACE
    return render_scene(seed, STREET_SIZE, time_s=time_s)


def _frames(source: Path | None) -> Iterator[Rgb]:
    if source is None:
        # Drawn beforehand: a real camera does not take the processor from the node.
        return iter([street(index).image for index in range(len(STREET_SEEDS) * STREET_FRAMES)])
    if not source.exists():
        raise InputError(f'{source} does not exist; name a picture folder, a video file or a bag.')
    if is_bag(source):
        return read_bag(source)
    return _read_folder(source) if source.is_dir() else _read_video(source)


def _read_folder(folder: Path) -> Iterator[Rgb]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
    if not paths:
        raise InputError(
            f'{folder} holds no pictures ({", ".join(sorted(_PICTURES))}) and no bag.'
        )
    for path in paths:
        rgb = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if rgb is None:
            raise InputError(f'{path} is not a picture that OpenCV can decode.')
        yield rgb.astype(np.uint8, copy=False)


def _read_video(path: Path) -> Iterator[Rgb]:
    video = cv2.VideoCapture(str(path))
    try:
        read, bgr = video.read()
        if not read:
            raise InputError(f'{path} is neither a bag nor a video that OpenCV can decode.')
        while read:
            yield cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
            read, bgr = video.read()
    finally:
        video.release()
