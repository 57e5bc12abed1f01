"""Examples of corrections of a small frame, one of each case, for the tests that read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from rose_model.correction_record import (
    CorrectionRecord,
    segment_records,
    write_correction,
)
from rose_model.records import RefinementCase, RefineTarget, Segment

SIZE = (40, 60)
IMAGE = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)


def make_segment(
    identity: str, category: str, box: tuple[int, int, int, int], *, is_thing: bool = True
) -> Segment:
    x1, y1, x2, y2 = box
    mask = np.ones((y2 - y1, x2 - x1), bool)
    return Segment(identity, category, 0.9, 0.8, 0.7, is_thing, box, mask, 0)


ROAD = make_segment('1', 'road', (0, 0, 60, 40), is_thing=False)
CAR = make_segment('2', 'car', (10, 10, 30, 20))
VAN = replace(CAR, category='van', revision=1)
WIDER = make_segment('2', 'car', (10, 10, 40, 20))
DOG = make_segment('3', 'dog', (12, 12, 18, 18))

CASES = {
    RefinementCase.CATEGORY: ('this is a van', '2', (ROAD, CAR), (ROAD, VAN)),
    RefinementCase.MASK: ('include the whole car', '2', (ROAD, CAR), (ROAD, WIDER)),
    RefinementCase.MISSED: (' you missed the dog ', '3', (ROAD, CAR), (ROAD, CAR, DOG)),
    RefinementCase.DELETE: ('this is nothing', '3', (ROAD, CAR, DOG), (ROAD, CAR)),
}
OLD = (RefinementCase.CATEGORY, RefinementCase.MASK, RefinementCase.MISSED)
"""The cases of records of format 1."""


def make_record(case: RefinementCase) -> CorrectionRecord:
    text, identity, before, after = CASES[case]
    return CorrectionRecord(
        height=SIZE[0],
        width=SIZE[1],
        camera='front',
        stamp_ns=7,
        model='nano@0',
        instruction='Segment what moves.',
        text=text,
        case=case,
        target=RefineTarget.AUTO,
        scope='frame',
        points=(),
        segment_id=identity,
        before=segment_records(before),
        after=segment_records(after),
    )


def write_examples(folder: Path) -> Path:
    """An example of each case below the folder, in the order of ``CASES``."""
    folder.mkdir()
    for number, case in enumerate(CASES):
        write_correction(folder, f'{number}', make_record(case), IMAGE)
    return folder
