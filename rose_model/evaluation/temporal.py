"""How steady the answers are from frame to frame of a film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import MATCH_IOU
from rose_model.evaluation.matching import match_greedily
from rose_model.records import Segmentation
from rose_model.write_back import segment_iou


class TemporalStability:
    """Figures over pairs of neighbouring frames.

    ``temporal_kept``: of the pixels whose true label is the same in both frames, the share whose
    predicted class is the same, too; a pixel without a class keeps nothing.
    ``temporal_truth_kept``: the share of labelled pixels whose true label is the same.

    A segment's counterpart is the segment of the next frame that overlaps it most, by at least
    half, each taken once.  ``temporal_flicker``: share of the segments without a counterpart or
    with one of another name; ``temporal_lost`` and ``temporal_renamed`` are its two parts.

    The interval draws pairs of frames as if they were independent, which consecutive frames are
    not: it is too narrow.
    """

    def __init__(self) -> None:
        self._tally = Tally()
        self._last: tuple[Segmentation, NDArray[np.int64], NDArray[np.uint8]] | None = None

    def add(
        self,
        segmentation: Segmentation,
        classes: NDArray[np.int64],
        labels: NDArray[np.uint8],
        unlabelled: int,
    ) -> None:
        """The next frame.  ``classes``: int64 ``[H, W]``, negative for none; ``labels``: uint8
        ``[H, W]``, ``unlabelled`` where nothing is known.
        """
        if self._last is not None:
            last, last_classes, last_labels = self._last
            known = (labels != unlabelled) & (last_labels != unlabelled)
            same = known & (labels == last_labels)
            kept = same & (classes == last_classes) & (classes >= 0)
            self._add_share('temporal_kept', kept, same)
            self._add_share('temporal_truth_kept', same, known)
            self._add_segments(last, segmentation)
        self._last = segmentation, classes, labels

    def _add_share(self, key: str, part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> None:
        self._tally.add_ratio(key, int(part.sum()), int(whole.sum()), 1)

    def _add_segments(self, last: Segmentation, now: Segmentation) -> None:
        iou = np.array(
            [[segment_iou(old, new) for new in now.segments] for old in last.segments], float
        ).reshape(len(last.segments), len(now.segments))
        matched = match_greedily(iou, [item.objectness for item in last.segments], MATCH_IOU)
        lost = [index < 0 for index in matched.tolist()]
        renamed = [
            index >= 0 and now.segments[index].category != old.category
            for old, index in zip(last.segments, matched.tolist(), strict=True)
        ]
        self._tally.add_items(
            {
                'temporal_flicker': (a or b for a, b in zip(lost, renamed, strict=True)),
                'temporal_lost': lost,
                'temporal_renamed': renamed,
            }
        )

    def figures(self) -> Figures:
        """Shares over all pairs; counts are pairs of frames for pixels, segments otherwise."""
        return self._tally.figures()
