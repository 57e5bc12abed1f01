"""What the demonstration tells: the account of the frames, the summary and the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from demo.client import Arrival
from demo.correction import Correction
from demo.errors import DemoError
from ros2_rose.msg import Segment, SegmentArray
from ros2_rose.srv import Refine

ANSWERED = (Refine.Response.OK, Refine.Response.NOT_UNDERSTOOD, Refine.Response.REJECTED)
"""Codes of a service that did its work, whatever the model thinks of the sentence."""

_NAMES_SHOWN = 20


@dataclass(frozen=True)
class Account:
    """Which frames were published, and the answers to them, keyed by the frame's index."""

    published_ns: tuple[int, ...]
    answered: dict[int, Arrival]

    @property
    def dropped(self) -> int:
        """Frames without an answer: newer ones overtook them on the way to the model.

        Counted by the stamps of both ends, not taken from the node's diagnostics.
        """
        return len(self.published_ns) - len(self.answered)


def make_account(published_ns: Sequence[int], arrivals: Sequence[Arrival]) -> Account:
    """Match answers to frames by their exact stamps.

    Raises:
        DemoError: an answer to no frame, two to one frame, or an older after a newer one.
    """
    index_of = {stamp_ns: index for index, stamp_ns in enumerate(published_ns)}
    answered: dict[int, Arrival] = {}
    newest = -1
    for arrival in arrivals:
        index = index_of.get(arrival.stamp_ns)
        if index is None:
            raise DemoError(
                f'segments came for a stamp that was never published: {arrival.stamp_ns}.'
            )
        if index in answered:
            raise DemoError(f'segments came twice for frame {index}.')
        if index < newest:
            raise DemoError(f'segments of frame {index} came after those of frame {newest}.')
        answered[index] = arrival
        newest = index
    return Account(tuple(published_ns), answered)


def make_summary(
    account: Account, correction: Correction, response: Refine.Response
) -> dict[str, Any]:
    """The content of ``summary.json``; latencies: from an image's publishing to here."""
    latencies = [arrival.latency_ms for arrival in account.answered.values()]
    return {
        'frames_in': len(account.published_ns),
        'frames_out': len(account.answered),
        'frames_dropped': account.dropped,
        'latency_ms_p50': round(float(np.percentile(latencies, 50)), 1),
        'latency_ms_p99': round(float(np.percentile(latencies, 99)), 1),
        'segments': sum(len(arrival.message.segments) for arrival in account.answered.values()),
        'refine': {
            'text': correction.text,
            'segment_id': correction.segment_id,
            'success': bool(response.success),
            'code': code_name(response.code),
            'message': response.message,
            'changed': [
                {'id': segment.id, 'label': segment.label} for segment in response.result.segments
            ],
            'removed_ids': list(response.removed_ids),
            'elapsed_s': round(float(response.elapsed_sec), 3),
        },
    }


def code_name(code: int) -> str:
    """The constant of ``Refine.Response`` that has this value."""
    names = {getattr(Refine.Response, name): name for name in _CODES}
    return names.get(code, f'unknown code {code}')


_CODES = (
    'OK',
    'NO_SUCH_FRAME',
    'FRAME_EXPIRED',
    'NO_SUCH_SEGMENT',
    'NOT_UNDERSTOOD',
    'REJECTED',
    'BUSY',
    'TIMEOUT',
    'NOT_ACTIVE',
    'TEXT_EMPTY',
    'TEXT_TOO_LONG',
    'INVALID_REQUEST',
)


def names_table(account: Account) -> Table:
    """The most frequent names of the whole stream."""
    count: Counter[str] = Counter()
    scores: dict[str, list[float]] = {}
    for arrival in account.answered.values():
        for segment in arrival.message.segments:
            count[segment.label] += 1
            scores.setdefault(segment.label, []).append(segment.label_score)
    title = f'{sum(count.values())} segments in {len(account.answered)} frames, by name'
    table = Table(title=title, title_justify='left')
    table.add_column('name')
    table.add_column('segments', justify='right')
    table.add_column('mean name score', justify='right')
    for name, times in count.most_common(_NAMES_SHOWN):
        table.add_row(Text(name), str(times), f'{np.mean(scores[name]):.2f}')
    return table


def segments_table(title: str, message: SegmentArray, marked: Collection[str] = ()) -> Table:
    """One frame, a row a segment; the ids in ``marked`` stand out."""
    table = Table(title=Text(title), title_justify='left')
    table.add_column('id')
    table.add_column('name')
    for heading in ('name score', 'mask score', 'area / px', 'revision'):
        table.add_column(heading, justify='right')
    table.add_column('kind')
    for segment in message.segments:
        table.add_row(
            Text(segment.id),
            Text(segment.label),
            f'{segment.label_score:.2f}',
            f'{segment.mask_score:.2f}',
            str(segment.area),
            str(segment.revision),
            {Segment.KIND_THING: 'thing', Segment.KIND_STUFF: 'stuff'}.get(segment.kind, '?'),
            style='bold green' if segment.id in marked else None,
        )
    return table
