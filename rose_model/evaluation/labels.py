"""Corrections of names: a label that the user states, and one that the model has to find."""

from __future__ import annotations

from collections.abc import Sequence

from rose_model.errors import RefinementError
from rose_model.evaluation.figures import Figures, Tally
from rose_model.evaluation.frames import Frame, Refines
from rose_model.evaluation.naming import is_unseen
from rose_model.evaluation.refine import with_mask
from rose_model.instructions import REFINEMENTS
from rose_model.records import RefinementCase, RefineTarget, Segmentation

STATEMENTS = (
    'This is {article} {label}.',
    'No, this is {article} {label}.',
    'this is actually {article} {label}',
    "it's {article} {label}",
    'That is {article} {label}!',
    'The object is {article} {label}.',
    'call it {article} {label}',
    'The label should be {label}.',
    'It should be {article} {label}.',
    'Wrong, this is {article} {label}, please correct it.',
    'I think this is {article} {label}.',
    'Change the label to {label}.',
)
"""Sentences in which a user says what something is."""

OUTSIDE_VOCABULARY = (
    'excavator',
    'tuk-tuk',
    'street sweeper',
    'e-scooter',
    'Müllwagen',
    'fire engine',
    'wheelchair',
    'ice cream van',
    'horse',
    'parcel robot',
    'Straßenbahn',
    'unicycle',
)
"""Labels that no street of training holds."""

STATED_PER_FRAME = 4
CORRECTED_PER_FRAME = 2
_STATED_DRAWS, _CORRECTED_DRAWS = 4, 5


def state(template: str, label: str) -> str:
    """A statement with its label and the article that fits."""
    article = 'an' if label[0].lower() in 'aeiou' else 'a'
    return template.format(article=article, label=label)


class StatedLabels:
    """``label_stated``: share of the statements after which the segment has that very label, in
    lower case; half of the labels are from ``vocabulary``, half outside of it.

    Each frame gives up to four of its found things another label; sentences and labels take turns.
    """

    def __init__(self, segmenter: Refines, vocabulary: Sequence[str]) -> None:
        self._segmenter = segmenter
        self._vocabulary = tuple(vocabulary)
        self._tally = Tally()
        self._turn = 0

    def add(self, frame: Frame) -> None:
        """State labels in one frame."""
        known: list[bool] = []
        unknown: list[bool] = []
        for item in frame.found_things[:STATED_PER_FRAME]:
            is_known = self._turn % 2 == 0
            pool = self._vocabulary if is_known else OUTSIDE_VOCABULARY
            lap, place = divmod(self._turn // 2, len(pool))
            label = pool[place]
            # Each lap begins with another sentence, so that all pairs have their turn.
            text = state(STATEMENTS[(lap + place) % len(STATEMENTS)], label)
            self._turn += 1
            answer = name_after(
                self._segmenter, frame.segmentation, item.segment.id, text, RefineTarget.AUTO
            )
            (known if is_known else unknown).append(answer == label.lower())
        self._tally.add_items(
            {
                'label_stated': known + unknown,
                'label_stated_vocabulary': known,
                'label_stated_outside': unknown,
            }
        )

    def figures(self) -> Figures:
        """Shares of the statements."""
        return self._tally.figures()


class CorrectedLabels:
    """``label_corrected``: share of things with their true mask and a wrong name that have their
    right name after a sentence that holds the wrong one alone (paper's second situation).

    For names whose pair was seen in training; ``label_corrected_unseen`` for the others.  Wrong
    names are drawn from ``vocabulary``.
    """

    def __init__(self, segmenter: Refines, vocabulary: Sequence[str]) -> None:
        self._segmenter = segmenter
        self._vocabulary = tuple(vocabulary)
        self._tally = Tally()

    def add(self, frame: Frame) -> None:
        """Correct names of up to two large things of one frame."""
        rng = frame.rng(_CORRECTED_DRAWS)
        right: dict[str, list[bool]] = {'label_corrected': [], 'label_corrected_unseen': []}
        for index in rng.permutation(frame.large_things)[:CORRECTED_PER_FRAME].tolist():
            region = frame.sample.regions[int(index)]
            wrong = str(rng.choice([name for name in self._vocabulary if name != region.name]))
            sentence = str(rng.choice(REFINEMENTS[RefinementCase.CATEGORY]))
            segmentation = with_mask(frame, frame.sample.mask(int(index)), wrong)
            answer = name_after(
                self._segmenter,
                segmentation,
                segmentation.segments[0].id,
                sentence.format(category=wrong),
                RefineTarget.LABEL,
            )
            key = 'label_corrected_unseen' if is_unseen(region) else 'label_corrected'
            right[key].append(answer == region.name)
        self._tally.add_items(right)

    def figures(self) -> Figures:
        """Shares of the corrections."""
        return self._tally.figures()


def name_after(
    segmenter: Refines,
    segmentation: Segmentation,
    segment_id: str,
    text: str,
    target: RefineTarget,
) -> str | None:
    """The segment's name after a correction, ``None`` where it was refused."""
    try:
        answer = segmenter.refine(segmentation, text, segment_id=segment_id, target=target)
    except RefinementError:
        return None
    segment = answer.segmentation.find(segment_id)
    return None if segment is None else segment.category
