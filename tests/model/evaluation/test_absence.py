"""Descriptions of what is not there, other words for dense instructions, and chosen thresholds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from rose_model.data.street_descriptions import descriptions
from rose_model.data.streets import ALL_PAIRS, render_scene
from rose_model.errors import InvalidRequestError, NotUnderstoodError
from rose_model.evaluation.absence import AbsentDescriptions, absent_name, missed
from rose_model.evaluation.paraphrases import PARAPHRASES, Paraphrases, asks_for_things
from rose_model.evaluation.streets import names_of
from rose_model.evaluation.unseen_sentences import PAPER_PROMPTS, SENSELESS_UNSEEN
from rose_model.records import Refinement, RefinementCase, Segmentation
from rose_model.training.distractors import foreign_nouns

NAMES = names_of(ALL_PAIRS)


def values(part) -> dict[str, float]:
    return {key: figure.value for key, figure in part.figures().items()}


@pytest.fixture
def street():
    return render_scene(1_000_003, (120, 160))


class Knower:
    """Knows what is there and finds nothing else, or whatever it is asked for."""

    def __init__(self, sample, segments, *, is_blind: bool = False) -> None:
        things = [region for region in sample.regions if region.is_thing]
        self.words = {region.name for region in things} | {
            text
            for index, region in enumerate(sample.regions)
            if region.is_thing
            for text in descriptions(sample, index)
        }
        self.segments, self.is_blind = tuple(segments), is_blind
        self.heard: list[str] = []

    def _knows(self, text: str) -> bool:
        self.heard.append(text)
        return self.is_blind or any(text.endswith((w, f'{w}.')) for w in self.words)

    def refer(self, image, description: str) -> Segmentation:
        found = self.segments[:1] if self._knows(description) else ()
        return Segmentation(found, (120, 160), '', image)

    def refine(self, segmentation, text='', **_) -> Refinement:
        assert segmentation.segments == ()
        if not self._knows(text):
            raise NotUnderstoodError('no')
        frame = segmentation.with_segments(self.segments[:1])
        return Refinement(RefinementCase.MISSED, self.segments[:1], (), frame)


@pytest.fixture
def figures_of(street, truth, frame_of):
    def run(model=None, **options):
        segments = truth(street)
        asked = model or Knower(street, segments, **options)
        part = AbsentDescriptions(asked, NAMES)
        for number in range(10):
            part.add(frame_of(street, segments, number))
        return part.figures(), asked

    return run


def test_who_knows_what_is_there_rejects_the_rest_and_loses_nothing(figures_of) -> None:
    figures, _ = figures_of()
    for key in ('', '_vocabulary', '_foreign', '_senseless'):
        assert figures[f'refer_absent_rejected{key}'].value == 1, key
    assert figures['refer_absent_rejected'].count == 50
    assert figures['missed_absent_rejected'].value == 1
    assert figures['missed_absent_rejected'].count == 30
    assert figures['refer_present_lost_things'].value == 0
    assert figures['missed_present_lost'].value == 0
    assert figures['refer_present_lost_things'].count > 0


def test_who_finds_whatever_is_asked_for_rejects_nothing(figures_of) -> None:
    figures, model = figures_of(is_blind=True)
    assert figures['refer_absent_rejected'].value == 0
    assert figures['missed_absent_rejected'].value == 0
    assert set(SENSELESS_UNSEEN) & set(model.heard)


def test_only_what_is_not_understood_is_a_rejected_absence(street, truth, figures_of) -> None:
    """A refusal for another reason says nothing about what is there; of what is there it loses."""

    class Refuser(Knower):
        def refine(self, *_, **__):
            raise InvalidRequestError('no')

    figures, _ = figures_of(Refuser(street, truth(street)))
    assert figures['missed_absent_rejected'].value == 0
    assert figures['missed_present_lost'].value == 1


def test_training_never_heard_the_foreign_nouns(figures_of) -> None:
    _, model = figures_of()
    taught = set(foreign_nouns())
    asked = {text.removesuffix('.').split('the ', 1)[-1] for text in model.heard}
    assert not asked & taught


def test_what_is_absent_is_no_description_of_what_is_present(street) -> None:
    rng = np.random.default_rng(0)
    names = {f'the {region.name}' for region in street.regions}
    nouns = {region.noun for region in street.regions if region.is_thing}
    drawn = [absent_name(street, NAMES, rng) for _ in range(200)]
    assert not {text.split(' on the ')[0] for text in drawn} & names
    assert any(text.endswith(f' {noun}') for noun in nouns for text in drawn)


def test_a_thing_is_missed_by_its_name_and_nonsense_stays_as_it_is() -> None:
    assert missed('foreign', 'the elephant') == 'You missed the elephant.'
    assert missed('senseless', 'blah blah') == 'blah blah'


class Paraphrased:
    """Answers some instructions with the truth and the others with nothing."""

    def __init__(self, segments, understood=lambda instruction: True) -> None:
        self.segments, self.understood = segments, understood
        self.heard: list[str] = []

    def segment(self, image, instruction=None, *, candidates=()) -> Segmentation:
        self.heard.append(instruction)
        segments = [
            segment
            for segment in self.segments
            if self.understood(instruction)
            and (segment.is_thing or not asks_for_things(instruction))
        ]
        return Segmentation(tuple(segments), (120, 160), '', image)


def paraphrased(street, truth, frame_of, **options):
    segments = truth(street)
    model = Paraphrased(segments, **options)
    part = Paraphrases(model)
    for number in range(30):
        part.add(frame_of(street, segments, number))
    return part.figures(), model


def test_who_understands_every_wording_loses_nothing(street, truth, frame_of) -> None:
    figures, model = paraphrased(street, truth, frame_of)
    for key in ('', '_unseen', '_paper'):
        assert figures[f'paraphrase_recall50{key}'].value == 1, key
    assert figures['paraphrase_recall50_loss'].value == 0
    assert figures['paraphrase_segments_ratio'].value == 1
    assert set(model.heard) == set(PARAPHRASES)
    assert len(PARAPHRASES) == 12


def test_who_understands_the_paper_alone_loses_the_rest(street, truth, frame_of) -> None:
    figures, _ = paraphrased(
        street, truth, frame_of, understood=lambda instruction: instruction in PAPER_PROMPTS
    )
    assert figures['paraphrase_recall50_paper'].value == 1
    assert figures['paraphrase_recall50_unseen'].value == 0
    whole = figures['paraphrase_recall50']
    assert whole.value == pytest.approx(1 - figures['paraphrase_recall50_loss'].value)
    assert 0 < whole.value < 1
    assert 0 < figures['paraphrase_segments_ratio'].value < 1


def test_a_frame_without_things_has_no_recall(street, frame_of) -> None:
    road = replace(street, index_map=np.full((120, 160), 255, np.uint8))
    part = Paraphrases(Paraphrased([]))
    part.add(frame_of(road, []))
    assert math.isnan(values(part)['paraphrase_recall50'])
