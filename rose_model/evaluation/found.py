"""How many regions are found and how well they are covered: things, small things, stuff."""

from __future__ import annotations

from collections.abc import Sequence

from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Found, Frame, find
from rose_model.records import Segment


class FoundRegions:
    """``recall50``: share of the regions found with an IoU of at least 0.5, things among predicted
    things, stuff among predicted stuff; ``precision50``: share of the predictions that found one.

    Things count as large or small by their own area; a prediction that found nothing by its own.
    Keys of small things begin with ``small_``, those of stuff with ``stuff_``.
    """

    def __init__(self) -> None:
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Count one frame."""
        large = set(frame.large_things)
        things = [i for i, region in enumerate(frame.sample.regions) if region.is_thing]
        stuff = [i for i, region in enumerate(frame.sample.regions) if not region.is_thing]
        predicted = frame.predicted(is_thing=True)
        found = frame.found_things
        large_found = [item for item in found if item.index in large]
        small_found = [item for item in found if item.index not in large]
        lost = _without(predicted, found)
        large_lost = [item for item in lost if item.area >= frame.least_area]
        self._add('', len(large), large_found, len(large_lost), frame)
        self._add(
            'small_', len(things) - len(large), small_found, len(lost) - len(large_lost), frame
        )
        predicted = frame.predicted(is_thing=False)
        found = find(frame.sample, predicted, is_thing=False)
        self._add('stuff_', len(stuff), found, len(predicted) - len(found), frame)

    def _add(
        self, prefix: str, regions: int, found: Sequence[Found], lost: int, frame: Frame
    ) -> None:
        count, predicted = len(found), len(found) + lost
        self._tally.add_ratio(f'{prefix}recall50', count, regions, regions)
        self._tally.add_ratio(f'{prefix}precision50', count, predicted, predicted)
        regions_of = frame.sample.regions
        self._tally.add_items(
            {
                f'{prefix}iou_of_found': (item.iou for item in found),
                f'{prefix}name_exact': (
                    item.segment.category == regions_of[item.index].name for item in found
                ),
            }
        )

    def figures(self) -> Figures:
        """Shares in [0, 1] for each of the three groups."""
        return self._tally.figures()


def _without(segments: Sequence[Segment], found: Sequence[Found]) -> list[Segment]:
    """The segments that found nothing."""
    matched = {id(item.segment) for item in found}
    return [segment for segment in segments if id(segment) not in matched]
