"""Where COCO's files lie: which splits a folder has, and how they are opened.

::

    train2017/*.jpg                           images, or images/train2017
    annotations/instances_train2017.json      things
    annotations/panoptic_train2017.json       things and stuff, and panoptic_train2017/*.png
    annotations/stuff_train2017.json          stuff of the challenge of 2017
    annotations/stuff_train2017_pixelmaps/    the same as maps
    annotations/train2017/*.png               COCO-Stuff's maps beside images/train2017
    ../cocostuff/train2017/*.png              the same in LISA's tree: beside coco/train2017
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rose_model.data.coco import CocoInstances
from rose_model.data.coco_panoptic import CocoPanoptic
from rose_model.data.coco_stuff import CocoStuff, Encoding
from rose_model.data.files import has_file
from rose_model.errors import DataError

_STUFF_SPLITS = ('train2017', 'val2017')
_PIXEL_MAPS = '_pixelmaps'
_ANNOTATIONS = 'annotations'
"""Part of a data set, which starts from the folder above."""


def instance_splits(root: Path) -> tuple[str, ...]:
    """``train2017`` for ``annotations/instances_train2017.json``, and so on."""
    return _json_splits(root, 'instances_')


def open_instances(root: Path, split: str, max_faulty: float) -> CocoInstances:
    """The things of a split."""
    path = root / _ANNOTATIONS / f'instances_{split}.json'
    return CocoInstances(path, _images(root, split), max_faulty=max_faulty)


def panoptic_splits(root: Path) -> tuple[str, ...]:
    """``train2017`` for ``annotations/panoptic_train2017.json``, and so on."""
    return _json_splits(root, 'panoptic_')


def open_panoptic(root: Path, split: str, max_faulty: float) -> CocoPanoptic:
    """Things and stuff of a split."""
    name = f'panoptic_{split}'
    ids = _first_folder((root / _ANNOTATIONS / name, root / name), 'the maps of ids')
    path = root / _ANNOTATIONS / f'{name}.json'
    return CocoPanoptic(path, ids, _images(root, split), max_faulty=max_faulty)


def stuff_json_splits(root: Path) -> tuple[str, ...]:
    """``train2017`` for ``annotations/stuff_train2017.json``, and so on."""
    return _json_splits(root, 'stuff_')


def open_stuff_json(root: Path, split: str, max_faulty: float) -> CocoInstances:
    """The stuff of a split."""
    path = root / _ANNOTATIONS / f'stuff_{split}.json'
    return CocoInstances(path, _images(root, split), max_faulty=max_faulty)


def pixel_map_splits(root: Path) -> tuple[str, ...]:
    """The splits whose stuff is there as maps of ids."""
    if root.name == _ANNOTATIONS:
        return ()
    return tuple(split for split in _STUFF_SPLITS if _pixel_maps(root, split))


def open_pixel_maps(root: Path, split: str, max_faulty: float) -> CocoStuff:
    """The stuff of a split, from its maps."""
    labels = _pixel_maps(root, split)
    if labels is None:
        raise DataError(f'{root} has no folder stuff_{split}{_PIXEL_MAPS}; name another split.')
    images = _images(root, split)
    return CocoStuff(labels, images, Encoding.PIXEL_MAPS, max_faulty=max_faulty)


def stuff_splits(root: Path) -> tuple[str, ...]:
    """The splits whose maps of things and stuff are there."""
    if root.name == _ANNOTATIONS:
        return ()
    return tuple(split for split in _STUFF_SPLITS if _stuff_maps(root, split))


def open_stuff(root: Path, split: str, max_faulty: float) -> CocoStuff:
    """Things and stuff of a split, from COCO-Stuff's maps; things by COCO's instances where those
    lie beside the images.
    """
    labels = _stuff_maps(root, split)
    if labels is None:
        raise DataError(f'{root} has no maps of COCO-Stuff for {split}; name another split.')
    instances = None
    # In LISA's tree images and maps are neighbours; its older form has both in one folder.
    bases = (root.parent / 'coco', root, root.parent, root.parent.parent / 'coco')
    images = _first_folder(
        (
            folder
            for base in bases
            for folder in _image_folders(base, split)
            if has_file(folder, '.jpg')
        ),
        f'the images of {split}',
        shown=bases,
    )
    for base in bases:
        path = base / _ANNOTATIONS / f'instances_{split}.json'
        if path.is_file():
            instances = CocoInstances(path, images, max_faulty=max_faulty)
            break
    return CocoStuff(labels, images, instances=instances, max_faulty=max_faulty)


def _json_splits(root: Path, prefix: str) -> tuple[str, ...]:
    paths = sorted((root / _ANNOTATIONS).glob(f'{prefix}*.json'))
    return tuple(path.stem.removeprefix(prefix) for path in paths)


def _stuff_maps(root: Path, split: str) -> Path | None:
    candidates = (root / split, root / _ANNOTATIONS / split)
    return next((folder for folder in candidates if has_file(folder, '.png')), None)


def _pixel_maps(root: Path, split: str) -> Path | None:
    name = f'stuff_{split}{_PIXEL_MAPS}'
    candidates = (root / _ANNOTATIONS / name, root / name)
    return next((folder for folder in candidates if folder.is_dir()), None)


def _image_folders(root: Path, split: str) -> tuple[Path, Path]:
    return root / split, root / 'images' / split


def _images(root: Path, split: str) -> Path:
    return _first_folder(_image_folders(root, split), f'the images of {split}')


def _first_folder(candidates: Iterable[Path], what: str, shown: Iterable[Path] = ()) -> Path:
    tried = list(candidates)
    for folder in tried:
        if folder.is_dir():
            return folder
    places = ', '.join(map(str, shown or tried))
    raise DataError(f'{what.capitalize()} are in none of {places}; complete the data set.')
