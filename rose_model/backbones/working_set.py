"""How much memory one operation should fill at once."""

from __future__ import annotations

import torch

_MIB = 2**20
_BYTES = {
    # glibc keeps blocks of up to 32 MiB for the next operation.  Larger ones it returns, and the
    # kernel clears their pages anew: SAM's GELU then takes 3 to 5 times as long.
    'cpu': 30 * _MIB,
    # enough to fill the largest GPU, little beside the weights
    'cuda': 512 * _MIB,
}


def rows_at_once(row_bytes: int, device: torch.device) -> int:
    """Into how many rows of ``row_bytes`` work is best cut on that device; at least 1."""
    return max(1, _BYTES.get(device.type, _BYTES['cuda']) // row_bytes)
