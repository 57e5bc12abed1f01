"""ADE20K with 150 classes, as published for scene parsing (``ADEChallengeData2016``).

::

    images/training/ADE_train_00000001.jpg
    annotations/training/ADE_train_00000001.png           classes 1 to 150, 0 is void
    annotations_instance/training/ADE_train_00000001.png  instance challenge: red is one of 100
                                                          things, green the number of the instance
    objectInfo150.txt                                     the names of the classes

LISA's tree has the first two under ``ade20k``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rose_model.data.class_names import plain_name, read_table
from rose_model.data.faults import MAX_FAULTY
from rose_model.data.files import image_size, read_colour_map, read_image, read_label_map
from rose_model.data.labelled import LabelledFile, by_stem, sound_pairs, unique_kinds, unknown_ids
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.segment_map import Labelling, label_segments, pixel_counts, split_things
from rose_model.errors import DataError

CLASSES = 150
SPLITS = ('training', 'validation')
IGNORE = 255
"""Label of pixels that do not count in a figure."""
NAMES_FILE = 'objectInfo150.txt'
NOTE_PARTS = 'no annotations_instance: the connected parts of a thing class stand for its things'
_OFFSET = 1000
"""Instances count from here on in a map of segments, classes below."""


class Ade20k:
    """The images of a split, in the order of their names.

    ``files`` are those that can be used, ``faults`` one line for each other one; header, end and
    size are checked beforehand, what is in the maps shows when they are read.  Things are the 100
    classes of the instance challenge.  Without its files the connected parts of a thing class
    stand for its things; with them, thing pixels of no instance are void.

    Raises:
        DataError: there is no image, the names are damaged, or too much is (see ``keep_sound``).
    """

    def __init__(self, root: Path, split: str, *, max_faulty: float = MAX_FAULTY) -> None:
        self.files, self.faults = sound_pairs(
            by_stem((root / 'images' / split).glob('*.jpg')),
            by_stem((root / 'annotations' / split).glob('*.png')),
            f'images of ADE20K in {root}, split {split}',
            max_faulty=max_faulty,
        )
        self._kinds, self._class_of_instance = _classes(root)
        self.kinds = unique_kinds(self._kinds.values())
        folder = root / 'annotations_instance' / split
        self._instances = folder if folder.is_dir() else None
        self.notes = () if self._instances else (NOTE_PARTS,)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        """Each stuff class of image ``index`` as one region, and its things.

        Raises:
            DataError: a file cannot be decoded, or has a class or a size that it may not have.
        """
        file = self.files[index]
        classes = self._class_map(file)
        if self._instances is None:
            labelling = label_segments(*split_things(classes, self._kinds))
        else:
            path = self._instances / f'{file.name}.png'
            labelling = self._with_instances(path, classes)
        return labelling.sample(read_image(file.image))

    def labels(self, index: int) -> NDArray[np.uint8]:
        """Class minus one, 0 to 149, or ``IGNORE`` for each pixel: uint8 ``[H, W]``."""
        classes = self._class_map(self.files[index])
        labels: NDArray[np.uint8] = np.where(classes == 0, IGNORE, classes - 1).astype(np.uint8)
        return labels

    def _class_map(self, file: LabelledFile) -> NDArray[np.int32]:
        classes = read_label_map(file.labels).astype(np.int32)
        cure = f'ADE20K for scene parsing has 0 to {CLASSES}; take its annotations.'
        unknown_ids(file.labels, pixel_counts(classes), range(CLASSES + 1), cure)
        return classes

    def _with_instances(self, path: Path, classes: NDArray[np.int32]) -> Labelling:
        if image_size(path) != classes.shape:
            raise DataError(f'{path} has another size than its image; take both from one source.')
        colours = read_colour_map(path)
        things, numbers = colours[..., 0], colours[..., 1]
        # An instance is a pair: its number alone is unique as published, but nothing says so.
        segments = np.where(numbers > 0, _OFFSET + 256 * things + numbers, 0)
        is_stuff = ~np.isin(classes, list(self._class_of_instance.values()))
        segments = np.where((segments == 0) & is_stuff, classes, segments)
        kinds: dict[int, LabelledRegion] = {}
        present = pixel_counts(segments)
        known = self._class_of_instance
        instances = [number for number in present if number > _OFFSET]
        unknown_ids(
            path,
            {(number - _OFFSET) // 256 for number in instances},
            known,
            f'the instance challenge has the things 1 to {len(known)} in red.',
        )
        for number in present:
            label = known[(number - _OFFSET) // 256] if number > _OFFSET else number
            if label:
                kinds[number] = self._kinds[label]
        return label_segments(segments, kinds)


def splits(root: Path) -> tuple[str, ...]:
    """The splits of ADE20K with 150 classes in a folder; none where it is something else."""
    return tuple(
        split
        for split in SPLITS
        if (root / 'images' / split).is_dir() and (root / 'annotations' / split).is_dir()
    )


def _classes(root: Path) -> tuple[dict[int, LabelledRegion], dict[int, int]]:
    """What each class is, and the class of each of the 100 things of the instance challenge.

    Names are those of the data set's own file, where it is there.
    """
    rows = read_table('ade20k_150')
    names = {int(row['id']): row['names'] for row in rows}
    if (root / NAMES_FILE).is_file():
        names = _read_names(root / NAMES_FILE)
    things = {int(row['instance_id']): int(row['id']) for row in rows if row['instance_id']}
    is_thing = set(things.values())
    kinds = {n: LabelledRegion(plain_name(text), '', n in is_thing) for n, text in names.items()}
    return kinds, things


def _read_names(path: Path) -> dict[int, str]:
    """The names in ``objectInfo150.txt``: columns between tabs, the number first, names last."""
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
        rows = [line for line in csv.reader(lines, delimiter='\t') if line]
        names = {int(row[0]): row[-1] for row in rows[1:]}
    except (OSError, ValueError) as error:
        raise DataError(f'{path} cannot be read: {error}; take it from its source.') from error
    if names.keys() != set(range(1, CLASSES + 1)):
        raise DataError(
            f'{path} names {len(names)} classes, {CLASSES} are needed; take it from its source.'
        )
    return names
