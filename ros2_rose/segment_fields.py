"""The fields of ``SegmentArray``, ``Segment`` and ``Mask`` as plain values, without ROS.

The node makes messages of them, ``ros2_rose.offline`` the bytes of a recording: both say the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from ros2_rose.corrections import Scope
from ros2_rose.history import FrameRecord
from ros2_rose.masks import encode_runs
from rose_model.records import Segment

Fields = dict[str, Any]


class Kind(IntEnum):
    """``KIND_*`` of ``Segment.msg``."""

    UNKNOWN = 0
    THING = 1
    STUFF = 2


class Source(IntEnum):
    """``SOURCE_*`` of ``Segment.msg``."""

    MODEL = 0
    REFINED = 1
    TRACKED = 2
    SESSION = 3


_STATED = {Scope.FRAME: Source.MODEL, Scope.TRACK: Source.TRACKED, Scope.SESSION: Source.SESSION}


def array_fields(
    record: FrameRecord, model: str, segments: Iterable[Segment] | None = None
) -> Fields:
    """A ``SegmentArray`` of all segments of a frame, or of some in the same order, largest first:
    ``segments`` is a list of what :func:`segment_fields` gives, ``header`` the record's own.
    """
    height, width = record.segmentation.original_size
    chosen = record.segmentation.segments if segments is None else segments
    return {
        'header': record.header,
        'camera': record.camera,
        'height': height,
        'width': width,
        'frame_seq': record.frame_seq,
        'revision': record.revision,
        'prompt': _prompt(record),
        'model': model,
        'is_late': record.is_late,
        'skipped_masks': record.segmentation.skipped_masks,
        'skipped_names': record.segmentation.skipped_names,
        'segments': [
            segment_fields(
                segment,
                stated=record.stated.get(segment.id, Scope.FRAME),
                is_refined=segment.revision > 0 and segment.id not in record.given_back,
                ontology=record.ontology.class_of(segment.category),
            )
            for segment in chosen
        ],
    }


def _prompt(record: FrameRecord) -> str:
    instruction = record.segmentation.instruction
    names = ', '.join(record.candidates)
    return f'{instruction} Candidates: {names}.' if names else instruction


def segment_fields(
    segment: Segment,
    *,
    stated: Scope = Scope.FRAME,
    is_refined: bool = False,
    ontology: str = '',
) -> Fields:
    """A ``Segment``; ``mask`` is a dictionary, too, its ``counts`` are uint32 ``[R]``.

    ``stated``: where its label comes from, *frame* if from no earlier one.  ``is_refined``: a
    correction of this frame has changed or added it.  ``ontology``: the class of its label.
    """
    x1, y1, x2, y2 = segment.box_xyxy
    counts = encode_runs(segment.mask)
    return {
        'id': segment.id,
        'label': segment.category,
        'label_score': segment.category_score,
        'mask_score': segment.mask_score,
        'kind': int(Kind.THING if segment.is_thing else Kind.STUFF),
        'source': int(Source.REFINED if is_refined else _STATED[stated]),
        'revision': segment.revision,
        'area': int(counts[1::2].sum()),  # cheaper than counting pixels
        'ontology': ontology,
        'mask': {
            'x_offset': x1,
            'y_offset': y1,
            'width': x2 - x1,
            'height': y2 - y1,
            'counts': counts,
        },
    }
