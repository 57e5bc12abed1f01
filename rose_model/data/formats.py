"""The formats of data sets by their names: which are in a folder, and how one is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rose_model.data import ade20k, ade20k_full, camvid, cityscapes, coco_layout, mapillary, refer
from rose_model.data.ade20k import Ade20k
from rose_model.data.ade20k_full import Ade20kFull
from rose_model.data.camvid import CamVid
from rose_model.data.cityscapes import Cityscapes
from rose_model.data.labelled import LabelledImages
from rose_model.data.mapillary import Mapillary
from rose_model.errors import DataError


class Format(StrEnum):
    """The formats that are read."""

    ADE20K = 'ade20k'
    ADE20K_FULL = 'ade20k-full'
    CAMVID = 'camvid'
    CITYSCAPES = 'cityscapes'
    COCO = 'coco'
    COCO_PANOPTIC = 'coco-panoptic'
    COCO_STUFF = 'coco-stuff'
    COCO_STUFF_JSON = 'coco-stuff-json'
    COCO_STUFF_PIXELMAPS = 'coco-stuff-pixelmaps'
    MAPILLARY = 'mapillary'
    MAPILLARY_PANOPTIC = 'mapillary-panoptic'
    REFER = 'refer'


@dataclass(frozen=True)
class Found:
    """A split of a data set: ``root`` is the folder that its format starts from."""

    format: Format
    root: Path
    split: str

    def open(self, max_faulty: float) -> LabelledImages:
        """Its images.

        Raises:
            DataError: they cannot be read, or too many are damaged (see ``keep_sound``).
        """
        _, opened = _READERS[self.format]
        return opened(self.root, self.split, max_faulty)


_Splits = Callable[[Path], tuple[str, ...]]
_Open = Callable[[Path, str, float], LabelledImages]


def _opens(kind: Callable[..., LabelledImages]) -> _Open:
    """What opens a split by a class that finds its own files."""
    return lambda root, split, max_faulty: kind(root, split, max_faulty=max_faulty)


_READERS: dict[Format, tuple[_Splits, _Open]] = {
    Format.ADE20K: (ade20k.splits, _opens(Ade20k)),
    Format.ADE20K_FULL: (ade20k_full.splits, _opens(Ade20kFull)),
    Format.CAMVID: (camvid.splits, _opens(CamVid)),
    Format.CITYSCAPES: (cityscapes.splits, _opens(Cityscapes)),
    Format.COCO: (coco_layout.instance_splits, coco_layout.open_instances),
    Format.COCO_PANOPTIC: (coco_layout.panoptic_splits, coco_layout.open_panoptic),
    Format.COCO_STUFF: (coco_layout.stuff_splits, coco_layout.open_stuff),
    Format.COCO_STUFF_JSON: (coco_layout.stuff_json_splits, coco_layout.open_stuff_json),
    Format.COCO_STUFF_PIXELMAPS: (coco_layout.pixel_map_splits, coco_layout.open_pixel_maps),
    Format.MAPILLARY: (mapillary.splits, _opens(Mapillary)),
    Format.MAPILLARY_PANOPTIC: (mapillary.panoptic_splits, mapillary.open_panoptic),
    Format.REFER: (refer.splits, refer.open_images),
}
"""By name: which splits are in a folder, and how one is opened."""


def open_images(format_: Format, root: Path, split: str, max_faulty: float) -> LabelledImages:
    """A split of a data set.

    Raises:
        DataError: the folder has no such split in that format, or as ``Found.open``.
    """
    known = _READERS[format_][0](root)
    if split not in known:
        has = (
            f'it has: {", ".join(known)}' if known else 'rose data check ROOT finds what is there'
        )
        raise DataError(f'{root} has no split {split!r} of {format_}; {has}.')
    return Found(format_, root, split).open(max_faulty)


def find_sets(root: Path) -> list[Found]:
    """The splits of all data sets in a folder and below it, links followed.

    Raises:
        DataError: the folder does not exist, or nothing is found.
    """
    if not root.is_dir():
        raise DataError(f'{root} is not a folder; name the one that your data sets are in.')
    found = []
    seen: set[Path] = set()
    for folder, below, _ in os.walk(root, followlinks=True):
        # A link may lead back up.
        here = Path(folder).resolve()
        if here in seen:
            below.clear()
            continue
        seen.add(here)
        below[:] = sorted(name for name in below if not name.startswith('.'))
        found += [
            Found(format_, Path(folder), split)
            for format_, (splits, _) in _READERS.items()
            for split in splits(Path(folder))
        ]
    if not found:
        raise DataError(
            f'{root} has no data set in a known layout; docs/data.md lists them: '
            f'{", ".join(Format)}.'
        )
    return found
