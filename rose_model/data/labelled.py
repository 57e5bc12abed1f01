"""What every data set of labelled images offers, whatever its files look like."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rose_model.data.faults import keep_sound
from rose_model.data.files import image_size
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.errors import DataError


class LabelledImages(Protocol):
    """Numbered samples.

    ``kinds``: all that a region can be, each once; where none is stuff, only things are labelled.
    ``faults``: one line for everything that is left out.  ``notes``: one line for what the files
    do not tell.
    """

    @property
    def kinds(self) -> tuple[LabelledRegion, ...]:
        """What a region can be."""

    @property
    def faults(self) -> tuple[str, ...]:
        """What is left out."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the files do not tell."""

    def __len__(self) -> int:
        """Number of samples."""

    def __getitem__(self, index: int) -> Sample:
        """Sample ``index``.

        Raises:
            DataError: its files cannot be decoded, or hold what they may not.
        """


@dataclass(frozen=True)
class LabelledFile:
    """An image and the file of its labels; ``name`` is what both are called."""

    name: str
    image: Path
    labels: Path


def sound_pairs(
    images: dict[str, Path], labels: dict[str, Path], what: str, *, max_faulty: float
) -> tuple[tuple[LabelledFile, ...], tuple[str, ...]]:
    """Images with the labels of the same name, in the order of their names, and one line for each
    other one.

    Of both files header and end are checked, and that they have one size; what is in them shows
    when they are read.

    Raises:
        DataError: there is none, or too many are faulty (see ``keep_sound``).
    """
    names = sorted(images.keys() | labels.keys())
    if not names:
        raise DataError(f'There are no {what}; complete the data set.')

    def check(name: str) -> LabelledFile:
        if name not in labels:
            raise DataError(f'{images[name]} has no labels; complete the data set.')
        if name not in images:
            raise DataError(f'{labels[name]} has no image; complete the data set.')
        size, labelled = image_size(images[name]), image_size(labels[name])
        if size != labelled:
            raise DataError(
                f'{images[name]} has {size[0]} x {size[1]} pixels, its labels {labelled[0]} x '
                f'{labelled[1]}; copy both from the same source.'
            )
        return LabelledFile(name, images[name], labels[name])

    return keep_sound(names, check, what, max_faulty=max_faulty)


def by_stem(paths: Iterable[Path], ending: str = '') -> dict[str, Path]:
    """The paths by their names without suffix, and without ``ending`` where they have it."""
    return {path.stem.removesuffix(ending): path for path in paths}


def unique_kinds(kinds: Iterable[LabelledRegion]) -> tuple[LabelledRegion, ...]:
    """The kinds, each once, in their order."""
    return tuple(dict.fromkeys(kinds))


def unknown_ids(path: Path, ids: Iterable[int], known: Iterable[int], cure: str) -> None:
    """Refuse a label map with ids that nobody knows.

    Raises:
        DataError: names the file and up to five of them.
    """
    unknown = sorted(set(ids) - set(known))
    if unknown:
        shown = ', '.join(map(str, unknown[:5])) + (', ...' if len(unknown) > 5 else '')
        raise DataError(f'{path} has the unknown ids {shown}; {cure}')
