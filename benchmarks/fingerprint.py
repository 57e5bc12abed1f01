"""What decides how fast PyTorch is: processor or GPU, instructions, version, threads."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.machine import machine


def fingerprint() -> str:
    """Processor, cores, Python, the instructions that matter, PyTorch, its threads, the GPU."""
    flags = Path('/proc/cpuinfo').read_text(encoding='utf-8').split()
    known = [flag for flag in ('avx2', 'avx512f', 'avx512_bf16', 'amx_bf16') if flag in flags]
    gpu = f', {torch.cuda.get_device_name()}' if torch.cuda.is_available() else ''
    threads = torch.get_num_threads()
    return f'{machine()}, {" ".join(known)}, torch {torch.__version__}, {threads} threads{gpu}'
