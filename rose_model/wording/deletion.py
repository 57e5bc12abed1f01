"""Sentences that ask to delete a segment, or say that it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rose_model.wording.clauses import Clause
from rose_model.wording.noun_phrases import NounPhrase, category, read_noun_phrase, without_ranks
from rose_model.wording.patterns import compiled
from rose_model.wording.statements import read_statement
from rose_model.wording.words import ADVERBS, LABEL_NOUNS, LABEL_WORDS, LEFTOVERS, MASK_NOUNS

_VERBS = compiled("""
    @delete
    get rid of
    get
    throw|take|chuck away|out
    clear|throw|take
    cancel|reject|suppress|hide|ignore|clear the|this|that|its @noun|entry
""")
_SEGMENT = compiled("""
    @pro
    this|that|these|those|the|its whole|entire? @unwanted? @noun|@junk|mask|box|area|shape
    the|this|that false|wrong|ghost|phantom positive|detection|alarm|object
    all|everything of it|this
    the mask|segment|segmentation|detection|annotation of|for|on|around
""")
"""How the segment itself is called behind a verb that deletes."""
_TAIL = compiled("""
    $
    away|out|off|up? @adverb* $
    away|out|off of? the|my|your? here|there|sight|way|view $
    completely|entirely|altogether|again|today|thanks|immediately|whole|fully|permanently|
        forever|soon|right|quickly|asap $
    for me|us|good $
    at once $
    right away|now $
    from|in|on|of the|this|my|your ... @picture|@record $
    because|since|as|so ...
    here|there $
    away|out? from|of the|this ... @picture|@record $
    it|this|that is ...
    is not needed|wanted|real $
    i|we do not ...
    which|that is ...
    and|then ...
    from here|there $
""")
"""What may follow the segment where it is deleted as a whole."""
_SAYINGS = compiled("""
    nothing $
    there is|was @adverb* nothing real? $
    there is|was @adverb* nothing @adverb* at? all? here|there|visible|in|at|on|to|of @place* \
        all? $
    there is|was @adverb* nothing @adverb* at? all? here|there
    there is|was @adverb* nothing in|at|on|under|inside the|this|that @picture
    there is|was @adverb* nothing to see|segment|mark|detect|find|mask
    nothing @is? at? all? here|there|to|in @place* $
    nothing at? all? is @adverb* here|there
    nothing here|there|visible|to ... $
    nothing at all $
    nothing @adverb* exists here|there?
    nothing in|at this|that|the @picture $
    @is not anything|nothing at? all? here|there? $
    there is|was not anything|nothing at? all? here|there|in|to? @place* $
    there is|was not anything|nothing at? all? in|at|on the|this|that @picture $
    there is|was @adverb* not|no such? a|an|any|single|real|actual? @thing @adverb* at? all? \
        here|there|visible? at? all? $
    there is|was @adverb* not|no a|an|any|real|actual? @thing @adverb* in|at|on|under|inside|to
    there is|was not any|no such thing|object|animal|vehicle
    no|not such? an|a|any? @real? @anything at? all? here|there? $
    no|not such? an|a|any? @real? @anything in|at|on the|this|that
    no such _ $
    there is|was @adverb* no such @thing
    do? not keep it|this|that one|segment|object|detection? $
    <it> is @adverb* not @adverb* here|there at? all|anymore? $
    <it> is @adverb* not @adverb* here|there? in|on the? reality|life|real|image|picture|photo|
        frame|scene
    i|we see|find nothing at? all? here|there? $
    see|find nothing at? all? here|there? $
    i|we can|do not see|find anything|any an? thing|object? at? all? here|there $
    i|we can|do not see|find anything|any an? thing|object? in|at|on the|this|that @picture
    there is @adverb* but? air|noise|void|emptiness
    <it> is @adverb* not in|on the|this|that @picture
    not real $
    is? @adverb* not an|a real|actual|valid object|thing|detection at? all? $
    <it> ... does|do|did not @adverb* even? exist
    does|do not @adverb* even? exist
    <it> never existed
    <it> should|must|has|have not even? be|exist|have here|there|in|on|been|segmented|detected|
        marked|found|included|part? been|segmented|detected|marked|found|included|annotated|
        here|there|at|the|this|of? $
    should|must not even? be|exist here|there? $
    <it> should|must not exist
    <it> does not belong here|there $
    <it> is|was|has @adverb* been? segmented|detected|found|marked by mistake|error|accident
    you|it hallucinated|invented|imagined this|that|it
    you made this|that|it up
    a|just|exact* duplicate detection|segment|one? $
    double|duplicated detection|segment|mask $
    @article|@merely* @false @found
    @article|@merely|image|lens|sensor|compression|camera* @phantom $
    false|spurious|bogus|fake $
    <it> should|must|can|has|have|needs|ought|could|may to|be|get|@adverb* @deleted
    <it> is|are to be @deleted
    should|must|can|has|have|needs|ought to? be @deleted
    <it> needs|has|have|must|should|ought|to|can* go $
    <it> needs|need @deleting
    has|must|needs to? go $
    i|we do not want|need|like @pro @noun|mask? here|there|at|all|in|anymore|any|more* $
    i|we? want|need|like @pro @noun|mask? to? be? out|away|@deleted $
    want|need @pro @noun|mask? to? be? out|away|@deleted $
    like|have to? see|have? @pro @noun|mask? to? be? out|away|@deleted $
    out|away with @pro one|segment|object|detection? $
