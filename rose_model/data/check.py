"""Reading everything that a data set holds, and telling what is in it and what is lost."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from rose_model.data.exclusion import Excluding, HasImageIds
from rose_model.data.faults import MAX_FAULTY
from rose_model.data.formats import Found
from rose_model.data.labelled import LabelledImages
from rose_model.data.sample import VOID, Sample
from rose_model.errors import DataError, RoseError

Names = tuple[str, ...]
WithoutPatch = Callable[[Sample], Names]
"""The names of a sample's regions that no patch of the model answers for."""
Progress = Callable[[Iterable[Any], int], Iterable[Any]]

_CHUNK = 16


@dataclass(frozen=True)
class _Read:
    """What one image holds; ``fault`` is set where it cannot be read."""

    things: Names = ()
    stuff: Names = ()
    lost: Names = ()
    without_patch: Names = ()
    void: float = 0.0
    fault: str = ''


@dataclass(frozen=True)
class SetReport:
    """What a split holds.

    ``images`` were read, ``faults`` has one line for everything that cannot be used.  ``things``
    and ``stuff``: regions by name; ``unseen``: the names that no region has.  ``lost``: annotated,
    but covered by others or too many for one map; ``without_patch``: regions that no patch of the
    model answers for; both by name.  ``void``: mean share in [0, 1] of the pixels without a label.
    ``is_usable``: training takes it, because at most ``MAX_FAULTY`` of it is damaged.
    """

    found: Found
    images: int
    faults: Names
    is_usable: bool
    things: Counter[str]
    stuff: Counter[str]
    unseen: Names
    lost: Counter[str]
    without_patch: Counter[str]
    void: float
    notes: Names

    def record(self) -> dict[str, Any]:
        """The report as plain data for JSON, names by descending count."""
        return {
            'format': self.found.format.value,
            'root': str(self.found.root),
            'split': self.found.split,
            'is_usable': self.is_usable,
            'images': self.images,
            'faults': list(self.faults),
            'things': dict(self.things.most_common()),
            'stuff': dict(self.stuff.most_common()),
            'unseen': list(self.unseen),
            'lost': dict(self.lost.most_common()),
            'without_patch': dict(self.without_patch.most_common()),
            'void_share': self.void,
            'notes': list(self.notes),
        }


def check_set(
    found: Found,
    without_patch: WithoutPatch,
    *,
    workers: int = 1,
    progress: Progress,
    excluded: frozenset[int] = frozenset(),
) -> SetReport:
    """Read every image of a split with all its labels.

    ``workers``: processes that read; the report does not depend on their number.  ``progress``
    passes on what was read, with the number of images.  ``excluded``: ids of images of COCO that
    are left out where a format has such ids; the notes say how many they are.

    Raises:
        RoseError: a process was killed.
    """
    try:
        images, is_usable = found.open(MAX_FAULTY), True
    except DataError as error:
        is_usable = False
        try:
            images = found.open(1.0)
        except DataError:
            # None of it is sound, or a file that all depends on is missing.
            return _nothing(found, tuple(str(error).splitlines()))
    if excluded and isinstance(images, HasImageIds):
        try:
            images = Excluding(images, excluded)
        except DataError as error:
            return _nothing(found, (str(error),))
    reader = _Reader(images, without_patch)
    with _reading(reader, len(images), workers) as reads:
        results = list(progress(reads, len(images)))
    faults = tuple(read.fault for read in results if read.fault)
    sound = [read for read in results if not read.fault]
    things, stuff, lost, patchless = (
        Counter(name for read in sound for name in getattr(read, kind))
        for kind in ('things', 'stuff', 'lost', 'without_patch')
    )
    return SetReport(
        found=found,
        images=len(sound),
        faults=images.faults + faults,
        is_usable=is_usable and len(faults) <= MAX_FAULTY * len(results),
        things=things,
        stuff=stuff,
        unseen=tuple(sorted({kind.name for kind in images.kinds} - things.keys() - stuff.keys())),
        lost=lost,
        without_patch=patchless,
        void=float(np.mean([read.void for read in sound])) if sound else 0.0,
        notes=images.notes,
    )


def _nothing(found: Found, faults: Names) -> SetReport:
    empty: Counter[str] = Counter()
    return SetReport(found, 0, faults, False, empty, empty, (), empty, empty, 0.0, ())


class _Reader:
    """Reads one image after the other."""

    def __init__(self, images: LabelledImages, without_patch: WithoutPatch) -> None:
        self._images, self._without_patch = images, without_patch

    def __call__(self, index: int) -> _Read:
        try:
            sample = self._images[index]
        except DataError as error:
            return _Read(fault=str(error))
        return _Read(
            things=tuple(region.name for region in sample.regions if region.is_thing),
            stuff=tuple(region.name for region in sample.regions if not region.is_thing),
            lost=sample.lost,
            without_patch=self._without_patch(sample),
            void=float((sample.index_map == VOID).mean()),
        )


@contextmanager
def _reading(reader: _Reader, count: int, workers: int) -> Iterator[Iterable[_Read]]:
    """What the reader makes of each image, in their order."""
    if workers == 1:
        yield map(reader, range(count))
        return
    # As the loaders of training, copies of this process: others would import every library anew.
    context = multiprocessing.get_context('fork')
    try:
        with ProcessPoolExecutor(workers, context, _give, (reader,)) as pool:
            yield pool.map(_read, range(count), chunksize=_CHUNK)
    except BrokenProcessPool as error:
        raise RoseError(
            'A process that reads was lost: check the memory, or take fewer --workers.'
        ) from error


_given: list[_Reader] = []


def _give(reader: _Reader) -> None:
    """Hand a process the reader, once."""
    _given[:] = [reader]


def _read(index: int) -> _Read:
    return _given[0](index)
