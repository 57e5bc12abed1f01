"""SAM, as ``segment_anything`` publishes it: one file of ``torch.save``, which says nothing of its
sizes; they follow from the shapes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from rose_model.config import SamConfig
from rose_model.conversion.weights import read_torch_file
from rose_model.errors import CheckpointError

SHA256 = {
    'sam_vit_h_4b8939.pth': 'a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e',
    'sam_vit_l_0b3195.pth': '3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622',
    'sam_vit_b_01ec64.pth': 'ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912',
}
"""The published files.  What their names end with begins their MD5 sums, not these."""

_PREFIX = 'sam.'
_PARTS = ('image_encoder.', 'prompt_encoder.', 'mask_decoder.')
_BLOCK = re.compile(r'^image_encoder\.blocks\.(\d+)\.')
_DECODER_LAYER = re.compile(r'^mask_decoder\.transformer\.layers\.(\d+)\.')
_DECODER_HEADS = 8
"""In every SAM; no shape tells it."""


@dataclass(frozen=True, eq=False)
class SegmentAnything:
    """SAM's sizes and its tensors under ROSE's names."""

    config: SamConfig
    state: dict[str, Tensor]


def read_segment_anything(path: Path) -> SegmentAnything:
    """Read a checkpoint such as ``sam_vit_h_4b8939.pth``.

    Raises:
        CheckpointError: the file is missing, damaged, could run code, or is no SAM.
    """
    state = read_torch_file(path, SHA256)
    if foreign := [name for name in state if not name.startswith(_PARTS)]:
        raise CheckpointError(
            f"{path} has tensor {foreign[0]!r}, which is of no part of SAM; take one of SAM's "
            f'first version: {", ".join(SHA256)}.'
        )
    return SegmentAnything(
        sam_config(state, path), {_PREFIX + name: value for name, value in state.items()}
    )


def sam_config(state: dict[str, Tensor], path: Path) -> SamConfig:
    """The sizes that the shapes of a state dictionary tell; ``path`` is for messages.

    Raises:
        CheckpointError: a tensor that tells one is missing or of another form.
    """
    return _Shapes(path, state).config()


class _Shapes:
    """Reads sizes off the shapes of a state dictionary."""

    def __init__(self, path: Path, state: dict[str, Tensor]) -> None:
        self._path, self._state = path, state

    def config(self) -> SamConfig:
        width, _, patch_size, _ = self._of('image_encoder.patch_embed.proj.weight', 4)
        _, side, _, _ = self._of('image_encoder.pos_embed', 4)
        layers = self._count(_BLOCK)
        # Tables of relative positions: 2 n - 1 rows for attention over n patches along a side.
        tables = [self._of(f'image_encoder.blocks.{n}.attn.rel_pos_h', 2) for n in range(layers)]
        spans = [(rows + 1) // 2 for rows, _ in tables]
        windows = {span for span in spans if span != side}
        if not spans or len(windows) > 1:
            raise CheckpointError(
                f'{self._path}: the blocks attend over {sorted(windows)} of {side} patches along '
                f'a side; SAM has windows of one size.'
            )
        return SamConfig(
            input_size=side * patch_size,
            patch_size=patch_size,
            width=width,
            layers=layers,
            heads=width // tables[0][1],
            global_layers=tuple(n for n, span in enumerate(spans) if span == side),
            window=windows.pop() if windows else 0,
            relative_positions=True,
            prompt_width=self._of('prompt_encoder.no_mask_embed.weight', 2)[1],
            decoder_layers=self._count(_DECODER_LAYER),
            decoder_heads=_DECODER_HEADS,
            decoder_mlp_width=self._of('mask_decoder.transformer.layers.0.mlp.lin1.weight', 2)[0],
        )

    def _of(self, name: str, axes: int) -> tuple[int, ...]:
        tensor = self._state.get(name)
        if tensor is None or tensor.ndim != axes:
            found = 'missing' if tensor is None else f'of shape {tuple(tensor.shape)}'
            raise CheckpointError(
                f'{self._path}: tensor {name!r} is {found}; SAM has one of {axes} axes.'
            )
        return tuple(tensor.shape)

    def _count(self, pattern: re.Pattern[str]) -> int:
        return len({match[1] for name in self._state if (match := pattern.match(name))})
