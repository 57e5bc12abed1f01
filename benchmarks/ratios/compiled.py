"""A frame as it is, against one whose image encoders ``torch.compile`` has compiled (R14).

Those of SAM and SigLIP are what always has the same shapes.  The language model's passes change
their length with every instruction and number of names: each would be compiled anew.
"""

from __future__ import annotations

import time

import torch

from benchmarks.forced_frame import NAME_TOKENS, ForcedFrame, make_frame
from benchmarks.ratios.ratio import Ratio, compare
from rose_model.presets import nano

SIZE = (480, 640)
OBJECTS = 25
PRECISIONS = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
ROUNDS = 30


def r14() -> list[Ratio]:
    """The size of nano in both precisions; ``extra``: how long the compiler took, in seconds."""
    torch.compiler.config.force_disable_caches = True
    ratios, seconds = [], {}
    for name, dtype in PRECISIONS.items():
        eager, compiled = (make_frame(nano(), SIZE, OBJECTS, dtype) for _ in range(2))
        start_s = time.perf_counter()
        compile_encoders(compiled)
        compiled.segment()
        seconds[f'seconds to compile in {name}'] = time.perf_counter() - start_s
        ratio = compare(
            f'a frame in {name}, against image encoders compiled by `torch.compile`',
            eager.segment,
            compiled.segment,
            None,
            forced=f'{OBJECTS} objects, {NAME_TOKENS} tokens a name',
            rounds=ROUNDS,
        )
        ratios.append(ratio)
    ratios[0].extra.update(seconds)
    return ratios


def compile_encoders(frame: ForcedFrame) -> None:
    """SAM's image encoder and SigLIP, in place."""
    for module in (frame.rose.sam.image_encoder, frame.rose.perception.vision_tower):
        module.compile(dynamic=False)
