"""What a training run is said to take is what it takes, at small size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from rose_model.checkpoint import TOKENIZER_FILE, find_folder
from rose_model.cli.main import app
from rose_model.config import RoseConfig
from rose_model.errors import ConfigError
from rose_model.instructions import Prompter
from rose_model.presets import PRESETS
from rose_model.rose import Rose, build_rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.training.adapters import add_adapters
from rose_model.training.engine import LocalEngine
from rose_model.training.examples import Example, ExampleDataset
from rose_model.training.lora import LORA_PRESETS
from rose_model.training.objective import Objective
from rose_model.training.plan import Plan, make_plan
from rose_model.training.recipe import Recipe, StageRecipe
from rose_model.training.sources import streets
from rose_model.training.workload import Workload, count_workload

IMAGES, TOKENS = 4, 1000
WORKLOAD = Workload(
    questions=2.5, text=60, views=1.5, masks=12, names=20, name_prompt=36, name_tokens=4
)
STATES = {'weights', 'gradients', 'moments', 'master weights', 'exchange', 'average'}


def recipe(**changes: Any) -> Recipe:
    stage = StageRecipe(steps=10, batch_size=IMAGES, learning_rate=1e-4, warmup_steps=1)
    settings: dict[str, Any] = {'start': 'tiny', 'ema_decay': 0.0}
    return Recipe(whole=stage, **(settings | changes))


@pytest.fixture
def examples(config: RoseConfig, prompter: Prompter) -> list[Example]:
    source = replace(streets(), kept_patches=None)
    dataset = ExampleDataset(source, 5, IMAGES, config, prompter)
    return [dataset[number] for number in range(IMAGES)]


@pytest.fixture
def objective(rose: Rose, prompter: Prompter, tokenizer: RoseTokenizer) -> Objective:
    return Objective(rose.train(), prompter, tokenizer)


def nbytes(plan: Plan, *names: str) -> float:
    return sum(part.nbytes for part in plan.memory if part.name in names)


def make(
    config: RoseConfig, examples: list[Example], prompter: Prompter, processes: int, **changes: Any
) -> Plan:
    return make_plan(config, recipe(**changes), processes, count_workload(examples, prompter))


def size(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_what_stays_is_exact_but_for_what_no_loss_reaches(
    config: RoseConfig, objective: Objective, examples: list[Example], prompter: Prompter
) -> None:
    plan = make(config, examples, prompter, 1)
    engine = LocalEngine(objective, recipe().whole, torch.device('cpu'))
    engine.backward(examples, 1)
    assert nbytes(plan, 'weights') == size(objective.parameters())
    assert nbytes(plan, 'gradients') == size(objective.parameters())
    unreached = 2 * size(p for p in objective.parameters() if p.grad is None)
    engine.update(1e-4)
    moments = [state for name, state in engine.state().items() if not name.endswith('step')]
    assert nbytes(plan, 'moments') == size(moments) + unreached
    assert unreached < size(moments) / 10


def test_processes_share_what_zero_shares(
    config: RoseConfig, examples: list[Example], prompter: Prompter
) -> None:
    one, four = (make(config, examples, prompter, processes) for processes in (1, 4))
    assert nbytes(four, 'weights') == nbytes(one, 'weights')
    for name in ('gradients', 'moments'):
        assert nbytes(four, name) == nbytes(one, name) / 4
    assert nbytes(four, 'master weights') == nbytes(four, 'gradients')


def test_an_average_is_as_large_as_the_weights(
    config: RoseConfig, examples: list[Example], prompter: Prompter
) -> None:
    plan = make(config, examples, prompter, 1, ema_decay=0.9)
    assert nbytes(plan, 'average') == nbytes(plan, 'weights')


@pytest.mark.parametrize('lora', [None, 'paper'])
def test_activations_are_about_as_large_as_estimated(lora: str | None) -> None:
    """Of a layer of some width: in a tiny one small things are the larger part."""
    config = wide(PRESETS['nano'](), layers=4)
    questions = WORKLOAD.questions * (config.vision.grid_size**2 + WORKLOAD.text)
    names = WORKLOAD.names * (WORKLOAD.name_prompt + WORKLOAD.name_tokens)
    tokens = IMAGES * (questions + names)
    plan = make_plan(config, recipe(lora=lora), 1, WORKLOAD)
    estimate = nbytes(plan, 'language model') / config.language.layers / tokens
    four, two = (kept_bytes(wide(config, layers=layers), lora) for layers in (4, 2))
    assert (four - two) / 2 / TOKENS == pytest.approx(estimate, rel=0.25)


def wide(config: RoseConfig, layers: int) -> RoseConfig:
    changes = {'width': 448, 'mlp_width': 896, 'layers': layers, 'heads': 7}
    language = config.language.model_copy(update=changes)
    return config.model_copy(update={'language': language})


def kept_bytes(config: RoseConfig, lora: str | None) -> int:
    """Of ``TOKENS`` tokens in the language model."""
    rose = build_rose(config).train()
    if lora is not None:
        add_adapters(rose, LORA_PRESETS[lora], range(3))
    embeds = torch.randn(1, TOKENS, config.language.width, requires_grad=True)
    return kept_by(rose, lambda: rose.perception.language_model.model(inputs_embeds=embeds))


def kept_by(rose: Rose, run: Callable[[], object]) -> int:
    """What PyTorch keeps for the way back, beside the weights."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with hooks, torch.autocast('cpu', torch.bfloat16):
        run()
    for parameter in rose.parameters():
        kept.pop(parameter.untyped_storage().data_ptr(), None)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def test_a_step_of_nano_keeps_about_what_is_estimated() -> None:
    config = PRESETS['nano']()
    tokenizer = RoseTokenizer.load(find_folder('nano') / TOKENIZER_FILE)
    prompter = Prompter(tokenizer, config.category.template)
    source = replace(streets(), kept_patches=None)
    dataset = ExampleDataset(source, 5, IMAGES, config, prompter)
    examples = [dataset[number] for number in range(IMAGES)]
    objective = Objective(build_rose(config).train(), prompter, tokenizer)
    kept = kept_by(objective.rose, lambda: objective(examples)[0])
    plan = make(config, examples, prompter, 1)
    estimate = plan.nbytes - nbytes(plan, *STATES)
    assert kept == pytest.approx(estimate, rel=0.35)


def test_less_is_trained_with_lora_and_less_is_kept_with_checkpointing() -> None:
    config = PRESETS['rose_7b']()
    plain, light = (make_plan(config, recipe(lora=name), 4, WORKLOAD) for name in (None, 'light'))
    assert nbytes(light, *STATES) < nbytes(plain, *STATES) / 2
    kept = make_plan(config, recipe(lora='light', gradient_checkpointing=True), 4, WORKLOAD)
    assert nbytes(kept, 'language model') < nbytes(light, 'language model') / 5
    assert kept.flops > light.flops


def test_the_command_says_whether_it_fits() -> None:
    words = ['plan', 'paper', '--preset', 'rose_7b', '--gpus', '8']
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    for word in ('moments', 'images/s', 'fits into 79 GiB'):
        assert word in result.output
    small = CliRunner().invoke(app, [*words, '--memory', '24'])
    assert 'DOES NOT FIT into 24 GiB' in small.output


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'batch_size 4 is no multiple'):
        make_plan(PRESETS['nano'](), recipe(), 3, WORKLOAD)
