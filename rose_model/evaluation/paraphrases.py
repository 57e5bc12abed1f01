"""Dense instructions in words that training never shows, and the paper's own."""

from __future__ import annotations

from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Segments, find
from rose_model.evaluation.unseen_sentences import (
    ALL_REGIONS_UNSEEN,
    FOREGROUND_UNSEEN,
    PAPER_PROMPTS,
)
from rose_model.prompts.sentences import PAPER_INSTANCE
from rose_model.records import Segment

PARAPHRASES = (*ALL_REGIONS_UNSEEN, *FOREGROUND_UNSEEN, *PAPER_PROMPTS)
PARAPHRASES_PER_FRAME = 2
_DRAWS = 10


class Paraphrases:
    """Frames segmented once more by two drawn of twelve instructions: ten that training never
    shows, and the paper's two (A.4).

    - ``paraphrase_recall50``: share of the large things found with an IoU of at least 0.5;
      ``paraphrase_recall50_unseen`` and ``paraphrase_recall50_paper`` by who wrote the words.
    - ``paraphrase_recall50_loss``: recall by the default instruction less
      ``paraphrase_recall50``, on the same frames.
    - ``paraphrase_segments_ratio``: how many segments there are for one by the default
      instruction; of things alone where things alone are asked for.
    """

    def __init__(self, segmenter: Segments) -> None:
        self._segmenter = segmenter
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Ask for one frame in other words."""
        rng = frame.rng(_DRAWS)
        large = len(frame.large_things)
        usual = sum(frame.is_large(item.index) for item in frame.found_things)
        drawn = rng.choice(len(PARAPHRASES), PARAPHRASES_PER_FRAME, replace=False)
        found = {'unseen': 0, 'paper': 0}
        asked = {'unseen': 0, 'paper': 0}
        segments = usual_segments = 0
        for instruction in (PARAPHRASES[number] for number in drawn):
            answer = self._segmenter.segment(frame.segmentation.context, instruction)
            kind = 'paper' if instruction in PAPER_PROMPTS else 'unseen'
            asked[kind] += large
            found[kind] += _large_found(frame, answer.segments)
            segments += _asked_for(answer.segments, instruction)
            usual_segments += _asked_for(frame.segmentation.segments, instruction)
        every, all_found = sum(asked.values()), sum(found.values())
        for kind, count in asked.items():
            self._tally.add_ratio(f'paraphrase_recall50_{kind}', found[kind], count, count)
        lost = len(drawn) * usual - all_found
        self._tally.add_ratio('paraphrase_recall50', all_found, every, every)
        self._tally.add_ratio('paraphrase_recall50_loss', lost, every, every)
        self._tally.add_ratio(
            'paraphrase_segments_ratio', segments, usual_segments, usual_segments
        )

    def figures(self) -> Figures:
        """Figures over all frames and instructions."""
        return self._tally.figures()


def asks_for_things(instruction: str) -> bool:
    """Return whether an instruction of ``PARAPHRASES`` asks for the things alone."""
    return instruction in (*FOREGROUND_UNSEEN, PAPER_INSTANCE)


def _asked_for(segments: tuple[Segment, ...], instruction: str) -> int:
    """How many of the segments are of what the instruction asks for."""
    things = sum(segment.is_thing for segment in segments)
    return things if asks_for_things(instruction) else len(segments)


def _large_found(frame: Frame, segments: tuple[Segment, ...]) -> int:
    things = [segment for segment in segments if segment.is_thing]
    found = find(frame.sample, things, is_thing=True)
    return sum(frame.is_large(item.index) for item in found)
