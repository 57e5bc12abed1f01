"""SAM prompted by mask embeddings: as segment_anything's own decoder, with less work."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.reference_sam import reference_masks
from rose_model.backbones import sam_decoder
from rose_model.backbones.sam import Sam
from rose_model.mask_decoder import decode_masks
from rose_model.rose import Rose

from .conftest import MakePair

WIDTH, GRID = 32, 8


def draw_image(batch: int = 1) -> Tensor:
    return torch.randn(batch, WIDTH, GRID, GRID)


@pytest.mark.parametrize('count', [1, 7, 100])
def test_one_shared_image_equals_the_publishers_decoder(make_pair: MakePair, count: int) -> None:
    """``MaskDecoder.forward`` repeats the image for every prompt; ours does not."""
    pair, prompts, image = make_pair(), torch.randn(count, WIDTH), draw_image()
    logits, scores = pair.ours.decode(prompts, image)
    expected, expected_scores = reference_masks(pair.reference, prompts[:, None], image)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(scores, expected_scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('tokens', [1, 2])
def test_each_prompt_with_its_own_image_equals_image_by_image(
    make_pair: MakePair, tokens: int
) -> None:
    pair, images, prompts = make_pair(), draw_image(3), torch.randn(3, tokens, WIDTH)
    together, scores = pair.ours.decode_prompts(prompts, images)
    for row in range(3):
        alone = slice(row, row + 1)
        expected, expected_scores = reference_masks(pair.reference, prompts[alone], images[alone])
        torch.testing.assert_close(together[alone], expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(scores[alone], expected_scores, rtol=1e-5, atol=1e-5)


def test_how_many_prompts_work_at_once_changes_nothing(
    make_pair: MakePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam, prompts = make_pair().ours, torch.randn(5, WIDTH)
    for image in (draw_image(), draw_image(5)):
        expected = sam.decode(prompts, image)
        for rows in (1, 2, 5):
            monkeypatch.setattr(sam_decoder, 'rows_at_once', lambda *_, rows=rows: rows)
            torch.testing.assert_close(sam.decode(prompts, image), expected, rtol=1e-5, atol=1e-5)
        monkeypatch.undo()


def test_masks_are_those_of_the_decoder_with_scores_in_range(rose: Rose) -> None:
    image_embeddings, prompts = draw_image(), torch.randn(35, WIDTH)
    with torch.no_grad():
        expected, _ = rose.sam.decode(prompts, image_embeddings)
        found = decode_masks(rose.sam, prompts, image_embeddings)
    torch.testing.assert_close(found.logits, expected)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_no_prompt_gives_no_mask(rose: Rose) -> None:
    found = decode_masks(rose.sam, torch.zeros(0, WIDTH), draw_image())
    assert found.logits.shape == (0, 4 * GRID, 4 * GRID)
    assert found.scores.shape == (0,)


@pytest.mark.parametrize('images', [0, 1])
def test_no_prompt_still_runs_every_part(rose: Rose, images: int) -> None:
    """Or a process of several would wait for ever for the gradients of the others."""
    image = draw_image(images).requires_grad_()
    logits, scores = rose.sam.decode(torch.zeros(0, WIDTH), image)
    assert (logits.shape, scores.shape) == ((0, 4 * GRID, 4 * GRID), (0,))
    (logits.sum() + scores.sum()).backward()
    assert image.grad is not None


def test_bfloat16_is_as_far_from_float32_as_the_publishers(make_pair: MakePair) -> None:
    pair, prompts, image = make_pair(), torch.randn(7, WIDTH), draw_image()
    exact, _ = pair.ours.decode(prompts, image)
    for sam in (pair.ours, pair.reference):
        for parameter in sam.parameters():
            parameter.data = parameter.data.bfloat16()
    prompts, image = prompts.bfloat16(), image.bfloat16()
    ours, theirs = (
        (logits.float() - exact).norm() / exact.norm()
        for logits, _ in (
            pair.ours.decode(prompts, image),
            reference_masks(pair.reference, prompts[:, None], image),
        )
    )
    assert ours < max(1.2 * theirs, 0.01)
    assert theirs < 0.05


@pytest.mark.parametrize('images', [1, 3])
def test_gradients_equal_the_publishers(make_pair: MakePair, images: int) -> None:
    pair, prompts, image = make_pair(), torch.randn(3, WIDTH), draw_image(images)
    weights = torch.randn(3, 4 * GRID, 4 * GRID)

    def reference(prompts: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        if len(image) == 1:
            return reference_masks(pair.reference, prompts[:, None], image)
        rows = [
            reference_masks(pair.reference, prompts[row : row + 1, None], image[row : row + 1])
            for row in range(3)
        ]
        return torch.cat([logits for logits, _ in rows]), torch.cat([iou for _, iou in rows])

    def gradients(sam: nn.Module, decode) -> list[Tensor]:
        parameters = dict(sam.requires_grad_(True).mask_decoder.named_parameters())
        inputs = prompts.clone().requires_grad_(), image.clone().requires_grad_()
        logits, scores = decode(*inputs)
        loss = (logits * weights).sum() + scores.sum()
        found = torch.autograd.grad(loss, [*inputs, *parameters.values()], allow_unused=True)
        named = zip(['prompts', 'image', *parameters], found, strict=True)
        return {name: value for name, value in named if value is not None and value.any()}

    ours = gradients(pair.ours, pair.ours.decode)
    theirs = gradients(pair.reference, reference)
    largest = max(value.norm() for value in theirs.values())
    for name, expected in theirs.items():
        if expected.norm() < 1e-6 * largest:  # such as the bias of keys, which has no effect
            continue
        error = (ours[name] - expected).norm() / expected.norm()
        assert error < 1e-4, (name, error)


@torch.inference_mode()
def test_the_work_of_a_decoder_that_looks_once(make_pair: MakePair) -> None:
    """The image is projected for one prompt, in the first layer alone; one MLP makes one mask."""
    sam = make_pair().ours
    calls: dict[str, list[tuple[int, ...]]] = {}
    names = {module: name for name, module in sam.mask_decoder.named_modules()}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls.setdefault(names[module], []).append(tuple(inputs[0].shape))

    for module, name in names.items():
        if isinstance(module, nn.Linear) or 'hypernetworks' in name:
            module.register_forward_hook(note)
    sam.decode(torch.randn(7, WIDTH), draw_image())
    places = GRID * GRID
    assert {name: shapes for name, shapes in calls.items() if places in shapes[0]} == {
        f'transformer.layers.0.cross_attn_token_to_image.{part}_proj': [(1, places, WIDTH)]
        for part in 'kv'
    }
    mlps = {name: shapes for name, shapes in calls.items() if 'hypernetworks' in name}
    assert mlps['output_hypernetworks_mlps.0'] == [(7, WIDTH)]
    assert all(name.startswith('output_hypernetworks_mlps.0') for name in mlps)


@torch.inference_mode()
def test_less_than_two_thirds_of_the_publishers_products(make_pair: MakePair) -> None:
    width = 128
    pair = make_pair(prompt_width=width, decoder_heads=4)
    prompts, image = torch.randn(20, width), torch.randn(1, width, GRID, GRID)

    def publishers(prompts: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        return reference_masks(pair.reference, prompts[:, None], image)

    counts = []
    for decode in (pair.ours.decode, publishers):
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            decode(prompts, image)
        counts.append(counter.get_total_flops())
    assert counts[0] < 2 / 3 * counts[1]


class _Decoder(nn.Module):
    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, prompts: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.sam.decode(prompts, image)


def test_an_exported_decoder_takes_any_number_of_prompts(make_pair: MakePair) -> None:
    sam, image = make_pair().ours, draw_image()
    shapes = {'prompts': {0: Dim('N', min=1, max=1024)}, 'image': None}
    program = torch.export.export(
        _Decoder(sam), (torch.randn(3, WIDTH), image), dynamic_shapes=shapes, strict=False
    )
    operators = {str(node.target) for node in program.graph.nodes}
    assert not [name for name in operators if 'einsum' in name or 'repeat' in name]
    for count in (1, 7, 100):
        prompts = torch.randn(count, WIDTH)
        torch.testing.assert_close(
            program.module()(prompts, image), sam.decode(prompts, image), rtol=1e-5, atol=1e-5
        )
