"""The node for a long time under mixed load: does it keep what it should give back?

``python -m benchmarks.soak [--minutes 10] [--stub]`` prints a table and writes
``results/soak_MINUTES_MODEL.json``.  Cameras come and go every minute, damaged images and
corrections arrive, viewers of the overlay come and go.

The warm-up has a multiple of that load: how much memory a process gets for what it does at the
same time is then known, and what it takes later it has not given back.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from scipy import stats
from sensor_msgs.msg import Image

from benchmarks.figures import Figure, Section, report
from benchmarks.node_bench import NODE, Load, NodeBench, Outcome, running_node, stub_command
from benchmarks.process_sample import ProcessSample
from ros2_rose.srv import Refine

WARM_UP_MINUTES = 5
SIZE, RATE_HZ = (640, 480), 10
WARM_UP_LOAD = 4
PERIOD_S = 1.0
"""Of corrections and of damaged images."""
WARM_UP_PERIOD_S = 0.03


class Visitors:
    """Whatever disturbs the node from outside: every ``period_s`` a correction and a damaged
    image, and a viewer of the overlay in every other minute.
    """

    def __init__(self, bench: NodeBench) -> None:
        self._node = bench.node
        self._refine = self._node.create_client(Refine, '/rose/refine')
        self._camera = self._node.create_publisher(Image, '/image_raw', QoSProfile(depth=1))
        self._viewer: Subscription | None = None
        self.period_s = WARM_UP_PERIOD_S
        self._due_s = time.monotonic()
        self.sent = self.answered = self.pictures = 0

    def __call__(self) -> None:
        """Do what is due."""
        if time.monotonic() < self._due_s:
            return
        self._due_s = max(self._due_s, time.monotonic() - self.period_s) + self.period_s
        self.sent += 1
        self._camera.publish(Image(width=2**32 - 1, height=self.sent, encoding='rgb8'))
        future = self._refine.call_async(Refine.Request(text='this is a boat', publish=True))
        future.add_done_callback(self._on_answer)

    def look(self, is_on: bool) -> None:
        """Open or close the viewer of the overlay."""
        if self._viewer is not None:
            self._node.destroy_subscription(self._viewer)
            self._viewer = None
        if is_on:
            self._viewer = self._node.create_subscription(
                Image, '/rose/overlay', self._on_picture, QoSProfile(depth=1)
            )

    def _on_answer(self, _: object) -> None:
        self.answered += 1

    def _on_picture(self, _: Image) -> None:
        self.pictures += 1


def soak(minutes: int, is_stub: bool) -> Section:
    """So many minutes after the warm-up, a camera process each."""
    command = stub_command(frame_ms=5) if is_stub else NODE
    outcomes = []
    with running_node(command) as bench:
        visitors = Visitors(bench)
        for minute in range(WARM_UP_MINUTES):
            visitors.look(is_on=minute % 2 == 1)
            bench.play(Load(60, WARM_UP_LOAD * RATE_HZ, SIZE), meanwhile=visitors)
        visitors.period_s = PERIOD_S
        for minute in range(minutes):
            visitors.look(is_on=minute % 2 == 1)
            outcomes.append(bench.play(Load(60, RATE_HZ, SIZE), meanwhile=visitors))
    return Section(60 * minutes, _figures(outcomes, visitors))


def _figures(minutes: list[Outcome], visitors: Visitors) -> list[Figure]:
    samples = [sample for minute in minutes for sample in minute.samples]
    first, last = minutes[0], minutes[-1]
    growth = _own(last.samples) - _own(first.samples)
    figures = [
        Figure('resident memory at first', first.samples[-1].rss_mib, 'MiB'),
        Figure('resident memory at last', last.samples[-1].rss_mib, 'MiB'),
        Figure('own memory at first', _own(first.samples), 'MiB'),
        Figure('growth of own memory', growth, 'MiB', at_most=5),
        Figure('more threads', _most(last, 'threads') - _most(first, 'threads'), at_most=0),
        Figure('more files', _most(last, 'descriptors') - _most(first, 'descriptors'), at_most=0),
        Figure('latency of the first minute, p99', first.percentile_ms(99), 'ms'),
        Figure('latency of the last minute, p99', last.percentile_ms(99), 'ms'),
        Figure('images sent', sum(sum(minute.sent.values()) for minute in minutes)),
        Figure('images processed', sum(sum(minute.processed.values()) for minute in minutes)),
        Figure('unaccounted for', sum(minute.unaccounted for minute in minutes), at_most=0),
        Figure('corrections', visitors.sent),
        Figure('corrections not answered', visitors.sent - visitors.answered, at_most=1),
        Figure('overlays seen', visitors.pictures),
    ]
    if len(minutes) >= 60:
        slope, upper = _slope(samples)
        tens = range(0, len(minutes), 10)
        figures[4:4] = [
            *(
                Figure(f'own memory after {minute} minutes', _own(minutes[minute].samples), 'MiB')
                for minute in tens
            ),
            Figure('slope of own memory', slope, 'MiB/h'),
            Figure('slope of own memory, upper 95 % bound', upper, 'MiB/h', at_most=1),
        ]
    return figures


def _own(samples: list[ProcessSample]) -> float:
    return float(np.mean([sample.own_mib for sample in samples]))


def _most(minute: Outcome, name: str) -> int:
    return max(int(getattr(sample, name)) for sample in minute.samples)


def _slope(samples: list[ProcessSample]) -> tuple[float, float]:
    """Least squares over the means of five minutes, which depend less on each other than the
    samples do: MiB per hour, and the upper end of its two-sided 95 % interval.
    """
    hours = np.array([sample.time_s for sample in samples]) / 3600
    blocks = ((hours - hours[0]) * 12).astype(int)
    x = [hours[blocks == block].mean() for block in np.unique(blocks)]
    own_mib = np.array([sample.own_mib for sample in samples])
    y = [own_mib[blocks == block].mean() for block in np.unique(blocks)]
    fit = stats.linregress(x, y)
    return float(fit.slope), float(fit.slope + stats.t.ppf(0.975, len(x) - 2) * fit.stderr)


def main() -> None:
    """Run for as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    warm_up = f'after {WARM_UP_MINUTES} of warm-up'
    parser.add_argument('--minutes', type=int, default=10, help=warm_up)
    parser.add_argument('--stub', action='store_true', help='a model of 5 ms instead of nano')
    given = parser.parse_args()
    name = f'soak_{given.minutes}_{"stub" if given.stub else "nano"}'
    report(name, {f'{given.minutes} minutes': soak(given.minutes, given.stub)})


if __name__ == '__main__':
    main()
