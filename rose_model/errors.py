"""Every error that ``rose_model`` raises on purpose; each message states the fact, the value and
the cure.
"""

from __future__ import annotations


class RoseError(Exception):
    """Base of all errors of ROSE."""


class ConfigError(RoseError):
    """A configuration value, key or file is not usable."""


class CheckpointError(RoseError):
    """A ROSE folder is missing, incomplete, damaged, or does not fit its configuration."""


class ImageError(RoseError):
    """An image is not uint8 RGB ``[H, W, 3]``, or has no pixels."""


class DataError(RoseError):
    """A data set or a sample cannot be read."""


class TrainingError(RoseError):
    """Training cannot go on, for example because the loss stays non-finite."""


class StorageError(RoseError):
    """There is no room for what has to be written, or the system refuses to take it."""


class BackendError(RoseError):
    """A graph of SAM cannot be exported, built into an engine, or run."""


class ModelOutputError(RoseError):
    """The model's numbers are not finite, or its segments are no masks in the image."""


class RefinementError(RoseError):
    """A correction cannot be carried out; the frame stays as it was."""


class TextEmptyError(RefinementError):
    """The correction has no text."""


class TextTooLongError(RefinementError):
    """The correction exceeds the limit in characters or in tokens."""


class InvalidRequestError(RefinementError):
    """The correction has control characters, or hints that do not fit the image."""


class NoSuchSegmentError(RefinementError):
    """The frame has no segment of that id."""


class NotUnderstoodError(RefinementError):
    """The model finds nothing in the image that the text could mean."""


class RefinementRejectedError(RefinementError):
    """The model's answer is an empty mask, or another object's; nothing was changed."""
