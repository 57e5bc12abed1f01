"""A ROSE folder of publishers' weights is the publishers' models, until it is trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from segment_anything import build_sam_vit_b, build_sam_vit_h
from torch import Tensor
from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration
from typer.testing import CliRunner

from rose_model import RoseSegmenter
from rose_model.candidates import NameEncoder
from rose_model.checkpoint import Pretrained, check_folder, load_pretrained
from rose_model.cli.main import app
from rose_model.config import RoseConfig
from rose_model.conversion.initialise import Sources, initialise
from rose_model.conversion.llava_onevision import vision_config
from rose_model.conversion.segment_anything import sam_config
from rose_model.errors import ConfigError, InvalidRequestError
from rose_model.instructions import ALL_REGIONS, PerceptionPrompt
from rose_model.presets import rose_0_5b, rose_7b
from rose_model.tokenizer import CATEGORY_TOKEN

from .conftest import (
    INPUT_SIZE,
    VOCABULARY,
    build_llava,
    build_sam,
    build_siglip,
    write_llava,
    write_siglip,
)


def initialised(sources: Sources, out: Path) -> Pretrained:
    initialise(sources, out, input_size=INPUT_SIZE)
    return load_pretrained(out, torch.device('cpu'), torch.float32)


def random_ids(*shape: int) -> Tensor:
    return torch.randint(0, VOCABULARY, shape)


@pytest.mark.parametrize('tied', [False, True])
@pytest.mark.parametrize('layout', ['published', 'saved', 'native'])
def test_the_language_side_has_the_logits_of_the_publishers_class(
    sources: Sources, tmp_path: Path, layout: str, tied: bool
) -> None:
    model = build_llava(tied=tied)
    folder = write_llava(tmp_path / 'lmm', model, layout)
    rose = initialised(replace(sources, lmm=str(folder)), tmp_path / 'rose').rose
    assert rose.config.language.tied_embeddings is tied
    ids = random_ids(2, 17)
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        torch.testing.assert_close(rose.perception.language_model(input_ids=ids).logits, expected)


def test_it_equals_the_publishers_class_as_transformers_loads_it(
    sources: Sources, tmp_path: Path
) -> None:
    """Whose reading of the files is not ours: ``from_pretrained`` of the same folder."""
    rose = initialised(sources, tmp_path / 'rose').rose
    model = LlavaOnevisionForConditionalGeneration.from_pretrained(sources.lmm).eval()
    ids = random_ids(1, 9)
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        torch.testing.assert_close(rose.perception.language_model(input_ids=ids).logits, expected)


def test_patches_are_those_of_the_publishers_tower_and_projector_whatever_the_mask(
    sources: Sources, tmp_path: Path
) -> None:
    rose = initialised(sources, tmp_path / 'rose').rose
    model = LlavaOnevisionForConditionalGeneration.from_pretrained(sources.lmm).eval().model
    pixels = torch.rand(2, 4, INPUT_SIZE, INPUT_SIZE)
    with torch.no_grad():
        seen = model.vision_tower(
            pixels[:, :3], interpolate_pos_encoding=True, output_hidden_states=True
        )
        expected = model.multi_modal_projector(seen.hidden_states[-1])
        torch.testing.assert_close(rose.perception.encode(pixels), expected)


def test_an_answer_about_an_image_has_the_logits_of_the_publishers_class(
    sources: Sources, tmp_path: Path
) -> None:
    """Under its causal attention, on text, patches and text."""
    rose = initialised(sources, tmp_path / 'rose').rose
    rose.perception.attention = 'causal'
    model = LlavaOnevisionForConditionalGeneration.from_pretrained(sources.lmm).eval()
    before, after, response = (tuple(random_ids(n).tolist()) for n in (5, 7, 4))
    with torch.no_grad():
        patches = rose.perception.encode(torch.rand(1, 4, INPUT_SIZE, INPUT_SIZE))
        found = rose.perception.read(
            patches, [PerceptionPrompt(before, after, ())], [response]
        ).response_logits
        embed = model.get_input_embeddings()
        words = [embed(torch.tensor([ids])) for ids in (before, (*after, *response))]
        logits = model(inputs_embeds=torch.cat((words[0], patches, words[1]), dim=1)).logits
    torch.testing.assert_close(found, logits[0, -5:-1])


def test_only_the_layers_that_the_publisher_reads_are_kept(
    sources: Sources, tmp_path: Path
) -> None:
    model = build_llava()
    model.config.vision_feature_layer = -2
    folder = write_llava(tmp_path / 'lmm', model)
    rose = initialised(replace(sources, lmm=str(folder)), tmp_path / 'rose').rose
    assert rose.config.vision.layers == 2
    pixels = torch.rand(1, 4, INPUT_SIZE, INPUT_SIZE)
    with torch.no_grad():
        seen = model.model.vision_tower(
            pixels[:, :3], interpolate_pos_encoding=True, output_hidden_states=True
        )
        torch.testing.assert_close(rose.perception.vision_tower(pixels), seen.hidden_states[-2])


def test_sam_has_the_embeddings_and_masks_of_segment_anything(
    sources: Sources, tmp_path: Path
) -> None:
    rose = initialised(sources, tmp_path / 'rose').rose
    sam = build_sam()
    sam.load_state_dict(torch.load(sources.sam, weights_only=True))
    pixels, prompts = torch.randn(1, 3, 64, 64), torch.randn(3, 1, 32)
    with torch.no_grad():
        expected = sam.image_encoder(pixels)
        _, dense = sam.prompt_encoder(points=None, boxes=None, masks=None)
        masks, iou = sam.mask_decoder(
            image_embeddings=expected,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=prompts,
            dense_prompt_embeddings=dense.expand(3, -1, -1, -1),
            multimask_output=False,
        )
        found = rose.sam.encode(pixels)
        logits, scores = rose.sam.decode(prompts[:, 0], found)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(logits, masks[:, 0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, iou[:, 0], rtol=1e-4, atol=1e-4)
    assert rose.config.sam.global_layers == (1,)
    assert (rose.config.sam.window, rose.config.sam.heads) == (3, 4)


def test_names_have_the_embeddings_of_the_publishers_text_tower(
    sources: Sources, tmp_path: Path
) -> None:
    siglip = build_siglip()
    folder = write_siglip(tmp_path / 'siglip', siglip)
    loaded = initialised(replace(sources, siglip_text=str(folder)), tmp_path / 'rose')
    assert loaded.rose.text_tower is not None
    assert loaded.text_tokenizer is not None
    found = NameEncoder(loaded.rose.text_tower, loaded.text_tokenizer)(['dog', 'red bus'])
    pad = loaded.text_tokenizer.special('</s>')
    rows = [loaded.text_tokenizer.encode(name) for name in ('dog', 'red bus')]
    ids = torch.tensor([row + [pad] * (8 - len(row)) for row in rows])
    with torch.no_grad():
        expected = siglip.text_model(input_ids=ids).pooler_output
    torch.testing.assert_close(found, torch.nn.functional.normalize(expected, dim=-1))


def test_an_untrained_rose_segments_and_without_a_text_tower_refuses_candidates(
    sources: Sources, tmp_path: Path
) -> None:
    initialise(sources, tmp_path / 'rose', input_size=INPUT_SIZE)
    segmenter = RoseSegmenter.from_pretrained(
        tmp_path / 'rose', device='cpu', min_objectness=0.0, max_segments=3
    )
    image = np.full((40, 60, 3), 90, np.uint8)
    assert segmenter.segment(image).instruction == ALL_REGIONS
    with pytest.raises(InvalidRequestError, match=r'no text tower.*--siglip-text'):
        segmenter.segment(image, candidates=['car'])


def test_the_category_token_takes_a_free_row(sources: Sources, tmp_path: Path) -> None:
    loaded = initialised(sources, tmp_path / 'rose')
    index = loaded.tokenizer.special(CATEGORY_TOKEN)
    assert index == len(loaded.tokenizer) - 1 == 261
    assert loaded.rose.config.language.vocabulary == VOCABULARY
    assert index not in loaded.tokenizer.encode(f'a {CATEGORY_TOKEN} b')


@pytest.mark.parametrize('tied', [False, True])
def test_a_full_table_grows_to_a_multiple_of_64_and_old_logits_stay(
    sources: Sources, tmp_path: Path, tied: bool
) -> None:
    model = build_llava(tied=tied, vocab_size=261)
    folder = write_llava(tmp_path / 'lmm', model)
    rose = initialised(replace(sources, lmm=str(folder)), tmp_path / 'rose').rose
    assert rose.config.language.vocabulary == 320
    ids = torch.randint(0, 261, (1, 9))
    with torch.no_grad():
        logits = rose.perception.language_model(input_ids=ids).logits
        torch.testing.assert_close(logits[..., :261], model(input_ids=ids).logits)


def test_the_same_sources_give_the_same_bytes(sources: Sources, tmp_path: Path) -> None:
    for name in ('one', 'two'):
        torch.rand(1)  # heads do not follow the caller's random numbers
        initialise(sources, tmp_path / name / 'rose', input_size=INPUT_SIZE)
    one, two = (tmp_path / name / 'rose' for name in ('one', 'two'))
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}
    for path in one.iterdir():
        assert path.read_bytes() == (two / path.name).read_bytes(), path.name


def test_half_precision_of_the_publisher_is_kept(sources: Sources, tmp_path: Path) -> None:
    model = build_llava().half()
    folder = write_llava(tmp_path / 'lmm', model)
    rose = initialised(replace(sources, lmm=str(folder)), tmp_path / 'rose').rose
    table = rose.perception.language_model.model.embed_tokens.weight
    assert torch.equal(table, model.get_input_embeddings().weight.float())
    smaller = (tmp_path / 'rose' / 'model.safetensors').stat().st_size
    initialise(sources, tmp_path / 'single', input_size=INPUT_SIZE)
    assert smaller < (tmp_path / 'single' / 'model.safetensors').stat().st_size


def test_the_image_is_48_patches_wide_unless_said_otherwise(
    sources: Sources, tmp_path: Path
) -> None:
    folder = write_llava(tmp_path / 'lmm', build_llava(max_position_embeddings=4096))
    initialise(replace(sources, lmm=str(folder)), tmp_path / 'rose')
    config = check_folder(tmp_path / 'rose')
    assert (config.vision.input_size, config.vision.grid_size) == (672, 48)
    assert config.category.template == 'chatml'
    assert config.name == 'rose'


def test_an_image_that_does_not_fit_is_refused(sources: Sources, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='multiple of the 14 pixels'):
        initialise(sources, tmp_path / 'rose', input_size=60)
    with pytest.raises(ConfigError, match=r'2304 patches.*512 positions'):
        initialise(sources, tmp_path / 'rose')


def test_the_command_says_what_it_made(sources: Sources, tmp_path: Path) -> None:
    command = ['init', '--lmm', sources.lmm, '--sam', str(sources.sam), str(tmp_path / 'rose')]
    result = CliRunner().invoke(app, [*command, '--input-size', str(INPUT_SIZE)])
    assert result.exit_code == 0, result.output
    assert 'heads are random' in result.output
    assert 'candidates are refused' in result.output
    assert RoseConfig.read(tmp_path / 'rose' / 'config.json').text is None
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2
    assert 'is there already' in again.output
    assert json.loads((tmp_path / 'rose' / 'config.json').read_text())['text'] is None


@pytest.mark.parametrize(
    ('preset', 'build'), [(rose_0_5b, build_sam_vit_b), (rose_7b, build_sam_vit_h)]
)
def test_the_sizes_of_a_published_sam_are_those_of_the_preset(preset, build) -> None:
    with torch.device('meta'):
        state = build().state_dict()
    assert sam_config(state, Path('sam.pth')) == preset().sam


def test_the_vision_tower_that_transformers_defaults_to_is_that_of_the_presets() -> None:
    published = LlavaOnevisionConfig().to_dict()['vision_config']
    assert vision_config(published, published['num_hidden_layers'], None) == rose_7b().vision
