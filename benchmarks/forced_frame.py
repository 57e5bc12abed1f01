"""A whole frame of any configuration with random weights, all of whose counts are forced: so many
objects, with masks beside each other and names of so many tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor

from benchmarks.random_weights import random_rose, randomised
from rose_model import RoseSegmenter
from rose_model.backbones.sam import Sam
from rose_model.category_decoder import CategoryDecoder
from rose_model.checkpoint import Pretrained
from rose_model.config import PatchFilterConfig, RoseConfig, SamConfig
from rose_model.instructions import ALL_REGIONS, Prompter
from rose_model.mask_decoder import decode_masks
from rose_model.preprocess import FrameGeometry
from rose_model.rose import Rose, build_rose
from rose_model.tokenizer import CATEGORY_TOKEN, END_TOKEN, PAD_TOKEN, RoseTokenizer
from rose_model.work import Load

NAME_TOKENS = 4
SPECIAL_TOKENS = (PAD_TOKEN, END_TOKEN, CATEGORY_TOKEN, '<|im_start|>', '<|im_end|>', '</s>')


@dataclass(frozen=True, eq=False)
class ForcedFrame:
    """``image``: what ``segmenter`` finds ``load.objects`` segments in, whatever it shows."""

    rose: Rose
    segmenter: RoseSegmenter
    image: NDArray[np.uint8]
    load: Load
    prompter: Prompter

    def segment(self) -> int:
        """Segment the image; how many segments there are."""
        return len(self.segmenter.segment(self.image).segments)

    @torch.inference_mode()
    def stages(self) -> dict[str, Callable[[], object]]:
        """What the model does in a frame, by the names of ``work.frame_work``."""
        config, perception, analyzer = (
            self.rose.config,
            self.rose.perception,
            self.rose.patch_analyzer,
        )
        count, patches = self.load.objects, config.vision.grid_size**2
        draw = partial(_draw, self.rose.dtype)
        projected = draw(1, patches, config.language.width)
        states = draw(patches, config.language.width)
        kept = states[:count]
        side = config.sam.embedding_size
        decoder = CategoryDecoder(
            perception.language_model, self.prompter.category(), self.load.name_tokens
        )
        return {
            'SigLIP': partial(
                perception.vision_tower,
                draw(1, 4, config.vision.input_size, config.vision.input_size),
            ),
            'projector': partial(perception.projector, draw(1, patches, config.vision.width)),
            'prefill': partial(
                perception.read, projected, [self.prompter.perception(ALL_REGIONS)]
            ),
            'objectness of all patches': partial(analyzer.objectness_logit, states),
            'mask embeddings': partial(analyzer.mask_embedding, kept),
            'SAM encoder': partial(
                self.rose.sam.encode, draw(1, 3, config.sam.input_size, config.sam.input_size)
            ),
            'SAM mask decoder': partial(
                decode_masks,
                self.rose.sam,
                draw(count, config.sam.prompt_width),
                draw(1, config.sam.prompt_width, side, side),
            ),
            'category embeddings': partial(analyzer.category_embedding, kept),
            'names': partial(decoder.decode, analyzer.category_embedding(kept)),
        }


class ForcedSam(Sam):
    """SAM that does all of its work and then gives other masks: ``logits`` ``[N, M, M]``, from the
    first again after the last.
    """

    def __init__(self, config: SamConfig, logits: Tensor) -> None:
        super().__init__(config)
        self._logits, self._next = logits, 0
        self._lock = Lock()  # two threads may decode at the same time

    def decode(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """The next masks, with the scores of the real ones."""
        _, scores = super().decode(mask_embedding, image_embeddings)
        with self._lock:
            first, self._next = self._next, (self._next + len(scores)) % len(self._logits)
        return self._logits[first : first + len(scores)], scores


def make_frame(
    config: RoseConfig,
    size: tuple[int, int],
    objects: int,
    dtype: torch.dtype = torch.bfloat16,
) -> ForcedFrame:
    """A frame of an image of ``size = (height, width)`` with so many objects."""
    category = config.category.model_copy(update={'max_new_tokens': NAME_TOKENS})
    # of random weights all mask embeddings are alike
    limits = config.postprocess.model_copy(update={'max_similarity': 1.0})
    config = config.model_copy(update={'category': category, 'postprocess': limits})
    tokenizer = word_tokenizer()
    prompter = Prompter.of(tokenizer, category)
    rose = random_rose(partial(build_rose, config), dtype)
    logits = separate_masks(objects, FrameGeometry.of(size, config), config.sam).to(dtype)
    rose.sam = randomised(partial(ForcedSam, config.sam, logits), dtype)
    rose.perception.language_model.lm_head.weight[prompter.category().end] = 0  # never the best
    pretrained = Pretrained(rose, tokenizer, tokenizer, 'random')
    patch_filter = PatchFilterConfig(max_segments=objects, min_objectness=0.0)
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return ForcedFrame(
        rose,
        RoseSegmenter(pretrained, patch_filter),
        image,
        load_of(prompter, objects),
        prompter,
    )


def load_of(prompter: Prompter, objects: int) -> Load:
    """The numbers of tokens in these prompts."""
    question, category = prompter.perception(ALL_REGIONS), prompter.category()
    return Load(
        text_tokens=len((*question.before, *question.instruction, *question.answer)),
        objects=objects,
        prefix=len(category.before),
        suffix=1 + len(category.after),
        name_tokens=NAME_TOKENS,
    )


def word_tokenizer(words: int = 1) -> RoseTokenizer:
    """Every word is one token, as in a large vocabulary; always the same one, for time.

    ``words``: so many ids can be read, as w1, w2 and so on.
    """
    numbered = {f'Ġw{number}': number for number in range(1, words)}
    vocabulary = {'<unk>': 0, **numbered}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token='<unk>'))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return RoseTokenizer(tokenizer)


def separate_masks(count: int, geometry: FrameGeometry, config: SamConfig) -> Tensor:
    """Logits ``[count, M, M]`` of ellipses in a grid over the image; none touches another."""
    height, width = geometry.content_in(config.mask_size)
    columns = ceil((count * width / height) ** 0.5)
    cell_height, cell_width = height / ceil(count / columns), width / columns
    y, x = torch.meshgrid(*2 * [torch.arange(config.mask_size) + 0.5], indexing='ij')
    logits = []
    for number in range(count):
        row, column = divmod(number, columns)
        down = (y / cell_height - row - 0.5) / 0.4
        right = (x / cell_width - column - 0.5) / 0.4
        logits.append(10 * (1 - down**2 - right**2))
    return torch.stack(logits)


def _draw(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(6)).to(dtype)
