"""What the node says about itself on ``/diagnostics`` (REP 107)."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from ros2_rose.camera_inbox import CameraCounts
from ros2_rose.camera_watch import Health
from ros2_rose.correction_log import LogCounts
from ros2_rose.deadline import DeadlineCounts
from ros2_rose.frame_service import RequestCounts
from ros2_rose.one_line import one_line
from ros2_rose.resources import Resources
from ros2_rose.worker import ModelState

LATENCIES = 200
"""The newest frames that the percentiles are taken over; a benchmark sets its own."""


@dataclass(frozen=True)
class Latency:
    """From the arrival of an image to the publication of its segments; 0 before any frame."""

    p50_ms: float
    p99_ms: float


class LatencyMeter:
    """Collects the latency of frames from one thread and tells percentiles to another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latencies_ms: deque[float] = deque(maxlen=LATENCIES)

    def add(self, latency_s: float) -> None:
        """Count one frame."""
        with self._lock:
            self._latencies_ms.append(1e3 * latency_s)

    def summary(self) -> Latency:
        """Percentiles of the last frames."""
        with self._lock:
            latencies_ms = list(self._latencies_ms) or [0.0]
        p50_ms, p99_ms = np.percentile(latencies_ms, [50, 99])
        return Latency(float(p50_ms), float(p99_ms))


class RateMeter:
    """Turns growing counters into rates between two reports."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}

    def rate_hz(self, name: str, count: int) -> float:
        """Counts per second since the last call for this name; 0 at the first."""
        now_s = time.monotonic()
        last_s, last_count = self._last.get(name, (now_s, count))
        self._last[name] = (now_s, count)
        return (count - last_count) / (now_s - last_s) if now_s > last_s else 0.0


def model_status(state: ModelState, detail: str, name: str, device: str) -> DiagnosticStatus:
    """Is the model there?  OK exactly when it is ready.  ``detail``: how far it is, or what is
    wrong.
    """
    levels = {
        ModelState.READY: DiagnosticStatus.OK,
        ModelState.FAILED: DiagnosticStatus.ERROR,
        ModelState.NO_MEMORY: DiagnosticStatus.ERROR,
        ModelState.LOST: DiagnosticStatus.ERROR,
    }
    level = levels.get(state, DiagnosticStatus.WARN)
    values = {'state': state.value, 'model': name, 'device': device}
    return _status('model', level, detail or state.value, values)


def no_model_status(failure: str) -> DiagnosticStatus:
    """The node is off; ``failure``: why it could not be configured, or empty."""
    level = DiagnosticStatus.ERROR if failure else DiagnosticStatus.WARN
    text = failure or 'off: no model in memory; ~/enable or configure loads it'
    return _status('model', level, text, {'state': 'UNCONFIGURED'})


def resources_status(resources: Resources) -> DiagnosticStatus:
    """What the process takes of the machine."""
    values: dict[str, object] = {
        'memory_mib': f'{resources.memory_bytes / 2**20:.1f}',
        'threads': resources.threads,
        'file_descriptors': resources.descriptors,
    }
    if resources.cuda_bytes is not None:
        values['cuda_memory_mib'] = f'{resources.cuda_bytes / 2**20:.1f}'
    text = f'{values["memory_mib"]} MiB, {resources.threads} threads'
    return _status('resources', DiagnosticStatus.OK, text, values)


def camera_status(
    name: str, health: Health, counts: CameraCounts, lost: int, rates: RateMeter
) -> DiagnosticStatus:
    """How a camera is, and what became of its frames; ``lost`` are those that the middleware lost,
    as far as it says so.
    """
    values: dict[str, object] = {
        'received': counts.received,
        'processed': counts.processed,
        'dropped_busy': counts.dropped_busy,
        'dropped_stale': counts.dropped_stale,
        'rejected': sum(counts.rejected.values()),
        'lost': lost,
        **counts.remarks,
        'rate_hz': f'{rates.rate_hz(f"input/{name}", counts.received):.2f}',
    }
    values |= {f'rejected.{reason}': count for reason, count in sorted(counts.rejected.items())}
    return _status(f'input/{name}', health.level, health.text, values)


def output_status(
    latency: Latency,
    processed: int,
    deadline: DeadlineCounts,
    unmapped: str,
    rates: RateMeter,
) -> DiagnosticStatus:
    """How much comes out, how late, and which labels the ontology has no class for."""
    return _status(
        'output',
        DiagnosticStatus.OK,
        'publishing' if processed else 'nothing published yet',
        {
            'processed': processed,
            'rate_hz': f'{rates.rate_hz("output", processed):.2f}',
            'latency_ms_p50': f'{latency.p50_ms:.1f}',
            'latency_ms_p99': f'{latency.p99_ms:.1f}',
            'cut_by_deadline': deadline.cut,
            'late': deadline.late,
            'unmapped_labels': unmapped,
        },
    )


def service_status(name: str, counts: RequestCounts) -> DiagnosticStatus:
    """What became of the requests to one service."""
    return _status(
        name,
        DiagnosticStatus.OK,
        f'{counts.answered} of {counts.received} answered',
        {
            'received': counts.received,
            'answered': counts.answered,
            'succeeded': counts.succeeded,
        },
    )


def log_status(counts: LogCounts) -> DiagnosticStatus:
    """What became of the corrections that are to be stored; a warning while that fails."""
    level = DiagnosticStatus.WARN if counts.failure else DiagnosticStatus.OK
    return _status(
        'correction_log',
        level,
        counts.failure or f'{counts.written} written',
        {
            'written': counts.written,
            'removed': counts.removed,
            'failed': counts.failed,
            'dropped': counts.dropped,
        },
    )


def _status(
    name: str, level: bytes, message: str, values: Mapping[str, object]
) -> DiagnosticStatus:
    return DiagnosticStatus(
        name=f'rose: {name}',
        level=level,
        message=one_line(message),
        hardware_id='rose',
        values=[KeyValue(key=key, value=one_line(str(value))) for key, value in values.items()],
    )
