"""Which topics of a recording are read, and what their cameras are called."""

from __future__ import annotations

from collections.abc import Sequence

from ros2_rose.offline.recording import Recording
from rose_model.errors import ConfigError, DataError

SEGMENTS_TOPIC = '/rose/segments'
_COMPRESSED = '/compressed'


def choose_cameras(recording: Recording, wanted: Sequence[str] = ()) -> dict[str, str]:
    """The names of the cameras by topic.  ``wanted``: topics, or ``NAME=TOPIC``; none: all images.

    Of a camera that was recorded raw and compressed the raw topic is taken, unless the other one
    is wanted.

    Raises:
        ConfigError: two topics would have one name.
        DataError: the recording has no such images, or has segments already.
    """
    if any(item.topic == SEGMENTS_TOPIC for item in recording.connections):
        raise DataError(f'{recording.path} has {SEGMENTS_TOPIC} already; name the original one.')
    images = recording.image_topics()
    if wanted:
        pairs = [_split(item) for item in wanted]
    else:
        pairs = [(topic, camera_name(topic)) for topic in images if not _is_double(topic, images)]
    if missing := [topic for topic, _ in pairs if topic not in images]:
        raise DataError(
            f'{recording.path} has no images on {", ".join(missing)}; topics of images: '
            f'{", ".join(images)}.'
        )
    cameras: dict[str, str] = {}
    for topic, name in pairs:
        other = next((key for key, value in cameras.items() if value == name), topic)
        if other != topic:
            raise ConfigError(
                f'{other} and {topic} are both of camera {name!r}; name them: '
                f'--topic {name}={other} --topic {name}_2={topic}.'
            )
        cameras[topic] = name
    return cameras


def camera_name(topic: str) -> str:
    """The name in a topic: ``front`` in ``/front/image_raw/compressed``; ``camera`` where there
    is none.
    """
    parts = topic.removesuffix(_COMPRESSED).strip('/').split('/')
    if parts[-1].startswith('image'):
        parts.pop()
    return '_'.join(parts) or 'camera'


def _split(item: str) -> tuple[str, str]:
    name, _, topic = item.rpartition('=')
    return topic, name or camera_name(topic)


def _is_double(topic: str, images: dict[str, str]) -> bool:
    return topic.endswith(_COMPRESSED) and topic.removesuffix(_COMPRESSED) in images
