"""A frame with 100 objects, and one more object, against sequential <SEG> decoding (R1, R3).

Both sides have the same weights and the same SigLIP, projector, language model over 2,350 tokens,
SAM encoder and masks.  Then ours makes all names in one batch of 4 tokens each; the other side
makes 1, 2 or 6 tokens an object one after another, each of which sees the whole image: a bare
<SEG>, one with a comma, one with a name of 4 tokens.  Its head for <SEG> is left out, in its
favour; so are, on both sides, resizing the image and finishing the masks.

rose_7b in the faster type of the machine, its true width, cut in depth.  Time is affine in depth:
the language model and SigLIP are timed with two and four layers, SAM's encoder with one and three
windowed blocks and with one and two global ones, and the whole depth is extrapolated.  A
sequential step is affine in its context: steps are timed at the beginning and at the end of 600
tokens, not all 600.

How far ours could be ahead depends on the machine: on how many products it makes while it reads
one weight.  Both rates are measured in the same turns, and what the ratio would be if ours were at
their limit is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from statistics import linear_regression

from benchmarks.bounds import bounds_ms
from benchmarks.hardware import faster_dtype, hardware_of, probes
from benchmarks.ratios.category_task import OBJECTS, TOKENS, language_model
from benchmarks.ratios.frame_parts import (
    COUNTS,
    DEPTHS,
    PROMPT,
    SAM_BLOCKS,
    STEPS,
    our_parts,
    step_parts,
)
from benchmarks.ratios.parts import PartTimes, Times, at_depth, compose, time_parts
from benchmarks.ratios.ratio import RATIO_AT_LIMIT, Ratio
from rose_model.config import RoseConfig
from rose_model.presets import rose_7b
from rose_model.work import Load, frame_work

SEQUENTIAL_TOKENS = (1, 2, 6)
"""An object: <SEG>; <SEG> and a comma; a name of four tokens, <SEG> and a comma."""


@dataclass(frozen=True)
class Frame:
    """Milliseconds of whole frames of that configuration, put together from ``times`` of the
    parts.
    """

    config: RoseConfig
    times: Times

    def ours(self, count: int) -> float:
        """With ``count`` objects, all names in one batch."""
        heads = self.times['objectness'] + self.times['mask embeddings']
        return self._common(count) + heads + self.names(count)

    def sequential(self, count: int, tokens: int) -> float:
        """With so many sequential tokens an object; together they cost as much as equally many at
        their middle context.
        """
        total = count * tokens
        shortest, longest = contexts(self.config)
        share = (total - 1) / 2 / (longest - shortest)
        first, last = self.step(shortest), self.step(longest)
        return self._common(count) + total * (first + share * (last - first))

    def siglip(self) -> float:
        """SigLIP."""
        return at_depth(self.times, 'siglip', DEPTHS, self.config.vision.layers)

    def prefill(self) -> float:
        """The language model over image and instruction."""
        return at_depth(self.times, 'prefill', DEPTHS, self.config.language.layers)

    def names(self, count: int) -> float:
        """Names of so many objects in one batch."""
        return at_depth(self.times, f'names {count}', DEPTHS, self.config.language.layers)

    def step(self, context: int) -> float:
        """One sequential token that sees so many."""
        layers = self.config.language.layers
        return at_depth(self.times, f'steps {context}', DEPTHS, layers) / STEPS

    def sam_encoder(self) -> float:
        """SAM's encoder: the cut one, and the blocks that it lacks."""
        full = len(self.config.sam.global_layers)
        windowed = self.config.sam.layers - full
        both, more_windowed, more_full = (self.times[f'sam/{w}+{g}'] for w, g in SAM_BLOCKS)
        a_windowed = (more_windowed - both) / (SAM_BLOCKS[1][0] - 1)
        return both + (windowed - 1) * a_windowed + (full - 1) * (more_full - both)

    def bound(self, count: int) -> float:
        """What ours would cost at the rates that the machine had in these turns."""
        work = frame_work(self.config, Load(objects=count, name_tokens=TOKENS))
        return bounds_ms(work, hardware_of(self.times, faster_dtype()))['frame']

    def _common(self, count: int) -> float:
        """What both sides do."""
        seeing = self.siglip() + self.times['projector'] + self.prefill()
        return seeing + self.sam_encoder() + self.times[f'masks {count}']


