"""The graphs of SAM: equal to the modules, for any number of prompts, and the same every time."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

from rose_model.backbones.sam import Sam
from rose_model.config import RoseConfig, SamConfig
from rose_model.errors import BackendError
from rose_model.export import parity
from rose_model.export.folder import example_pixels
from rose_model.export.graph_rules import breaches
from rose_model.export.onnx import trace_decoder, trace_encoder, write_graph
from rose_model.export.parity import TOLERANCE, check_parity, largest_difference
from rose_model.export.ranges import LIMIT, check_range, largest_value
from rose_model.precision import DTYPES, cast
from rose_model.presets import rose_7b


def make_sam(config: SamConfig) -> Sam:
    torch.manual_seed(3)
    return Sam(config).eval().requires_grad_(False)


def write_graphs(sam: Sam, folder: Path) -> tuple[Path, Path]:
    write_graph(trace_encoder(sam), folder / 'encoder.onnx')
    write_graph(trace_decoder(sam), folder / 'decoder.onnx')
    return folder / 'encoder.onnx', folder / 'decoder.onnx'


@pytest.fixture
def sam(config: RoseConfig) -> Sam:
    return make_sam(config.sam)


@pytest.fixture(scope='module')
def graphs(config: RoseConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Encoder and decoder of ``sam`` in fp32."""
    return write_graphs(make_sam(config.sam), tmp_path_factory.mktemp('graphs'))


def test_of_the_papers_width_they_equal_pytorch(tmp_path: Path) -> None:
    """ViT-H's width and heads; one block with windows that reach over the edge, one that sees the
    whole image; relative positions.  Depth and image are cut for the sake of time.

    The grid has as many rows as the attention has heads.  The exporter's own optimisation took
    reshapes away then, and the graph was far off.
    """
    cut = {'layers': 2, 'global_layers': (1,), 'input_size': 256}
    config = rose_7b().sam.model_copy(update=cut)
    assert (config.width, config.window) == (1280, 14)
    assert config.heads == config.embedding_size == 16
    assert config.relative_positions
    sam = make_sam(config)
    for block in sam.image_encoder.blocks:  # they are zeros in a new model
        torch.nn.init.normal_(block.attn.rel_pos_h)
        torch.nn.init.normal_(block.attn.rel_pos_w)
    encoder, decoder = write_graphs(sam, tmp_path)
    assert [*breaches(encoder, 'fp32'), *breaches(decoder, 'fp32')] == []
    onnx.checker.check_model(encoder)
    onnx.checker.check_model(decoder)
    assert parity.PROMPT_NUMBERS == (1, 7, 100)
    found = check_parity(sam, encoder, decoder, example_pixels(config))
    assert 0 < max(found.encoder, found.decoder) < 1e-4


def test_of_the_papers_image_size_they_keep_the_rules(tmp_path: Path) -> None:
    """The positions of 64 x 64 places are too many for the exporter to reckon them beforehand: how
    they are looked up stays in the graph.
    """
    cut = {'layers': 1, 'global_layers': (0,), 'width': 160, 'heads': 2}
    config = rose_7b().sam.model_copy(update=cut)
    assert (config.embedding_size, config.width // config.heads) == (64, 80)
    write_graph(trace_encoder(make_sam(config)), tmp_path / 'encoder.onnx')
    assert list(breaches(tmp_path / 'encoder.onnx', 'fp32')) == []


@pytest.mark.parametrize('precision', ['bf16', 'fp16'])
def test_they_keep_the_rules_in_half_precision(sam: Sam, tmp_path: Path, precision: str) -> None:
    encoder, decoder = write_graphs(cast(sam, DTYPES[precision]), tmp_path)
    assert list(breaches(encoder, precision)) == []
    assert list(breaches(decoder, precision)) == []


def test_their_sizes_are_fixed_but_for_the_number_of_prompts(graphs: tuple[Path, Path]) -> None:
    sizes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for path in graphs
        for graph in [onnx.load(path, load_external_data=False).graph]
        for value in (*graph.input, *graph.output)
    }
    assert sizes == {
        'pixels': [1, 3, 64, 64],
        'image_embeddings': [1, 32, 8, 8],
        'mask_embedding': ['N', 32],
        'logits': ['N', 32, 32],
        'scores': ['N'],
    }


