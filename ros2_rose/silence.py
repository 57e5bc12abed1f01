"""Why no image comes from a camera: who publishes, what, and how, and which names are near."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

_SHOWN_TOPICS = 5


@dataclass(frozen=True)
class Offer:
    """A publisher of the camera's topic; ``kind`` is its message type."""

    node: str
    kind: str
    is_reliable: bool


@dataclass(frozen=True)
class Demand:
    """What the node listens to."""

    topic: str
    kind: str
    is_reliable: bool


def mismatches(demand: Demand, offers: Iterable[Offer]) -> list[str]:
    """One sentence for each publisher that cannot be heard, with the cure."""
    told = []
    for offer in offers:
        if offer.kind != demand.kind:
            told.append(
                f'{offer.node} publishes {offer.kind}, {demand.kind} is listened to; set the '
                "camera's transport or topic"
            )
        elif demand.is_reliable and not offer.is_reliable:
            told.append(
                f'{offer.node} has an incompatible QoS: RELIABILITY (it offers best effort, '
                "reliable is asked for); set the camera's reliability to auto or best_effort"
            )
    return told


def explain_loss(is_reliable: bool) -> str:
    """One sentence on why images that were sent get lost, with the cure."""
    if is_reliable:
        return 'this machine or the network is too slow for them: send fewer, or smaller ones'
    return (
        'best effort loses images above 0.5 MB with the default settings of Fast DDS: let the '
        'camera publish reliably, or start it and this node with config/fastdds_large.xml '
        '(large_images:=true)'
    )


def explain_silence(
    demand: Demand, offers: Sequence[Offer], image_topics: Mapping[str, str]
) -> str:
    """One sentence on why nothing comes.

    ``image_topics``: the type of every other topic that somebody publishes images on.
    """
    told = mismatches(demand, offers)
    if told:
        return '; '.join(told)
    if offers:
        names = ', '.join(offer.node for offer in offers)
        return f'{names} could be heard on {demand.topic}, but sends nothing'
    if not image_topics:
        return f'nobody publishes {demand.topic}, nor any other image'
    near = get_close_matches(demand.topic, image_topics, _SHOWN_TOPICS)
    shown = near or sorted(image_topics)[:_SHOWN_TOPICS]
    known = ', '.join(f'{topic} ({image_topics[topic]})' for topic in shown)
    return f'nobody publishes {demand.topic}; there is {known}: remap, or set the topic'
