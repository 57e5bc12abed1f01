"""Is a camera well?  Judged by when its images come and by how many of them can be used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from ros2_rose.parameters import CameraParameters

_WINDOW = 10
"""Images that a rate and the share of refused and lost ones are taken over."""

_LOST = 'LOST'


@dataclass(frozen=True)
class Health:
    """``level``: one of ``DiagnosticStatus``; ``text`` says why."""

    level: bytes
    text: str


NOT_LISTENING = Health(DiagnosticStatus.WARN, 'not listening')


class CameraWatch:
    """Watches one camera from ``now_s`` on.  All times are of the steady clock."""

    def __init__(self, camera: CameraParameters, timeout_s: float, now_s: float) -> None:
        self._warn_rate_hz, self._error_rate_hz = camera.warn_rate_hz, camera.error_rate_hz
        self._timeout_s = timeout_s
        self._since_s = now_s
        self._arrivals: deque[float] = deque(maxlen=_WINDOW + 1)
        self._refusals: deque[str] = deque(maxlen=_WINDOW)
        self._lost_since_arrival = 0
        self._why_lost = ''

    def arrived(self, now_s: float, refusal: str = '') -> None:
        """An image came; ``refusal`` is the reason why it cannot be used."""
        self._arrivals.append(now_s)
        self._refusals.append(refusal)
        self._lost_since_arrival = 0

    def lost(self, number: int, why: str) -> None:
        """So many images were sent and did not come; ``why`` and what helps."""
        self._refusals.extend([_LOST] * min(number, _WINDOW))
        self._lost_since_arrival += number
        self._why_lost = why

    def turned_out_bad(self, reason: str) -> None:
        """The newest image that seemed usable could not be decoded; from any thread."""
        for index in reversed(range(len(self._refusals))):
            if not self._refusals[index]:
                self._refusals[index] = reason
                return
        self._refusals.append(reason)  # found out before its arrival was told

    def health(self, now_s: float, explain: Callable[[], str]) -> Health:
        """The worst that can be said; ``explain`` is asked where no image comes."""
        silent_s = now_s - (self._arrivals[-1] if self._arrivals else self._since_s)
        if silent_s > self._timeout_s:
            since = 'since the node listens' if not self._arrivals else 'any more'
            lost = self._lost_since_arrival
            why = f'{lost} were lost on the way; {self._why_lost}' if lost else explain()
            return Health(DiagnosticStatus.ERROR, f'no image {since}, {silent_s:.1f} s: {why}')
        # A copy: the model's thread may add one meanwhile.
        missed = [reason for reason in tuple(self._refusals) if reason]
        rate_hz = self._rate_hz(now_s)
        if len(missed) > _WINDOW / 2:
            return Health(DiagnosticStatus.ERROR, self._told(missed))
        if rate_hz < self._error_rate_hz:
            return Health(DiagnosticStatus.ERROR, f'only {rate_hz:.1f} images a second')
        if missed:
            return Health(DiagnosticStatus.WARN, self._told(missed))
        if rate_hz < self._warn_rate_hz:
            return Health(DiagnosticStatus.WARN, f'only {rate_hz:.1f} images a second')
        if not self._arrivals:
            return Health(DiagnosticStatus.WARN, 'no image has come yet')
        return Health(DiagnosticStatus.OK, 'receiving')

    def _told(self, missed: list[str]) -> str:
        """Most of what was missed, in a sentence."""
        lost = missed.count(_LOST)
        among = f'of the last {len(self._refusals)} images were'
        if 2 * lost >= len(missed):
            return f'{lost} {among} lost on the way; {self._why_lost}'
        refused = [reason for reason in missed if reason != _LOST]
        return f'{len(refused)} {among} refused, {refused[-1]}'

    def _rate_hz(self, now_s: float) -> float:
        """Images a second over the window; infinite while it is not full."""
        if len(self._arrivals) <= _WINDOW:
            return float('inf')
        return _WINDOW / max(now_s - self._arrivals[0], 1e-9)
