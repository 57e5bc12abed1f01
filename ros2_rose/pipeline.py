"""From a waiting image to a published frame: what runs in the thread of the model."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ros2_rose.bad_image import BadImageError
from ros2_rose.camera_inbox import CameraInbox, Frame
from ros2_rose.camera_subscription import ImageMessage
from ros2_rose.conversions import image_to_rgb, record_to_msg
from ros2_rose.correction_log import CorrectionLog
from ros2_rose.deadline import Deadline
from ros2_rose.diagnostics import LatencyMeter
from ros2_rose.history import FrameRecord
from ros2_rose.msg import SegmentArray
from ros2_rose.one_line import one_line
from ros2_rose.ontology import Ontology, UnmappedLabels
from ros2_rose.output_check import check_message
from ros2_rose.parameters import RoseParameters
from ros2_rose.segmenting import segment_image
from ros2_rose.session_memory import Followed, SessionMemory
from ros2_rose.worker import Logger, ModelWorker, Segmenter
from rose_model.records import Segmentation

STALE = 'STALE'  # why an image is not used, beside the reasons of BadImageError

# Clocks of two machines may differ by this; a stamp that is further ahead is counted.
FUTURE_NS = 1_000_000_000

CheckParameters = Callable[[RoseParameters], None]
PublishSegments = Callable[[SegmentArray], None]
PublishPictures = Callable[[FrameRecord, NDArray[np.uint8] | None], None]
LoadSegmenter = Callable[[RoseParameters], Segmenter]


class Pipeline:
    """All that lives from *configure* to *cleanup*: the model, the waiting frames and the memory.

    Nothing is published while it is closed, and a frame that ends then is counted as stale.
    ``check(parameters)`` raises ``ParameterError`` for what the model cannot work with.
    ``now_ns()`` is the time that stamps are of.  ``load(parameters)`` gives the model, in whose
    thread it is called.  ``on_bad_image(camera, reason)`` is called where an image that seemed
    usable cannot be decoded.
    """

    def __init__(
        self,
        parameters: RoseParameters,
        ontology: Ontology,
        check: CheckParameters,
        publish_segments: PublishSegments,
        publish_pictures: PublishPictures,
        now_ns: Callable[[], int],
        logger: Logger,
        load: LoadSegmenter,
    ) -> None:
        self.parameters = parameters
        self.check = check
        self._ontology = ontology
        self.unmapped = UnmappedLabels(ontology)
        self.inbox: CameraInbox[ImageMessage] = CameraInbox(
            parameters.camera_names,
            {name: camera.priority for name, camera in parameters.cameras.items()},
        )
        folder = parameters.correction_log
        self.correction_log = (
            CorrectionLog(Path(folder), parameters.max_pixels, logger) if folder else None
        )
        self.memory = SessionMemory(
            parameters.camera_names, parameters.history_length, self.correction_log
        )
        self.latency = LatencyMeter()
        self.deadline = Deadline(parameters.deadline_s)
        self.worker = ModelWorker(self._load_model, self.inbox, self._process, logger)
        self.model_name = ''
        self.on_bad_image: Callable[[str, str], None] = lambda camera, reason: None
        self._publish_segments = publish_segments
        self._publish_pictures = publish_pictures
        self._now_ns = now_ns
        self._logger = logger
        self._load = load
        self._gate = threading.Lock()
        self._is_open = False
        self._frame_seq: Counter[str] = Counter()

    def open(self) -> None:
        """Publish from now on."""
        with self._gate:
            self._is_open = True

    def offer(self, frame: Frame[ImageMessage]) -> str:
        """Let a frame wait for the model; ``STALE`` if it is too old for that, or not newer than
        the one before it.
        """
        if self._is_too_old(frame, self.parameters.max_age_s):
            self.inbox.expire(frame.camera)
            return STALE
        if 0 < self._now_ns() < frame.stamp_ns - FUTURE_NS:
            self.inbox.remark(frame.camera, 'from_future')
        if not self.inbox.offer(frame):
            return STALE
        self.worker.wake()
        return ''

    def change(self, parameters: RoseParameters) -> None:
        """Ask the model for something else from the next frame on; only ``LIVE`` parameters may
        differ.
        """
        self.parameters = parameters

    def close(self) -> None:
        """Publish nothing any more; waiting frames are dropped."""
        with self._gate:
            self._is_open = False
        self.inbox.clear()

    def retire(self) -> None:
        """Ask the threads to end after what they are doing, and wait for nothing."""
        self.worker.stop()
        if self.correction_log is not None:
            self.correction_log.close()

    def publish_corrected(self, record: FrameRecord, segmenter: Segmenter) -> None:
        """Publish a frame again after a correction; its image is gone, so there is no overlay."""
        message = record_to_msg(record, segmenter.name)
        with self._gate:
            if not self._is_open:
                return
            self._publish_segments(message)
        self._publish_pictures(record, None)

    def _load_model(self) -> Segmenter:
        segmenter = self._load(self.parameters)
        self.model_name = segmenter.name
        return segmenter

    def _process(self, segmenter: Segmenter, frame: Frame[ImageMessage]) -> None:
        parameters = self.parameters  # taken once: they may be replaced while the frame is in work
        if self._is_too_old(frame, parameters.max_age_s):
            self.inbox.came_late(frame.camera)
            return
        try:
            rgb = image_to_rgb(frame.message, parameters.max_pixels)
        except BadImageError as error:
            self.inbox.failed(frame.camera, error.reason.value)
            self.on_bad_image(frame.camera, error.reason.value)
            self._logger.error(
                one_line(f'An image of camera {frame.camera!r} is refused. {error}'),
                throttle_duration_sec=1.0,
            )
            return
        deadline_s = self.deadline.for_model(frame.received_s)
        found = segment_image(segmenter, rgb, parameters, frame.camera, deadline_s)
        segmented_s = time.monotonic()
        followed = self._follow(frame, found)
        record = FrameRecord(
            camera=frame.camera,
            header=frame.message.header,
            stamp_ns=frame.stamp_ns,
            frame_seq=self._frame_seq[frame.camera],
            segmentation=followed.segmentation,
            candidates=tuple(parameters.candidates),
            stated=followed.stated,
            generated=followed.generated,
            image=None if self.correction_log is None else frame.message,
            ontology=self._ontology,
        )
        message = check_message(record_to_msg(record, segmenter.name))
        message.is_late = self.deadline.is_late(frame.received_s, segmented_s)
        record = replace(record, is_late=message.is_late)
        with self._gate:
            if not self._is_open:
                self.inbox.came_late(frame.camera)
                return
            # Before the message: whoever receives it may correct the frame at once.
            self.memory.add(record)
            self._publish_segments(message)
        self._frame_seq[frame.camera] += 1
        self.inbox.processed(frame.camera)
        self.deadline.count(record.segmentation, record.is_late)
        self.unmapped.add(segment.category for segment in record.segmentation.segments)
        self.latency.add(time.monotonic() - frame.received_s)
        self._show(record, rgb)

    def _follow(self, frame: Frame[ImageMessage], found: Segmentation) -> Followed:
        """The segments under the ids and the stated labels of their objects."""
        back_s = self.memory.goes_back_s(frame.camera, frame.stamp_ns)
        if back_s:
            self._logger.warning(
                f'Stamps of camera {frame.camera!r} went back by {back_s:.1f} s, as when a '
                'recording starts again: its objects get new ids.'
            )
        return self.memory.follow(frame.camera, frame.stamp_ns, found)

    def _is_too_old(self, frame: Frame[ImageMessage], max_age_s: float) -> bool:
        """Frames without a stamp have no age; a limit of 0 is none."""
        age_s = (self._now_ns() - frame.stamp_ns) / 1e9
        if not (max_age_s and frame.stamp_ns and age_s > max_age_s):
            return False
        self._logger.warning(
            f'An image of camera {frame.camera!r} is dropped: it is {age_s:.1f} s old, max_age_s '
            f'is {max_age_s}. Set the clocks, use_sim_time for a recording, or raise max_age_s.',
            throttle_duration_sec=1.0,
        )
        return True

    def _show(self, record: FrameRecord, rgb: NDArray[np.uint8]) -> None:
        try:
            self._publish_pictures(record, rgb)
        except Exception as error:  # the frame itself is out and counted
            self._logger.error(
                one_line(f'The pictures of a frame failed. {type(error).__name__}: {error}'),
                throttle_duration_sec=1.0,
            )
