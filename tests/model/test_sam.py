"""SAM prompted by a mask embedding: as segment_anything's own decoder, without its copies."""

from __future__ import annotations

import torch

from rose_model.mask_decoder import CHUNK, decode_masks
from rose_model.rose import Rose


def test_one_shared_image_equals_the_publishers_decoder(rose: Rose) -> None:
    """``MaskDecoder.forward`` repeats the image for every prompt; ours is broadcast."""
    image_embeddings, prompts = torch.randn(1, 32, 8, 8), torch.randn(5, 32)
    dense = rose.sam.prompt_encoder.no_mask_embed.weight.view(1, -1, 1, 1).expand(5, -1, 8, 8)
    with torch.no_grad():
        expected, expected_iou = rose.sam.mask_decoder(
            image_embeddings=image_embeddings,
            image_pe=rose.sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=prompts[:, None],
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        logits, iou = rose.sam.decode(prompts, image_embeddings)
    torch.testing.assert_close(logits, expected[:, 0])
    torch.testing.assert_close(iou, expected_iou[:, 0])


def test_each_prompt_with_its_own_image_equals_image_by_image(rose: Rose) -> None:
    images, prompts = torch.randn(3, 32, 8, 8), torch.randn(3, 32)
    with torch.no_grad():
        together, _ = rose.sam.decode(prompts, images)
        for row in range(3):
            alone, _ = rose.sam.decode(prompts[row : row + 1], images[row : row + 1])
            torch.testing.assert_close(together[row : row + 1], alone)


def test_chunks_do_not_change_the_masks(rose: Rose) -> None:
    image_embeddings, prompts = torch.randn(1, 32, 8, 8), torch.randn(CHUNK + 3, 32)
    with torch.no_grad():
        expected, _ = rose.sam.decode(prompts, image_embeddings)
        found = decode_masks(rose.sam, prompts, image_embeddings)
    torch.testing.assert_close(found.logits, expected)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_no_prompt_gives_no_mask(rose: Rose) -> None:
    found = decode_masks(rose.sam, torch.zeros(0, 32), torch.randn(1, 32, 8, 8))
    assert found.logits.shape == (0, 32, 32)
    assert found.scores.shape == (0,)
