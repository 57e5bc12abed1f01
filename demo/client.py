"""The client: what any user of the node would write to collect segments and to correct one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from demo.correction import Correction
from demo.errors import DemoError
from ros2_rose.msg import SegmentArray
from ros2_rose.srv import Refine

SEGMENTS_TOPIC, REFINE_SERVICE = '/rose/segments', '/rose/refine'
QOS = QoSProfile(depth=10, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)


@dataclass(frozen=True)
class Arrival:
    """Segments and the moment they came, in nanoseconds of the system clock as stamps are."""

    message: SegmentArray
    time_ns: int

    @property
    def stamp_ns(self) -> int:
        """The stamp of the image, which names the frame."""
        stamp = self.message.header.stamp
        return int(stamp.sec) * 10**9 + int(stamp.nanosec)

    @property
    def latency_ms(self) -> float:
        """From the publishing of the image to the arrival of its segments."""
        return (self.time_ns - self.stamp_ns) / 1e6


class Client:
    """Everything that came from the node; a context manager, for it must be taken down."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.corrected: list[Arrival] = []
        self.model_is_ready = False

    def __enter__(self) -> Client:
        # Ctrl-C stays Python's: a KeyboardInterrupt that unwinds the whole demonstration
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node('demo_client')
        self._node.create_subscription(SegmentArray, SEGMENTS_TOPIC, self._on_segments, QOS)
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, QOS)
        self._refine = self._node.create_client(Refine, REFINE_SERVICE)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown()

    @property
    def is_ready(self) -> bool:
        """The model is loaded, and both the topic and the service of the node are known here."""
        return (
            self.model_is_ready
            and self._node.count_publishers(SEGMENTS_TOPIC) > 0
            and self._refine.service_is_ready()
        )

    def wait_until(
        self, condition: Callable[[], bool], timeout_s: float, check: Callable[[], None]
    ) -> bool:
        """Serve the node's messages until the condition holds; False after the time.

        ``check`` is called all along and raises when waiting has become pointless.
        """
        give_up = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > give_up:
                return False
            check()
            self._executor.spin_once(timeout_sec=0.1)
        return True

    def correct(
        self, arrival: Arrival, correction: Correction, timeout_s: float, check: Callable[[], None]
    ) -> Refine.Response:
        """Send one correction of the frame that ``arrival`` names; the answer of the service.

        Raises:
            DemoError: no answer in time.
        """
        request = Refine.Request(
            header=arrival.message.header,
            camera=arrival.message.camera,
            segment_id=correction.segment_id,
            text=correction.text,
            publish=True,
        )
        future = self._refine.call_async(request)
        if not self.wait_until(future.done, timeout_s, check):
            raise DemoError(f'{REFINE_SERVICE} gave no answer within {timeout_s:.0f} s.')
        return future.result()

    def _on_segments(self, message: SegmentArray) -> None:
        arrivals = self.corrected if message.revision else self.arrivals
        arrivals.append(Arrival(message, time.time_ns()))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith('model'):
                self.model_is_ready = status.level == DiagnosticStatus.OK
                if status.level == DiagnosticStatus.ERROR:
                    raise DemoError(f'the model cannot be loaded: {status.message}')
