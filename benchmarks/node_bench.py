"""The node in its process, cameras in theirs, and what comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile

from benchmarks.process_sample import ProcessSample, sample_process
from demo.processes import child_process, last_line
from ros2_rose.conversions import to_nanoseconds
from ros2_rose.msg import SegmentArray

READY_TIMEOUT_S = 120.0
IDLE_TIMEOUT_S = 30.0
NODE = ['scripts/rose_node']
"""As it is, with nano."""
_ROOT = Path(__file__).parents[1]


class BenchError(RuntimeError):
    """A process ended, or nothing comes; the text says which."""


@dataclass(frozen=True)
class Load:
    """What the cameras send: ``size`` is (width, height) in pixels, ``rate_hz`` of each camera,
    ``pictures`` as ``camera`` says.
    """

    seconds: float
    rate_hz: float
    size: tuple[int, int]
    cameras: tuple[str, ...] = ('camera',)
    pictures: Literal['noise', 'streets'] = 'noise'


@dataclass
class Outcome:
    """What came of a load.  ``sent``, ``received``, ``processed``, ``unaccounted``: images by
    camera; the last is what no counter of the node knows.  ``latency_ms``: from the publishing of
    an image to the arrival of its segments.  ``node_p50_ms``, ``node_p99_ms``: the node's own,
    from the arrival of an image to the publishing of its segments, of its newest ``latencies``
    frames, one value a report.  ``samples`` of the node's process.
    """

    sent: dict[str, int] = field(default_factory=dict)
    received: dict[str, int] = field(default_factory=dict)
    processed: dict[str, int] = field(default_factory=dict)
    unaccounted: int = 0
    latency_ms: list[float] = field(default_factory=list)
    node_p50_ms: list[float] = field(default_factory=list)
    node_p99_ms: list[float] = field(default_factory=list)
    samples: list[ProcessSample] = field(default_factory=list)

    def percentile_ms(self, percent: float) -> float:
        """Of ``latency_ms``."""
        return float(np.percentile(self.latency_ms or [np.nan], percent))


class NodeBench:
    """A running node that has its model; made by :func:`running_node`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self._status: dict[str, dict[str, str]] = {}
        self._arrivals: list[tuple[str, int, int]] = []
        self._reports: list[dict[str, str]] = []
        rclpy.init()
        self.node = rclpy.create_node('bench')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.node.create_subscription(
            SegmentArray, '/rose/segments', self._on_segments, QoSProfile(depth=100)
        )
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, QoSProfile(depth=10)
        )

    def close(self) -> None:
        """Leave ROS."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown()

    def spin_until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Serve messages until the condition holds.

        Raises:
            BenchError: it does not in time, or the node has ended.
        """
        give_up = time.monotonic() + timeout_s
        while not condition():
            if self._process.poll() is not None:
                raise BenchError(f'The node has ended: {last_line(self._log)}')
            if time.monotonic() > give_up:
                raise BenchError(f'Waited {timeout_s:.0f} s for {what}; {self._status}')
            self._executor.spin_once(timeout_sec=0.1)

    @property
    def model_is_ready(self) -> bool:
        """The node says so on ``/diagnostics``."""
        return bool(self._status.get('model'))

    def sample(self) -> ProcessSample:
        """Memory, threads and descriptors of the node."""
        return sample_process(self._process.pid)

    def play(
        self, load: Load, meanwhile: Callable[[], None] = lambda: None, sample_s: float = 1.0
    ) -> Outcome:
        """Let the cameras send, and count; ``meanwhile`` is called all the time.

        Raises:
            BenchError: a process ended early, or nothing came.
        """
        before = self._counts(load.cameras)
        self._arrivals.clear()
        self._reports.clear()
        outcome = Outcome()
        next_sample_s = time.monotonic() + sample_s

        def tick(camera: subprocess.Popen[bytes]) -> bool:
            nonlocal next_sample_s
            meanwhile()
            if time.monotonic() >= next_sample_s:
                next_sample_s += sample_s
                outcome.samples.append(self.sample())
            return camera.poll() is not None

        with tempfile.TemporaryDirectory() as folder:
            out, errors = Path(folder, 'out'), Path(folder, 'errors')
            with child_process(_camera_command(load), out, errors) as camera:
                self.spin_until(lambda: tick(camera), 'the cameras', 60 + 2 * load.seconds)
            if camera.returncode:
                raise BenchError(f'The cameras ended: {last_line(errors)}')
            by_topic = json.loads(out.read_text())
        outcome.sent = {name: by_topic[_topic(name, load.cameras)] for name in load.cameras}
        self._count(load, before, outcome)
        return outcome

    def _count(self, load: Load, before: dict[str, dict[str, int]], outcome: Outcome) -> None:
        after = self._settled_counts(load.cameras)
        for name in load.cameras:
            change = {key: after[name][key] - before[name].get(key, 0) for key in after[name]}
            outcome.received[name] = change['received']
            outcome.processed[name] = change['processed']
            known = change['processed'] + change['dropped'] + change['rejected']
            outcome.unaccounted += abs(change['received'] - known)
        outcome.latency_ms = [(came - sent) / 1e6 for _, sent, came in self._arrivals]
        outcome.node_p50_ms = [float(report['latency_ms_p50']) for report in self._reports]
        outcome.node_p99_ms = [float(report['latency_ms_p99']) for report in self._reports]

    def _settled_counts(self, cameras: Sequence[str]) -> dict[str, dict[str, int]]:
        """The counters once two reports in a row are equal."""
        last: dict[str, dict[str, int]] = {}
        give_up = time.monotonic() + IDLE_TIMEOUT_S
        while time.monotonic() < give_up:
            self._status.clear()
            self.spin_until(lambda: 'output' in self._status, '/diagnostics', IDLE_TIMEOUT_S)
            counts = self._counts(cameras)
            if counts == last:
                return counts
            last = counts
        raise BenchError(f'The counters go on changing without input: {last}')

    def _counts(self, cameras: Sequence[str]) -> dict[str, dict[str, int]]:
        names = ('received', 'processed', 'dropped_busy', 'dropped_stale', 'rejected')
        counts = {}
        for camera in cameras:
            status = self._status.get(f'input/{camera}', {})
            values = {name: int(status.get(name, 0)) for name in names}
            values['dropped'] = values.pop('dropped_busy') + values.pop('dropped_stale')
            counts[camera] = values
        return counts

    def _on_segments(self, message: SegmentArray) -> None:
        if message.revision == 0:
            stamp_ns = to_nanoseconds(message.header.stamp)
            self._arrivals.append((message.camera, stamp_ns, time.time_ns()))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.removeprefix('rose: ')
            if name != 'model' or status.message == 'READY':
                self._status[name] = {entry.key: entry.value for entry in status.values}
            if name == 'output':
                self._reports.append(self._status[name])


