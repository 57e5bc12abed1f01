"""How well the model counts in words (paper, Sec. 3.5)."""

from __future__ import annotations

from collections import Counter

from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Describes, Frame
from rose_model.instructions import read_counts


class Counting:
    """``count_mae``: how far a count is off, in objects, for a name that is there or is counted.

    ``count_total_mae``: how far the number of all regions of an image is off.
    ``count_unreadable``: share of the answers that are no counting sentence; they count nothing.
    """

    def __init__(self, segmenter: Describes) -> None:
        self._segmenter = segmenter
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Let the model count one frame."""
        read = read_counts(self._segmenter.describe(frame.segmentation.context))
        counted = read or {}
        true = Counter(region.name for region in frame.sample.regions)
        names = true.keys() | counted.keys()
        self._tally.add_items(
            {
                'count_mae': (abs(counted.get(name, 0) - true[name]) for name in sorted(names)),
                'count_total_mae': [abs(sum(counted.values()) - true.total())],
                'count_unreadable': [read is None],
            }
        )

    def figures(self) -> Figures:
        """The three figures; the first two are numbers of objects and not shares."""
        return self._tally.figures()
