"""What happens to the damaged parts of a data set: they are left out, counted and reported, up to
a limit; beyond it they are all listed and nothing is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from rose_model.errors import DataError

MAX_FAULTY = 0.01
"""A set with a larger share of damaged parts is refused: what is left could be another set.

Readers take this limit as ``max_faulty``: 0 stops at any damaged part, 1 only where none is sound.
"""

_Item = TypeVar('_Item')
_Sound = TypeVar('_Sound')
_LOG = logging.getLogger(__name__)


def keep_sound(
    items: Iterable[_Item], check: Callable[[_Item], _Sound], what: str, *, max_faulty: float
) -> tuple[tuple[_Sound, ...], tuple[str, ...]]:
    """What ``check`` gives for the sound items, in their order, and one line for each other one.

    ``check`` raises ``DataError`` for an item that is not usable; ``what`` names the items in the
    report (``'images of DIR'``).  All items are checked beforehand, so the order is the same
    however many processes read them later.

    Raises:
        DataError: more than the share ``max_faulty`` of the items is damaged, or all of them are.
    """
    sound: list[_Sound] = []
    faults: list[str] = []
    for item in items:
        try:
            sound.append(check(item))
        except DataError as error:
            faults.append(str(error))
    total = len(sound) + len(faults)
    if faults and (len(faults) > max_faulty * total or not sound):
        limit = f'{max_faulty:.0%}' if max_faulty else 'none'
        raise DataError(
            f'{len(faults)} of {total} {what} are not usable, {limit} may be; mend or remove:\n'
            + '\n'.join(faults)
        )
    if faults:
        _LOG.warning('%d of %d %s are left out:\n%s', len(faults), total, what, '\n'.join(faults))
    return tuple(sound), tuple(faults)
