"""The objects of all cameras: each camera is followed by a tracker of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ros2_rose.tracker import Tracker
from rose_model.records import Segmentation


class CameraTracks:
    """One tracker a camera.  Stamps that go back are another drive: its objects are new."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._trackers = {name: Tracker() for name in cameras}
        self._last_stamp_ns = dict.fromkeys(self._trackers, 0)

    def __getitem__(self, camera: str) -> Tracker:
        """The tracker of a camera."""
        return self._trackers[camera]

    def follow(
        self, camera: str, stamp_ns: int, segmentation: Segmentation, last: Collection[str] = ()
    ) -> Segmentation:
        """The next frame of a camera under the ids of its objects; ``last``: those that get a
        segment only where no other object wants it.
        """
        tracker = self._trackers[camera]
        if self.goes_back_s(camera, stamp_ns):
            tracker.forget()
        self._last_stamp_ns[camera] = stamp_ns or self._last_stamp_ns[camera]
        return tracker.follow(segmentation, stamp_ns, last)

    def goes_back_s(self, camera: str, stamp_ns: int) -> float:
        """How far a stamp lies before that of the last frame [s]; 0 if it does not, or is none."""
        back_ns = self._last_stamp_ns[camera] - stamp_ns
        return back_ns / 1e9 if stamp_ns and back_ns > 0 else 0.0
