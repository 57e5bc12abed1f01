"""The language model's weights in 8 or 4 bits, by torchao: less memory for a little accuracy.

Activations keep their precision, and so do the embeddings, the ``lm_head`` (in small models it is
the embeddings), SigLIP, SAM and the heads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import nn

from rose_model.errors import ConfigError
from rose_model.rose import Rose

if TYPE_CHECKING:
    from torchao.core.config import AOBaseConfig

Quantisation = Literal['none', 'int8', 'int4']
_GROUP = 64
"""Weights of a row that share a scale in int4: the widths of all presets are multiples of it, and
the kernels of CPUs and of GPUs know it.
"""


def check_quantisation(quantise: str, dtype: torch.dtype) -> None:
    """Refuse what is no way to store weights, or cannot be done here, before a model is loaded.

    Raises:
        ConfigError: the value is unknown, does not go together with the model's type ``dtype``, or
        torchao is not installed.
    """
    if quantise not in get_args(Quantisation):
        raise ConfigError(
            f'quantise must be one of {", ".join(get_args(Quantisation))}, got {quantise!r}.'
        )
    if quantise == 'int4' and dtype != torch.bfloat16:  # CPUs have a kernel for fp32, a slow one
        raise ConfigError(f"quantise int4 computes in bf16, got {dtype}; use precision 'bf16'.")
    if quantise != 'none':
        _import_torchao()


def quantise_language_model(rose: Rose, quantise: str) -> None:
    """Store the weights of the language model's layers as ``'int8'``, with a scale a row, or as
    ``'int4'``, with a scale and a zero point for each 64 of a row; ``'none'`` leaves them.

    The model is on its device already and stays there: int4 is packed for the kernels of a CPU or
    of a GPU.  It can neither be trained nor saved any more.

    Raises:
        ConfigError: as ``check_quantisation``; or int4 does not fit the model's widths.
    """
    check_quantisation(quantise, rose.dtype)
    if quantise == 'none':
        return
    from torchao.quantization import quantize_

    layers = rose.perception.language_model.model.layers
    if quantise == 'int4':
        _check_widths(layers)
    quantize_(layers, _config(quantise, rose.device))


def _check_widths(layers: nn.Module) -> None:
    """A layer that does not fit torchao would leave out, and say nothing."""
    for name, layer in layers.named_modules():
        if isinstance(layer, nn.Linear) and layer.in_features % _GROUP:
            raise ConfigError(
                f'int4 needs widths that are multiples of {_GROUP}, layer {name} has '
                f"{layer.in_features} inputs; use quantise 'int8'."
            )


def _config(quantise: str, device: torch.device) -> AOBaseConfig:
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig

    # The recommended settings of the compiler are those of the whole process: others use it, too.
    if quantise == 'int8':
        return Int8WeightOnlyConfig(set_inductor_config=False)
    if device.type == 'cuda':
        return Int4WeightOnlyConfig(
            group_size=_GROUP, int4_packing_format='tile_packed_to_4d', set_inductor_config=False
        )
    from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig

    return PrototypeInt4WeightOnlyConfig(group_size=_GROUP, set_inductor_config=False)


def _import_torchao() -> None:
    try:
        import torchao.quantization  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            'Weights in int8 or int4 need torchao, which is not installed here; '
            "pip install 'rose_model[quantise]'."
        ) from error
