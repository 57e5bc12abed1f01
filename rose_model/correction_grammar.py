"""The grammar of corrections in words: what a sentence asks for, without a model.

It prefers silence to a guess: a label is returned where a sentence states one outright, and what
is not surely one of the intents is ``OTHER`` and left to the model (paper, Sec. 3.4, whose
refinement has a model read all of it).

The time is linear in the length of the text: it is split into words once, and patterns are matched
over the words of a clause without going back.
"""

from __future__ import annotations

from collections.abc import Sequence

from rose_model.wording.clauses import Clause, split_clauses
from rose_model.wording.complaints import complaint
from rose_model.wording.deletion import deletion, keeps
from rose_model.wording.masks import asks_for_all, mask_intent, praises
from rose_model.wording.missing import missed
from rose_model.wording.naming import stated_category
from rose_model.wording.noun_phrases import subject_of
from rose_model.wording.request import Intent, Request
from rose_model.wording.statements import peeled

__all__ = ['Intent', 'Request', 'read_request']

_DIRECTIONS = (Intent.GROW, Intent.SHRINK)
_LEADING_PREPOSITIONS = frozenset({'with', 'without', 'in', 'on', 'at', 'by', 'like'})
_NOTHING = Request(Intent.OTHER)


def read_request(text: str) -> Request:
    """Return what a correction asks for.

    A name that is stated wins over complaints about the old one, a deletion over both, unless the
    text says as well that something stays.

    Args:
        text: A sentence, or a few; any text, also an empty one.
    """
    clauses = [peeled(clause) for clause in split_clauses(text)]
    labels = [stated_category(clauses, index) for index in range(len(clauses))]
    names = any(label is not None for label in labels)
    found = [_read_clause(clauses, index, label, names) for index, label in enumerate(labels)]
    barred = _barred(clauses, found)
    found = [request for request in found if request.intent not in barred]
    return _joined([request for request in found if request.intent is not Intent.OTHER])


def _barred(clauses: Sequence[Clause], found: Sequence[Request]) -> set[Intent]:
    """Return the intents that other clauses rule out."""
    barred = set()
    if any(keeps(clause.words) for clause in clauses):
        barred.add(Intent.DELETE)
    if any(asks_for_all(clause.core) for clause in clauses):
        barred |= {Intent.CATEGORY, Intent.MASK}
    return barred


def _read_clause(clauses: Sequence[Clause], index: int, label: str | None, names: bool) -> Request:
    """Return what a clause asks for; ``names`` where any clause states a label."""
    clause = clauses[index]
    gone = deletion(clause)
    if gone is not None and not (gone.doubtful and names):
        return Request(Intent.DELETE, subject=gone.subject)
    if label is not None:
        return Request(Intent.NAME, label)
    if clause.words[0] in _LEADING_PREPOSITIONS or _says_to_leave_it(clause.words):
        return _NOTHING
    lacking = missed(clauses, index)
    if lacking is not None:
        return Request(Intent.MISSED, lacking.label, lacking.subject)
    return _complaint_or_mask(clause)


def _says_to_leave_it(words: tuple[str, ...]) -> bool:
    return praises(words) or keeps(words)


def _complaint_or_mask(clause: Clause) -> Request:
    complains, denied = complaint(clause)
    if complains:
        return Request(Intent.CATEGORY, subject=denied)
    intent = mask_intent(clause)
    return _NOTHING if intent is None else Request(intent, subject=subject_of(clause.words))


def _joined(found: Sequence[Request]) -> Request:
    """Return one request for those of all clauses."""
    for intent in (Intent.DELETE, Intent.NAME):
        first = next((request for request in found if request.intent is intent), None)
        if first is not None:
            return first
    missing = [request for request in found if request.intent is Intent.MISSED]
    others = [request for request in found if request.intent is not Intent.MISSED]
    said = next((request for request in missing if request.subject is not None), None)
    if said is not None:
        return said
    if missing and not others:
        return missing[0]
    return _about_the_segment(others)


def _about_the_segment(found: Sequence[Request]) -> Request:
    """Return one request for clauses that speak of one segment's name or mask."""
    intents = {request.intent for request in found}
    subject = next((request.subject for request in found if request.subject is not None), None)
    if Intent.CATEGORY in intents:
        return Request(Intent.CATEGORY, None, subject)
    asked = [intent for intent in _DIRECTIONS if intent in intents]
    if len(asked) == 1:
        return Request(asked[0], None, subject)
    return Request(Intent.MASK, None, subject) if intents else _NOTHING
