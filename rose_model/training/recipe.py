"""How a model is trained: one YAML file, checked key by key before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from rose_model.arms import ARMS
from rose_model.config import CategoryQuestion
from rose_model.data.formats import Format
from rose_model.errors import ConfigError
from rose_model.training.lora import LoraRecipe, find_lora
from rose_model.training.losses import ObjectiveRecipe

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0.0, le=1.0)]
FOLDER = Path(__file__).parent / 'recipes'
HAVE_COCO_IDS = (
    Format.COCO,
    Format.COCO_PANOPTIC,
    Format.COCO_STUFF,
    Format.COCO_STUFF_JSON,
    Format.COCO_STUFF_PIXELMAPS,
    Format.REFER,
)
"""The formats whose images have COCO's ids; of references RefCLEF's have others."""


class DataPart(BaseModel):
    """One of the data sets that a stage learns from, with its rate: of as many samples as the sum
    of all rates, so many are its own.

    ``format``: ``streets``, which are drawn, or one of ``rose_model.data.formats``; ``root`` and
    ``split`` as ``rose data check`` shows them.  Of expressions the split has two parts:
    ``unc/train``.  ``exclude_images``: files that name images of COCO which are left out, because
    a benchmark measures on them: ``refs(SPLIT_BY).p`` of references, for the images of all their
    splits but ``train``, or a text file with an id a line.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    format: Literal['streets'] | Format
    root: Path | None = None
    split: str = ''
    rate: Positive = 1
    exclude_images: tuple[Path, ...] = ()

    @model_validator(mode='after')
    def _check(self) -> Self:
        if self.exclude_images and self.format not in HAVE_COCO_IDS:
            raise ValueError(
                f'exclude_images is for images of COCO: {", ".join(HAVE_COCO_IDS)}; format '
                f'{self.format} has others.'
            )
        given = {self.root is not None, self.split != ''}
        if given != {self.format != 'streets'}:
            raise ValueError(
                f'streets have neither root nor split, all others both: format {self.format}, '
                f'root {self.root}, split {self.split!r}.'
            )
        return self


def _kind_of_data(value: object) -> str:
    return 'name' if isinstance(value, str) else 'list'


Data = Annotated[
    Annotated[Literal['streets', 'camvid'], Tag('name')]
    | Annotated[tuple[DataPart, ...], Field(min_length=1), Tag('list')],
    Discriminator(_kind_of_data),
]
"""A name, or a list of data sets with their rates."""


