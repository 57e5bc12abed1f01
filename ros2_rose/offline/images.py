"""An image message of a recording, decoded as the node decodes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ros2_rose.bad_image import BadImageError, BadImageReason
from ros2_rose.image_decoder import MAX_PIXELS, decode_compressed, decode_raw
from ros2_rose.offline.message_types import from_bytes


def read_image(data: bytes, kind: str) -> Any:  # noqa: ANN401 - a class made from the definition
    """The ``Image`` or ``CompressedImage`` in these bytes.

    Raises:
        BadImageError: they are no such message.
    """
    try:
        return from_bytes(data, kind)
    except MemoryError:
        raise
    except Exception as error:  # whatever the bytes lead to
        raise BadImageError(
            BadImageReason.MESSAGE,
            f'The {len(data)} bytes are no {kind}: {type(error).__name__}; record it again.',
        ) from error


def to_rgb(message: Any, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:  # noqa: ANN401
    """The image as uint8 RGB ``[H, W, 3]``.

    Raises:
        BadImageError: says why not.
    """
    data = memoryview(message.data)
    if hasattr(message, 'format'):
        return decode_compressed(data, message.format, max_pixels=max_pixels)
    return decode_raw(
        message.height,
        message.width,
        message.encoding,
        message.is_bigendian,
        message.step,
        data,
        max_pixels=max_pixels,
    )
