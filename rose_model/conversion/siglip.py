"""SigLIP's text tower and its tokenizer, which LLaVA-OneVision comes without (paper, Sec. 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor
from transformers import SiglipConfig

from rose_model.config import TextConfig
from rose_model.conversion.foreign_config import read_foreign_config, require
from rose_model.conversion.weights import read_safetensors
from rose_model.errors import CheckpointError
from rose_model.tokenizer import RoseTokenizer

EXAMPLE = 'google/siglip-so400m-patch14-384'
_TOKENIZER_FILE = 'tokenizer.json'
_SOURCE, _TARGET = 'text_model.', 'text_tower.siglip.'
_PAD = '</s>'
"""What SigLIP was trained to fill names up with; it is the end of a text as well."""


@dataclass(frozen=True, eq=False)
class SiglipText:
    """The text tower: ``width`` of its output, and its tensors under ROSE's names."""

    config: TextConfig
    width: int
    state: dict[str, Tensor]
    tokenizer: RoseTokenizer


def read_siglip_text(folder: Path) -> SiglipText:
    """Read the text tower of a SigLIP; its vision tower is not read.

    Raises:
        CheckpointError: a file is missing, damaged, or of another kind of model.
    """
    config = read_foreign_config(folder, SiglipConfig, EXAMPLE)['text_config']
    fixed = {'hidden_act': 'gelu_pytorch_tanh', 'layer_norm_eps': 1e-6}
    require(folder, config, 'text_config.', fixed)
    tokenizer = RoseTokenizer.load(folder / _TOKENIZER_FILE)
    if not tokenizer.has_special(_PAD):
        raise CheckpointError(
            f'{folder / _TOKENIZER_FILE} has no token {_PAD!r}; take that of {EXAMPLE}.'
        )
    state = {
        _TARGET + name.removeprefix(_SOURCE): tensor
        for name, tensor in read_safetensors(folder).items()
        if name.startswith(_SOURCE)
    }
    if not state:
        raise CheckpointError(f'{folder} has no tensor of a text tower; take {EXAMPLE}.')
    text = TextConfig(
        width=config['hidden_size'],
        mlp_width=config['intermediate_size'],
        layers=config['num_hidden_layers'],
        heads=config['num_attention_heads'],
        vocabulary=config['vocab_size'],
        length=config['max_position_embeddings'],
        pad=_PAD,
        tokenizer='text_tokenizer.json',
    )
    return SiglipText(text, config['projection_size'], state, tokenizer)
