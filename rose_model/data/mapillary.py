"""Mapillary Vistas 1.2 and 2.0.

::

    config_v2.0.json                     the classes, in the order of their numbers
    training/images/NAME.jpg
    training/v2.0/labels/NAME.png        8-bit, a pixel is the number of its class
    training/v2.0/instances/NAME.png     16-bit, class * 256 + number of the instance
    training/v2.0/panoptic/              COCO's panoptic format, see ``coco_panoptic``

The first release of 1.2 has ``training/labels``, ``training/instances`` and ``config.json``: no
version anywhere.  LISA's tree has version 2.0 under ``mapillary``.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rose_model.data.class_names import plain_name
from rose_model.data.coco_panoptic import CocoPanoptic
from rose_model.data.faults import MAX_FAULTY
from rose_model.data.files import read_image, read_json, read_label_map, read_wide_label_map
from rose_model.data.labelled import by_stem, sound_pairs, unique_kinds, unknown_ids
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.segment_map import label_segments, pixel_counts, split_things
from rose_model.errors import DataError

SPLITS = ('training', 'validation')
VERSIONS = ('v1.2', 'v2.0')
NOTE_PARTS = 'no instances: the connected parts of a thing class stand for its things'
_VOID = 'void--'
"""What the names of classes begin with that are no part of the scene, as the car of the camera."""


class _Label(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    name: str = ''
    readable: str = Field(min_length=1)
    instances: bool
    evaluate: bool = True


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    labels: tuple[_Label, ...] = Field(min_length=1)


class Mapillary:
    """The images of a split, in the order of their names.

    ``split``: ``training`` or ``validation``, with the version before it where the files have it:
    ``v2.0/training``.  ``faults`` has one line for each image that cannot be used; header, end and
    size are checked beforehand, what is in the maps shows when they are read.  What the
    configuration does not evaluate, or calls void, is void.  Without instances the connected parts
    of a thing class stand for its things.

    Raises:
        DataError: there is no image, the configuration is missing or damaged, or too much is (see
            ``keep_sound``).
    """

    def __init__(self, root: Path, split: str, *, max_faulty: float = MAX_FAULTY) -> None:
        version, _, part = split.rpartition('/')
        folder = root / part / version
        self._kinds, self._void = _classes(config_of(root, version))
        self.kinds = unique_kinds(self._kinds.values())
        self._has_instances = (folder / 'instances').is_dir()
        self.notes = () if self._has_instances else (NOTE_PARTS,)
        maps = folder / ('instances' if self._has_instances else 'labels')
        self.files, self.faults = sound_pairs(
            by_stem((root / part / 'images').glob('*.jpg')),
            by_stem(maps.glob('*.png')),
            f'images of Mapillary Vistas in {root}, split {split}',
            max_faulty=max_faulty,
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        """Each stuff class of image ``index`` as one region, and its things.

        Raises:
            DataError: a file cannot be decoded, or has a class that the configuration lacks.
        """
        file = self.files[index]
        read = read_wide_label_map if self._has_instances else read_label_map
        numbers = read(file.labels)
        present = pixel_counts(numbers)
        step = 256 if self._has_instances else 1
        cure = f'the configuration has the classes 0 to {len(self._kinds) + len(self._void) - 1}.'
        known = self._kinds.keys() | self._void
        unknown_ids(file.labels, {number // step for number in present}, known, cure)
        if self._has_instances:
            kinds = {n: self._kinds[n // 256] for n in present if n // 256 in self._kinds}
            labelling = label_segments(numbers, kinds)
        else:
            labelling = label_segments(*split_things(numbers, self._kinds))
        return labelling.sample(read_image(file.image))


def splits(root: Path) -> tuple[str, ...]:
    """The splits of Mapillary Vistas in a folder, those with a version as ``v2.0/training``; none
    where it is something else.
    """
    found = []
    for part in SPLITS:
        if not (root / part / 'images').is_dir():
            continue
        for version in ('', *VERSIONS):
            if (root / part / version / 'labels').is_dir():
                found.append(f'{version}/{part}' if version else part)
    return tuple(found)


def panoptic_splits(root: Path) -> tuple[str, ...]:
    """The splits of which a folder has Mapillary Vistas' panoptic files."""
    return tuple(_panoptic_files(root))


def open_panoptic(root: Path, split: str, max_faulty: float) -> CocoPanoptic:
    """Things and stuff of a split, from its panoptic files.

    Raises:
        DataError: there are none, or as ``CocoPanoptic``.
    """
    path = _panoptic_files(root).get(split)
    if path is None:
        raise DataError(f'{root} has no panoptic file of {split}; name another split.')
    images = root / split.rpartition('/')[2] / 'images'
    return CocoPanoptic(path, path.parent, images, max_faulty=max_faulty)


def _panoptic_files(root: Path) -> dict[str, Path]:
    found = {}
    for part in SPLITS:
        for version in ('', *VERSIONS):
            for path in sorted((root / part / version / 'panoptic').glob('panoptic_*.json')):
                found[f'{version}/{part}' if version else part] = path
    return found


def config_of(root: Path, version: str) -> Path:
    """The file of the classes of a version (``''`` where the files have none).

    Raises:
        DataError: there is none.
    """
    names = [f'config_{version}.json'] if version else ['config.json', 'config_v1.2.json']
    for name in names:
        if (root / name).is_file():
            return root / name
    raise DataError(f'{root / names[0]} is not a file; take it from the data set.')


def _classes(path: Path) -> tuple[dict[int, LabelledRegion], frozenset[int]]:
    """What each class of a configuration is, by number, and the numbers of those that are void."""
    try:
        labels = _Config.model_validate(read_json(path)).labels
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = '.'.join(map(str, first['loc']))
        raise DataError(f'{path}: {place}: {first["msg"]}; take it from its source.') from error
    void = frozenset(
        number
        for number, label in enumerate(labels)
        if not label.evaluate or label.name.startswith(_VOID)
    )
    kinds = {
        number: LabelledRegion(plain_name(label.readable), '', label.instances)
        for number, label in enumerate(labels)
        if number not in void
    }
    return kinds, void
