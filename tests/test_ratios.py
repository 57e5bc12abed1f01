"""What the comparisons of speed reckon with; they themselves are run by hand."""

import pytest
from std_msgs.msg import Header

from benchmarks import quiet
from benchmarks.dense_scene import dense_geometry, dense_logits, dense_segments
from benchmarks.quiet import BusyMachineError, require_idle_cores, require_quiet_machine
from benchmarks.ratios import masks, message, table
from benchmarks.ratios.ratio import Ratio, compare
from ros2_rose.history import FrameRecord
from ros2_rose.segment_fields import array_fields
from rose_model.records import Segmentation


def a_ratio(b_ms=20.0, spread=0.01, equal=True, at_least=None):
    return Ratio('x', 10.0, b_ms, 9.0, b_ms, spread, equal, at_least)


@pytest.mark.parametrize(
    ('ratio', 'holds'),
    [
        (a_ratio(), True),
        (a_ratio(equal=None), True),
        (a_ratio(equal=False), False),
        (a_ratio(spread=0.4), False),
        (a_ratio(at_least=2.0), True),
        (a_ratio(at_least=2.1), False),
    ],
)
def test_a_ratio_holds_or_does_not(ratio, holds):
    assert ratio.ratio == 2
    assert ratio.holds is holds


def test_both_sides_are_run_in_turn_and_compared():
    calls = []
    result = compare(
        'x',
        lambda: calls.append('a') or 1,
        lambda: calls.append('b') or 2,
        lambda a, b: a == b,
        rounds=3,
    )
    assert ''.join(calls) == 'ab' + 3 * 'aba'
    assert result.outputs_equal is False
    assert not result.holds


def test_nothing_is_measured_beside_other_work(monkeypatch):
    monkeypatch.setattr(quiet.os, 'getloadavg', lambda: (0.4, 9.0, 9.0))
    require_quiet_machine()
    monkeypatch.setattr(quiet.os, 'getloadavg', lambda: (0.6, 0.0, 0.0))
    with pytest.raises(BusyMachineError, match=r'0\.60'):
        require_quiet_machine()


@pytest.mark.parametrize(('other_s', 'is_busy'), [(0.3, False), (0.5, True)])
def test_measuring_goes_on_only_while_others_use_no_core(monkeypatch, other_s, is_busy):
    used_s = iter((100.0, 100.0 + other_s))
    monkeypatch.setattr(quiet, '_other_cpu_s', lambda: next(used_s))
    monkeypatch.setattr(quiet.time, 'sleep', lambda _: None)
    if is_busy:
        with pytest.raises(BusyMachineError, match=r'0\.25 cores'):
            require_idle_cores()
    else:
        require_idle_cores()


def test_results_become_a_table_for_the_readme(tmp_path):
    path = tmp_path / 'R1.json'
    fast = Ratio('x', 10.0, 20_000.0, 9.0, 19_000.0, 0.01, None, 2.0, 'n', {'prefill_s': 1.5})
    table.write(path, [fast, a_ratio(equal=False)])
    lines = table.markdown([path]).splitlines()
    assert lines[2] == '| R1 | x | 10.00 ms | 20.0 s | 2000.00 | ≥ 2 | 1.0 % | n | yes |'
    assert lines[3] == '| R1 | x | 10.00 ms | 20.00 ms | 2.00 |  | 1.0 % | DIFFER | NO |'
    assert lines[-1] == 'R1: prefill_s 1.5'


def test_the_dense_scene_has_masks_of_all_sizes_that_overlap():
    areas = [segment.area for segment in dense_segments((270, 480))]
    assert len(areas) == 100
    assert max(areas) > 1000 * min(areas)
    assert sum(areas) > 2 * 270 * 480


def test_masks_cropped_and_one_by_one_are_told_apart_by_their_pixels():
    geometry = dense_geometry(masks.SIZE)
    logits = dense_logits(geometry, 10)[6:]
    ours, theirs = masks.cropped(logits, geometry), masks.one_by_one(logits, geometry)
    assert masks._are_equal(ours, theirs)
    logits[0, :100] = -1.0
    assert not masks._are_equal(masks.cropped(logits, geometry), theirs)


def test_run_lengths_in_any_form_make_the_same_message():
    frame = Segmentation(dense_segments((108, 192), 9), (108, 192), '', None)
    fields = array_fields(FrameRecord('camera', Header(), 0, 0, frame), 'model')
    flat, lists, arrays = (
        message.to_bytes(fields, form)
        for form in (message.flat, message.as_list, message.as_numpy)
    )
    assert message._are_equal(flat, lists)
    assert message._are_equal(flat, arrays)
    fields['segments'][0]['mask']['counts'][0] += 1
    assert not message._are_equal(flat, message.to_bytes(fields, message.flat))
