"""CamVid: real street frames with eleven classes, as published with SegNet (480 x 360 pixels).

``ROOT/SPLIT/images/*.jpg`` and ``ROOT/SPLIT/labels/*.png``, 8-bit labels 0-10 and 11 for
unlabelled.  There are no instance ids: the connected parts of a car, pedestrian or bicyclist are
pseudo-instances.  Two cars that touch are one, and one car behind a pole is two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model.data.faults import MAX_FAULTY, keep_sound
from rose_model.data.files import has_file, image_size, read_image, read_label_map
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.errors import DataError

CLASSES = (
    'sky',
    'building',
    'pole',
    'road',
    'pavement',
    'tree',
    'sign symbol',
    'fence',
    'car',
    'pedestrian',
    'bicyclist',
)
"""Names by label; label ``len(CLASSES)`` means unlabelled."""

# Poles and signs are countable too, but their connected parts are not objects: a frame has 19
# parts of poles, more than half of them under 25 pixels.  They are one region of stuff each.
THING_CLASSES = frozenset({'car', 'pedestrian', 'bicyclist'})

NOTE_PARTS = 'no instance ids: the connected parts of a car, pedestrian or bicyclist are things'

SPLITS = ('train', 'val', 'test')

IGNORE = 255
"""Label of pixels that do not count in a figure."""

MIN_AREA = 50
"""Smaller parts [pixels at 480 x 360] are void in a sample, though not in ``labels``.

Two thirds of a patch of nano; every fourth part of a car is smaller, with 0.2 % of the pixels.
"""


@dataclass(frozen=True)
class Frame:
    """The two files of a labelled frame; ``name`` is their common stem."""

    name: str
    image: Path
    labels: Path


class CamVid:
    """The frames of a split, in the order of their names (in ``val``: consecutive at 15 Hz).

    ``frames`` are those that can be used, ``faults`` one line for each other one.  Every label
    file is decoded beforehand; of an image, header and end are checked.

    Raises:
        DataError: a folder is missing or empty, an image or a label map has no partner, or too
            many frames are damaged (see ``keep_sound``).
    """

    def __init__(self, root: Path, split: str, *, max_faulty: float = MAX_FAULTY) -> None:
        pairs = _pair_files(root / split / 'images', root / split / 'labels')
        self.kinds = tuple(LabelledRegion(name, '', name in THING_CLASSES) for name in CLASSES)
        self.notes = (NOTE_PARTS,)
        self.frames, self.faults = keep_sound(
            pairs, _checked, f'frames of {root / split}', max_faulty=max_faulty
        )

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        """Stuff as one region a class, things as pseudo-instances; small parts are void."""
        index_map, regions = _annotate(read_label_map(self.frames[index].labels))
        return Sample(read_image(self.frames[index].image), index_map, regions)

    def labels(self, index: int) -> NDArray[np.uint8]:
        """Index into ``CLASSES`` or ``IGNORE`` for each pixel: uint8 ``[H, W]``."""
        labels = read_label_map(self.frames[index].labels)
        labels[labels == len(CLASSES)] = IGNORE
        return labels


def splits(root: Path) -> tuple[str, ...]:
    """The splits of CamVid in a folder; none where it is something else."""
    return tuple(
        split
        for split in SPLITS
        if has_file(root / split / 'images', '.jpg') and has_file(root / split / 'labels', '.png')
    )


def _pair_files(images: Path, labels: Path) -> list[Frame]:
    for folder in (images, labels):
        if not folder.is_dir():
            raise DataError(f'{folder} is not a folder; CamVid has SPLIT/images and SPLIT/labels.')
    image_files = {path.stem: path for path in images.glob('*.jpg')}
    label_files = {path.stem: path for path in labels.glob('*.png')}
    alone = sorted(image_files.keys() ^ label_files.keys())
    if alone:
        raise DataError(
            f'{images} has {len(image_files)} JPEG files, {labels} {len(label_files)} PNG files; '
            f'without a partner: {", ".join(alone[:5])}{", ..." if len(alone) > 5 else ""}. '
            'Complete the data set.'
        )
    if not image_files:
        raise DataError(f'{images} has no JPEG file; name a folder with CamVid in it.')
    return [Frame(name, image_files[name], label_files[name]) for name in sorted(image_files)]


def _checked(frame: Frame) -> Frame:
    size, labels = image_size(frame.image), read_label_map(frame.labels)
    if size != labels.shape:
        raise DataError(
            f'{frame.image} has {size[0]} x {size[1]} pixels, its labels '
            f'{labels.shape[0]} x {labels.shape[1]}; copy both from the same source.'
        )
    if labels.max() > len(CLASSES):
        raise DataError(
            f'{frame.labels} has label {labels.max()}, the largest is {len(CLASSES)}; '
            'take the labels with eleven classes that were published with SegNet.'
        )
    return frame


def _annotate(
    labels: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], tuple[LabelledRegion, ...]]:
    """The index map of a label map, and its regions in the order of ``CLASSES``."""
    index_map = np.full(labels.shape, VOID, np.uint8)
    regions: list[LabelledRegion] = []
    for label, name in enumerate(CLASSES):
        is_thing = name in THING_CLASSES
        for part in _parts(labels == label, connected=is_thing):
            if len(regions) == VOID:
                raise DataError(f'A frame has more than {VOID} regions; at most {VOID} may be.')
            index_map[part] = len(regions)
            regions.append(LabelledRegion(name, '', is_thing))
    return index_map, tuple(regions)


def _parts(mask: NDArray[np.bool_], *, connected: bool) -> list[NDArray[np.bool_]]:
    """The mask, or its connected parts (over corners, too), without small ones."""
    if not connected:
        return [mask] if mask.sum() >= MIN_AREA else []
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return [
        parts == number
        for number in range(1, count)
        if statistics[number, cv2.CC_STAT_AREA] >= MIN_AREA
    ]
