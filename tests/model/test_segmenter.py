"""The door of the model: images in, records out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rose_model import PointHint, RefinementCase, RefineTarget, RoseSegmenter, patch_decoder
from rose_model.category_decoder import printable_name
from rose_model.checkpoint import save_pretrained
from rose_model.errors import (
    ConfigError,
    ImageError,
    NoSuchSegmentError,
    NotUnderstoodError,
    RefinementRejectedError,
    TextTooLongError,
)
from rose_model.instructions import ALL_REGIONS, FOREGROUND
from rose_model.mask_decoder import decode_masks
from rose_model.patch_filter import select_patches
from rose_model.postprocess import suppress_duplicates
from rose_model.preprocess import FrameGeometry
from rose_model.rose import Rose
from rose_model.segmenter import MAX_TEXT_TOKENS
from rose_model.tokenizer import RoseTokenizer


def configure(segmenter: RoseSegmenter, **changes: object) -> None:
    """Change when an answer is taken; random weights are never sure."""
    old = segmenter._corrector
    limits = old.config.refinement.model_copy(update=changes)
    config = old.config.model_copy(update={'refinement': limits})
    segmenter._rose.config = config
    segmenter._corrector = replace(old, config=config)


def see_nothing(segmenter: RoseSegmenter) -> None:
    """Let no patch answer to anything."""
    last = segmenter._rose.patch_analyzer.objectness_head[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.constant_(last.bias, -9.0)


@pytest.fixture
def willing(segmenter: RoseSegmenter) -> RoseSegmenter:
    """A segmenter that takes any answer."""
    configure(segmenter, min_presence=0.0, keep_above=-1.0, candidates=36)
    return segmenter


def test_segments_are_whole_records(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    frame = segmenter.segment(image)
    assert len(frame.segments) > 1
    assert frame.original_size == (90, 120)
    assert [segment.id for segment in frame.segments] == [
        str(number) for number in range(1, len(frame.segments) + 1)
    ]
    areas = [segment.area for segment in frame.segments]
    assert areas == sorted(areas, reverse=True)
    for segment in frame.segments:
        x1, y1, x2, y2 = segment.box_xyxy
        assert 0 <= x1 < x2 <= 120
        assert 0 <= y1 < y2 <= 90
        assert segment.mask.shape == (y2 - y1, x2 - x1)
        assert segment.mask.any(axis=0)[[0, -1]].all()
        assert segment.mask.any(axis=1)[[0, -1]].all()
        assert segment.full_mask((90, 120)).sum() == segment.area
        scores = (segment.objectness, segment.mask_score, segment.category_score)
        assert all(0 <= score <= 1 for score in scores)


def test_the_same_image_gives_the_same_masks(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    first, second = segmenter.segment(image), segmenter.segment(image)
    for one, other in zip(first.segments, second.segments, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert vars(one) | {'mask': None} == vars(other) | {'mask': None}


def test_records_with_arrays_can_be_compared(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    """From Python 3.13 on the comparison that a dataclass generates raises on arrays."""
    first, second = segmenter.segment(image), segmenter.segment(image)
    assert first == first
    assert first != second
    assert first.segments[0] in first.segments
    assert first.segments[0] not in second.segments


def test_the_instruction_changes_the_result(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    dense, foreground = segmenter.segment(image), segmenter.segment(image, FOREGROUND)
    assert foreground.instruction == FOREGROUND
    assert [s.objectness for s in dense.segments] != [s.objectness for s in foreground.segments]


def test_no_patch_above_the_threshold_gives_no_segments(
    rose_folder: Path, image: np.ndarray
) -> None:
    segmenter = RoseSegmenter.from_pretrained(rose_folder, device='cpu', min_objectness=1.0)
    assert segmenter.segment(image).segments == ()


def test_max_segments_bounds_the_result(rose_folder: Path, image: np.ndarray) -> None:
    segmenter = RoseSegmenter.from_pretrained(rose_folder, device='cpu', max_segments=1)
    assert len(segmenter.segment(image).segments) <= 1


def test_suppressing_before_naming_equals_suppressing_after(
    segmenter: RoseSegmenter, image: np.ndarray
) -> None:
    """Names of all kept patches, then duplicates removed: the same segments and names."""
    frame = segmenter.segment(image)
    rose, context = segmenter._rose, frame.context
    with torch.inference_mode():
        readings = segmenter._perceive(context.lmm_pixels, ALL_REGIONS, None)
        objectness = readings.objectness
        patches = select_patches(objectness, segmenter._roles, segmenter._patch_filter)
        chosen = readings.embedding[patches]
        names = segmenter._decoder._names.decode(rose.patch_analyzer.category_embedding(chosen))
        masks = decode_masks(
            rose.sam, rose.patch_analyzer.mask_embedding(chosen), context.image_embeddings
        )
        kept = suppress_duplicates(
            masks.logits, objectness[patches], context.geometry, 0.6
        ).tolist()
    named_first = {
        int(patches[row]): printable_name(segmenter._tokenizer.decode([names.token_ids[row]])[0])
        for row in kept
    }
    assert len(frame.segments) < len(patches)
    assert {s.patch: s.category for s in frame.segments} == named_first


def square(side: int) -> FrameGeometry:
    """Of masks of that size all is content."""
    return FrameGeometry((side, side), (side, side), side, grid_size=1)


def test_survivors_do_not_overlap_and_every_duplicate_has_a_better_one() -> None:
    logits, scores = torch.randn(30, 8, 8) + 0.5, torch.rand(30)
    kept = suppress_duplicates(logits, scores, square(8), 0.4).tolist()
    masks = logits > 0
    iou = [[((a & b).sum() / (a | b).sum()).item() for b in masks] for a in masks]
    for row in range(30):
        better = [k for k in kept if k != row and scores[k] >= scores[row] and iou[row][k] > 0.4]
        assert bool(better) != (row in kept)


def test_empty_masks_are_no_segments() -> None:
    logits = torch.full((3, 4, 4), -1.0)
    assert suppress_duplicates(logits, torch.rand(3), square(4), 0.5).tolist() == []


@pytest.mark.parametrize('size', [(1, 1), (1, 500), (7, 7), (333, 3)])
def test_images_of_any_shape_are_segmented(
    segmenter: RoseSegmenter, size: tuple[int, int]
) -> None:
    frame = segmenter.segment(np.full((*size, 3), 128, np.uint8))
    assert frame.original_size == size


@pytest.mark.parametrize(
    'bad',
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
def test_what_is_no_rgb_image_is_refused(segmenter: RoseSegmenter, bad: np.ndarray) -> None:
    with pytest.raises(ImageError, match='uint8 RGB'):
        segmenter.segment(bad)


def test_mask_and_label_corrections_change_their_segment_only(
    willing: RoseSegmenter, image: np.ndarray
) -> None:
    frame = willing.segment(image)
    target = frame.segments[1]
    for text, case in (
        ('the mask is not right', RefinementCase.MASK),
        ('this is a bus', RefinementCase.CATEGORY),
    ):
        result = willing.refine(frame, text, segment_id=target.id)
        assert result.case is case
        assert [segment.id for segment in result.changed] == [target.id]
        assert result.changed[0].revision == 1
        others = {s.id: s for s in result.segmentation.segments if s.id != target.id}
        gone = {target.id, *result.removed}
        assert all(others[s.id] is s for s in frame.segments if s.id not in gone)


def test_a_mask_that_is_not_expected_to_be_better_is_rejected(
    willing: RoseSegmenter, image: np.ndarray
) -> None:
    configure(willing, keep_above=2.0)
    frame = willing.segment(image)
    for text in ('the mask is not right', 'it should be larger'):
        with pytest.raises(RefinementRejectedError, match='othing was changed'):
            willing.refine(frame, text, segment_id='1')


def test_a_name_is_taken_though_the_mask_is_not(willing: RoseSegmenter, image: np.ndarray) -> None:
    """Half of the wrong names stayed because the mask that came with the right one was refused."""
    configure(willing, keep_above=2.0)
    frame = willing.segment(image)
    for target in (RefineTarget.LABEL, RefineTarget.BOTH):
        (changed,) = willing.refine(
            frame, 'the label is wrong', segment_id='1', target=target
        ).changed
        assert changed.revision == 1
        assert np.array_equal(changed.mask, frame.find('1').mask)


def test_a_deleted_segment_is_gone(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    frame = segmenter.segment(image)
    for words in ({'text': 'this is nothing, remove it'}, {'remove': True}):
        result = segmenter.refine(frame, segment_id='1', **words)
        assert (result.case, result.removed) == (RefinementCase.DELETE, ('1',))
        assert result.segmentation.segments == frame.segments[1:]


def test_a_label_can_be_given_outright(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    frame = segmenter.segment(image)
    (changed,) = segmenter.refine(frame, segment_id='1', label='larger').changed
    assert (changed.category, changed.category_score) == ('larger', 1.0)
    assert np.array_equal(changed.mask, frame.find('1').mask)


def test_a_click_alone_is_answered(willing: RoseSegmenter, image: np.ndarray) -> None:
    frame = willing.segment(image)
    click = (PointHint(60, 45, is_foreground=True),)
    assert willing.refine(frame, points=click, segment_id='1').changed[0].id == '1'
    empty = replace(frame, segments=())
    assert len(willing.refine(empty, points=click).segmentation.segments) == 1


def test_corrections_build_on_each_other(segmenter: RoseSegmenter, image: np.ndarray) -> None:
    frame = segmenter.segment(image)
    once = segmenter.refine(frame, 'this is a bus', segment_id='1').segmentation
    twice = segmenter.refine(once, 'no, this is a truck', segment_id='1')
    assert twice.changed[0].revision == 2
    assert twice.changed[0].category == 'truck'


def test_a_missed_object_is_added_or_said_not_to_be_there(
    willing: RoseSegmenter, image: np.ndarray
) -> None:
    frame = replace(willing.segment(image), segments=())
    added = willing.refine(frame, 'you missed the red car')
    assert added.case is RefinementCase.MISSED
    assert len(added.segmentation.segments) == 1
    see_nothing(willing)
    configure(willing, min_presence=0.05)
    with pytest.raises(NotUnderstoodError, match='red car'):
        willing.refine(frame, 'you missed the red car')
    assert willing.refine(frame, 'the red car', points=(PointHint(9, 9, True),)).changed


def test_an_empty_answer_is_rejected_and_changes_nothing(
    segmenter: RoseSegmenter, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = segmenter.segment(image)

    def decode_nothing(*arguments):
        masks = decode_masks(*arguments)
        return replace(masks, logits=torch.full_like(masks.logits, -50.0))

    monkeypatch.setattr(patch_decoder, 'decode_masks', decode_nothing)
    with pytest.raises(RefinementRejectedError, match='nothing was changed'):
        segmenter.refine(frame, 'fix it', segment_id='1', target=RefineTarget.MASK)


def test_unknown_segments_and_long_texts_are_refused(
    segmenter: RoseSegmenter, image: np.ndarray
) -> None:
    frame = segmenter.segment(image)
    with pytest.raises(NoSuchSegmentError):
        segmenter.refine(frame, 'this is a bus', segment_id='nobody')
    with pytest.raises(TextTooLongError, match=str(MAX_TEXT_TOKENS)):
        segmenter.refine(frame, 'ж ' * 300, segment_id='1')
    with pytest.raises(TextTooLongError):
        segmenter.segment(image, 'ж' * 500)


def test_the_name_holds_the_weights(segmenter: RoseSegmenter) -> None:
    assert segmenter.name.startswith('tiny@')
    assert len(segmenter.name) == len('tiny@') + 8


@pytest.mark.parametrize(
    'wrong', [{'device': 'tpu'}, {'min_objectness': 2.0}, {'max_segments': 0}]
)
def test_wrong_values_are_refused_before_work(rose_folder: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        RoseSegmenter.from_pretrained(rose_folder, **wrong)


def _saved(rose: Rose, tokenizer: RoseTokenizer, folder: Path) -> Path:
    save_pretrained(folder, rose, tokenizer, torch.float32)
    return folder