@contextmanager
def running_node(command: Sequence[str], **parameters: object) -> Iterator[NodeBench]:
    """Start a node with these parameters (``__`` stands for a dot) and wait for its model."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 101)
    profile = str(_ROOT / 'config' / 'fastdds_large.xml')
    for name in ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'):
        os.environ[name] = profile  # the first from Fast DDS 3 on, the second before
    options = [
        part
        for name, value in parameters.items()
        for part in ('-p', f'{name.replace("__", ".")}:={value}')
    ]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, 'node.log')
        full = [sys.executable, *command, '--ros-args', *options]
        with child_process(full, log, log) as process:
            bench = NodeBench(process, log)
            try:
                bench.spin_until(lambda: bench.model_is_ready, 'the model', READY_TIMEOUT_S)
                yield bench
            finally:
                bench.close()


def stub_command(
    frame_ms: float,
    refine_ms: float = 20.0,
    segments: int = 20,
    scene: str = 'ellipses',
    latencies: int = 200,
) -> list[str]:
    """The node around a stub of these times; ``latencies``: the frames of its percentiles."""
    numbers = (frame_ms, refine_ms, segments, latencies)
    return ['-m', 'benchmarks.stub_program', *map(str, numbers), scene]


def _camera_command(load: Load) -> list[str]:
    numbers = (load.rate_hz, *load.size, load.seconds)
    topics = [_topic(name, load.cameras) for name in load.cameras]
    return [sys.executable, '-m', 'benchmarks.camera', *map(str, numbers), load.pictures, *topics]


def _topic(camera: str, cameras: Sequence[str]) -> str:
    return '/image_raw' if len(cameras) == 1 else f'/{camera}/image_raw'
