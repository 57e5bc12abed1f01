"""How often a frame waits for the device: each copy to the CPU is one wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rose_model import RoseSegmenter, category_decoder, patch_decoder
from rose_model import segmenter as segmenter_module
from rose_model.host import pack, to_host, unpack

COPIES: Counter[str] = Counter()
_WAITING = {
    Tensor.item: 'scalar',
    Tensor.__bool__: 'scalar',
    Tensor.__int__: 'scalar',
    Tensor.__float__: 'scalar',
    Tensor.__index__: 'scalar',
    Tensor.tolist: 'copy',
    Tensor.numpy: 'copy',
    Tensor.cpu: 'copy',
    Tensor.nonzero: 'copy',
    torch.nonzero: 'copy',
    torch.unique: 'copy',
    torch.masked_select: 'copy',
}


class OnDevice(Tensor):
    """A tensor that counts how often its values are looked at, as on a GPU, where that is a wait.

    What is computed from it is one, too.
    """

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in _WAITING:
            COPIES[_WAITING[function]] += 1
        if function is Tensor.__getitem__ and _is_choice(args[1]):
            COPIES['copy'] += 1
        return super().__torch_function__(function, types, args, kwargs or {})


def _is_choice(index: Any) -> bool:
    """Rows chosen by truth: how many they are, the device alone knows."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, Tensor) and part.dtype == torch.bool for part in parts)


def counted_copy(*tensors: Tensor) -> tuple[Tensor, ...]:
    COPIES['copy'] += any(isinstance(tensor, OnDevice) for tensor in tensors)
    return tuple(tensor.as_subclass(Tensor) for tensor in tensors)


def without_name(_decoder: object, embedding: Tensor, _names: object) -> list[tuple[str, float]]:
    return [('', 0.0)] * len(embedding)


def on_device(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *args: function(*args).as_subclass(OnDevice)


@pytest.fixture
def on_gpu(segmenter: RoseSegmenter, monkeypatch: pytest.MonkeyPatch) -> RoseSegmenter:
    """The segmenter, its images as if they lay on a GPU; counting begins."""
    for name in ('normalise_lmm', 'normalise_sam'):
        monkeypatch.setattr(segmenter_module, name, on_device(getattr(segmenter_module, name)))
    for module in (category_decoder, patch_decoder):
        monkeypatch.setattr(module, 'to_host', counted_copy)
    start = category_decoder._Batch.start

    def start_on_device(batch: category_decoder._Batch, embedding: Tensor) -> None:
        batch.ids, batch.is_open = (x.as_subclass(OnDevice) for x in (batch.ids, batch.is_open))
        start(batch, embedding)

    monkeypatch.setattr(category_decoder._Batch, 'start', start_on_device)
    COPIES.clear()
    return segmenter


def test_before_its_names_a_frame_is_copied_once_and_waited_for_once_more(
    on_gpu: RoseSegmenter, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    nameless = patch_decoder.PatchDecoder
    monkeypatch.setattr(
        nameless, '_name', lambda self, embedding, names: [('', 0.0)] * len(embedding)
    )
    frame = on_gpu.segment(image)
    assert len(frame.segments) > 1
    assert isinstance(frame.context.image_embeddings, OnDevice)
    assert COPIES == {'copy': 1, 'scalar': 1}  # the scalar: how many patches are kept


def test_names_are_chosen_with_one_copy(on_gpu: RoseSegmenter, image: np.ndarray) -> None:
    assert on_gpu.segment(image, candidates=('car', 'road')).segments
    assert COPIES == {'copy': 2, 'scalar': 1}


def test_names_are_made_with_one_scalar_a_step_and_copied_at_the_end(
    on_gpu: RoseSegmenter, image: np.ndarray
) -> None:
    assert on_gpu.segment(image).segments
    assert 2 <= COPIES['scalar'] <= 1 + on_gpu.config.category.max_new_tokens
    assert COPIES['copy'] == 2


def test_a_correction_is_copied_once_before_its_name(
    on_gpu: RoseSegmenter, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = on_gpu.segment(image)
    COPIES.clear()
    nameless = patch_decoder.PatchDecoder
    monkeypatch.setattr(
        nameless, '_name', lambda self, embedding, names: [('', 0.0)] * len(embedding)
    )
    on_gpu.refer(frame.context, 'the car')
    assert COPIES == {'copy': 1, 'scalar': 1}


@pytest.mark.parametrize(
    ('look', 'expected'),
    [
        (lambda x: x.sum().item(), {'scalar': 1}),
        (lambda x: bool((x > 0).all()), {'scalar': 1}),
        (lambda x: float(x[0]) + int(x[1]), {'scalar': 2}),
        (lambda x: x.tolist(), {'copy': 1}),
        (lambda x: x[x > 0], {'copy': 1}),
        (lambda x: (x * 2)[1:].cpu(), {'copy': 1}),
        (lambda x: x[torch.tensor([1, 0])], {}),
    ],
)
def test_the_count_sees_every_way_to_look_at_values(
    look: Callable[[Tensor], object], expected: dict[str, int]
) -> None:
    COPIES.clear()
    look(torch.ones(3).as_subclass(OnDevice))
    assert expected == COPIES


def test_tensors_on_the_cpu_are_not_copied() -> None:
    one, other = torch.zeros(2), torch.zeros(3)
    there = to_host(one, other)
    assert there[0] is one
    assert there[1] is other


def test_what_is_packed_comes_out_again() -> None:
    tensors = (
        torch.rand(3, 5),
        torch.tensor(7),
        torch.zeros(0, 4),
        torch.rand(3) > 0.5,
        torch.arange(3),
        torch.rand(5, 3).bfloat16().T,
    )
    packed = pack(tensors)
    assert (packed.dtype, packed.ndim) == (torch.uint8, 1)
    for tensor, copy in zip(tensors, unpack(packed, tensors), strict=True):
        assert copy.dtype == tensor.dtype
        assert torch.equal(copy, tensor)