class StageRecipe(BaseModel):
    """One stage of training with AdamW.

    A step takes ``batch_size`` examples, however many processes share them; each process takes
    ``micro_batch`` of them at once (all of its part where that is not given), and adds up the
    gradients.  Example ``i`` of the stage is of sample ``first_scene + i``; with ``repeat`` there
    are only that many examples, over and over.

    ``data``: where samples come from: a name, where ``root`` is the folder of a data set that is
    not drawn, or a list of data sets with rates.  ``strict``: a list with any damaged part ends
    the run.
    ``corrections``: folder of corrections that a node has logged; every second sample is one of
    them, in the stage whole.
    ``schedule``: how the learning rate falls after a linear warm-up: along a half cosine to
    ``final_rate`` of the peak, or along a straight line (DeepSpeed's WarmupDecayLR with linear
    warm-up, where ``final_rate`` is 0).  ``vision_rate``: the learning rate of the vision tower as
    a share of the others'.  ``word_questions``: beside the dense one, about each street, in the
    stages words and whole.  ``workers``: processes that make examples.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    steps: Positive
    batch_size: Positive
    micro_batch: Positive | None = None
    learning_rate: Rate
    schedule: Literal['cosine', 'linear'] = 'cosine'
    warmup_steps: Positive
    final_rate: Annotated[float, Field(ge=0.0, le=1.0)] = 0.02
    vision_rate: Rate = 1.0
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: Annotated[float, Field(gt=0.0)] = 1.0
    data: Data = 'streets'
    root: Path | None = None
    strict: bool = False
    corrections: Path | None = None
    word_questions: Annotated[int, Field(ge=0)] = 1
    first_scene: Annotated[int, Field(ge=0)] = 0
    repeat: Positive | None = None
    workers: Positive = 1

    @model_validator(mode='after')
    def _check(self) -> Self:
        if self.warmup_steps > self.steps:
            raise ValueError(f'warmup_steps ({self.warmup_steps}) exceeds steps ({self.steps}).')
        if (self.data != 'camvid') != (self.root is None):
            raise ValueError(
                f'root is the folder of camvid, and of nothing else here: root {self.root}.'
            )
        return self

    def parts(self, processes: int) -> int:
        """Micro-batches that each process takes in a step.

        Raises:
            ConfigError: ``batch_size`` cannot be shared evenly.
        """
        micro = self.micro_batch or max(1, self.batch_size // processes)
        parts, rest = divmod(self.batch_size, micro * processes)
        if rest or not parts:
            raise ConfigError(
                f'batch_size {self.batch_size} is no multiple of {micro} examples at once in '
                f'{processes} processes; change batch_size or micro_batch.'
            )
        return parts


class Recipe(BaseModel):
    """A whole training run: the vision tower alone on dense labels, SAM alone on masks of points
    and boxes, everything but SAM on words, then the whole model.

    Either ``preset`` names the size of a model that begins with random weights, or ``start`` a
    ROSE folder or a shipped model to go on from.  ``name``: what the trained model is called, if
    not as that.  ``arm``: which of the paper's ablations is trained (``rose_model/arms.py``), if
    any.  ``ema_decay``: the weights that are kept are a running average; 0 keeps the last ones.
    ``objective``: what is minimised in the stages words and whole.
    ``category_question``: ``before`` or ``after`` the category embedding, if not as ``start`` has
    it.
    ``seed``: of random weights, of whatever is drawn, and of the examples: another seed sees other
    scenes, or the images of a data set in another order.
    ``freeze_sam_encoder``: as in the paper, it is not trained with the whole model.
    ``lora``: train adapters and what the paper trains beside them instead of everything, by the
    name of a preset (default, paper, light) or by its values; the trained model has them merged.
    ``gradient_checkpointing``: what the layers compute is computed anew on the way back instead of
    kept: less memory for more time.
    """

    model_config = ConfigDict(frozen=True, extra='forbid')

    preset: str | None = None
    start: str | None = None
    name: Annotated[str, Field(min_length=1)] | None = None
    arm: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    vision: StageRecipe | None = None
    sam: StageRecipe | None = None
    words: StageRecipe | None = None
    whole: StageRecipe
    objective: ObjectiveRecipe = ObjectiveRecipe()
    category_question: CategoryQuestion | None = None
    freeze_sam_encoder: bool = False
    lora: Annotated[LoraRecipe | None, BeforeValidator(find_lora)] = None
    gradient_checkpointing: bool = False

    @model_validator(mode='after')
    def _check(self) -> Self:
        if (self.preset is None) == (self.start is None):
            raise ValueError('Give either preset or start.')
        if self.arm is not None and self.arm not in ARMS:
            raise ValueError(f'No arm {self.arm!r}; the ablations have {", ".join(ARMS)}.')
        if self.words is not None and self.words.data != 'streets':
            raise ValueError('The stage words learns from streets and nothing else.')
        for name in ('vision', 'sam', 'words'):
            stage = getattr(self, name)
            if stage is not None and stage.corrections is not None:
                raise ValueError(f'Corrections are learned in the stage whole, not in {name}.')
            if stage is not None and self.lora is not None:
                raise ValueError(f'With lora there is the stage whole alone; leave out {name}.')
        if self.lora is not None and self.start is None:
            raise ValueError('With lora a run goes on from trained weights; name them as start.')
        return self

    def dump(self) -> str:
        """The recipe as YAML, every value told; ``read_recipe`` reads it back."""
        text: str = yaml.safe_dump(
            self.model_dump(mode='json', exclude_none=True), sort_keys=False
        )
        return text


def shipped_recipes() -> list[str]:
    """The names of the recipes in this package."""
    return sorted(path.stem for path in FOLDER.glob('*.yaml'))


def read_recipe(recipe: str | Path) -> Recipe:
    """The recipe in a YAML file, or the shipped one of that name.

    Raises:
        ConfigError: there is none, or a key or value in it is not known; both are named.
    """
    path = FOLDER / f'{recipe}.yaml' if str(recipe) in shipped_recipes() else Path(recipe)
    if not path.is_file():
        known = ', '.join(shipped_recipes())
        raise ConfigError(f'No recipe {recipe}; give a YAML file, or one of: {known}.')
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        return Recipe.model_validate(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = ' '.join(str(error).split())
        raise ConfigError(f'{path} is not YAML: {reason}.') from error
    except ValidationError as error:
        faults = '; '.join(_told(fault) for fault in error.errors(include_url=False))
        raise ConfigError(f'{path}: {faults}.') from error


def _told(fault: object) -> str:
    """``whole.stepz: extra inputs are not permitted (got 3)`` from a fault of pydantic's."""
    if not isinstance(fault, dict):
        return str(fault)
    place = '.'.join(str(part) for part in fault['loc'])
    message = fault['msg'].removeprefix('Value error, ').rstrip('.')
    if fault['type'] == 'extra_forbidden':
        return f'unknown key {place!r}'
    return f'{place}: {message} (got {fault["input"]!r})' if place else message
