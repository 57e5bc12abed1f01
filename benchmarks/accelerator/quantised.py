"""The language model's weights in 8 and 4 bits: time and memory."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.accelerator.inputs import make_inputs
from benchmarks.accelerator.names import name_times
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import OBJECTS, Subject
from benchmarks.accelerator.timer import Timer
from rose_model.quantise import quantise_language_model

ROUNDS = 5


def quantised(subject: Subject, timer: Timer, quantise: str) -> Iterator[Reading]:
    """Prefill, names and a step; the subject keeps the weights that it gets here."""
    from torchao.utils import get_model_size_in_bytes

    quantise_language_model(subject.rose, quantise)
    layers = subject.rose.perception.language_model.model.layers
    yield Reading('weights of the layers', get_model_size_in_bytes(layers) / 1e9, 'GB')
    patches, prompts = make_inputs(subject).patches, [subject.perception_prompt]
    read = subject.rose.perception.read
    yield Reading.of('prefill', timer.on_device(lambda: read(patches, prompts), ROUNDS))
    first = name_times(subject, timer, OBJECTS, ROUNDS, tokens=1)
    four = name_times(subject, timer, OBJECTS, ROUNDS)
    yield Reading.of('category prefill, 100 names', first)
    yield Reading('decode step, 100 names', (four.p50_ms - first.p50_ms) / 3)
