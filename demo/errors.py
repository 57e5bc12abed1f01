"""What can end the demonstration early."""

from __future__ import annotations


class DemoError(Exception):
    """A part of the demonstration died, stayed silent or answered wrongly."""

    exit_code = 1


class InputError(DemoError):
    """The input cannot be played: no such path, no frames, not readable."""

    exit_code = 3
