"""What the benchmarks reckon with; they themselves are run by hand."""

import json
import os

import numpy as np
import pytest

from benchmarks import soak
from benchmarks.figures import Figure, Section, report
from benchmarks.process_sample import ProcessSample, sample_process
from benchmarks.stub_node import StubSegmenter


@pytest.mark.parametrize(
    ('figure', 'goal', 'holds'),
    [
        (Figure('x', 3, at_least=3), '≥ 3', True),
        (Figure('x', 2.9, at_least=3), '≥ 3', False),
        (Figure('x', 3, at_most=3), '≤ 3', True),
        (Figure('x', 3.1, at_most=3), '≤ 3', False),
        (Figure('x', float('nan'), at_most=3), '≤ 3', False),
        (Figure('x', 3), '', True),
    ],
)
def test_a_goal_holds_or_does_not(figure, goal, holds):
    assert (figure.goal, figure.holds) == (goal, holds)


def test_a_report_is_a_table_and_a_file(tmp_path, capsys):
    sections = {'stream': Section(60, [Figure('rate', 29.5, 'Hz', at_least=30)])}
    report('x', sections, tmp_path / 'new')
    assert 'NO' in capsys.readouterr().out
    record = json.loads((tmp_path / 'new' / 'x.json').read_text())
    [figure] = record['scenarios']['stream']['figures']
    assert (figure['value'], figure['at_least'], figure['at_most']) == (29.5, 30, None)
    assert record['machine']
    assert record['date']


def test_a_sample_of_a_process_says_what_it_holds():
    before = sample_process(os.getpid())
    block = np.ones(2**23)
    after = sample_process(os.getpid())
    assert after.own_mib - before.own_mib == pytest.approx(block.nbytes / 2**20, abs=8)
    assert 0 < after.own_mib < after.rss_mib
    assert min(before.threads, before.descriptors) >= 1
    assert after.cpu_s >= before.cpu_s


def samples(rss_mib):
    return [
        ProcessSample(60.0 * minute, 0.0, value, 1, 1, 0.0) for minute, value in enumerate(rss_mib)
    ]


def test_the_slope_of_memory_and_its_bound():
    steady = np.random.default_rng(0).normal(1000, 1, 121)
    slope, upper = soak._slope(samples(steady))
    assert slope == pytest.approx(0, abs=1)
    assert slope < upper < 1.5
    slope, upper = soak._slope(samples(steady + np.arange(121) / 10))
    assert slope == pytest.approx(6, abs=1)


@pytest.mark.parametrize('scene', ['ellipses', 'dense'])
def test_the_stub_gives_as_many_segments_as_asked_for_inside_the_image(scene):
    frame = StubSegmenter(0.0, 0.0, 20, scene).segment(np.zeros((72, 128, 3), np.uint8))
    assert len(frame.segments) == 20
    areas = [segment.area for segment in frame.segments]
    assert areas == sorted(areas, reverse=True)
    for segment in frame.segments:
        x1, y1, x2, y2 = segment.box_xyxy
        assert 0 <= x1 < x2 <= 128
        assert 0 <= y1 < y2 <= 72
        assert segment.mask.shape == (y2 - y1, x2 - x1)
        assert segment.mask.any()
