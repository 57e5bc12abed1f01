"""What happens to the damaged parts of a data set: they are left out, counted and reported; with
``strict`` they are all listed and nothing is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from rose_model.errors import DataError

MAX_FAULTY_SHARE = 0.01
"""A set with a larger share of damaged parts is refused: what is left could be another set."""

_Item = TypeVar('_Item')
_Sound = TypeVar('_Sound')
_LOG = logging.getLogger(__name__)


def keep_sound(
    items: Iterable[_Item], check: Callable[[_Item], _Sound], what: str, *, strict: bool
) -> tuple[tuple[_Sound, ...], tuple[str, ...]]:
    """What ``check`` gives for the sound items, in their order, and one line for each other one.

    ``check`` raises ``DataError`` for an item that is not usable; ``what`` names the items in the
    report (``'images of DIR'``).  All items are checked beforehand, so the order is the same
    however many processes read them later.

    Raises:
        DataError: with ``strict`` any item is damaged; without, more than ``MAX_FAULTY_SHARE``.
    """
    sound: list[_Sound] = []
    faults: list[str] = []
    for item in items:
        try:
            sound.append(check(item))
        except DataError as error:
            faults.append(str(error))
    total = len(sound) + len(faults)
    if faults and (strict or len(faults) > MAX_FAULTY_SHARE * total):
        limit = 'none' if strict else f'{MAX_FAULTY_SHARE:.0%}'
        raise DataError(
            f'{len(faults)} of {total} {what} are not usable, {limit} may be; mend or remove:\n'
            + '\n'.join(faults)
        )
    if faults:
        _LOG.warning('%d of %d %s are left out:\n%s', len(faults), total, what, '\n'.join(faults))
    return tuple(sound), tuple(faults)
