"""Referring expressions in the format of RefCOCO, RefCOCO+, RefCOCOg and RefCLEF: a pickle of
references, ``refs(SPLIT_BY).p``, beside ``instances.json``.

A pickle from outside can be a program.  Ours is read by an unpickler that knows plain containers,
strings and numbers and refuses everything else.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from rose_model.data.coco import CocoInstances
from rose_model.data.faults import keep_sound
from rose_model.data.sample import Sample
from rose_model.errors import DataError

# What the unpickler raises for a file that is cut off or is none.
_UNREADABLE = (
    pickle.UnpicklingError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


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


class Referring:
    """The expressions of a split: one example for each sentence, in the file's order.

    Args:
        folder: has ``instances.json`` and ``refs(SPLIT_BY).p``.
        images: where the ``file_name`` of each image in ``instances.json`` starts.
        split: ``train``, ``val``, ``testA``, ...; ``test`` means all test splits, and ``testA``
            takes references of ``testAB``, too, as in RefCLEF.
        split_by: who made the splits: ``unc``, ``google``, ``umd``, ``berkeley``, ``streets``.
        strict: stop at any fault, see ``keep_sound``.

    ``faults`` has one line for everything that is left out.

    Raises:
        DataError: a file is missing, holds something else, or has too many faults; the split is
            empty.
    """

    def __init__(
        self, folder: Path, images: Path, split: str, split_by: str, *, strict: bool = False
    ) -> None:
        path = folder / f'refs({split_by}).p'
        records = read_plain_pickle(path)
        if not isinstance(records, list):
            raise DataError(f'{path} holds a {type(records).__name__}; references are a list.')
        self._instances = CocoInstances(folder / 'instances.json', images, strict=strict)
        references, faults = keep_sound(
            records, self._checked, f'references of {path}', strict=strict
        )
        self.faults = self._instances.faults + faults
        self._pairs = [
            (reference, sentence.sent)
            for reference in references
            if _belongs(reference.split, split)
            for sentence in reference.sentences
        ]
        if not self._pairs:
            known = ', '.join(sorted({reference.split for reference in references}))
            raise DataError(f'{path} has no reference of split {split!r}; it has: {known}.')

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> ReferringExample:
        """Sentence ``index`` with its image and region."""
        reference, sentence = self._pairs[index]
        annotation = self._instances.annotation(reference.ann_id)
        if annotation is None:
            raise DataError(f'Reference {reference.ref_id} has lost its annotation; read it anew.')
        sample, region = self._instances.sample_of(annotation)
        return ReferringExample(sample, region, sentence, reference.ref_id)

    def _checked(self, record: object) -> Reference:
        try:
            reference = Reference.model_validate(record)
        except ValidationError as error:
            first = error.errors()[0]
            place = '.'.join(str(part) for part in first['loc'])
            raise DataError(f'A reference: {place}: {first["msg"]}; correct it.') from error
        annotation = self._instances.annotation(reference.ann_id)
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


class PlainUnpickler(pickle.Unpickler):
    """Reads containers, strings and numbers; a pickle that names a class or a function is refused
    before anything of it is imported.
    """

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse ``module.name``."""
        raise pickle.UnpicklingError(f'it names {module}.{name}, and only plain data may be in it')


def read_plain_pickle(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """The plain data in a pickle; byte strings of Python 2 are read as Latin-1.

    Raises:
        DataError: the file cannot be read, is damaged, or has more than plain data in it.
    """
    try:
        return PlainUnpickler(io.BytesIO(path.read_bytes()), encoding='latin1').load()
    except _UNREADABLE as error:
        raise DataError(
            f'{path} is not a pickle of plain data: {error}; take it from its source again.'
        ) from error


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
