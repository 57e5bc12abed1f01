"""The text from which the tokenizer of a model without a pretrained one is learned."""

from __future__ import annotations

from collections.abc import Iterator

from rose_model.data.streets import THINGS
from rose_model.instructions import ALL_REGIONS, FOREGROUND, REFERRINGS, REFINEMENTS, with_box
from rose_model.training.sources import street_names

_QUESTION = (
    'USER: Please decode this linguistic embedding into a noun concept. ASSISTANT: Sure, it is'
)
_USER_WORDS = (
    'this is a bus, not a car',
    'include the whole car',
    'you missed the cyclist on the left of the street, beside the second house',
    'the mask covers the shadow under the truck too, take it away on the right and at the bottom',
    'What is the object in this image? There are 5 person, 2 bicycle, 4 car in this image.',
    'segment only what moves in front of the camera, near the middle, far behind, above and below',
)


def street_corpus() -> Iterator[str]:
    """Names, prompts and instructions of the street tasks, and plain sentences such as users
    write.
    """
    for name in street_names():
        yield from [f'{_QUESTION} {name}'] * 4
        yield f'There are 2 {name}, 1 {name} in this image.'
        for sentences in REFINEMENTS.values():
            for sentence in sentences:
                yield sentence.format(category=name)
        for sentence in REFERRINGS:
            for place in ('', ' on the left', ' on the right'):
                yield sentence.format(description=f'the {name}{place}')
    for noun in THINGS:
        for which in ('leftmost', 'rightmost', 'largest', 'smallest'):
            yield from [REFERRINGS[0].format(description=f'the {which} {noun}')] * 2
    for index in range(50):
        low, high = index / 100, (index + 50) / 100
        yield with_box('\n' + ALL_REGIONS, (low, low, high, high))
        yield with_box('\n' + FOREGROUND, (low, low, high, high))
    for sentence in _USER_WORDS:
        yield from [sentence] * 20
