"""Why an image message cannot be used."""

from __future__ import annotations

from enum import Enum


class BadImageReason(Enum):
    """The value is the word in counters, logs and diagnostics."""

    EMPTY = 'EMPTY'  # no rows or no columns
    TOO_LARGE = 'TOO_LARGE'  # more pixels than the limit
    ENCODING = 'ENCODING'  # a pixel format that is not supported
    STEP = 'STEP'  # rows shorter than width x bytes per pixel
    DATA_SIZE = 'DATA_SIZE'  # the data do not fill the rows, or overfill them
    DECODE = 'DECODE'  # not a whole JPEG or PNG
    STAMP = 'STAMP'  # no time: before 1970, or a second or more of nanoseconds
    MESSAGE = 'MESSAGE'  # bytes in a recording that are no image message


class BadImageError(Exception):
    """An image message is refused; ``reason`` says why in one word, the text in one sentence."""

    def __init__(self, reason: BadImageReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
