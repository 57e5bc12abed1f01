"""What the comparisons of speed reckon with; they themselves are run by hand."""

import pytest

from benchmarks.ratios import ratio as ratios
from benchmarks.ratios.ratio import BusyMachineError, Ratio, compare, require_quiet_machine


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
    monkeypatch.setattr(ratios.os, 'getloadavg', lambda: (0.4, 9.0, 9.0))
    require_quiet_machine()
    monkeypatch.setattr(ratios.os, 'getloadavg', lambda: (0.6, 0.0, 0.0))
    with pytest.raises(BusyMachineError, match=r'0\.60'):
        require_quiet_machine()
