"""Work that may hang, in the middleware or on a device, and must not keep the process alive."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from contextlib import contextmanager

_STANDARD_ERROR = 2


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """What takes longer inside ends the process with code 1; standard error has the stacks of all
    threads then.  It needs neither the interpreter nor a lock that somebody holds.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=_STANDARD_ERROR)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