def r1() -> list[Ratio]:
    """The frame, for each number of sequential tokens an object."""
    config, times = rose_7b(), _measure()
    frame = Frame(config, times.whole)
    limits = {
        f'{RATIO_AT_LIMIT}, {tokens} tokens': frame.sequential(OBJECTS, tokens)
        / frame.bound(OBJECTS)
        for tokens in SEQUENTIAL_TOKENS
    }

    def ratio(tokens: int) -> Ratio:
        return compose(
            f'frame with {OBJECTS} objects, against {tokens} sequential tokens an object',
            times,
            lambda of: Frame(config, of).ours(OBJECTS),
            lambda of: Frame(config, of).sequential(OBJECTS, tokens),
            forced=f'{OBJECTS} objects, {TOKENS} tokens a name',
            at_least=6 if tokens == max(SEQUENTIAL_TOKENS) else None,
        )

    extra = {**limits, **_record(frame)}
    return [replace(ratio(tokens), extra=extra) for tokens in SEQUENTIAL_TOKENS]


def r3() -> list[Ratio]:
    """One more object, name and mask: the slope of the frame over 10, 25, 50 and 100 of them."""
    config, times = rose_7b(), _measure()
    tokens = max(SEQUENTIAL_TOKENS)
    ratio = compose(
        f'one more object, against {tokens} sequential tokens',
        times,
        lambda of: slope(Frame(config, of).ours),
        lambda of: slope(lambda count: Frame(config, of).sequential(count, tokens)),
        forced=f'{TOKENS} tokens a name',
        at_least=12,
    )
    frame = Frame(config, times.whole)
    extra = {f'ours_{count}_s': frame.ours(count) / 1e3 for count in COUNTS}
    return [replace(ratio, extra={RATIO_AT_LIMIT: ratio.b_ms / slope(frame.bound), **extra})]


def contexts(config: RoseConfig) -> tuple[int, int]:
    """The shortest and the longest context of a sequential step."""
    text = len(PROMPT.before) + len(PROMPT.instruction) + len(PROMPT.answer)
    shortest = config.vision.grid_size**2 + text
    return shortest, shortest + max(SEQUENTIAL_TOKENS) * OBJECTS


def slope(frame: Callable[[int], float]) -> float:
    """Milliseconds an object: the straight line with the least squares through ``COUNTS``."""
    return float(linear_regression(COUNTS, [frame(count) for count in COUNTS]).slope)


@cache
def _measure() -> PartTimes:
    """The parts of both benchmarks, timed once."""
    config = rose_7b()
    model, _ = language_model(faster_dtype())
    ours = {**probes(model.dtype), **our_parts(config, model)}
    return time_parts(ours, step_parts(config, model, contexts(config)))


def _record(frame: Frame) -> dict[str, float]:
    """Seconds of the stages at full depth, and what the machine can do."""
    shortest, longest = contexts(frame.config)
    return {
        'siglip_s': frame.siglip() / 1e3,
        'prefill_s': frame.prefill() / 1e3,
        'sam_encoder_s': frame.sam_encoder() / 1e3,
        f'masks_{OBJECTS}_s': frame.times[f'masks {OBJECTS}'] / 1e3,
        f'names_{OBJECTS}_s': frame.names(OBJECTS) / 1e3,
        f'step_at_{shortest}_s': frame.step(shortest) / 1e3,
        f'step_at_{longest}_s': frame.step(longest) / 1e3,
        **hardware_of(frame.times, faster_dtype()).record(),
    }
