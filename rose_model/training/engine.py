"""One step of the optimizer: gradients of some micro-batches, then an update or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from rose_model.errors import CheckpointError
from rose_model.training.recipe import StageRecipe
from rose_model.training.stages import parameter_groups

Figures = dict[str, Tensor]


class Engine(Protocol):
    """What the trainer needs of an optimizer, in one process or over several."""

    def backward(self, batch: Any, parts: int) -> Figures:  # noqa: ANN401 - a batch of any stage
        """Add the gradients of one of ``parts`` micro-batches; its figures, ``loss`` among
        them.
        """

    def update(self, rate: float) -> float | None:
        """Clip and apply the gradients at that learning rate, and clear them.

        The global norm before clipping; ``None`` where a loss or a gradient was not finite and
        nothing was changed, in no process.
        """

    def state(self) -> dict[str, Tensor]:
        """The part of the optimizer's state that this process holds."""

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from such a state.

        Raises:
            CheckpointError: it is of another model.
        """

    def close(self) -> None:
        """Let go of the module, which another engine may then take."""


class AutocastModule(nn.Module):
    """A stage's module in bfloat16 where that is safe, for any engine.

    A loss that is not finite leaves no finite gradient, so that looking at the gradients' norm is
    enough, and no process needs to ask another.
    """

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.module = module
        self._device_type = device.type

    def forward(self, batch: Any) -> tuple[Tensor, Figures]:  # noqa: ANN401 - of any stage
        """The loss, and the figures with it."""
        with torch.autocast(self._device_type, torch.bfloat16):
            loss, figures = self.module(batch)
        loss = loss.float()
        value = loss.detach()
        one = 1 + (value - value)  # NaN for what is not finite, exactly 1 otherwise
        return loss * one, {'loss': value} | {name: f.detach() for name, f in figures.items()}


class LocalEngine:
    """AdamW in this process alone."""

    def __init__(self, module: nn.Module, recipe: StageRecipe, device: torch.device) -> None:
        self._module = AutocastModule(module, device)
        self._optimizer = adamw(module, recipe)
        self._clip_norm = recipe.clip_norm
        self._parameters = [p for group in self._optimizer.param_groups for p in group['params']]

    def backward(self, batch: Any, parts: int) -> Figures:  # noqa: ANN401 - of any stage
        """See ``Engine``."""
        loss, figures = self._module(batch)
        (loss / parts).backward()
        return dict(figures)

    def update(self, rate: float) -> float | None:
        """See ``Engine``."""
        norm = float(nn.utils.clip_grad_norm_(self._parameters, self._clip_norm))
        is_finite = abs(norm) < float('inf')  # false for NaN, too
        if is_finite:
            set_rate(self._optimizer, rate)
            self._optimizer.step()
        self._optimizer.zero_grad()
        return norm if is_finite else None

    def state(self) -> dict[str, Tensor]:
        """See ``Engine``."""
        return optimizer_state(self._optimizer)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """See ``Engine``."""
        load_optimizer_state(self._optimizer, state)

    def close(self) -> None:
        """See ``Engine``."""


def adamw(module: nn.Module, recipe: StageRecipe) -> torch.optim.AdamW:
    """The optimizer of whatever is not frozen; each group has its ``share`` of the rate."""
    return torch.optim.AdamW(
        list(_trainable(parameter_groups(module, recipe))),
        lr=recipe.learning_rate,
        betas=recipe.betas,
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group its share of that learning rate."""
    for group in optimizer.param_groups:
        group['lr'] = rate * group['share']


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimizer, named by the number of their parameter."""
    states = optimizer.state_dict()['state']
    return {
        f'{number}.{name}': value
        for number, state in states.items()
        for name, value in state.items()
    }


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Tensor]) -> None:
    """Give an optimizer tensors that ``optimizer_state`` took from one like it.

    Raises:
        CheckpointError: it has other parameters.
    """
    parameters = [p for group in optimizer.param_groups for p in group['params']]
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        number, name = key.split('.')
        states.setdefault(int(number), {})[name] = value
    for index, values in states.items():
        shapes = {tuple(value.shape) for value in values.values()} - {()}
        if index >= len(parameters) or shapes != {tuple(parameters[index].shape)}:
            raise CheckpointError(
                f'Moments of shape {shapes} are none of parameter {index} of this model; resume '
                f'with the recipe that the run was started with.'
            )
    optimizer.load_state_dict(optimizer.state_dict() | {'state': states})


def _trainable(groups: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for group in groups:
        members = [parameter for parameter in group['params'] if parameter.requires_grad]
        if members:
            yield group | {'params': members}
