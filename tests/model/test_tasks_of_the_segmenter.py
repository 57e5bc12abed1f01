"""Referring, class candidates, the counting sentence, self-triggered refinement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rose_model import RoseSegmenter
from rose_model.candidates import MAX_CANDIDATES, NameEncoder, check_candidates
from rose_model.checkpoint import save_pretrained
from rose_model.errors import ConfigError, InvalidRequestError, TextEmptyError, TextTooLongError
from rose_model.instructions import ALL_REGIONS, Prompter, counting_sentence, read_counts
from rose_model.perception import PatchPerception
from rose_model.refinement import MAX_SELF_REFINED, TRUSTED, doubtful_segments
from rose_model.rose import Rose
from rose_model.tokenizer import RoseTokenizer


def test_a_description_gives_one_segment(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    frame = segmenter.refer(image, 'the red car on the left')
    assert 'the red car on the left' in frame.instruction
    assert [segment.id for segment in frame.segments] in ([], ['1'])


def test_a_frame_that_was_seen_needs_no_image(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    context = segmenter.segment(image).context
    for ask in (
        segmenter.segment,
        lambda seen: segmenter.refer(seen, 'the bus'),
    ):
        first, second = ask(image), ask(context)
        assert [s.objectness for s in first.segments] == [s.objectness for s in second.segments]
        assert all(
            np.array_equal(one.mask, other.mask)
            for one, other in zip(first.segments, second.segments, strict=True)
        )
    assert segmenter.describe(image) == segmenter.describe(context)


def test_nothing_that_answers_gives_no_segment(
    segmenter: RoseSegmenter, image: np.ndarray
) -> None:
    last = segmenter._rose.patch_analyzer.objectness_head[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, -9.0)
    assert segmenter.refer(image, 'the unicorn').segments == ()


@pytest.mark.parametrize(
    ('words', 'error'),
    [('  ', TextEmptyError), ('x' * 2000, TextTooLongError), ('a\x00b', InvalidRequestError)],
)
def test_unusable_words_are_refused(
    segmenter: RoseSegmenter, image: np.ndarray, words: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match='description'):
        segmenter.refer(image, words)
    with pytest.raises(error, match='instruction'):
        segmenter.segment(image, words)


def test_candidates_are_the_only_names(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    names = ('road', 'sky', 'something else')
    free, chosen = segmenter.segment(image), segmenter.segment(image, candidates=names)
    assert chosen.segments
    assert {segment.category for segment in chosen.segments} <= set(names)
    assert all(1 / 3 <= segment.category_score <= 1 for segment in chosen.segments)
    for one, other in zip(free.segments, chosen.segments, strict=True):
        assert np.array_equal(one.mask, other.mask)


def test_one_candidate_is_certain(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    frame = segmenter.segment(image, candidates=['thing'])
    assert all(segment.category_score == pytest.approx(1) for segment in frame.segments)


def test_the_order_of_candidates_does_not_matter(
    segmenter: RoseSegmenter, image: np.ndarray
) -> None:
    names = ['road', 'sky', 'car']
    forward = segmenter.segment(image, candidates=names).segments
    backward = segmenter.segment(image, candidates=names[::-1]).segments
    assert [s.category for s in forward] == [s.category for s in backward]


@pytest.mark.parametrize(
    'names', [[''], ['car', ' car'], ['a' * 65], ['a\nb'], ['x'] * (MAX_CANDIDATES + 1)]
)
def test_candidates_that_are_no_names_are_refused(names: list[str]) -> None:
    with pytest.raises(InvalidRequestError, match='candidate'):
        check_candidates(names)
    assert check_candidates([]) == ()


def test_text_embeddings_have_length_one_and_ignore_case(
    rose: Rose, tokenizer: RoseTokenizer
) -> None:
    encode = NameEncoder(rose.text_tower, tokenizer)
    embedding = encode(['red car', 'Red Car ', 'a name of very many words, more than are read'])
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(embedding[0], embedding[1])
    torch.testing.assert_close(encode(['red car']), embedding[:1])


def test_a_counting_sentence_can_be_read_again() -> None:
    names = ['road', 'red car', 'person', 'red car']
    sentence = counting_sentence(names)
    assert sentence == 'There are 2 red car, 1 person, 1 road in this image.'
    assert read_counts(sentence) == {'red car': 2, 'person': 1, 'road': 1}
    assert read_counts(counting_sentence([])) == {}
    assert read_counts('There are many cars in this image.') is None


@pytest.mark.parametrize('attention', ['prefix', 'causal_text_first', 'causal'])
def test_an_answer_in_words_equals_a_full_pass_per_token(
    rose: Rose, prompter: Prompter, attention: str
) -> None:
    old = rose.perception
    language = rose.config.language.model_copy(update={'attention': attention})
    perception = PatchPerception(
        old.vision_tower, old.projector, old.language_model, language
    ).eval()
    patches, prompt = torch.randn(1, 36, 32), prompter.perception(ALL_REGIONS)
    with torch.inference_mode():
        cached = perception.respond(patches, prompt, -1, 6)
        spoken: list[int] = []
        for _ in range(6):
            logits = perception.read(patches, [prompt], [[*spoken, 0]]).response_logits
            spoken.append(int(logits[-1].argmax()))
    assert cached == spoken


def test_only_doubtful_segments_are_asked_again(
    segmenter: RoseSegmenter, image: np.ndarray
) -> None:
    some = segmenter.segment(image).segments[0]
    sure = replace(some, objectness=1.0, mask_score=TRUSTED)
    unsure = replace(some, objectness=0.5, mask_score=0.5)
    worst = replace(some, objectness=0.1, mask_score=0.5)
    assert doubtful_segments([sure, unsure, worst]) == (worst, unsure)
    assert len(doubtful_segments([unsure] * 30)) == MAX_SELF_REFINED
    assert doubtful_segments([]) == ()


def test_self_refinement_keeps_names_and_scores_of_detections(
    segmenter: RoseSegmenter, image: np.ndarray
) -> None:
    before = segmenter.segment(image)
    after = segmenter.self_refine(before)
    assert {s.id for s in after.segments} <= {s.id for s in before.segments}
    best = max(segment.objectness for segment in before.segments)
    for new in after.segments:
        old = before.find(new.id)
        assert new.category == old.category
        assert old.objectness <= new.objectness <= best  # that of a twin that went


def test_a_text_tower_with_its_own_tokenizer_needs_it(
    rose: Rose, tokenizer: RoseTokenizer, tmp_path: Path
) -> None:
    text = rose.config.text.model_copy(update={'tokenizer': 'text_tokenizer.json'})
    rose.config = rose.config.model_copy(update={'text': text})
    with pytest.raises(ConfigError, match=r'text_tokenizer\.json'):
        save_pretrained(tmp_path, rose, tokenizer, torch.float32)
    save_pretrained(tmp_path, rose, tokenizer, torch.float32, text_tokenizer=tokenizer)
    loaded = RoseSegmenter.from_pretrained(tmp_path, device='cpu')
    assert loaded.segment(np.zeros((20, 30, 3), np.uint8), candidates=['car']) is not None