""")
"""What says that the segment is none, or that it should go."""
_KEEP = compiled('keep it|this|that|the')
_PASSIVE = compiled("""
    should|must|can|has|needs|ought to? be @deleted
    has|needs|must|should to? go $
    does|do not @adverb* exist
""")
"""What stands behind the name of a thing that is to be deleted."""
_IDENTITIES = compiled("""
    nothing real? at? all? here|there? $
    nothing but noise|air|background
    not|no @adverb* an|a|any|even? @real? @anything at? all? here|there? $
    not|no @adverb* real|existing|existent $
    @unreal
    made up $
    @article|@merely|image|lens|sensor|compression|camera|rendering* @phantom
    @article|@merely* @false @found
    a|the|just|only|another|exact* duplicate|duplicated|double detection|segment|one?
""")
"""What says behind "is" that the segment is none."""
_NO_SUCH = compiled("""
    there is|was @adverb* no|not such? a|an|any?
    no
    i|we can|do not see|find|spot a|an|any
""")
_NOWHERE = compiled("""
    @adverb* at? all? here|there|visible $
    here|there at? all? $
    in|on|at|within|inside the|this|that @picture
    at all $
    to be seen
""")
_KEEPING = compiled("""
    not @adverb* @delete|throw|get|take|touch|@deleted
    not @adverb* be|been|to @deleted|@delete
    no need|reason to @delete
    without|instead|avoid|stop|no|against of? @deleting
    leave it|this|that $
    rather|better than @delete|@deleting
    who|why|when|how ... @deleted|@delete
    if <it> is|was|does|has|looks|can
    undo|revert|cancel|restore the|this|that|my|your? last? deletion|removal
