"""From pixels to ``sensor_msgs/Image``: by ``cv_bridge`` where ROS 2 has it, else built in."""

from __future__ import annotations

import array
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
ImageWriter = Callable[[Pixels, str, Header], Image]


def find_writer() -> tuple[ImageWriter, str]:
    """The writer of this installation, and its name for the log."""
    try:
        from cv_bridge import CvBridge

        bridge = CvBridge()
        bridge.cv2_to_imgmsg(np.zeros((1, 1, 3), np.uint8), 'rgb8')
    # It is not among the wheels; and one that was built for another numpy or OpenCV can be
    # imported, and fails in its own ways at its first image (a KeyError with OpenCV 5).
    except Exception:
        return write_image, 'built-in'
    return (
        lambda pixels, encoding, header: bridge.cv2_to_imgmsg(pixels, encoding, header)
    ), 'cv_bridge'


def write_image(pixels: Pixels, encoding: str, header: Header) -> Image:
    """The message of an image ``[H, W]`` or ``[H, W, C]``, of the type that ``encoding`` names."""
    contiguous = np.ascontiguousarray(pixels)
    # An array.array is stored as it is; a numpy array would be copied number by number.
    data = array.array('B')
    data.frombytes(contiguous.data.cast('B'))
    return Image(
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=sys.byteorder == 'big',
        step=contiguous.strides[0],
        data=data,
    )
