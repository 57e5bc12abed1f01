"""The node under load, around a model that takes a known time, and with nano.

``python -m benchmarks.load [stream overload flood cameras nano]``; 23 minutes for all five.
Prints a table of each and writes ``results/load_SCENARIO.json``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.figures import RESULTS, Figure, Section, report
from benchmarks.node_bench import NODE, Load, Outcome, running_node, stub_command
from benchmarks.refine_clients import RefineClients
from benchmarks.steadiness import steadiness

HD, VGA, CAMVID = (1280, 720), (640, 480), (480, 360)
WARM_UP_S = 10
SIX = ('front', 'rear', 'left', 'right', 'front_left', 'front_right')


def stream(seconds: float) -> list[Figure]:
    """One camera of 1280x720 at 30 Hz, a model of 5 ms, ten minutes; what the node takes is that
    of all of these frames.
    """
    idle = steadiness(min(seconds, 30))
    with running_node(stub_command(frame_ms=5, latencies=round(30 * seconds))) as node:
        node.play(Load(WARM_UP_S, 30, HD))
        outcome = node.play(Load(seconds, 30, HD))
    p50_ms, p99_ms = outcome.node_p50_ms[-1] - 5, outcome.node_p99_ms[-1] - 5
    return [
        Figure('processed', 100 * _share(outcome), '%', at_least=99),
        Figure('in the node, outside the model, p50', p50_ms, 'ms', at_most=5),
        Figure('in the node, outside the model, p99', p99_ms, 'ms', at_most=15),
        Figure('publishing to arrival, model included, p50', outcome.percentile_ms(50), 'ms'),
        Figure('publishing to arrival, model included, p99', outcome.percentile_ms(99), 'ms'),
        Figure('processor time of the node', _cpu(outcome), 'cores'),
        *idle,
        *_account(outcome),
    ]


def overload(seconds: float) -> list[Figure]:
    """640x480 at 100 Hz, ten times what a model of 100 ms can do, five minutes."""
    with running_node(stub_command(frame_ms=100)) as node:
        alone = node.play(Load(min(seconds, 30), 10, VGA))
        outcome = node.play(Load(seconds, 100, VGA))
    rate = _rate(outcome, seconds) / _rate(alone, min(seconds, 30))
    return [
        Figure('rate, of that with 10 Hz', 100 * rate, '%', at_least=95),
        Figure('age of the newest, p99', outcome.percentile_ms(99), 'ms', at_most=2 * 100 + 10),
        Figure('growth of own memory', _growth_mib(outcome), 'MiB', at_most=5),
        *_account(outcome),
    ]


def flood(seconds: float) -> list[Figure]:
    """50 clients of ``/rose/refine``, 20 ms a correction, beside a stream of 30 Hz, one minute."""
    with running_node(stub_command(frame_ms=5, refine_ms=20)) as node:
        alone = node.play(Load(min(seconds, 30), 30, VGA))
        with RefineClients(50) as clients:
            outcome = node.play(Load(seconds, 30, VGA))
            answers = clients.stop()
    busy_ms = answers.busy_ms or [0.0]
    rate = _rate(outcome, seconds) / _rate(alone, min(seconds, 30))
    return [
        Figure('requests answered', 100 * answers.answered / answers.sent, '%', at_least=100),
        Figure('requests', answers.sent / answers.seconds, '1/s'),
        Figure('of them corrected', answers.succeeded / answers.seconds, '1/s', at_least=1),
        Figure('BUSY after, p99', float(np.percentile(busy_ms, 99)), 'ms', at_most=50),
        Figure('rate of the stream, of that alone', 100 * rate, '%', at_least=90),
        *_account(outcome),
    ]


def cameras(seconds: float) -> list[Figure]:
    """Six cameras of 480x360, together as fast as one that is too fast for a model of 20 ms."""
    with running_node(stub_command(frame_ms=20)) as node:
        alone = node.play(Load(seconds, 60, CAMVID))
    names = f'[{",".join(SIX)}]'
    with running_node(stub_command(frame_ms=20), camera_names=names) as node:
        outcome = node.play(Load(seconds, 10, CAMVID, SIX))
    rates = [count / seconds for count in outcome.processed.values()]
    slowest = min(rates) * len(rates) / sum(rates)
    of_alone = sum(rates) / _rate(alone, seconds)
    return [
        Figure('slowest camera, of the mean', 100 * slowest, '%', at_least=80),
        Figure('sum of the rates, of one camera alone', 100 * of_alone, '%', at_least=90),
        Figure('sum of the rates', sum(rates), 'Hz'),
        *_account(outcome),
    ]


def nano(seconds: float) -> list[Figure]:
    """The shipped model, on street scenes of 640x480 at 20 Hz, so that a newer one always waits,
    and at 10 Hz, a minute each.
    """
    with running_node(NODE) as node:
        node.play(Load(WARM_UP_S, 20, VGA, pictures='streets'))
        most = node.play(Load(seconds, 20, VGA, pictures='streets'))
        outcome = node.play(Load(seconds, 10, VGA, pictures='streets'))
    return [
        Figure('most frames a second', _rate(most, seconds), 'Hz', at_least=10),
        Figure('of 10 Hz processed', 100 * _share(outcome), '%'),
        Figure('publishing to arrival at 10 Hz, p50', outcome.percentile_ms(50), 'ms'),
        Figure('publishing to arrival at 10 Hz, p99', outcome.percentile_ms(99), 'ms'),
        Figure('processor time of the node at 10 Hz', _cpu(outcome), 'cores'),
        *_account(outcome),
    ]


SCENARIOS: dict[str, tuple[Callable[[float], list[Figure]], float]] = {
    'stream': (stream, 600),
    'overload': (overload, 300),
    'flood': (flood, 60),
    'cameras': (cameras, 60),
    'nano': (nano, 60),
}


def _share(outcome: Outcome) -> float:
    return sum(outcome.processed.values()) / sum(outcome.sent.values())


def _rate(outcome: Outcome, seconds: float) -> float:
    return sum(outcome.processed.values()) / seconds


def _cpu(outcome: Outcome) -> float:
    first, last = outcome.samples[0], outcome.samples[-1]
    return (last.cpu_s - first.cpu_s) / (last.time_s - first.time_s)


def _growth_mib(outcome: Outcome) -> float:
    """Mean of the last tenth less that of the second tenth; the first one fills the history."""
    own_mib = [sample.own_mib for sample in outcome.samples]
    tenth = max(1, len(own_mib) // 10)
    return float(np.mean(own_mib[-tenth:]) - np.mean(own_mib[tenth : 2 * tenth]))


def _account(outcome: Outcome) -> list[Figure]:
    lost = sum(outcome.sent.values()) - sum(outcome.received.values())
    return [
        Figure('images sent', sum(outcome.sent.values())),
        Figure('images that never came', lost, at_most=0),
        Figure('images unaccounted for', outcome.unaccounted, at_most=0),
    ]


def main() -> None:
    """Run the scenarios that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('scenarios', nargs='*', choices=[*SCENARIOS, []], default=[])
    parser.add_argument(
        '--seconds', type=float, help='of each scenario, instead of its own length'
    )
    parser.add_argument('--out', type=Path, default=RESULTS, help='folder of the results')
    given = parser.parse_args()
    for name in given.scenarios or SCENARIOS:
        scenario, full_s = SCENARIOS[name]
        seconds = given.seconds or full_s
        report(f'load_{name}', {name: Section(seconds, scenario(seconds))}, given.out)


if __name__ == '__main__':
    main()
