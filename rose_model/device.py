"""Where a model runs, and in which precision."""

from __future__ import annotations

import torch
from torch import Tensor

from rose_model.errors import ConfigError
from rose_model.precision import DTYPES
from rose_model.rose import Rose


def find_device(device: str) -> torch.device:
    """The device of that name.

    Raises:
        ConfigError: there is no such device here.
    """
    if device == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device must be 'auto', 'cpu' or 'cuda', got {device!r}.") from error
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if place.type not in {'cpu', 'cuda'} or (place.type == 'cuda' and (place.index or 0) >= gpus):
        raise ConfigError(
            f"device {device!r} is not available here, where PyTorch sees {gpus} GPUs; use 'auto' "
            "or 'cpu'."
        )
    return place


def find_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The floating-point type of a precision; ``'auto'`` is bf16 on a GPU, fp32 on a CPU.

    Raises:
        ConfigError: there is no such precision, or not on this device.
    """
    dtypes: dict[str, torch.dtype] = dict(DTYPES.items())
    dtypes['auto'] = torch.bfloat16 if device.type == 'cuda' else torch.float32
    if precision not in dtypes:
        raise ConfigError(
            f'precision must be one of {", ".join(sorted(dtypes))}, got {precision!r}.'
        )
    if precision == 'fp16' and device.type == 'cpu':
        raise ConfigError('precision fp16 is for GPUs; use bf16 or fp32 on a CPU.')
    return dtypes[precision]


def refuse_eager_half(rose: Rose) -> None:
    """Refuse attention that is computed step by step in half precision: scores of Qwen2 overflow
    fp16 there and lose their order in bf16 (transformers#33317).

    Raises:
        ConfigError: names the part.
    """
    if rose.dtype == torch.float32:
        return
    parts = {
        'the language model': rose.perception.language_model,
        'the vision tower': rose.perception.vision_tower.siglip,
    }
    if rose.text_tower is not None:
        parts['the text tower'] = rose.text_tower.siglip
    for name, part in parts.items():
        implementation = part.config._attn_implementation
        if implementation == 'eager':
            raise ConfigError(
                f'Attention of {name} is eager in {rose.dtype}, which gives wrong results; call '
                "set_attn_implementation('sdpa'), or use precision fp32."
            )


def stage(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device; the host does not wait for the copy."""
    if device.type != 'cuda':
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
