"""What a model may give is bounded: nothing else is published."""

from dataclasses import replace

import numpy as np
import pytest
from std_msgs.msg import Header

from ros2_rose.conversions import record_to_msg
from ros2_rose.history import FrameRecord
from ros2_rose.output_check import MAX_RUN_BYTES, MAX_SEGMENTS, check_message, check_output
from rose_model.errors import ModelOutputError
from rose_model.records import Segment, Segmentation

NAN, INF = float('nan'), float('inf')


def test_a_frame_is_handed_on_as_it_is(make_segment, make_segmentation):
    for frame in (make_segmentation(make_segment('1'), make_segment('2')), make_segmentation()):
        assert check_output(frame) is frame


@pytest.mark.parametrize(
    'change',
    [
        {'category_score': NAN},
        {'mask_score': INF},
        {'objectness': -INF},
        {'mask': np.zeros((2, 3), bool)},
        {'mask': np.ones((3, 2), bool)},
        {'box_xyxy': (1, 1, 1, 3), 'mask': np.ones((2, 0), bool)},
        {'box_xyxy': (6, 1, 9, 3)},
        {'box_xyxy': (-1, 1, 2, 3)},
        {'box_xyxy': (1, 5, 4, 7)},
    ],
)
def test_scores_that_are_no_numbers_and_masks_that_are_none_are_refused(
    make_segment, make_segmentation, change
):
    frame = make_segmentation(make_segment('1'), replace(make_segment('2'), **change))
    with pytest.raises(ModelOutputError, match='1 of 2 segments'):
        check_output(frame)


def test_more_segments_than_can_be_asked_for_are_refused(make_segment, make_segmentation):
    segment = make_segment('1')
    check_output(make_segmentation(*[segment] * MAX_SEGMENTS))
    with pytest.raises(ModelOutputError, match='10000 segments'):
        check_output(make_segmentation(*[segment] * 10_000))


def message_of(mask, count):
    box = (0, 0, mask.shape[1], mask.shape[0])
    segment = Segment('1', 'car', 0.5, 0.5, 0.5, True, box, mask, 0)
    frame = Segmentation((segment,) * count, mask.shape, 'segment', context=None)
    return record_to_msg(FrameRecord('front', Header(), 1, 0, frame), 'model@0')


def test_masks_that_fill_a_message_are_refused():
    """A chequered mask has as many runs as pixels."""
    chequered = np.indices((512, 512)).sum(0) % 2 == 0
    fitting = MAX_RUN_BYTES // (4 * chequered.size)
    with pytest.raises(ModelOutputError, match='Lower max_segments'):
        check_message(message_of(chequered, fitting + 1))
    message = message_of(np.ones((512, 512), bool), fitting + 1)
    assert check_message(message) is message
