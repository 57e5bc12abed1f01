"""The graphs in ONNX Runtime against the modules in PyTorch, in fp32."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor

from rose_model.backbones.sam import Sam
from rose_model.backends.exported import EMBEDDINGS, LOGITS, PIXELS, PROMPTS, SCORES
from rose_model.errors import BackendError

TOLERANCE = 1e-3
"""Largest difference, as a share of the largest value (or of 1, if that is more)."""
PROMPT_NUMBERS = (1, 7, 100)


@dataclass(frozen=True)
class Parity:
    """The largest differences, as shares of the largest value (or of 1, if that is more)."""

    encoder: float
    decoder: float


def check_parity(sam: Sam, encoder: Path, decoder: Path, pixels: Tensor) -> Parity:
    """How far the graphs of a SAM in fp32 are from it, on ``pixels`` and normal random prompts.

    Raises:
        BackendError: further than ``TOLERANCE``.
    """
    parity = Parity(_encoder(sam, encoder, pixels), _decoder(sam, decoder, pixels))
    for name, difference in (('encoder', parity.encoder), ('decoder', parity.decoder)):
        if not difference <= TOLERANCE:  # NaN is none, either
            raise BackendError(
                f'The exported {name} differs from PyTorch by {difference:.2g} of its largest '
                f'value, more than {TOLERANCE}; it is not written.'
            )
    return parity


def largest_difference(found: Tensor, expected: Tensor) -> float:
    """As a share of the largest expected value, or of 1, if that is more."""
    largest = max(1.0, float(expected.abs().max()))
    return float((found - expected).abs().max()) / largest


@torch.inference_mode()
def _encoder(sam: Sam, path: Path, pixels: Tensor) -> float:
    (found,) = _session(path).run([EMBEDDINGS], {PIXELS: pixels.numpy()})
    return largest_difference(torch.from_numpy(found), sam.encode(pixels))


@torch.inference_mode()
def _decoder(sam: Sam, path: Path, pixels: Tensor) -> float:
    session, random = _session(path), torch.Generator().manual_seed(0)
    image, worst = sam.encode(pixels), 0.0
    for number in PROMPT_NUMBERS:
        prompts = torch.randn(number, sam.config.prompt_width, generator=random)
        inputs = {PROMPTS: prompts.numpy(), EMBEDDINGS: image.numpy()}
        found = session.run([LOGITS, SCORES], inputs)
        for array, expected in zip(found, sam.decode(prompts, image), strict=True):
            worst = max(worst, largest_difference(torch.from_numpy(array), expected))
    return worst


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
