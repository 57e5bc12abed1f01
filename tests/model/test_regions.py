"""Parts of an image at full resolution, merged with the whole."""

import numpy as np
import pytest

from rose_model.records import Segment, Segmentation
from rose_model.regions import Region, cut, merge

SIZE = (100, 200)
BOX = (50, 20, 150, 80)


class Context:
    class geometry:  # noqa: N801
        grid_size = 10


def segment(box, category='car', is_thing=True, score=0.5):
    x1, y1, x2, y2 = box
    mask = np.ones((y2 - y1, x2 - x1), bool)
    return Segment('?', category, score, score, score, is_thing, box, mask, 0)


def frame(*segments, size=SIZE, **fields):
    return Segmentation((), size, 'segment', Context(), **fields).with_segments(segments)


def part(*segments, **fields):
    return BOX, frame(*segments, size=(60, 100), **fields)


def boxes(merged):
    return {segment.box_xyxy: segment.category for segment in merged.segments}


def test_a_region_is_a_box_of_the_image():
    assert Region(0.25, 0.2, 0.5, 0.6).box(SIZE) == BOX
    assert Region(0, 0, 1, 1).box(SIZE) == (0, 0, 200, 100)
    assert Region(0.35, 0.1, 0.65, 0.9).box((10, 10)) == (3, 1, 10, 10)


@pytest.mark.parametrize('size', [(1, 1), (1, 3), (7, 2)])
def test_a_region_is_never_empty(size):
    x1, y1, x2, y2 = Region(0.99, 0.99, 0.01, 0.01).box(size)
    assert 0 <= x1 < x2 <= size[1]
    assert 0 <= y1 < y2 <= size[0]


@pytest.mark.parametrize(
    'values',
    [(0, 0, 0, 1), (-0.1, 0, 1, 1), (0.5, 0, 0.6, 1), (0, 0, 1, 2), (float('nan'), 0, 1, 1)],
)
def test_what_is_no_part_of_an_image_is_refused(values):
    with pytest.raises(ValueError, match='shares of the image'):
        Region(*values)


def test_the_pixels_of_a_region_are_those_of_its_box():
    image = np.arange(100 * 200 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 200, 3)
    assert np.array_equal(cut(image, BOX), image[20:80, 50:150])


def test_what_only_the_part_shows_joins_at_its_place():
    merged = merge(frame(segment((0, 50, 200, 100), 'road', False)), [part(segment((5, 5, 9, 9)))])
    assert boxes(merged) == {(0, 50, 200, 100): 'road', (55, 25, 59, 29): 'car'}
    assert [segment.id for segment in merged.segments] == ['1', '2']
    assert merged.segments[1].patch == 2 * 10 + 2  # row 27 of 100, column 57 of 200


def test_a_thing_of_one_pixel_is_in_the_patch_that_holds_the_middle_of_it():
    """19.5 of 200 pixels lie in the first of ten patches; so do 9.5 of 100."""
    [placed] = merge(
        frame(), [((0, 0, 150, 80), frame(segment((19, 9, 20, 10)), size=(80, 150)))]
    ).segments
    assert placed.patch == 0
    [beside] = merge(
        frame(), [((0, 0, 150, 80), frame(segment((19, 9, 21, 11)), size=(80, 150)))]
    ).segments
    assert beside.patch == 11  # its centre is the corner of four patches


def test_the_finer_one_of_two_equal_things_stays():
    coarse, fine = segment((54, 24, 66, 36), 'van'), segment((5, 5, 16, 16), 'bus')
    assert boxes(merge(frame(coarse), [part(fine)])) == {(55, 25, 66, 36): 'bus'}


def test_things_that_touch_stay_apart():
    left, right = segment((40, 20, 60, 40), 'van'), segment((10, 0 + 1, 30, 21), 'bus')
    assert set(boxes(merge(frame(left), [part(right)])).values()) == {'van', 'bus'}


@pytest.mark.parametrize('box', [(0, 5, 9, 9), (5, 0, 9, 9), (90, 5, 100, 9), (5, 50, 9, 60)])
def test_what_the_edge_of_a_part_cuts_off_is_left_to_the_whole(box):
    assert boxes(merge(frame(), [part(segment(box))])) == {}


def test_at_the_edge_of_the_image_nothing_is_cut_off():
    corner = (0, 0, 100, 60)
    inside = frame(segment((0, 0, 9, 9)), size=(60, 100))
    assert boxes(merge(frame(), [(corner, inside)])) == {(0, 0, 9, 9): 'car'}


def test_stuff_is_left_to_the_whole():
    assert boxes(merge(frame(), [part(segment((5, 5, 9, 9), 'road', False))])) == {}


def test_without_parts_the_whole_is_numbered_and_else_as_it_was():
    whole = frame(segment((0, 0, 9, 9)), skipped_masks=1)
    merged = merge(whole, [])
    assert boxes(merged) == boxes(whole)
    assert merged.skipped_masks == 1


def test_what_was_left_out_anywhere_is_told():
    merged = merge(frame(skipped_masks=1), [part(skipped_masks=2, skipped_names=3)])
    assert (merged.skipped_masks, merged.skipped_names) == (3, 3)


def test_overlapping_parts_show_a_thing_once():
    thing = segment((10, 10, 20, 20))
    other = (40, 20, 140, 80)
    again = frame(segment((20, 10, 30, 20)), size=(60, 100))
    assert len(merge(frame(), [part(thing), (other, again)]).segments) == 1
