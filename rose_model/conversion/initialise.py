"""ROSE before its training: the publishers' parts, ``<CATEGORY>``, a mask channel and fresh heads
(paper, Sec. 4.1).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from rose_model.checkpoint import stored_shapes, write_folder
from rose_model.config import CategoryConfig, RoseConfig
from rose_model.conversion.llava_onevision import LlavaOnevision, read_llava_onevision
from rose_model.conversion.segment_anything import SegmentAnything, read_segment_anything
from rose_model.conversion.siglip import SiglipText, read_siglip_text
from rose_model.conversion.sources import find_source, is_hub_id
from rose_model.errors import CheckpointError, ConfigError, StorageError
from rose_model.instructions import Prompter
from rose_model.model_card import write_model_card
from rose_model.patch_analyzer import PatchAnalyzer
from rose_model.presets import PRESETS
from rose_model.tokenizer import CATEGORY_TOKEN

_HEADS = 'patch_analyzer.'
_TABLES = (
    'perception.language_model.model.embed_tokens.weight',
    'perception.language_model.lm_head.weight',
)
_ROUND = 64
"""A table that has to grow grows to a multiple of this, as the published ones are."""
_TEXT_TOKENS = 256
"""Room beside the image for instruction and answer."""
_PARTIAL = '.partial'


@dataclass(frozen=True)
class Sources:
    """Where the publishers' parts are.

    ``lmm``: a LLaVA-OneVision in the layout of ``llava-hf``, as a folder or a repository of the
    Hub.  ``sam``: a file of ``segment_anything``.  ``siglip_text``: a SigLIP with its text tower,
    as ``lmm``, or ``None``.
    """

    lmm: str
    sam: Path
    siglip_text: str | None = None

    @property
    def repositories(self) -> list[str]:
        """Those of the Hub among them."""
        return [s for s in (self.lmm, self.siglip_text) if s is not None and is_hub_id(s)]

    @property
    def told(self) -> str:
        """The sources in a sentence."""
        names = [self.lmm, str(self.sam), *filter(None, [self.siglip_text])]
        parts = ', '.join(name if is_hub_id(name) else Path(name).name for name in names)
        return f'Not trained yet: parts of {parts} with random heads, made by `rose init`.'


def initialise(sources: Sources, out: Path, *, input_size: int | None = None) -> RoseConfig:
    """Write the ROSE folder ``out``, every tensor of the publishers in its own type.

    ``input_size``: side in pixels of the image that the language model sees, 48 patches by
    default.  Sizes follow from the publishers' files.  The heads are random, the same each time.

    Raises:
        CheckpointError: a source is missing, damaged or of another kind, or the parts do not fit.
        ConfigError: ``out`` is there already, or ``input_size`` is not usable.
        StorageError: there is no room for the weights.
    """
    if out.exists():
        raise ConfigError(f'{out} is there already; name a new folder.')
    lmm = read_llava_onevision(find_source(sources.lmm), input_size)
    sam = read_segment_anything(sources.sam)
    text = None
    if sources.siglip_text is not None:
        text = read_siglip_text(find_source(sources.siglip_text))
    config = _with_category_token(_config(lmm, sam, text, out.name), lmm, sources)
    state = {
        **lmm.state,
        **sam.state,
        **({} if text is None else text.state),
        **_fresh_heads(config),
    }
    _grow_tables(state, config.language.vocabulary)
    _check(state, config, sources)
    _write(out, config, state, sources, lmm, text)
    return config


def _config(
    lmm: LlavaOnevision, sam: SegmentAnything, text: SiglipText | None, name: str
) -> RoseConfig:
    """The configuration that the sizes of the parts ask for; it bears the name of the preset of
    these sizes, or that of the folder.
    """
    vision, language = lmm.vision, lmm.language
    tokens = vision.grid_size**2 + _TEXT_TOKENS
    if tokens > language.max_positions:
        raise ConfigError(
            f'{vision.grid_size**2} patches and their words are more than the '
            f'{language.max_positions} positions of the language model; choose a smaller '
            f'--input-size than {vision.input_size}.'
        )
    preset = next(
        (
            preset().name
            for preset in PRESETS.values()
            if (preset().vision, preset().language, preset().sam) == (vision, language, sam.config)
        ),
        name,
    )
    return RoseConfig(
        name=preset,
        vision=vision,
        language=language,
        sam=sam.config,
        text=None if text is None else text.config,
        siglip_width=vision.width if text is None else text.width,
        category=CategoryConfig(template='chatml'),
    )


def _with_category_token(config: RoseConfig, lmm: LlavaOnevision, sources: Sources) -> RoseConfig:
    """Add ``<CATEGORY>`` to the tokenizer; a table that has no row left for it has to grow."""
    index = lmm.tokenizer.add_special(CATEGORY_TOKEN)
    try:
        Prompter.of(lmm.tokenizer, config.category).special_ids()
    except CheckpointError as error:
        raise CheckpointError(
            f'{sources.lmm}: {error} ROSE speaks ChatML; take a LLaVA-OneVision with Qwen2.'
        ) from error
    needed = max(len(lmm.tokenizer), index + 1)
    if needed <= config.language.vocabulary:
        return config
    vocabulary = -(-needed // _ROUND) * _ROUND
    language = config.language.model_copy(update={'vocabulary': vocabulary})
    return config.model_copy(update={'language': language})


def _grow_tables(state: dict[str, Tensor], vocabulary: int) -> None:
    """New rows are the mean of the old ones: a token that nothing is known of yet."""
    for name in _TABLES:
        table = state.get(name)
        if table is not None and len(table) < vocabulary:
            mean = table.float().mean(0, keepdim=True).to(table.dtype)
            state[name] = torch.cat((table, mean.expand(vocabulary - len(table), -1)))


def _fresh_heads(config: RoseConfig) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        heads = PatchAnalyzer(config.language.width, config.sam.prompt_width, config.siglip_width)
    return {_HEADS + name: value for name, value in heads.state_dict().items()}


def _check(state: dict[str, Tensor], config: RoseConfig, sources: Sources) -> None:
    """Compare the parts with the model that they are to make."""
    expected = stored_shapes(config)
    for name in sorted(expected.keys() | state.keys()):
        origin = _origin(name, sources)
        if name not in state:
            raise CheckpointError(f'{origin} lacks the tensor for {name!r}; fetch it again.')
        shape = tuple(state[name].shape)
        if name not in expected:
            raise CheckpointError(f'{origin} has a tensor for {name!r}, which ROSE has not.')
        if shape != expected[name]:
            raise CheckpointError(
                f'{origin}: the tensor for {name!r} is {shape}, expected {expected[name]}.'
            )


def _origin(name: str, sources: Sources) -> str:
    if name.startswith('sam.'):
        return str(sources.sam)
    return str(sources.siglip_text) if name.startswith('text_tower.') else sources.lmm


def _write(
    out: Path,
    config: RoseConfig,
    state: dict[str, Tensor],
    sources: Sources,
    lmm: LlavaOnevision,
    text: SiglipText | None,
) -> None:
    """A folder that has its name is whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    free = shutil.disk_usage(out.parent).free
    if free < needed:
        raise StorageError(
            f'{out} takes {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; make room.'
        )
    partial = out.with_name(out.name + _PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)  # of an attempt that was killed
    tokenizer = None if text is None else text.tokenizer
    contiguous = {name: tensor.contiguous() for name, tensor in state.items()}
    write_folder(partial, config, contiguous, lmm.tokenizer, tokenizer)
    write_model_card(partial, config.name, sources.told, sources.repositories)
    partial.replace(out)
