"""COCO-Stuff's maps of classes, one 8-bit PNG file for each image of COCO.

``stuffthingmaps_trainval2017`` has things and stuff: a pixel is the id of its class minus one, 255
is unlabelled.  ``stuff_*_pixelmaps`` of the challenge of 2017 have stuff alone: a pixel is the id
itself, 183 is whatever is a thing, 0 is unlabelled.  LISA's tree has the former under
``cocostuff/train2017``.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rose_model.data.coco import CocoInstances
from rose_model.data.coco_names import FIRST_STUFF_ID, coco_stuff_kinds
from rose_model.data.faults import MAX_FAULTY
from rose_model.data.files import read_image, read_label_map
from rose_model.data.labelled import by_stem, sound_pairs, unique_kinds, unknown_ids
from rose_model.data.sample import VOID, Sample
from rose_model.data.segment_map import label_segments, pixel_counts, split_things
from rose_model.errors import DataError

NOTE_PARTS = (
    'no COCO instances beside the maps: the connected parts of a thing class stand for its things'
)
_STUFF_ID_OF_THINGS = 183


class Encoding(Enum):
    """How a pixel tells its class."""

    STUFF_THING_MAPS = 'id minus one'
    PIXEL_MAPS = 'id'


class CocoStuff:
    """The maps of a folder with the images of the same names; ``faults`` has one line for each
    file that cannot be used.

    ``instances``: COCO's instances of the same images; things are told apart by them, and thing
    pixels that no instance covers are void.  Without them the connected parts of a thing class
    stand for its things.

    Raises:
        DataError: there is no map, or too much is damaged (see ``keep_sound``).
    """

    def __init__(
        self,
        labels: Path,
        images: Path,
        encoding: Encoding = Encoding.STUFF_THING_MAPS,
        *,
        instances: CocoInstances | None = None,
        max_faulty: float = MAX_FAULTY,
    ) -> None:
        maps = by_stem(labels.glob('*.png'))
        pictures = by_stem(path for name in maps if (path := images / f'{name}.jpg').is_file())
        self.files, self.faults = sound_pairs(
            pictures, maps, f'maps of COCO-Stuff in {labels}', max_faulty=max_faulty
        )
        self._encoding = encoding
        self._kinds = coco_stuff_kinds()
        if encoding is Encoding.PIXEL_MAPS:
            self._kinds = {n: kind for n, kind in self._kinds.items() if not kind.is_thing}
        self.kinds = unique_kinds(self._kinds.values())
        self._instances = instances
        self._index = {}
        if instances is not None:
            names = (Path(picture.file_name).stem for picture in instances.pictures)
            self._index = {name: index for index, name in enumerate(names)}
        is_split = instances is None and encoding is Encoding.STUFF_THING_MAPS
        self.notes = (NOTE_PARTS,) if is_split else ()

    @property
    def image_ids(self) -> tuple[int, ...]:
        """The id of each image, in the order of ``files``: the number that ends its name.

        Raises:
            DataError: a name ends with no number.
        """
        try:
            return tuple(int(file.name.rpartition('_')[2]) for file in self.files)
        except ValueError as error:
            raise DataError(
                f'A map of COCO-Stuff has a name without an id: {error}; keep the published names.'
            ) from error

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        """Each stuff class of image ``index`` as one region, and its things.

        Raises:
            DataError: a file cannot be decoded, or a pixel has no class of COCO-Stuff.
        """
        file = self.files[index]
        classes = self._classes(file.labels)
        if self._instances is None:
            return label_segments(*split_things(classes, self._kinds)).sample(
                read_image(file.image)
            )
        if file.name not in self._index:
            raise DataError(
                f'{file.image} is not listed beside the instances; take both from one source.'
            )
        return self._with_things(self._instances[self._index[file.name]], classes)

    def _classes(self, path: Path) -> NDArray[np.int32]:
        """The id in COCO of the class of each pixel, 0 for void."""
        classes = read_label_map(path).astype(np.int32)
        if self._encoding is Encoding.STUFF_THING_MAPS:
            classes = np.where(classes == VOID, 0, classes + 1)
            known = {0, *self._kinds}
            cure = 'a map of stuff and things has ids minus one, 0 to 181 and 255.'
        else:
            known = {0, _STUFF_ID_OF_THINGS, *self._kinds}
            cure = 'a pixel map has the ids 0 and 92 to 183.'
        unknown_ids(path, pixel_counts(classes), known, cure)
        return classes

    def _with_things(self, things: Sample, classes: NDArray[np.int32]) -> Sample:
        """The things of a sample over the stuff of a map."""
        offset = FIRST_STUFF_ID + len(self._kinds)
        segments = np.where(classes < FIRST_STUFF_ID, 0, classes)
        covered = things.index_map != VOID
        segments[covered] = offset + things.index_map[covered].astype(np.int32)
        present = pixel_counts(segments)
        kinds = {offset + number: kind for number, kind in enumerate(things.regions)}
        kinds |= {n: kind for n, kind in self._kinds.items() if n in present}
        sample = label_segments(segments, kinds).sample(things.image)
        return Sample(
            sample.image, sample.index_map, sample.regions, lost=things.lost + sample.lost
        )
