"""From a recorded image to the bytes of its ``SegmentArray``: what the node does, without ROS."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import torch

from ros2_rose.bad_image import BadImageError
from ros2_rose.camera_tracks import CameraTracks
from ros2_rose.history import FrameRecord
from ros2_rose.masks import decode_runs
from ros2_rose.offline.images import read_image, to_rgb
from ros2_rose.offline.journal import Entry
from ros2_rose.offline.message_types import SEGMENTS_TYPE, from_bytes, to_bytes, to_message
from ros2_rose.ontology import Ontology
from ros2_rose.parameters import RoseParameters
from ros2_rose.segment_fields import Kind, array_fields
from ros2_rose.segmenting import segment_image
from ros2_rose.stamp_check import NANOSECONDS, check_stamp
from ros2_rose.worker import Segmenter
from rose_model.errors import DataError, ModelOutputError, RefinementError
from rose_model.records import FrameContext, Segment, Segmentation

MODEL, MODEL_OUTPUT, REPEATED = 'MODEL', 'MODEL_OUTPUT', 'STALE'
"""Why a frame has no segments though its image is sound, in the words of the node: the model
failed, gave what is no segmentation, or the stamp is that of the frame before.
"""


class FrameMaker:
    """Segments the images of some cameras one after the other.

    It knows the objects that are in view, so it wants every frame, in the same order each time.
    """

    def __init__(
        self, segmenter: Segmenter, parameters: RoseParameters, ontology: Ontology
    ) -> None:
        self._segmenter = segmenter
        self._parameters = parameters
        self._ontology = ontology
        self._tracks = CameraTracks(parameters.camera_names)
        self._frame_seq: Counter[str] = Counter()
        self._last_stamp_ns: dict[str, int] = {}

    def make(self, camera: str, data: bytes, kind: str) -> Entry:
        """What becomes of the image in these bytes, a message of this type.

        Raises:
            MemoryError, torch.OutOfMemoryError: the next attempt may succeed.
            RefinementError: what is asked for cannot be used with any image.
        """
        try:
            message = read_image(data, kind)
            check_stamp(message.header.stamp)
            rgb = to_rgb(message, self._parameters.max_pixels)
        except BadImageError as error:
            return Entry(camera, error.reason.value, 0, b'')
        if 0 < _nanoseconds(message.header) == self._last_stamp_ns.get(camera):
            return Entry(camera, REPEATED, 0, b'')
        try:
            segmentation = segment_image(self._segmenter, rgb, self._parameters, camera)
        except (MemoryError, torch.OutOfMemoryError, RefinementError):
            raise
        except ModelOutputError:
            return Entry(camera, MODEL_OUTPUT, 0, b'')
        except Exception:  # one frame must not end the recording
            return Entry(camera, MODEL, 0, b'')
        record = self._record(camera, message.header, segmentation)
        message = to_message(array_fields(record, self._segmenter.name))
        return Entry(camera, '', len(message.segments), to_bytes(message))

    def replay(self, entry: Entry) -> None:
        """Take a frame as done that was made in an earlier run.

        Raises:
            DataError: it does not follow from the frames before it.
        """
        if entry.reason:
            return
        message = from_bytes(entry.data, SEGMENTS_TYPE)
        segments = tuple(_to_segment(item) for item in message.segments)
        record = self._record(entry.camera, message.header, _to_segmentation(message, segments))
        ids = [segment.id for segment in record.segmentation.segments]
        if record.frame_seq != message.frame_seq or ids != [item.id for item in segments]:
            raise DataError(
                f'Frame {message.frame_seq} of camera {entry.camera!r} in the journal does not '
                'follow from those before it; delete the folder that ends in .part, start anew.'
            )

    def _record(self, camera: str, header: Any, segmentation: Segmentation) -> FrameRecord:  # noqa: ANN401 - a class made from the definition
        stamp_ns = self._last_stamp_ns[camera] = _nanoseconds(header)
        record = FrameRecord(
            camera=camera,
            header=header,
            stamp_ns=stamp_ns,
            frame_seq=self._frame_seq[camera],
            segmentation=self._tracks.follow(camera, stamp_ns, segmentation),
            candidates=tuple(self._parameters.candidates),
            ontology=self._ontology,
        )
        self._frame_seq[camera] += 1
        return record


def _nanoseconds(header: Any) -> int:  # noqa: ANN401 - a class made from the definition
    return int(header.stamp.sec) * NANOSECONDS + int(header.stamp.nanosec)


def _to_segmentation(message: Any, segments: tuple[Segment, ...]) -> Segmentation:  # noqa: ANN401
    nothing = torch.zeros(0)  # no correction follows, so nobody needs the image again
    context = FrameContext(nothing, nothing, geometry=None)  # type: ignore[arg-type]
    return Segmentation(segments, (message.height, message.width), message.prompt, context)


def _to_segment(message: Any) -> Segment:  # noqa: ANN401 - a class made from the definition
    mask = message.mask
    left, top = int(mask.x_offset), int(mask.y_offset)
    return Segment(
        id=message.id,
        category=message.label,
        category_score=float(message.label_score),
        objectness=float('nan'),  # the message does not say
        mask_score=float(message.mask_score),
        is_thing=message.kind == Kind.THING,
        box_xyxy=(left, top, left + int(mask.width), top + int(mask.height)),
        mask=decode_runs(np.asarray(mask.counts), int(mask.height), int(mask.width)),
        patch=-1,
        revision=int(message.revision),
    )
