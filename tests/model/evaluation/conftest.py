"""A labelled image made by hand, and answers to it whose worth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.evaluation.frames import Frame
from rose_model.postprocess import crop_mask
from rose_model.preprocess import FrameGeometry
from rose_model.records import FrameContext, Segment, Segmentation

RED_CAR, BLUE_CAR, DOG, ROAD, SKY = range(5)
LEAST_AREA = 9.0

SegmentOf = Callable[..., Segment]
FrameOf = Callable[..., Frame]


@pytest.fixture
def sample() -> Sample:
    """8 x 12 pixels: two cars of 16, a small dog of 4, sky of 24, road of 28, 8 void."""
    index_map = np.full((8, 12), ROAD, np.uint8)
    index_map[:2] = SKY
    index_map[2:6, :4], index_map[2:6, 4:8] = RED_CAR, BLUE_CAR
    index_map[2:4, 8:10] = DOG
    index_map[6:, 8:] = VOID
    regions = (
        LabelledRegion('car', 'red', True),
        LabelledRegion('car', 'blue', True),
        LabelledRegion('dog', 'white', True),
        LabelledRegion('road', '', False),
        LabelledRegion('sky', '', False),
    )
    return Sample(np.zeros((8, 12, 3), np.uint8), index_map, regions)


@pytest.fixture
def segment_of() -> SegmentOf:
    """A segment with a mask, perfect in all its scores unless told."""

    def build(mask: np.ndarray, name: str, *, thing: bool = True, **changes: object) -> Segment:
        crop = crop_mask(mask)
        assert crop is not None
        values: dict[str, object] = {
            'id': name,
            'category': name,
            'category_score': 1.0,
            'objectness': 0.9,
            'mask_score': 1.0,
            'is_thing': thing,
            'box_xyxy': crop.box_xyxy,
            'mask': crop.mask,
            'patch': 0,
        }
        return Segment(**{**values, **changes})

    return build


@pytest.fixture
def truth(segment_of: SegmentOf) -> Callable[[Sample], list[Segment]]:
    """The answer that is right in everything."""

    def build(sample: Sample) -> list[Segment]:
        return [
            segment_of(sample.mask(i), region.name, thing=region.is_thing, id=str(i))
            for i, region in enumerate(sample.regions)
        ]

    return build


@pytest.fixture
def frame_of() -> FrameOf:
    """A frame with an answer."""

    def build(sample: Sample, segments: list[Segment], number: int = 0) -> Frame:
        size = sample.index_map.shape
        geometry = FrameGeometry(size, size, 12, 4)
        context = FrameContext(torch.zeros(0), torch.zeros(0), geometry)
        return Frame(number, sample, Segmentation(tuple(segments), size, '', context), LEAST_AREA)

    return build
