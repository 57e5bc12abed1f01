"""Logged corrections as samples: what a node has stored of what people said to it.

The layout is that of ``rose_model.correction_record``.  Of the other segments of a frame only the
model itself has said what they are, so they are there to be told apart, not to be learned.  Of a
frame from which a segment was deleted nothing is known but that there is nothing in its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from rose_model.category_decoder import MAX_NAME_CHARACTERS, printable_name
from rose_model.correction_record import PARTIAL, RECORD_FILE, CorrectionRecord
from rose_model.data.faults import MAX_FAULTY, keep_sound
from rose_model.data.files import image_size, path_inside, read_image
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.errors import DataError, RefinementError
from rose_model.prompts.sentences import ALL_REGIONS, PLAIN_REFINEMENTS, REFINEMENTS
from rose_model.records import RefinementCase
from rose_model.refinement import check_label, check_text, located
from rose_model.segment_record import SegmentRecord


@dataclass(frozen=True, eq=False)
class CorrectedSample(Sample):
    """A frame with what was said about its region ``target``.

    Attributes:
        instruction: The sentence as the model was told it; where a segment was deleted, what the
            frame had been asked for.
        target: Index of the region; ``None`` where it was deleted: then it is the only region,
            and all else is void.
        given: The mask that the correction was about, bool ``[H, W]``; ``None`` where something
            was missed.
        changes_mask: The mask of the region came of the correction.
    """

    instruction: str
    target: int | None
    given: NDArray[np.bool_] | None
    changes_mask: bool


@dataclass(frozen=True)
class _Entry:
    """A sound example: its folder, and the names of its segments."""

    folder: Path
    names: frozenset[str]


class LoggedCorrections:
    """The examples below a folder, in the order of their names.

    ``faults``: one line for each that is not usable.  Every record is read beforehand, and of an
    image header and end are checked.

    Raises:
        DataError: there is no example, or too many are damaged (see ``keep_sound``).
    """

    def __init__(self, root: Path, *, max_faulty: float = MAX_FAULTY) -> None:
        if not root.is_dir():
            raise DataError(f'{root} is not a folder; name the correction_log of a node.')
        folders = (path for path in root.iterdir() if path.is_dir() and path.suffix != PARTIAL)
        names = sorted(path.name for path in folders)
        if not names:
            raise DataError(f'{root} holds no correction; name the correction_log of a node.')
        self._entries, self.faults = keep_sound(
            names,
            lambda name: _checked(root, name),
            f'corrections of {root}',
            max_faulty=max_faulty,
        )
        self.names = tuple(sorted(frozenset().union(*(e.names for e in self._entries))))
        """Of all segments in all frames."""

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> CorrectedSample:
        """The frame after the correction; nobody knows what is beside its segments.

        Where a segment was deleted it is there as the only region.
        """
        folder = self._entries[index].folder
        record = _read_record(folder)
        return _sample(record, read_image(path_inside(folder, record.image)))


def _checked(root: Path, name: str) -> _Entry:
    folder = path_inside(root, name)
    record = _read_record(folder)
    try:
        _check_content(record)
    except (DataError, RefinementError) as error:
        raise DataError(f'{folder}: {str(error).rstrip(".")}; remove it') from error
    image = path_inside(folder, record.image)
    size = image_size(image)
    if size != (record.height, record.width):
        raise DataError(
            f'{image} has {size[0]} x {size[1]} pixels, its correction {record.height} x '
            f'{record.width}; remove it'
        )
    return _Entry(folder, frozenset(item.category for item in record.after if item.category))


def _read_record(folder: Path) -> CorrectionRecord:
    path = folder / RECORD_FILE
    try:
        return CorrectionRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror}; remove {folder}') from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = '.'.join(map(str, first['loc']))
        raise DataError(f'{path} is no correction: {place} {first["msg"]}; remove it') from error


def _check_content(record: CorrectionRecord) -> None:
    """Refuse a record that cannot become a sample.

    Raises:
        DataError, RefinementError: say why.
    """
    if not (record.label or record.points or record.case is RefinementCase.DELETE):
        check_text(record.text)
    check_label(record.label)
    if record.instruction:
        check_text(record.instruction, 'instruction')
    size = (record.height, record.width)
    for segments in (record.before, record.after):
        if len({segment.id for segment in segments}) < len(segments):
            raise DataError('two of its segments have the same id')
        for segment in segments:
            segment.full_mask(size)
            if printable_name(segment.category) != segment.category:
                raise DataError(
                    f'segment {segment.id!r} has the name {segment.category[:64]!a}, which is no '
                    f'printable one of at most {MAX_NAME_CHARACTERS} characters'
                )
    _check_target(record)


def _check_target(record: CorrectionRecord) -> None:
    target = _find(record.after, record.segment_id)
    is_deletion = record.case is RefinementCase.DELETE
    if is_deletion and target is not None:
        raise DataError(f'segment {record.segment_id!r} was deleted and is there after it')
    if not is_deletion and (target is None or not target.category):
        raise DataError(f'there is no segment {record.segment_id!r} with a name after it')
    is_given = _find(record.before, record.segment_id) is not None
    if record.case is not RefinementCase.MISSED and not is_given:
        raise DataError(f'there is no segment {record.segment_id!r} before it')


def _find(segments: tuple[SegmentRecord, ...], identity: str) -> SegmentRecord | None:
    return next((segment for segment in segments if segment.id == identity), None)


def _sample(record: CorrectionRecord, image: NDArray[np.uint8]) -> CorrectedSample:
    size = (record.height, record.width)
    before = _find(record.before, record.segment_id)
    if before is not None and record.case is RefinementCase.DELETE:
        return _deletion(record, before, image)
    given = None
    if before is not None and record.case is not RefinementCase.MISSED:
        given = before.full_mask(size)
    index_map, regions = _paint(record, size)
    mask = index_map == len(regions) - 1
    return CorrectedSample(
        image=image,
        index_map=index_map,
        regions=regions,
        instruction=_told(record),
        target=len(regions) - 1,
        given=given,
        changes_mask=given is None or not np.array_equal(given, mask),
    )


def _deletion(
    record: CorrectionRecord, deleted: SegmentRecord, image: NDArray[np.uint8]
) -> CorrectedSample:
    mask = deleted.full_mask((record.height, record.width))
    return CorrectedSample(
        image=image,
        index_map=np.where(mask, 0, VOID).astype(np.uint8),
        regions=(LabelledRegion(deleted.category, '', deleted.is_thing),),
        instruction=record.instruction or ALL_REGIONS,
        target=None,
        given=mask,
        changes_mask=False,
    )


def _told(record: CorrectionRecord) -> str:
    """The sentence as the model was told it: with the box of the segment that it is about, and
    where nobody has written one a plain one of the situation, with the box of what is meant.
    """
    size, text = (record.height, record.width), record.text.strip()
    [after] = (segment for segment in record.after if segment.id == record.segment_id)
    before = _find(record.before, record.segment_id)
    if before is not None and record.case is not RefinementCase.MISSED:
        return located(text or PLAIN_REFINEMENTS[record.case][0], before.box_xyxy, size)
    if text:
        return text
    if record.label:
        return REFINEMENTS[RefinementCase.MISSED][0].format(category=record.label)
    return located(PLAIN_REFINEMENTS[RefinementCase.MISSED][0], after.box_xyxy, size)


def _paint(
    record: CorrectionRecord, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[LabelledRegion, ...]]:
    """The index map, largest segments first and what was corrected last, so that it is whole, and
    the regions that are seen in it.  What a deadline has left without a name is void.
    """
    others = [segment for segment in record.after if segment.id != record.segment_id]
    others = sorted(others, key=lambda segment: segment.area, reverse=True)[: VOID - 1]
    [target] = (segment for segment in record.after if segment.id == record.segment_id)
    painted = [*others, target]
    numbers = np.full(size, VOID, np.uint8)
    for number, segment in enumerate(painted):
        numbers[segment.full_mask(size)] = number if segment.category else VOID
    seen = np.unique(numbers[numbers != VOID]).tolist()
    renumbered = np.full(VOID + 1, VOID, np.uint8)
    renumbered[seen] = np.arange(len(seen))
    regions = tuple(
        # Nobody has said which of the words are an attribute.
        LabelledRegion(painted[number].category, '', painted[number].is_thing)
        for number in seen
    )
    return renumbered[numbers], regions