""")
"""What says that a segment stays."""
_STRONG = frozenset({'delete', 'remove', 'erase', 'discard', 'eliminate', 'del', 'rm', 'purge'})
"""Verbs that delete without an object."""
_WITH_PARTICLE = frozenset({'get', 'take', 'throw', 'chuck', 'clear'})
_OFF = frozenset({'away', 'out', 'off'})
_NAMED_OBJECTS = frozenset(
    {'segment', 'detection', 'object', 'instance', 'region', 'one', 'annotation', 'entry'}
)

_TRIMMED = LEFTOVERS | {'hole', 'holes', 'gap', 'gaps', 'overlap', 'part', 'parts'}
"""What is cut from a mask rather than deleted."""


@dataclass(frozen=True)
class Deletion:
    """That a clause deletes: the segment that is spoken of, or that of the thing it names."""

    subject: str | None = None
    doubtful: bool = False
    """"There is no dog here" may be about the name."""


def keeps(words: tuple[str, ...]) -> bool:
    """Return whether a clause says that something shall not be deleted."""
    holds = any(
        word == 'keep' and words[index - 1 : index] != ('not',) and _KEEP.match(words, index)
        for index, word in enumerate(words)
    )
    return holds or _KEEPING.occur(words)


def deletion(clause: Clause) -> Deletion | None:
    """Return what a clause asks to delete, or ``None`` where it asks for no such thing."""
    words = clause.core
    if not words or (clause.after == '?' and not clause.asks):
        return None
    end = _VERBS.longest(words)
    if end is not None:
        return _of_a_verb(words, end)
    for start in {clause.words, words}:
        said = _said(start)
        if said is not None:
            return said
    return None


def _of_a_verb(words: Sequence[str], end: int) -> Deletion | None:
    if words[end - 1] in _NAMED_OBJECTS:
        return Deletion() if _TAIL.match(words, end) else None
    if end == len(words):
        return Deletion() if words[0] in _STRONG else None
    behind = _SEGMENT.longest(words, end)
    if words[0] in _WITH_PARTICLE and end == 1:
        # "Take it away" deletes, "take it" and "take the road away" do not.
        if behind is None or behind == len(words) or words[behind] not in _OFF:
            return None
    elif behind is None:
        # "Take away the road" trims the mask, "delete the road" may mean the segment of the road.
        return None if words[0] in _WITH_PARTICLE and end < 3 else _of_a_thing(words, end)
    if words[behind - 1] in {'of', 'for', 'on', 'around'} and behind < len(words):
        return _of_a_thing(words, behind)
    return Deletion() if _TAIL.match(words, behind) else None


def _of_a_thing(words: Sequence[str], start: int) -> Deletion | None:
    determined = words[start] in {'the', 'this', 'that'}
    if not determined:
        return None
    begin = start if words[start] == 'the' else start + 1
    phrase = read_noun_phrase(words, begin)
    if phrase is None or not _TAIL.match(words, phrase.end):
        return None
    return _whole_thing(phrase)


def _named_thing(words: Sequence[str]) -> str | None:
    """Return what "the car should be deleted" and "the car does not exist" speak of."""
    phrase = read_noun_phrase(words, 0) if words[0] == 'the' else None
    if phrase is None or not _PASSIVE.match(words, phrase.end):
        return None
    gone = _whole_thing(phrase)
    return None if gone is None else gone.subject


def _whole_thing(phrase: NounPhrase) -> Deletion | None:
    if any(word in _TRIMMED or word in LABEL_WORDS for word in phrase.words):
        return None
    name = category(NounPhrase(without_ranks(phrase).words, phrase.end, True, False))
    return None if name is None else Deletion(name)


def _said(words: Sequence[str]) -> Deletion | None:
    """Return a deletion where words say that the segment is none, or no such thing there."""
    if _SAYINGS.match(words) or _is_none(words):
        return None if _speaks_of_a_name(words) else Deletion()
    thing = _named_thing(words)
    if thing is not None:
        return Deletion(thing)
    end = _NO_SUCH.longest(words)
    if end is None:
        return None
    phrase = read_noun_phrase(words, end)
    if phrase is None or not _NOWHERE.match(words, phrase.end):
        return None
    if any(word in MASK_NOUNS or word in LABEL_WORDS for word in phrase.words):
        return None
    name = category(NounPhrase(phrase.words, phrase.end, True, False))
    return None if name is None else Deletion(name, doubtful=True)


def _is_none(words: Sequence[str]) -> bool:
    """Return whether a clause says of anything that it is none."""
    statement = read_statement(words)
    if statement is None:
        return False
    start = statement.copula + 1
    while start < len(words) and words[start] in ADVERBS:
        start += 1
    return _IDENTITIES.match(words, start)


def _speaks_of_a_name(words: Sequence[str]) -> bool:
    return any(word in LABEL_NOUNS for word in words)
