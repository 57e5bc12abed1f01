"""SAM ViT-H, the paper's, as ONNX graphs: ``python -m benchmarks.sam_export [--precision bf16]``.

Random weights, full width and depth, 1024 x 1024 pixels: the same steps as ``rose export``, so it
ends with an error where the graphs differ from PyTorch or break a rule.  It takes 10 GiB of
memory, and 5 GB in the folder for temporary files.
"""

from __future__ import annotations

import argparse
import logging
import resource
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import get_args

import torch

from benchmarks.figures import Figure, Section, report
from benchmarks.random_weights import randomised
from rose_model.backbones.sam import Sam
from rose_model.checkpoint import SamWeights
from rose_model.export.folder import export_sam
from rose_model.precision import Precision
from rose_model.presets import rose_7b
from rose_model.progress import heard_by


def measure(precision: Precision) -> Section:
    """Time, differences, sizes and memory of one export."""
    sam = randomised(partial(Sam, rose_7b().sam), torch.float32)
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        weights = SamWeights(sam, 'rose_7b with random weights', '0' * 64)
        record = export_sam(weights, Path(folder) / 'sam', precision).record
    seconds = time.perf_counter() - started_s
    memory_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return Section(
        seconds,
        [
            Figure('time', seconds, 's'),
            Figure('encoder: from PyTorch in fp32', 1e6 * record.encoder_difference, 'ppm'),
            Figure('decoder: from PyTorch in fp32', 1e6 * record.decoder_difference, 'ppm'),
            *(Figure(name, file.size / 1e6, 'MB') for name, file in record.files.items()),
            Figure('memory', memory_gib, 'GiB'),
        ],
    )


def main() -> None:
    """Export once in the precision that the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--precision', choices=get_args(Precision), default='fp32')
    precision = parser.parse_args().precision
    with heard_by(logging.StreamHandler()):
        section = measure(precision)
    report(f'sam_export_{precision}', {f'ViT-H, {precision}': section})


if __name__ == '__main__':
    main()
