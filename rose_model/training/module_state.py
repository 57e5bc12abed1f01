"""What of a module a checkpoint stores, and how it comes back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from rose_model.errors import CheckpointError
from rose_model.training.storage import read_tensors


def stored_names(module: nn.Module, *, with_frozen: bool) -> set[str]:
    """Names of the tensors to be stored: buffers and parameters, without the frozen ones where
    these come from elsewhere.

    A tensor that has two names, as tied embeddings do, is stored by its first.
    """
    frozen = {p.data_ptr() for p in module.parameters() if not p.requires_grad}
    seen: set[tuple[int, torch.Size, tuple[int, ...]]] = set()
    names: set[str] = set()
    for name, tensor in module.state_dict().items():
        key = (tensor.data_ptr(), tensor.shape, tensor.stride())
        is_new = tensor.numel() == 0 or key not in seen
        if is_new and (with_frozen or tensor.data_ptr() not in frozen):
            names.add(name)
        seen.add(key)
    return names


def take_state(module: nn.Module, names: Collection[str]) -> dict[str, Tensor]:
    """The tensors of these names, none of them a piece of a larger one, which ZeRO makes of the
    weights.
    """
    return {
        name: tensor
        if tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        else tensor.clone()
        for name, tensor in module.state_dict().items()
        if name in names
    }


def load_state(path: Path, module: nn.Module, names: Collection[str]) -> None:
    """Give a module the tensors of these names in a safetensors file.

    Raises:
        CheckpointError: the file holds others, or of other shapes.
    """
    tensors = read_tensors(path)
    if different := sorted(tensors.keys() ^ set(names)):
        raise CheckpointError(
            f'{path} does not fit the model: tensor {different[0]!r} is in one of them only '
            f'({len(different)} in all). Resume with the recipe it was made by.'
        )
    load_tensors(path, module, tensors)


def load_tensors(path: Path, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a module these tensors, which come from ``path``; all others stay.

    Raises:
        CheckpointError: one has another shape than the module's.
    """
    try:
        module.load_state_dict(tensors, strict=False)  # second names come along with the first
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:300]
        raise CheckpointError(
            f'{path} does not fit the model: {reason} Resume with the recipe it was made by.'
        ) from error
