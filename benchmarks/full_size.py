"""The paper's size on a picture: ``python -m benchmarks.full_size PICTURE [--preset rose_7b]``.

A whole frame with random bfloat16 weights, its decisions left to the model: does it fit into 24
GiB, and are masks and names what they should be?  It writes ``results/full_size_PRESET.json``.
What is found means nothing.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, Section, report
from benchmarks.forced_frame import SPECIAL_TOKENS, word_tokenizer
from benchmarks.random_weights import random_rose
from rose_model import RoseSegmenter
from rose_model.checkpoint import Pretrained
from rose_model.cli.output import read_rgb
from rose_model.config import PatchFilterConfig
from rose_model.presets import PRESETS
from rose_model.records import Segmentation
from rose_model.rose import build_rose

SEGMENTS = 10
MEMORY_GIB = 24


def main() -> None:
    """Print the table and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('picture', type=Path)
    parser.add_argument('--preset', choices=PRESETS, default='rose_7b')
    arguments = parser.parse_args()
    image = read_rgb(arguments.picture)
    config = PRESETS[arguments.preset]()
    tokenizer = word_tokenizer(config.language.vocabulary - len(SPECIAL_TOKENS))
    begin_s = time.monotonic()
    rose = random_rose(partial(build_rose, config))
    patch_filter = PatchFilterConfig(max_segments=SEGMENTS, min_objectness=0.0)
    segmenter = RoseSegmenter(Pretrained(rose, tokenizer, tokenizer, 'random'), patch_filter)
    built_s = time.monotonic()
    frame = segmenter.segment(image)
    seconds = time.monotonic() - built_s
    figures = [
        Figure('parameters', sum(p.numel() for p in rose.parameters()) / 1e9, '10^9'),
        Figure('made in', built_s - begin_s, 's'),
        Figure('a frame in', seconds, 's'),
        *_figures(frame),
        Figure('peak memory', _peak_gib(), 'GiB', at_most=MEMORY_GIB),
    ]
    report(f'full_size_{arguments.preset}', {arguments.picture.name: Section(seconds, figures)})
    print('names:', ', '.join(repr(segment.category) for segment in frame.segments))


def _figures(frame: Segmentation) -> list[Figure]:
    finite = [
        segment
        for segment in frame.segments
        if math.isfinite(segment.objectness + segment.category_score) and segment.mask.any()
    ]
    named = [segment for segment in frame.segments if segment.category]
    return [
        Figure('segments', len(frame.segments), at_least=1),
        Figure('with a mask and finite scores', len(finite), at_least=len(frame.segments)),
        Figure('with a name', len(named), at_least=len(frame.segments)),
    ]


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == '__main__':
    main()
