"""Run lengths: what goes in comes out, and a stranger needs numpy only."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from ros2_rose.masks import decode_mask, decode_runs, encode_runs
from ros2_rose.msg import Mask

BOX = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


@given(BOX)
def test_any_mask_survives_the_round_trip(mask):
    assert np.array_equal(decode_runs(encode_runs(mask), *mask.shape), mask)


@given(BOX)
def test_runs_alternate_fill_the_box_and_only_the_first_may_be_empty(mask):
    runs = encode_runs(mask)
    assert runs.dtype == np.uint32
    assert runs.sum() == mask.size
    assert (runs[1:] > 0).all()


@pytest.mark.parametrize(
    ('mask', 'runs'),
    [
        ([[0, 0], [0, 0]], [4]),
        ([[1, 1], [1, 1]], [0, 4]),
        ([[0, 1], [1, 0]], [1, 2, 1]),
        ([[1, 0, 1]], [0, 1, 1, 1]),
        ([[0], [1], [0]], [1, 1, 1]),
        (np.zeros((0, 0)), []),
    ],
)
def test_runs_are_those_of_the_message_definition(mask, runs):
    assert encode_runs(np.array(mask, dtype=bool)).tolist() == runs


def test_the_box_is_placed_in_the_image():
    message = Mask(x_offset=2, y_offset=1, width=2, height=2, counts=[1, 2, 1])
    full = decode_mask(message, 4, 5)
    expected = np.zeros((4, 5), bool)
    expected[1, 3] = expected[2, 2] = True
    assert np.array_equal(full, expected)


def test_an_empty_mask_is_nowhere():
    assert not decode_mask(Mask(), 3, 4).any()


@pytest.mark.parametrize('counts', [[], [3], [5], [2**32 - 1, 2**32 - 1], [2**31, 2**31, 4]])
def test_runs_that_do_not_fill_the_box_are_refused(counts):
    with pytest.raises(ValueError, match='must add up to 4'):
        decode_runs(counts, 2, 2)


@pytest.mark.parametrize('offset', [3, 2**32 - 1])
def test_a_box_outside_the_image_is_refused(offset):
    message = Mask(x_offset=offset, y_offset=0, width=2, height=2, counts=[4])
    with pytest.raises(ValueError, match='outside the image'):
        decode_mask(message, 4, 4)


def test_the_decoder_loads_neither_torch_nor_the_model():
    script = (
        'import sys, ros2_rose.masks, ros2_rose.msg\n'
        'print([name for name in ("torch", "cv2", "rose_model") if name in sys.modules])'
    )
    result = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == '[]'
