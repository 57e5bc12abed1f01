"""Sentences about a mask, and whether it is to grow or to shrink."""

from __future__ import annotations

from collections.abc import Sequence

from rose_model.wording.clauses import Clause
from rose_model.wording.patterns import Patterns, compiled
from rose_model.wording.request import Intent
from rose_model.wording.words import NEGATIONS

_GROW_FIRST = compiled("""
    include|cover|contain|hold|capture|complete|fill|extend|expand|enlarge|grow|increase|
        stretch|widen|complement|append
    add the|a|its|some|more|what|missing|all|these|those ... to|of|part|rest|pixels|more|missing
    add the? rest|part|parts|remaining|missing|more
    fill|close|remove|delete|erase|patch|mend|repair the|all|these|any|its* hole|holes|gap|gaps
    go further|on
    get|take|catch|grab|select|have|mark|segment the|all|its whole|entire|rest|remaining|of|
        full|complete
""")
"""Verbs of growing at the start of a request."""
_SHRINK_FIRST = compiled("""
    shrink|trim|crop|tighten|reduce|exclude|omit|subtract|erode|narrow|carve|cut|clip|shave|slim
    remove|delete|erase|drop|take|leave|discard|throw|clear|strip|get|keep ... out|away|off|
        from|part|parts|half|bit|bits|@leftover|what|everything|anything|outside
    remove|delete|erase|drop|discard|clear|strip the|all|a|its|these|those|this|that
    take|leave|throw away|out|off
    do? not|never include|cover|contain|hold|capture|segment|take|extend|add
    only|just the|include|cover|keep|take|segment|mark
    keep|segment|include|cover|mark|take only|just
    without|except|minus
    no ... in the mask|segment
    less|fewer
""")
"""Verbs of shrinking at the start of a request."""
_GROW_SURELY = compiled("""
    @larger
    incomplete|partial|partially|unfinished|truncated|cropped|underestimated|undersegmented|
        enlarge|enlarged|enlarging|expanded|extended|fragment|fragmentary
    not @adverb* completely|entirely|fully|complete|whole|full|finished|reach|cover|covered|
        covering|include|included|including|contain|contained|hold|capture|captured|fill|
        filled|segmented
    not the|a @whole
    not @adverb* all|everything|enough
    not @adverb* @large enough
    fails|failed|fail to @hold
    missing|misses|lacks|lacking|omits|lost|loses|ignores|excludes|skips|forgets
    miss|missed|forgot|forgotten|lack|overlooked|skipped|ignored|left a|the|out|some|one|its \
        ... @part|edge
    leaves|left|leaving ... out
    @is @adverb* cut|chopped|clipped|cropped|sliced off|short|away|at|on
    cuts|cutting|chops|clips off|through|away|the|it|into
    too|so|bit|much @small
    too little|few|conservative
    rest of
    the rest $
    not @adverb* in|inside|within|covered|included|part in|by|of? @det? @outline
    outside of? @det @outline
    should|must|has|have|needs|ought to? also? be|belong|go in|inside|within|part|included|covered
    belongs to|in the|it|this
    there is|are no ... in|inside @det @outline
    missing in|from @det @outline
    add the? rest|remaining|missing
    @is @adverb* only|just|merely|but|the|a|an|its|left|right|upper|lower|front|back|rear|top|
        bottom|small|tiny|one|about* half|quarter|part|parts|piece|portion|fraction|
        fragment|section
    covers|includes|contains|shows|has|got|captures|cover|includes|segmented|marked|masked|
        found|took|takes|marks only|just|merely|barely|hardly
    only|just|merely|barely covers|includes|contains|captures|half|part|parts|shows|marked|
        segmented|has|covered|got|reaches
    half|part|parts|fraction|portion of
    holes|gaps
    hole|gap in|inside|within|at|on
    more pixels|to|of|area|space
    removed|cut|trimmed|erased|took too much|many
    smaller|tighter|narrower|shorter|less than
    grow|grows|expand|extend|extending|growing
    should|must|shall|needs|need|has|have|to|ought|please to? @adverb* also? include|cover|
        contain|reach|capture|encompass|enclose|extend|complete
    up|down|on|all to|the way? to the
""")
"""What asks for more pixels wherever it stands."""
_GROW_PERHAPS = compiled("""
    the|its|of|this @whole
    all of
    should|must to? @hold
    include|cover|contain|capture
    further
    to include|cover
""")
_SHRINK_SURELY = compiled("""
    @smaller
    too|so|bit|way|far|little too? @large
    not @adverb* @small enough
    more than
    @larger|beyond|bigger than
    larger|bigger|wider|taller|longer|more than
    spill|spills|spilled|spilling|leak|leaks|leaked|leaking|bleed|bleeds|bleeding|overflow|
        overflows|overlap|overlaps|overlapping|overshoots|exceeds|protrudes|oversegmented|
        overestimated|spreads
    extends|goes|runs|reaches|sticks|hangs|continues|stretches|going|gets|creeps|crosses|
        passes over|beyond|past|outside|into|onto|across|out|off|too
    also @holds|has|got|cover|covered|included|include|includes
    @holds|has|covered|included|cover|includes ... too|also|well
    @holds|includes|has ... background|shadow|reflection|surroundings|other|another|things|
        neighbour|neighbor
    not @adverb* only|just
    nothing else|more|but
    only|just the
    except|excluding|without|outside|surplus|excess|superfluous
    not @adverb* part|a part|of
    does|do|should not belong
    other than
    not @adverb* part of
    shrink|shrinks|trimmed|trim|excluded|exclude
    @is not the
    should|must not @hold|extend|go|reach|include
    should|must not be in|inside|part|included|over|within|covered
    should|must|needs|has|can to? be|get cut|trimmed|cropped|excluded|tightened|reduced|removed
    background|shadow|surroundings is|are|in
    in|inside|within|part of? @det @outline
    two|three|several|both|multiple objects|things|cars|people|instances
    less than|of
    merged|glued|fused
""")
"""What asks for fewer pixels wherever it stands."""
_SHRINK_PERHAPS = compiled("""
    @holds
    includes|extends|goes|reaches
    extra
    over the
    cut it|the|off|away|out|down|along|back|at|on
""")
_MASK = compiled("""
    @mask
    refine|refined|refinement|redraw|resegment|re-segment
    segment|segmented it|this|that|the|object|again|anew|more|better|precisely|accurately
    more accurate|accurately|precise|precisely|exact|exactly|carefully
    inaccurate|imprecise|jagged|rough|sloppy|ragged|blurry|fuzzy|frayed|wobbly|pixelated|
        smooth|smoother|sharper|crisper|accuracy
    not @adverb* accurate|precise|tight|exact|accurately|precisely|aligned
    misaligned|shifted|displaced
    move|shift it|this|the|a|to
""")
_PRAISE = compiled("""
    is|are|was|looks|look|seems @adverb* good|fine|great|perfect|right|correct|ok|okay|nice|
        excellent|better|accurate|precise
    good|best|great|nice|perfect|excellent|beautiful mask|masks|segmentation|outline|job|work|
        result|results|shape|contour|one
    thanks|thank|bravo|congratulations
    well done
    nothing is? missing|wrong|changed
    @this is @adverb* the|a right|correct|proper|good|fitting @label
""")
_CONTENT = compiled("""
    do? not change|rename|relabel|touch|alter|modify|move
    keep|leave the|this|its|that mask|masks|segmentation|outline|shape|@label
""")
"""What begins a request to leave something as it is."""
_GROW = (_GROW_SURELY, _GROW_PERHAPS)
_SHRINK = (_SHRINK_SURELY, _SHRINK_PERHAPS)
_DENSE = compiled("""
    segment|mask|label|annotate|find|mark|outline|detect all|every|everything|each
    segment|mask|label|annotate|find|mark|outline|detect the|this ... image|picture|photo|
        scene|frame
    @delete everything $
    @delete all|every|each|both of? the|these|those|other? _ _? $
""")
"""Requests for all of an image, which correct nothing."""


