"""What the node adds to the model: ``python -m benchmarks.overhead``, ``results/overhead.json``.

1920x1080 and 100 overlapping masks, from a stub that takes a known time, over real DDS with the
shipped Fast DDS profile; first without, then with a subscriber of ``~/overlay``.  Then each stage
by itself, in this process.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from benchmarks.dense_scene import dense_segments
from benchmarks.figures import RESULTS, Figure, Section, report
from benchmarks.node_bench import Load, NodeBench, Outcome, running_node, stub_command
from ros2_rose import qos
from ros2_rose.conversions import image_to_rgb, record_to_msg, to_nanoseconds
from ros2_rose.history import FrameRecord
from ros2_rose.image_writer import write_image
from ros2_rose.output_check import check_message, check_output
from ros2_rose.session_memory import SessionMemory
from rose_model.overlay import draw_overlay
from rose_model.records import FrameContext, Segmentation

HD = (1920, 1080)
MASKS = 100
MODEL_MS = 50.0
RATE_HZ = 4.0
WARM_UP_S = 5.0
ROUNDS = 30
_NO_CONTEXT: FrameContext = None  # type: ignore[assignment]  # nothing here looks at the image


def quiet(seconds: float) -> list[Figure]:
    """Nobody looks at the overlay."""
    with running_node(_stub()) as node:
        node.play(Load(WARM_UP_S, RATE_HZ, HD))
        outcome = node.play(Load(seconds, RATE_HZ, HD))
    return [_in_node(outcome, 50, at_most=15), _in_node(outcome, 99), *_rest(outcome)]


def watched(seconds: float) -> list[Figure]:
    """Somebody looks at the overlay, which comes after the segments."""
    with running_node(_stub()) as node:
        node.play(Load(WARM_UP_S, RATE_HZ, HD))
        delays_ms = _watch_overlays(node)
        node.play(Load(WARM_UP_S, RATE_HZ, HD))
        delays_ms.clear()
        outcome = node.play(Load(seconds, RATE_HZ, HD))
    until_segments = _in_node(outcome, 50)
    overlay_ms = float(np.median(delays_ms)) - outcome.percentile_ms(50)
    return [
        until_segments,
        _in_node(outcome, 99),
        Figure('overlay, after the segments, p50', overlay_ms, 'ms'),
        Figure('both, p50', until_segments.value + overlay_ms, 'ms', at_most=25),
        Figure('overlays', len(delays_ms)),
        *_rest(outcome),
    ]


def stages(_: float) -> list[Figure]:
    """Each stage by itself, the median of some rounds."""
    pixels = np.random.default_rng(0).integers(0, 256, (HD[1], HD[0], 3), np.uint8)
    image = write_image(pixels, 'rgb8', Header())
    frame = Segmentation(dense_segments((HD[1], HD[0]), MASKS), (HD[1], HD[0]), '', _NO_CONTEXT)
    memory = SessionMemory(['camera'], 60)
    stamps = itertools.count(10**9, 10**8)
    followed = memory.follow('camera', next(stamps), frame).segmentation
    record = FrameRecord('camera', Header(), 0, 0, followed)
    message = record_to_msg(record, 'stub')
    steps: dict[str, Callable[[], object]] = {
        'image to RGB': lambda: image_to_rgb(image, 2**25),
        'check of the output': lambda: check_output(frame),
        'tracks': lambda: memory.follow('camera', next(stamps), frame),
        'message': lambda: check_message(record_to_msg(record, 'stub')),
        'serialising': lambda: serialize_message(message),
        'overlay': lambda: write_image(draw_overlay(pixels, followed.segments), 'rgb8', Header()),
    }
    return [Figure(name, _median_ms(step), 'ms') for name, step in steps.items()]


SCENARIOS: dict[str, Callable[[float], list[Figure]]] = {
    'overlay off': quiet,
    'overlay on': watched,
    'by stage': stages,
}


def _stub() -> list[str]:
    return stub_command(frame_ms=MODEL_MS, segments=MASKS, scene='dense')


def _watch_overlays(node: NodeBench) -> list[float]:
    """From the publishing of an image to the arrival of its overlay, in milliseconds; it grows."""
    delays_ms: list[float] = []

    def on_overlay(message: Image) -> None:
        delays_ms.append((time.time_ns() - to_nanoseconds(message.header.stamp)) / 1e6)

    node.node.create_subscription(Image, '/rose/overlay', on_overlay, qos.pictures())
    return delays_ms


def _in_node(outcome: Outcome, percent: int, at_most: float | None = None) -> Figure:
    """From the arrival of an image to the publishing of its segments, of the last 200 frames."""
    reports_ms = outcome.node_p50_ms if percent == 50 else outcome.node_p99_ms
    value_ms = reports_ms[-1] - MODEL_MS
    return Figure(f'in the node, outside the model, p{percent}', value_ms, 'ms', at_most=at_most)


def _rest(outcome: Outcome) -> list[Figure]:
    processed, sent = sum(outcome.processed.values()), sum(outcome.sent.values())
    first, last = outcome.samples[0], outcome.samples[-1]
    busy_ms = 1e3 * (last.cpu_s - first.cpu_s) / (last.time_s - first.time_s) / RATE_HZ
    latency_ms = outcome.percentile_ms(50)
    return [
        Figure('publishing to arrival, model included, p50', latency_ms, 'ms'),
        Figure('processed', 100 * processed / sent, '%', at_least=99),
        Figure('processor time, with the receiving of images', busy_ms, 'ms a frame'),
    ]


def _median_ms(step: Callable[[], object]) -> float:
    step()
    times_s = []
    for _ in range(ROUNDS):
        start_s = time.perf_counter()
        step()
        times_s.append(time.perf_counter() - start_s)
    return 1e3 * float(np.median(times_s))


def main() -> None:
    """Measure each scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=60.0, help='of images, for each scenario')
    parser.add_argument('--out', type=Path, default=RESULTS, help='folder of overhead.json')
    given = parser.parse_args()
    sections = {
        name: Section(given.seconds, scenario(given.seconds))
        for name, scenario in SCENARIOS.items()
    }
    report('overhead', sections, given.out)


if __name__ == '__main__':
    main()
