"""``~/unknown``: what lies on the road and is of no class that the stack knows.

A planner that brakes for vehicles and pedestrians learns here of the mattress, the cow and the
lost load.  The rules are those of a camera on a vehicle, upright, that looks along the road.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node

from ros2_rose import qos
from ros2_rose.conversions import record_to_msg
from ros2_rose.history import FrameRecord
from ros2_rose.msg import SegmentArray
from ros2_rose.ontology import Ontology
from ros2_rose.worker import Logger
from rose_model.nouns import noun_among
from rose_model.records import Segment

FOOT = 0.2
"""The lower share of a thing's height: where it may touch the ground.  A mirror does not."""
GAP = 0.02
"""The road begins at most so far below a foot, as a share of the shorter side of the image: masks
are rough, and shadows have none."""
MIN_CONTACT = 0.3
"""The share of a foot's width that has road below.  A parked car with two wheels on the pavement
still counts, one that a strip of road passes by does not."""
MIN_INSIDE = 0.5
"""The share of stuff that lies inside of the road's outline.  A spill does, a verge does not."""

Region = NDArray[np.bool_]


@dataclass(frozen=True)
class Road:
    """What the drivable surface is called: ``labels`` of stuff, or classes of the ontology, in
    lower case.
    """

    labels: tuple[str, ...]

    def is_road(self, segment: Segment, ontology: Ontology) -> bool:
        """Whether some stuff is a road: its label is, or ends with, one of them, or its class is
        one.
        """
        if segment.is_thing:
            return False
        is_called_so = noun_among(segment.category.lower(), self.labels) is not None
        return is_called_so or ontology.class_of(segment.category).lower() in self.labels

    def region(self, record: FrameRecord) -> Region | None:
        """The drivable surface: bool ``[H, W]``; ``None`` where the frame shows none.

        What stands on a road hides a part of it.  So pixels that are of no stuff, or of stuff
        without a class, are road where the next stuff in their row is road on both sides.  A
        traffic island is none.
        """
        ontology = record.ontology
        road, other = (np.zeros(record.segmentation.original_size, bool) for _ in range(2))
        for segment in record.segmentation.segments:
            if self.is_road(segment, ontology):
                _part(road, segment)[segment.mask] = True
            elif not segment.is_thing and ontology.class_of(segment.category):
                _part(other, segment)[segment.mask] = True
        if not road.any():
            return None
        known = road | other
        from_right = _last_known(road[:, ::-1], known[:, ::-1])[:, ::-1]
        return road | (~known & _last_known(road, known) & from_right)


def stands_on(segment: Segment, region: Region) -> bool:
    """Whether a thing stands on a region: bool ``[H, W]``.

    In every column of its foot the lowest pixel, or one of those up to ``GAP`` below, must be of
    the region; ``MIN_CONTACT`` of the columns are enough.
    """
    x1, y1, x2, _ = segment.box_xyxy
    mask = segment.mask
    height = mask.shape[0]
    columns = np.flatnonzero(mask.any(axis=0))
    lowest = height - 1 - np.argmax(mask[::-1, columns], axis=0)
    is_foot = lowest >= height - max(1, round(FOOT * height))
    gap = max(1, round(GAP * min(region.shape)))
    # From the lowest pixel of each column down; below the image there is nothing.
    rows = (y1 + lowest[is_foot])[:, None] + np.arange(gap + 1)
    below = np.pad(region[:, x1:x2], ((0, gap), (0, 0)))[rows, columns[is_foot][:, None]]
    return bool(below.any(axis=1).mean() >= MIN_CONTACT)


def lies_in(segment: Segment, region: Region) -> bool:
    """Whether ``MIN_INSIDE`` of some stuff is in a region: bool ``[H, W]``."""
    inside = np.count_nonzero(segment.mask & _part(region, segment))
    return bool(inside >= MIN_INSIDE * segment.area)


def unknown_on(road: Road, region: Region | None, record: FrameRecord) -> list[Segment]:
    """The segments without a class that are on the road, in the order of the frame.

    ``region`` is that of the road.  Without an ontology no segment has a class.  Where no road is
    seen nothing can be ruled out, and all things without a class are given.
    """
    unknown = [
        segment
        for segment in record.segmentation.segments
        if not record.ontology.class_of(segment.category)
        and not road.is_road(segment, record.ontology)
    ]
    if region is None:
        return [segment for segment in unknown if segment.is_thing]
    return [
        segment
        for segment in unknown
        if (stands_on if segment.is_thing else lies_in)(segment, region)
    ]


class UnknownPublisher:
    """Publishes one message a frame, empty where nothing is unknown, so that silence is a fault.

    May be called from the thread of the model.
    """

    def __init__(self, node: Node) -> None:
        self._logger: Logger = node.get_logger()
        self._publisher = node.create_publisher(
            SegmentArray,
            '~/unknown',
            qos.segments(),
            qos_overriding_options=qos.output_overrides(),
        )

    def publish(self, record: FrameRecord, road: Road, model: str) -> None:
        """Publish if somebody listens; ``model`` is its name."""
        if not self._publisher.get_subscription_count():
            return
        region = road.region(record)
        if region is None:
            self._logger.warning(
                f'Camera {record.camera!r} sees no road, so ~/unknown has all things without a '
                f'class. road_labels: {", ".join(road.labels) or "none"}.',
                throttle_duration_sec=10.0,
            )
        segments = unknown_on(road, region, record)
        self._publisher.publish(record_to_msg(record, model, segments))


def _part(region: Region, segment: Segment) -> Region:
    """The part of a region inside of a segment's box, to be read and written."""
    x1, y1, x2, y2 = segment.box_xyxy
    return region[y1:y2, x1:x2]


def _last_known(values: Region, known: Region) -> Region:
    """The value of the last known pixel from the left on; False where there is none."""
    # The column of a known pixel and, in the last bit, its value: the greatest so far is the last.
    codes = np.arange(2, 2 * known.shape[1] + 2, 2, dtype=np.int32) + values
    last = np.maximum.accumulate(np.where(known, codes, np.int32(0)), axis=1)
    return (last & 1).astype(bool)
