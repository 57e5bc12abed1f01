"""Deletions asked for in words: of the segments of real frames, through the whole model."""

from __future__ import annotations

from rose_model.errors import RefinementError
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refines
from rose_model.evaluation.sentence_tables import NOT_HELD_OUT, Deletion, deletions
from rose_model.records import RefinementCase, Segmentation

SENTENCES_PER_FRAME = 2


class AskedDeletions:
    """``delete_ok_frames``: share of the sentences of ``deletions.csv`` that ``refine`` obeys,
    asked about the first found thing of a frame.

    A sentence that deletes has to take away this segment and no other one; after any other, or
    after a refusal of it, the segment has to be there.  Each frame is asked the next two of the
    60 sentences that are not held out, until all had their turn.
    """

    def __init__(self, segmenter: Refines) -> None:
        self._segmenter = segmenter
        self._tally = Tally()
        self._left = [sentence for sentence in deletions() if sentence.held_out == NOT_HELD_OUT]

    def add(self, frame: Frame) -> None:
        """Ask the next sentences about one frame, if it has a found thing."""
        if not frame.found_things:
            return
        asked, self._left = self._left[:SENTENCES_PER_FRAME], self._left[SENTENCES_PER_FRAME:]
        segment_id = frame.found_things[0].segment.id
        right = [self._is_obeyed(frame.segmentation, segment_id, sentence) for sentence in asked]
        self._tally.add_items({'delete_ok_frames': right})

    def _is_obeyed(self, frame: Segmentation, segment_id: str, sentence: Deletion) -> bool:
        try:
            answer = self._segmenter.refine(frame, sentence.text, segment_id=segment_id)
        except RefinementError:
            return not sentence.deletes
        if not sentence.deletes:
            return answer.segmentation.find(segment_id) is not None
        is_deletion = (answer.case, answer.removed) == (RefinementCase.DELETE, (segment_id,))
        before = {segment.id for segment in frame.segments}
        after = {segment.id for segment in answer.segmentation.segments}
        return is_deletion and before - after == {segment_id}

    def figures(self) -> Figures:
        """The share over all sentences that were asked."""
        return self._tally.figures()
