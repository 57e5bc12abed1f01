"""Images that training must not see, because a benchmark measures on them.

RefCOCO, RefCOCO+ and RefCOCOg are made of COCO's training images: their validation and test images
are among those of ``train2014`` and ``train2017``, with the same ids.  A mixture that has COCO's
masks of them has seen the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from rose_model.data.labelled import LabelledImages
from rose_model.data.plain_pickle import read_plain_pickle
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.errors import DataError

LEARNED = 'train'
"""The split of references whose images may be learned from."""


@runtime_checkable
class HasImageIds(LabelledImages, Protocol):
    """Labelled images that know the ids of their images in COCO."""

    @property
    def image_ids(self) -> Sequence[int | str]:
        """The id of each image, in the order of the images."""


def read_excluded(paths: Sequence[Path]) -> frozenset[int]:
    """Return the ids of the images that files name.

    Args:
        paths: ``refs(SPLIT_BY).p`` of a set of references, which stands for the images of all its
            splits but ``train``; or a text file with an id a line.

    Raises:
        DataError: a file is missing, holds something else, or names no image.
    """
    ids: set[int] = set()
    for path in paths:
        if not path.is_file():
            raise DataError(
                f'{path} is not a file; exclude_images names refs(SPLIT_BY).p or a text file with '
                f'an id a line.'
            )
        named = _listed(path) if path.suffix == '.txt' else _held_out(path)
        if not named:
            raise DataError(f'{path} names no image to be excluded; name another file.')
        ids |= named
    return frozenset(ids)


def _listed(path: Path) -> set[int]:
    try:
        lines = path.read_text(encoding='utf-8').split()
        return {int(line) for line in lines}
    except (OSError, ValueError) as error:
        raise DataError(f'{path} is no list of ids, one a line: {error}.') from error


def _held_out(path: Path) -> set[int]:
    records = read_plain_pickle(path)
    if not isinstance(records, list):
        raise DataError(f'{path} holds a {type(records).__name__}; references are a list.')
    ids: set[int] = set()
    for record in records:
        split = record.get('split') if isinstance(record, dict) else None
        image = record.get('image_id') if isinstance(record, dict) else None
        if not isinstance(split, str) or not isinstance(image, int):
            raise DataError(f'{path} has a reference without split or image_id; take it anew.')
        if split != LEARNED:
            ids.add(image)
    return ids


class Excluding:
    """Labelled images without those of some ids; ``notes`` says how many that are.

    Raises:
        DataError: nothing is left.
    """

    def __init__(self, images: HasImageIds, excluded: frozenset[int]) -> None:
        self._images = images
        self._kept = [n for n, number in enumerate(images.image_ids) if number not in excluded]
        self.lost = len(images) - len(self._kept)
        if not self._kept:
            raise DataError(
                f'All {len(images)} images are excluded; name another split, or other files in '
                f'exclude_images.'
            )
        note = f'{self.lost} of {len(images)} images are excluded: a benchmark measures on them'
        self.notes = (*images.notes, note)

    @property
    def kinds(self) -> tuple[LabelledRegion, ...]:
        """See ``LabelledImages``."""
        return self._images.kinds

    @property
    def faults(self) -> tuple[str, ...]:
        """See ``LabelledImages``."""
        return self._images.faults

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, index: int) -> Sample:
        """See ``LabelledImages``."""
        return self._images[self._kept[index]]


def excluding(images: LabelledImages, excluded: frozenset[int], what: str) -> Excluding:
    """Return the images without those of some ids.

    Args:
        images: Of a format whose images have COCO's ids.
        excluded: The ids.
        what: Names the images in messages.

    Raises:
        DataError: the images have no ids, or nothing is left.
    """
    if not isinstance(images, HasImageIds):
        raise DataError(f"{what} has no images with COCO's ids; leave out exclude_images.")
    return Excluding(images, excluded)
