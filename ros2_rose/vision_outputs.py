"""What trackers, RViz and navigation stacks read: ``vision_msgs``, where that is installed.

``~/detections``: the things of a frame as boxes.  ``~/label_info``: what the numbers in
``~/label_map`` mean, with the same stamp.  Both are made only while somebody listens.
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from ros2_rose import qos
from ros2_rose.history import FrameRecord

UNLABELED = 'UNLABELED'
"""What ``vision_msgs`` calls pixels without a class; 0 in our label map."""

Messages = Any
"""The module ``vision_msgs.msg``, or whatever has classes of the same names."""


def find_vision_msgs() -> Messages | None:
    """The messages of this installation, or ``None``: they are not among the wheels."""
    try:
        from vision_msgs import msg
    except ImportError:
        return None
    return msg


def detections_message(record: FrameRecord, messages: Messages) -> Any:  # noqa: ANN401
    """The ``Detection2DArray`` of a frame: its things, largest first; stuff, such as the sky, has
    no box.

    ``class_id`` is the label, ``score`` that of the label in [0, 1], ``id`` the segment's.  Boxes
    are in pixels; the centre of the upper left pixel is (0.5, 0.5).
    """
    return messages.Detection2DArray(
        header=record.header,
        detections=[
            messages.Detection2D(
                header=record.header,
                results=[_hypothesis(segment.category, segment.category_score, messages)],
                bbox=_box(segment.box_xyxy, messages),
                id=segment.id,
            )
            for segment in record.segmentation.segments
            if segment.is_thing
        ],
    )


def label_info_message(record: FrameRecord, threshold: float, messages: Messages) -> Any:  # noqa: ANN401
    """The ``LabelInfo`` of a frame's label map: a label for each of its numbers.

    ``threshold``: patches of less objectness gave no segment, in [0, 1].
    """
    labels = [UNLABELED, *(segment.category for segment in record.segmentation.segments)]
    return messages.LabelInfo(
        header=record.header,
        class_map=[
            messages.VisionClass(class_id=number, class_name=label)
            for number, label in enumerate(labels)
        ],
        threshold=threshold,
    )


class VisionPublisher:
    """Publishes both; may be called from the thread of the model."""

    def __init__(self, node: Node, messages: Messages) -> None:
        self._messages = messages

        def publisher(kind: type, name: str, profile: QoSProfile) -> Any:  # noqa: ANN401
            overrides = qos.output_overrides()
            return node.create_publisher(kind, name, profile, qos_overriding_options=overrides)

        self._detections = publisher(messages.Detection2DArray, '~/detections', qos.segments())
        self._label_info = publisher(messages.LabelInfo, '~/label_info', qos.label_info())

    def publish(self, record: FrameRecord, threshold: float) -> None:
        """Publish what somebody listens to."""
        if self._detections.get_subscription_count():
            self._detections.publish(detections_message(record, self._messages))
        if self._label_info.get_subscription_count():
            self._label_info.publish(label_info_message(record, threshold, self._messages))


def _hypothesis(label: str, score: float, messages: Messages) -> Any:  # noqa: ANN401
    hypothesis = messages.ObjectHypothesis(class_id=label, score=score)
    return messages.ObjectHypothesisWithPose(hypothesis=hypothesis)


def _box(box_xyxy: tuple[int, int, int, int], messages: Messages) -> Any:  # noqa: ANN401
    x1, y1, x2, y2 = box_xyxy
    centre = messages.Point2D(x=(x1 + x2) / 2, y=(y1 + y2) / 2)
    return messages.BoundingBox2D(
        center=messages.Pose2D(position=centre), size_x=float(x2 - x1), size_y=float(y2 - y1)
    )
