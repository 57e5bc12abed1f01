"""From segment ids to regions, and the names of classes."""

from __future__ import annotations

import numpy as np
import pytest

from rose_model.data.class_names import plain_name, read_table
from rose_model.data.sample import VOID, LabelledRegion, Sample
from rose_model.data.segment_map import LEAST_PART, label_segments, pixel_counts, split_things
from rose_model.data.shrink import shrink
from rose_model.errors import DataError

CAR = LabelledRegion('car', '', True)
BUS = LabelledRegion('bus', '', True)
SKY = LabelledRegion('sky', '', False)


@pytest.mark.parametrize('offset', [0, 1_000_000])
def test_counts_are_the_same_for_small_and_large_ids(offset: int) -> None:
    segments = np.random.default_rng(0).integers(0, 50, (30, 40)) + offset
    ids, counts = np.unique(segments, return_counts=True)
    assert pixel_counts(segments) == dict(zip(ids.tolist(), counts.tolist(), strict=True))


def test_things_stay_apart_and_stuff_of_one_kind_is_united() -> None:
    segments = np.repeat(np.arange(6), 4).reshape(6, 4)
    labelling = label_segments(segments, {5: SKY, 1: CAR, 2: CAR, 3: SKY})
    assert labelling.regions == (SKY, CAR, CAR)
    assert labelling.index_of == {5: 0, 3: 0, 1: 1, 2: 2}
    assert labelling.index_map[:, 0].tolist() == [VOID, 1, 2, 0, VOID, 0]
    assert labelling.lost == ()


def test_what_has_no_pixel_is_lost_and_what_has_no_kind_is_void() -> None:
    labelling = label_segments(np.full((3, 3), 7), {1: CAR, 2: BUS})
    assert (labelling.regions, labelling.lost) == ((), ('car', 'bus'))
    assert (labelling.index_map == VOID).all()


def test_a_map_holds_the_largest_255() -> None:
    segments = np.arange(300).repeat(2).reshape(20, 30)
    segments[segments == 299] = 298
    labelling = label_segments(segments, {number: CAR for number in range(299)})
    assert len(labelling.regions) == 255
    assert 298 in labelling.index_of
    assert len(labelling.lost) == 299 - 255
    assert (labelling.index_map == VOID).sum() == 2 * (299 - 255)


def test_parts_of_a_thing_class_are_split_and_specks_are_void() -> None:
    classes = np.zeros((100, 100), int)
    classes[10:20, 10:20] = classes[20:30, 20:30] = 1  # they touch at a corner
    classes[60:70, 60:70] = 1
    classes[90, 90] = 1
    assert LEAST_PART * classes.size > 1
    classes[:5] = 2
    classes[95:] = 2
    segments, kinds = split_things(classes, {1: CAR, 2: SKY})
    labelling = label_segments(segments, kinds)
    assert sorted(region.name for region in labelling.regions) == ['car', 'car', 'sky']
    assert labelling.index_map[90, 90] == VOID
    assert labelling.index_map[0, 0] == labelling.index_map[99, 0]


def test_a_small_sample_is_not_touched() -> None:
    sample = Sample(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), (CAR,))
    assert shrink(sample) is sample


def test_a_shrunk_sample_keeps_shares_and_tells_what_is_gone() -> None:
    index_map = np.zeros((3000, 1500), np.uint8)
    index_map[:1500] = 1
    index_map[1001, 1001] = 2
    image = np.where(index_map[..., None] == 1, 200, 10).repeat(3, -1).astype(np.uint8)
    small = shrink(Sample(image, index_map, (CAR, SKY, BUS), lost=('tree',)))
    assert small.index_map.shape == small.image.shape[:2] == (1024, 512)
    assert small.regions == (CAR, SKY)
    assert small.lost == ('tree', 'bus')
    assert np.isclose(small.mask(1).mean(), 0.5)
    assert (small.image[small.mask(1)] == 200).mean() > 0.99  # a row at the border is mixed


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        ('road, route', 'road'),
        ('Traffic Sign (Back)', 'traffic sign back'),
        ('Lane Marking - Crosswalk', 'lane marking crosswalk'),
        ('teddy_bear', 'teddy bear'),
        ('t-shirt', 't-shirt'),
        (' Water ;sea', 'water'),
    ],
)
def test_names_become_plain_words(text: str, name: str) -> None:
    assert plain_name(text) == name


def test_a_name_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match=r"'\(\)' is no name"):
        plain_name('()')


def test_the_tables_that_are_shipped_are_whole() -> None:
    ade = read_table('ade20k_150')
    assert [int(row['id']) for row in ade] == list(range(1, 151))
    things = [int(row['instance_id']) for row in ade if row['instance_id']]
    assert things == list(range(1, 101))
    assert len({plain_name(row['names']) for row in ade}) == 150
    assert [int(row['id']) for row in read_table('coco_stuff')] == list(range(1, 183))
    cityscapes = read_table('cityscapes')
    assert [int(row['id']) for row in cityscapes] == list(range(34))
    assert sum(row['kind'] == 'thing' for row in cityscapes) == 10
