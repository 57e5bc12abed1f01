"""AdamW over several processes by DeepSpeed ZeRO-2: each holds a part of gradients and moments.

The weights stay float32 in every process, as they are with one process; bfloat16 is autocast's.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rose_model.errors import ConfigError
from rose_model.training.engine import (
    AutocastModule,
    Figures,
    adamw,
    load_optimizer_state,
    optimizer_state,
    set_rate,
)
from rose_model.training.recipe import StageRecipe
from rose_model.training.world import World

_NEVER = 10**9


class ZeroEngine:
    """See ``Engine``; its state is this process's part of the moments."""

    def __init__(self, module: nn.Module, recipe: StageRecipe, world: World) -> None:
        deepspeed = _import_deepspeed(world.device)
        self._base = adamw(module, recipe)
        parts = recipe.parts(world.size)
        self._engine, *_ = deepspeed.initialize(
            model=AutocastModule(module, world.device),
            optimizer=self._base,
            config=_config(recipe, parts, world.size),
        )

    def backward(self, batch: Any, parts: int) -> Figures:  # noqa: ANN401 - of any stage
        """See ``Engine``; DeepSpeed itself divides by ``parts``."""
        loss, figures = self._engine(batch)
        self._engine.backward(loss)
        if not self._engine.is_gradient_accumulation_boundary():
            self._engine.step()
        return dict(figures)

    def update(self, rate: float) -> float | None:
        """See ``Engine``."""
        set_rate(self._base, rate)
        self._engine.step()
        if self._engine.optimizer.overflow:
            return None
        return float(self._engine.get_global_grad_norm())

    def state(self) -> dict[str, Tensor]:
        """See ``Engine``."""
        return optimizer_state(self._base)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See ``Engine``; the weights come from the module, which was loaded before."""
        load_optimizer_state(self._base, state)

    def close(self) -> None:
        """See ``Engine``."""
        self._engine.destroy()


def _config(recipe: StageRecipe, parts: int, processes: int) -> dict[str, Any]:
    return {
        'train_batch_size': recipe.batch_size,
        'train_micro_batch_size_per_gpu': recipe.batch_size // parts // processes,
        'gradient_accumulation_steps': parts,
        'gradient_clipping': recipe.clip_norm,
        'zero_optimization': {'stage': 2},
        'zero_allow_untested_optimizer': True,  # torch's own AdamW: the same as in one process
        'steps_per_print': _NEVER,
    }


def _import_deepspeed(device: torch.device) -> Any:  # noqa: ANN401 - DeepSpeed has no types
    if device.type == 'cpu':
        os.environ.setdefault('DS_ACCELERATOR', 'cpu')
    try:
        import deepspeed
        import deepspeed.ops
    except ImportError as error:
        raise ConfigError(
            f'Training in several processes needs DeepSpeed ({error}); install it by '
            f"pip install 'rose_model[distributed]', or train in one process."
        ) from error
    # Otherwise every process compiles an operator for shared memory before its first step.
    deepspeed.ops.__compatible_ops__ = {}
    logging.getLogger('DeepSpeed').setLevel(logging.WARNING)
    return deepspeed
