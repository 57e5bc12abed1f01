"""Corrections in words: what is asked of the model.

The paper's conversation-based segmentation refinement (Sec. 3.4).  Which answer is taken is in
``answer_choice.py``, what becomes of it in ``write_back.py``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rose_model.category_decoder import MAX_NAME_CHARACTERS
from rose_model.correction_grammar import Intent, Request, read_request
from rose_model.errors import (
    InvalidRequestError,
    NoSuchSegmentError,
    NotUnderstoodError,
    TextEmptyError,
    TextTooLongError,
)
from rose_model.instructions import box_in, with_box
from rose_model.prompts.sentences import PLAIN_REFINEMENTS, REFINEMENTS
from rose_model.records import RefinementCase, RefineTarget, Segment, Segmentation

MAX_TEXT_CHARACTERS = 1024
MAX_SELF_REFINED = 10
TRUSTED = 0.6
"""Segments whose objectness times expected IoU is at least this are left alone."""
LEAST_WORDS = 3
"""A shorter sentence that the grammar does not know says too little to be left to the model."""

_ABOUT_A_SEGMENT = frozenset({Intent.MASK, Intent.GROW, Intent.SHRINK, Intent.CATEGORY})
_GROWTH = {Intent.GROW: 1, Intent.MISSED: 1, Intent.SHRINK: -1, Intent.DELETE: -1}
"""Of a mask: "add the wheels" makes it larger, "remove the road" from a car smaller."""
_EXAMPLES = {
    'correction': 'this is a bus',
    'instruction': 'Can you segment the foreground instances in this image?',
    'description': 'the red car on the left',
}

# Control, format (also those that turn the direction of writing), halves of characters, characters
# of nobody's, and the separators that are new lines to some readers.
_UNPRINTABLE = frozenset({'Cc', 'Cf', 'Cs', 'Co', 'Zl', 'Zp'})


@dataclass(frozen=True, eq=False)
class RefinementRequest:
    """A checked correction: the situation, the segment it is about, and what the model is asked.

    Attributes:
        case: The situation.
        segment: The segment that is meant; ``None`` where something was missed.
        instruction: What the model is asked; empty for a deletion.
        label: The category that the user stated outright, if any.
        keeps_mask: The mask stays, whatever the model answers.
        keeps_category: So does the category.
        growth: 1 where more pixels are asked for, -1 where fewer are, else 0.
        described: The words that say what the answer is; ``None`` where they do not.
        is_understood: The grammar knows what is asked for.
    """

    case: RefinementCase
    segment: Segment | None
    instruction: str
    label: str | None = None
    keeps_mask: bool = False
    keeps_category: bool = False
    growth: int = 0
    described: str | None = None
    is_understood: bool = True

    @property
    def needs_model(self) -> bool:
        """Whether the model is asked: not where a label is stated and nothing else changes."""
        is_stated = self.label is not None and self.keeps_mask
        return not is_stated and self.case is not RefinementCase.DELETE


def check_text(text: str, what: str = 'correction') -> str:
    """A free text without blanks at its ends; ``what`` it is, for the messages.

    Raises:
        TextEmptyError: nothing is left.
        TextTooLongError: it has more than 1,024 characters.
        InvalidRequestError: it has control characters, or bytes that were no UTF-8.
    """
    stripped = text.strip()
    if not stripped:
        raise TextEmptyError(
            f'The {what} is empty; write a sentence, for example "{_EXAMPLES[what]}".'
        )
    if len(stripped) > MAX_TEXT_CHARACTERS:
        raise TextTooLongError(
            f'The {what} has {len(stripped)} characters; at most {MAX_TEXT_CHARACTERS} are read.'
        )
    for character in stripped:
        if unicodedata.category(character) in _UNPRINTABLE or character == '\ufffd':
            raise InvalidRequestError(
                f'The {what} holds the character {character!a}; send plain, printable text.'
            )
    return stripped


def interpret(
    segmentation: Segmentation,
    text: str,
    segment_id: str = '',
    target: RefineTarget = RefineTarget.AUTO,
    *,
    label: str = '',
    remove: bool = False,
    is_clicked: bool = False,
) -> RefinementRequest:
    """Read what a correction asks for, without a model.

    Without a segment something was missed.  With one, the grammar of ``correction_grammar``
    decides between its name, its mask and its deletion; ``target``, ``label`` and ``remove``
    overrule it.  Whoever speaks about the name alone keeps the mask, and the other way round;
    ``BOTH`` changes both.

    Args:
        segmentation: The frame.
        text: A sentence; may be empty where ``label``, ``remove`` or a click says enough.
        segment_id: The segment that is meant; empty for something missed.
        target: What is to be changed.
        label: The category, stated outright; it wins over the text.
        remove: The segment is nothing and goes.
        is_clicked: The user has clicked on the image, too.

    Raises:
        NoSuchSegmentError: the frame has no segment of that id.
        TextEmptyError, TextTooLongError, InvalidRequestError: as ``check_text``; or the arguments
            contradict each other.
        TextTooLongError: it states a label of more than 64 characters.
        NotUnderstoodError: the sentence says neither what is wrong nor what was missed.
    """
    segment = segmentation.find(segment_id) if segment_id else None
    if segment_id and segment is None:
        raise NoSuchSegmentError(
            f'The frame has no segment {segment_id!r}; it has {len(segmentation.segments)} others.'
        )
    if remove:
        return _removal(segment, label, target, is_clicked=is_clicked)
    says_enough = is_clicked or bool(label)
    sentence = check_text(text) if text.strip() or not says_enough else ''
    request = read_request(sentence)
    if segment is None:
        stated = check_label(label or request.label)
        return _missed(sentence, request, stated, is_clicked=is_clicked)
    # what is missing from a segment is no name of it: "the wheel is missing"
    stated = check_label(label or (request.label if request.intent is Intent.NAME else None))
    if request.deletes(segment.category) and not label and target is RefineTarget.AUTO:
        return _removal(segment, '', target, is_clicked=is_clicked)
    return _about(segmentation, segment, sentence, request, stated, target, is_clicked)


def _removal(
    segment: Segment | None, label: str, target: RefineTarget, *, is_clicked: bool
) -> RefinementRequest:
    if segment is None:
        raise InvalidRequestError(
            'To delete a segment, say which: give its id; nothing was changed.'
        )
    if label or is_clicked or target is not RefineTarget.AUTO:
        raise InvalidRequestError(
            'A segment that is deleted has neither label nor clicks nor target; leave them out.'
        )
    return RefinementRequest(RefinementCase.DELETE, segment, '')


def _missed(
    sentence: str, request: Request, label: str | None, *, is_clicked: bool
) -> RefinementRequest:
    """A correction without a segment."""
    if request.intent is Intent.DELETE:
        raise InvalidRequestError(
            'To delete a segment, say which: give its id; nothing was changed.'
        )
    names_nothing = request.label is None and request.subject is None and label is None
    if request.intent in _ABOUT_A_SEGMENT and names_nothing and not is_clicked:
        raise NotUnderstoodError(
            f'{sentence!r} is about a segment; give the id of that segment. Nothing was changed.'
        )
    if not sentence:
        plain = PLAIN_REFINEMENTS[RefinementCase.MISSED][0]
        named = REFINEMENTS[RefinementCase.MISSED][0]
        sentence = plain if label is None else named.format(category=label)
    says_what = not names_nothing or request.intent is not Intent.MISSED
    described = sentence if says_what and not is_clicked and not box_in(sentence) else None
    return RefinementRequest(RefinementCase.MISSED, None, sentence, label, described=described)


def _about(
    segmentation: Segmentation,
    segment: Segment,
    sentence: str,
    request: Request,
    label: str | None,
    target: RefineTarget,
    is_clicked: bool,
) -> RefinementRequest:
    """A correction of a segment."""
    if (
        request.intent is Intent.OTHER
        and target is RefineTarget.AUTO
        and not label
        and not is_clicked
        and len(sentence.split()) < LEAST_WORDS
    ):
        raise NotUnderstoodError(
            f'{sentence!r} does not say what is wrong; say "the mask misses a part", "this is a '
            f'bus" or "remove this". Nothing was changed.'
        )
    about_name = label is not None or request.intent in (Intent.NAME, Intent.CATEGORY)
    by_name = target in (RefineTarget.LABEL, RefineTarget.BOTH) or (
        target is RefineTarget.AUTO and about_name
    )
    case = RefinementCase.CATEGORY if by_name else RefinementCase.MASK
    growth = _GROWTH.get(request.intent, 0) if case is RefinementCase.MASK else 0
    if not sentence:
        sentence = PLAIN_REFINEMENTS[case][0]
    return RefinementRequest(
        case=case,
        segment=segment,
        instruction=located(sentence, segment.box_xyxy, segmentation.original_size),
        label=label,
        keeps_mask=by_name and target is not RefineTarget.BOTH,
        keeps_category=not by_name,
        growth=growth,
        is_understood=request.intent is not Intent.OTHER or target is not RefineTarget.AUTO,
    )


def check_label(label: str | None) -> str | None:
    """A stated label without blanks at its ends: printable, and no longer than a generated one."""
    if not label:
        return None
    label = label.strip()
    if not label or not label.isprintable() or '\ufffd' in label:
        raise InvalidRequestError(f'The label {label!a} is no name; give printable characters.')
    if len(label) > MAX_NAME_CHARACTERS:
        raise TextTooLongError(
            f'The label {label[:32]!r}... has {len(label)} characters; at most '
            f'{MAX_NAME_CHARACTERS} are taken.'
        )
    return label


def located(sentence: str, box_xyxy: tuple[int, int, int, int], size: tuple[int, int]) -> str:
    """The sentence with the box of the segment that it is about, where the user has given none.

    ``box_xyxy`` in pixels of an image of ``size = (H, W)``.
    """
    if box_in(sentence):
        return sentence
    height, width = size
    x1, y1, x2, y2 = box_xyxy
    return with_box(sentence, (x1 / width, y1 / height, x2 / width, y2 / height))


def doubtful_segments(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The segments that the model itself trusts least, worst first: at most ten, as in the paper's
    protocol (A.1), by objectness times expected IoU.
    """
    ranked = sorted(segments, key=_trust)[:MAX_SELF_REFINED]
    return tuple(segment for segment in ranked if _trust(segment) < TRUSTED)


def _trust(segment: Segment) -> float:
    return segment.objectness * segment.mask_score


def mask_sentence(category: str) -> str:
    """The sentence with which the model asks itself for a better mask."""
    return REFINEMENTS[RefinementCase.MASK][2].format(category=category)
