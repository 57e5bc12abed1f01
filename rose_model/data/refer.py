"""Referring expressions in the format of RefCOCO, RefCOCO+, RefCOCOg and RefCLEF.

::

    refcoco/refs(unc).p                    a pickle of references, ``unc`` made the splits
    refcoco/instances.json                 the annotations that are referred to
    images/mscoco/images/train2014/*.jpg   the images; of RefCLEF images/saiapr_tc-12

LISA's tree has all of it under ``refer_seg``.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from rose_model.data.coco import CocoInstances
from rose_model.data.faults import MAX_FAULTY, keep_sound
from rose_model.data.plain_pickle import read_plain_pickle
from rose_model.data.sample import Sample
from rose_model.errors import DataError


class Sentence(BaseModel):
    """One expression; ``sent`` is the cleaned form, the one that is evaluated."""

    model_config = ConfigDict(frozen=True, extra='ignore')

    sent: str = Field(min_length=1)


class Reference(BaseModel):
    """What several people said about one annotation.  The reference's own ``file_name`` is the
    name of a cut-out and not used.
    """

    model_config = ConfigDict(frozen=True, extra='ignore')

    ref_id: StrictInt
    ann_id: StrictInt
    image_id: StrictInt
    split: str
    sentences: tuple[Sentence, ...] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class ReferringExample:
    """An expression for region ``index`` of a sample; that region's mask is whole."""

    sample: Sample
    index: int
    sentence: str
    ref_id: int


class References:
    """All references of a file to the annotations beside it, in the file's order.

    Args:
        folder: has ``instances.json`` and ``refs(SPLIT_BY).p``.
        images: where the ``file_name`` of each image in ``instances.json`` starts; ``None`` for
            the place that belongs to the folder.
        split_by: who made the splits: ``unc``, ``google``, ``umd``, ``berkeley``, ``streets``.
        max_faulty: largest share of damaged parts, see ``keep_sound``.

    ``faults`` has one line for everything that is left out.

    Raises:
        DataError: a file is missing, holds something else, or has too many faults.
    """

    def __init__(
        self,
        folder: Path,
        images: Path | None,
        split_by: str,
        *,
        max_faulty: float = MAX_FAULTY,
    ) -> None:
        self.path = folder / f'refs({split_by}).p'
        records = read_plain_pickle(self.path)
        if not isinstance(records, list):
            raise DataError(
                f'{self.path} holds a {type(records).__name__}; references are a list.'
            )
        self.instances = CocoInstances(
            folder / 'instances.json',
            images or _image_folder(folder, records),
            max_faulty=max_faulty,
        )
        self.all, faults = keep_sound(
            records, self._checked, f'references of {self.path}', max_faulty=max_faulty
        )
        self.faults = self.instances.faults + faults

    def example(self, reference: Reference, sentence: str) -> ReferringExample:
        """One expression with its image and region.

        Raises:
            DataError: the image cannot be decoded.
        """
        annotation = self.instances.annotation(reference.ann_id)
        if annotation is None:
            raise DataError(f'Reference {reference.ref_id} has lost its annotation; read it anew.')
        sample, region = self.instances.sample_of(annotation)
        return ReferringExample(sample, region, sentence, reference.ref_id)

    def _checked(self, record: object) -> Reference:
        try:
            reference = Reference.model_validate(record)
        except ValidationError as error:
            first = error.errors()[0]
            place = '.'.join(str(part) for part in first['loc'])
            raise DataError(f'A reference: {place}: {first["msg"]}; correct it.') from error
        annotation = self.instances.annotation(reference.ann_id)
        if annotation is None or annotation.image_id != reference.image_id:
            raise DataError(
                f'Reference {reference.ref_id}: image {reference.image_id} has no annotation '
                f'{reference.ann_id} that can be used; take both files from one source.'
            )
        if annotation.is_crowd:
            raise DataError(
                f'Reference {reference.ref_id}: annotation {reference.ann_id} '
                'is a crowd; remove it.'
            )
        return reference