def mask_intent(clause: Clause) -> Intent | None:
    """Return ``GROW``, ``SHRINK`` or ``MASK`` where a clause speaks of a mask, else ``None``.

    Where it asks for both directions, or for none, it is ``MASK``.
    """
    words = clause.core
    if not words or praises(words) or asks_for_all(words):
        return None
    grows, shrinks = _strengths(words)
    if grows != shrinks:
        return Intent.GROW if grows > shrinks else Intent.SHRINK
    return Intent.MASK if grows or _MASK.occur(words) else None


def asks_for_all(words: Sequence[str]) -> bool:
    """Return whether a clause speaks of a whole image: such a sentence corrects nothing."""
    return _DENSE.match(words)


def praises(words: Sequence[str]) -> bool:
    """Return whether a clause says that something is right."""
    if _CONTENT.match(words):
        return True
    return not NEGATIONS & set(words) and _PRAISE.occur(words)


def _strengths(words: Sequence[str]) -> tuple[int, int]:
    """Return how plainly a clause asks for more, and for fewer pixels.

    3 for a request that begins so, 2 for sure words anywhere, 1 for doubtful ones.
    """
    grow_end = _GROW_FIRST.longest(words) or 0
    shrink_end = _SHRINK_FIRST.longest(words) or 0
    if grow_end or shrink_end:
        return (3 if grow_end >= shrink_end else 0), (3 if shrink_end >= grow_end else 0)
    grows = shrinks = start = 0
    while start < len(words):
        grow, shrink = _plainness(_GROW, words, start), _plainness(_SHRINK, words, start)
        # "Larger than" is more than "larger": of two readings the longer one holds.
        if not NEGATIONS & set(words[max(0, start - 2) : start]):
            grows = max(grows, grow[0] if grow[1] >= shrink[1] else 0)
            shrinks = max(shrinks, shrink[0] if shrink[1] >= grow[1] else 0)
        start = max(start + 1, grow[1], shrink[1])
    return grows, shrinks


def _plainness(
    patterns: tuple[Patterns, Patterns], words: Sequence[str], start: int
) -> tuple[int, int]:
    """Return 2, 1 or 0 for sure, doubtful or no words at ``start``, and where they end."""
    for strength, some in zip((2, 1), patterns, strict=True):
        end = some.longest(words, start)
        if end is not None:
            return strength, end
    return 0, 0