def test_the_same_weights_give_the_same_bytes(
    sam: Sam, graphs: tuple[Path, Path], tmp_path: Path
) -> None:
    """Engines are found again by them; and no graph tells where it was made."""
    write_graph(trace_encoder(sam), tmp_path / 'encoder.onnx')
    for name in ('encoder.onnx', 'encoder.onnx.data'):
        content = (tmp_path / name).read_bytes()
        assert content == (graphs[0].parent / name).read_bytes()
        assert b'.py' not in content
    assert b'.py' not in graphs[1].read_bytes()


def test_a_graph_of_other_weights_is_noticed(sam: Sam, graphs: tuple[Path, Path]) -> None:
    pixels = example_pixels(sam.config)
    check_parity(sam, *graphs, pixels)
    sam.mask_decoder.iou_token.weight += 0.5
    with pytest.raises(BackendError, match='exported decoder differs from PyTorch by'):
        check_parity(sam, *graphs, pixels)
    sam.image_encoder.patch_embed.proj.weight += 0.5
    with pytest.raises(BackendError, match='exported encoder differs from PyTorch by'):
        check_parity(sam, *graphs, pixels)


def test_differences_are_shares_of_the_largest_value() -> None:
    assert largest_difference(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.5])) == 0.5
    assert largest_difference(torch.tensor([10.0, 0.5]), torch.tensor([10.0, 0.0])) == 0.05
    nan = largest_difference(torch.tensor([float('nan')]), torch.tensor([1.0]))
    assert not nan <= TOLERANCE


# --- the range of fp16 --------------------------------------------------------------------------


def half_inputs(sam: Sam) -> dict[str, torch.Tensor]:
    pixels = example_pixels(sam.config)
    with torch.inference_mode():
        image = sam.encode(pixels)
    prompts = torch.randn(7, sam.config.prompt_width)
    return {'pixels': pixels, 'image_embeddings': image, 'mask_embedding': prompts}


def test_numbers_of_a_small_model_are_far_from_overflow(sam: Sam) -> None:
    inputs = half_inputs(sam)
    cast(sam, torch.float16)
    for trace in (trace_encoder, trace_decoder):
        assert 0.1 < check_range(trace(sam), inputs).value < 100


def test_the_range_is_that_of_the_numbers_inside(sam: Sam) -> None:
    """A graph that would overflow in the middle, though what comes out is small again."""
    inputs = half_inputs(sam)
    mlp = sam.image_encoder.blocks[0].mlp
    mlp.lin1.weight *= 2e4
    mlp.lin2.weight /= 2e4
    cast(sam, torch.float16)
    traced = trace_encoder(sam)
    assert largest_value(traced, inputs).value > LIMIT
    with pytest.raises(BackendError, match=r'reaches .*, above 16376: .*--precision bf16'):
        check_range(traced, inputs)


def test_what_is_no_number_is_out_of_range(sam: Sam) -> None:
    inputs = half_inputs(sam)
    cast(sam, torch.float16)
    inputs['pixels'][0, 0, 0, 0] = float('nan')
    with pytest.raises(BackendError, match='reaches nan'):
        check_range(trace_encoder(sam), inputs)


def test_no_attention_hides_its_scores(sam: Sam) -> None:
    """Fused in PyTorch, they would be unseen here, and in the graph all the same."""
    cast(sam, torch.float16)
    for trace in (trace_encoder, trace_decoder):
        names = {str(node.target) for node in trace(sam).program.graph.nodes}
        assert 'aten.softmax.int' in names
        assert not any('attention' in name for name in names)


def test_layer_norms_are_left_out_for_they_work_in_fp32(sam: Sam) -> None:
    """A large common offset in front of a norm is harmless there; before, it is not."""
    inputs = half_inputs(sam)
    cast(sam, torch.float16)
    traced = trace_encoder(sam)
    wide = {
        node.name
        for node in traced.program.graph.nodes
        if 'val' in node.meta
        and isinstance(node.meta['val'], torch.Tensor)
        and node.meta['val'].dtype == torch.float32
    }
    assert len(wide) >= 3 * 2 * sam.config.layers  # of each norm: input, weight or bias, output
    assert largest_value(traced, inputs).operator not in wide