class Referring:
    """The expressions of a split: one example for each sentence, in the file's order.

    ``split``: ``train``, ``val``, ``testA``, ...; ``test`` means all test splits, and ``testA``
    takes references of ``testAB``, too, as in RefCLEF.  ``excluded``: ids of images whose
    expressions are left out, ``lost`` of them.  The others are those of ``References``, as are
    ``faults``.

    Raises:
        DataError: as ``References``, or the split is empty.
    """

    def __init__(
        self,
        folder: Path,
        images: Path | None,
        split: str,
        split_by: str,
        *,
        max_faulty: float = MAX_FAULTY,
        excluded: frozenset[int] = frozenset(),
    ) -> None:
        self._references = References(folder, images, split_by, max_faulty=max_faulty)
        self.faults = self._references.faults
        self.kinds = self._references.instances.kinds
        pairs = [
            (reference, sentence.sent)
            for reference in self._references.all
            if _belongs(reference.split, split)
            for sentence in reference.sentences
        ]
        self._pairs = [pair for pair in pairs if pair[0].image_id not in excluded]
        self.lost = len(pairs) - len(self._pairs)
        if pairs and not self._pairs:
            raise DataError(
                f'All expressions of {split!r} in {self._references.path} are about excluded '
                f'images; name other files in exclude_images.'
            )
        if not self._pairs:
            known = ', '.join(sorted({reference.split for reference in self._references.all}))
            raise DataError(
                f'{self._references.path} has no reference of split {split!r}; it has: {known}.'
            )

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> ReferringExample:
        """Sentence ``index`` with its image and region.

        Raises:
            DataError: the image cannot be decoded.
        """
        return self._references.example(*self._pairs[index])


class ReferringImages:
    """The images that references speak of, each once with all its annotations, to be checked as
    other labelled images are.
    """

    def __init__(self, references: References) -> None:
        self._instances = references.instances
        self.faults, self.kinds = references.faults, self._instances.kinds
        told = {reference.image_id for reference in references.all}
        self._indices = [
            index for index, picture in enumerate(self._instances.pictures) if picture.id in told
        ]
        ids = self._instances.image_ids
        self.image_ids = tuple(ids[index] for index in self._indices)
        sentences: Counter[str] = Counter()
        for reference in references.all:
            sentences[reference.split] += len(reference.sentences)
        counts = ', '.join(f'{split} {count}' for split, count in sorted(sentences.items()))
        self.notes = (f'{len(references.all)} references; expressions: {counts}',)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        """Image ``index`` with all its annotations."""
        return self._instances[self._indices[index]]


def splits(root: Path) -> tuple[str, ...]:
    """Who made the splits of the references in a folder: ``unc``, ``umd``, ...; none where it has
    no references.
    """
    if not (root / 'instances.json').is_file():
        return ()
    paths = sorted(root.glob('refs(*).p'))
    return tuple(path.stem.removeprefix('refs(').removesuffix(')') for path in paths)


def open_images(root: Path, split_by: str, max_faulty: float) -> ReferringImages:
    """The images of all references of ``refs(SPLIT_BY).p``."""
    return ReferringImages(References(root, None, split_by, max_faulty=max_faulty))


def _image_folder(folder: Path, records: Sequence[Any]) -> Path:
    """Where the images of a folder of references are.

    Exported streets have theirs in a folder beside, called like the split.
    """
    tree = folder.parent
    own = 'images/saiapr_tc-12' if 'clef' in folder.name else 'images/mscoco/images/train2014'
    names = sorted({str(record.get('split')) for record in records if isinstance(record, dict)})
    tried = (tree / own, *(tree / name for name in names))
    for candidate in tried:
        if candidate.is_dir():
            return candidate
    raise DataError(
        f'The images of {folder} are in none of {", ".join(map(str, tried))}; complete the data '
        f'set.'
    )


def write_references(path: Path, references: Sequence[dict[str, Any]]) -> None:
    """Write references as their first readers expect them: protocol 2.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        path.write_bytes(pickle.dumps(list(references), protocol=2))
    except OSError as error:
        raise DataError(
            f'cannot write {path}: {error.strerror}; choose another folder.'
        ) from error


def _belongs(split: str, wanted: str) -> bool:
    """As in the ``refer`` API: ``test`` is part of every test split; of ``testA`` the last letter
    counts.
    """
    if wanted == 'test':
        return 'test' in split
    if wanted in ('testA', 'testB', 'testC'):
        return split.startswith('test') and wanted[-1] in split
    return split == wanted
