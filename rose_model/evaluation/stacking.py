"""From segments to a semantic map: predictions of one class are stacked (paper, A.4).

Binary masks stand for the sigmoid of their logits: a pixel of a segment has the segment's
objectness in the channel of its class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rose_model.evaluation.semantic import UNPREDICTED, ClassOf
from rose_model.records import Segment


@dataclass(frozen=True, eq=False)
class ClassStack:
    """The paper's M_sem: a channel float32 ``[H, W]`` in [0, 1] for each class that is predicted.

    The channels that are not stored are zero everywhere, and the one of the non-object is
    ``non_object`` everywhere.  Names that stand for no class have a channel of their own,
    ``UNMAPPED``: they are predictions, and wrong ones.
    """

    channels: dict[int, NDArray[np.float32]]
    size: tuple[int, int]
    non_object: float

    @classmethod
    def of(
        cls,
        segments: Iterable[Segment],
        class_of: ClassOf,
        size: tuple[int, int],
        non_object: float,
    ) -> ClassStack:
        """The maximum of the segments of each class.

        Their sum would favour things over stuff: nine patches answer for a thing and one for
        stuff, and not every duplicate is suppressed.
        """
        stack = cls({}, size, non_object)
        for segment in segments:
            stack.add(class_of(segment.category), segment)
        return stack

    def add(self, number: int, segment: Segment) -> None:
        """Write a segment into the channel of a class."""
        channel = self.channels.setdefault(number, np.zeros(self.size, np.float32))
        x1, y1, x2, y2 = segment.box_xyxy
        inside = channel[y1:y2, x1:x2]
        np.maximum(inside, segment.objectness, out=inside, where=segment.mask)

    def clear(self, number: int, mask: NDArray[np.bool_]) -> None:
        """Take a class back on the pixels of a mask bool ``[H, W]``."""
        if number in self.channels:
            self.channels[number][mask] = 0

    def copy(self) -> ClassStack:
        """A stack of its own with the same content."""
        channels = {number: channel.copy() for number, channel in self.channels.items()}
        return ClassStack(channels, self.size, self.non_object)

    def classes(self) -> NDArray[np.int64]:
        """The class of the highest channel at each pixel, int64 ``[H, W]``; ``UNPREDICTED`` where
        none reaches that of the non-object.
        """
        best = np.full(self.size, self.non_object, np.float32)
        winner = np.full(self.size, UNPREDICTED, np.int64)
        for number, channel in sorted(self.channels.items()):
            # At exactly the least objectness that a patch is kept with, it is kept.
            wins = (channel > best) | ((channel == best) & (winner == UNPREDICTED) & (channel > 0))
            winner[wins] = number
            best[wins] = channel[wins]
        return winner
