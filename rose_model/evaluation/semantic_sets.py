"""Data sets as semantic segmentation sees them: the pixels of images have numbers of classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rose_model.data.ade20k import Ade20k
from rose_model.data.class_names import read_table
from rose_model.data.files import read_image, read_label_map
from rose_model.data.labelled import LabelledImages
from rose_model.data.sample import VOID
from rose_model.errors import DataError
from rose_model.evaluation.semantic_benchmark import SemanticImages

IGNORE = -1
"""Label of pixels that do not count."""


class Ade20kImages:
    """ADE20K's 150 classes with their synonyms, from the class maps alone."""

    def __init__(self, data: Ade20k) -> None:
        self._data = data
        rows = read_table('ade20k_150')
        self.classes: Sequence[Sequence[str]] = [row['names'].split(', ') for row in rows]

    def __len__(self) -> int:
        return len(self._data)

    def image(self, index: int) -> NDArray[np.uint8]:
        """See ``SemanticImages``."""
        return read_image(self._data.files[index].image)

    def labels(self, index: int) -> NDArray[np.uint8]:
        """See ``SemanticImages``."""
        return self._data.labels(index)


class RegionImages:
    """Any labelled images: the class of a pixel is the name of its region."""

    def __init__(self, data: LabelledImages) -> None:
        self._data = data
        names = list(dict.fromkeys(kind.name for kind in data.kinds))
        self.classes: Sequence[Sequence[str]] = [(name,) for name in names]
        self._number = {name: number for number, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self._data)

    def image(self, index: int) -> NDArray[np.uint8]:
        """See ``SemanticImages``."""
        return self._data[index].image

    def labels(self, index: int) -> NDArray[np.int64]:
        """See ``SemanticImages``."""
        sample = self._data[index]
        table = np.full(VOID + 1, IGNORE, np.int64)
        for place, region in enumerate(sample.regions):
            table[place] = self._number[region.name]
        labels: NDArray[np.int64] = table[sample.index_map]
        return labels


class LabelMaps:
    """Label maps as ``rose data streets`` writes them: ``classes.json``, ``labels/*.png``, and the
    images of the same names in the folder ``SPLIT``.

    Raises:
        DataError: a file is missing or damaged.
    """

    def __init__(self, root: Path, split: str) -> None:
        self.classes: Sequence[Sequence[str]] = _class_names(root / 'classes.json')
        self._labels = sorted((root / 'labels').glob('*.png'))
        self._images = root / split
        if not self._labels:
            raise DataError(f'{root} has no labels/*.png; name a folder of rose data streets.')

    def __len__(self) -> int:
        return len(self._labels)

    def image(self, index: int) -> NDArray[np.uint8]:
        """See ``SemanticImages``."""
        return read_image(self._images / self._labels[index].name)

    def labels(self, index: int) -> NDArray[np.uint8]:
        """See ``SemanticImages``."""
        return read_label_map(self._labels[index])


def as_semantic(data: LabelledImages) -> SemanticImages:
    """The view of semantic segmentation on labelled images."""
    return Ade20kImages(data) if isinstance(data, Ade20k) else RegionImages(data)


def _class_names(path: Path) -> list[tuple[str]]:
    """The names in ``[{"id": 0, "name": "car"}, ...]``, whose ids count from 0."""
    try:
        records = json.loads(path.read_bytes())
        names = {int(record['id']): str(record['name']) for record in records}
        return [(names[number],) for number in range(max(1, len(names)))]
    except (OSError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise DataError(f'{path} is no list of classes: {error!r}; export it again.') from error
