"""Every backend of SAM that works here, in every precision: how fast, and how far from PyTorch."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import torch

from rose_model.backends.exported import read_export
from rose_model.backends.interface import BackendName, SamBackend
from rose_model.backends.onnxruntime import OnnxRuntimeSam, check_precision
from rose_model.backends.opening import engine_maker
from rose_model.backends.tensorrt import TensorRtSam
from rose_model.backends.tensorrt_api import import_tensorrt
from rose_model.backends.torch import TorchSam
from rose_model.checkpoint import load_pretrained, load_sam
from rose_model.data.defective_masks import mask_iou
from rose_model.data.streets import render_scene
from rose_model.errors import BackendError, ConfigError
from rose_model.export.folder import example_pixels, export_sam
from rose_model.export.parity import largest_difference
from rose_model.mask_decoder import decode_masks
from rose_model.precision import DTYPES, Precision, cast
from rose_model.records import Segment, Segmentation
from rose_model.segmenter import RoseSegmenter

BACKENDS: tuple[BackendName, ...] = ('torch', 'onnxruntime', 'tensorrt')
PROMPTS = 100
_ROUNDS, _WARM_UPS = 10, 2


@dataclass(frozen=True)
class Reading:
    """What one backend does in one precision, against PyTorch in fp32 on the same device.

    ``encode_ms``, ``decode_ms``: medians for an image and for ``PROMPTS`` masks.  ``difference``:
    the largest one of the image embeddings, as a share of the largest value.  ``mask_iou``: mean
    over the segments of a procedural street, each against the most similar one; ``same_names``:
    the share of them with the same name.
    """

    backend: BackendName
    precision: Precision
    encode_ms: float
    decode_ms: float
    difference: float
    mask_iou: float
    same_names: float


@dataclass(frozen=True)
class Missing:
    """A backend that does not work here in that precision, and why."""

    backend: BackendName
    precision: Precision
    reason: str


class SelfCheck:
    """One model on one device.

    Raises:
        CheckpointError: ``model`` is no ROSE folder.
    """

    def __init__(self, model: str, device: torch.device, engine_cache: Path | None) -> None:
        self._model, self._device, self._engine_cache = model, device, engine_cache
        dtype = torch.bfloat16 if device.type == 'cuda' else torch.float32
        self._pretrained = load_pretrained(model, device, dtype)
        self._sam = load_sam(model).sam.to(device)
        self._pixels = example_pixels(self._sam.config).to(device)
        random = torch.Generator().manual_seed(0)
        self._prompts = torch.randn(PROMPTS, self._sam.config.prompt_width, generator=random).to(
            device
        )
        self._street = render_scene(0, (480, 640)).image
        reference = TorchSam(self._sam)
        with torch.inference_mode():
            self._embeddings = reference.encode(self._pixels)
        self._segments = self._segment(reference)

    def readings(self, precisions: Sequence[Precision]) -> Iterator[Reading | Missing]:
        """One for each backend and each of these precisions."""
        with tempfile.TemporaryDirectory(prefix='rose-selfcheck-') as folder:
            for precision in precisions:
                for name in BACKENDS:
                    try:
                        sam = self._open(name, precision, Path(folder) / precision)
                        yield self._read(name, precision, sam)
                    except (BackendError, ConfigError, NotImplementedError) as error:
                        yield Missing(name, precision, str(error))

    def _open(self, name: BackendName, precision: Precision, folder: Path) -> SamBackend:
        if name == 'torch':
            return TorchSam(cast(deepcopy(self._sam), DTYPES[precision]))
        if name == 'tensorrt':
            import_tensorrt()  # before the work of exporting
        if name == 'onnxruntime':
            check_precision(precision)
        if folder.is_dir():
            exported = read_export(folder, self._sam.config)
        else:
            exported = export_sam(load_sam(self._model), folder, precision)
        if name == 'onnxruntime':
            return OnnxRuntimeSam(exported, self._device)
        engines = engine_maker(exported, self._device, self._engine_cache)
        return TensorRtSam(import_tensorrt(), engines, self._device)

    @torch.inference_mode()
    def _read(self, name: BackendName, precision: Precision, sam: SamBackend) -> Reading:
        embeddings = sam.encode(self._pixels)
        found = self._segment(sam)
        matches = [_match(found, segment) for segment in self._segments.segments]
        return Reading(
            backend=name,
            precision=precision,
            encode_ms=self._time_ms(lambda: sam.encode(self._pixels)),
            decode_ms=self._time_ms(lambda: decode_masks(sam, self._prompts, embeddings)),
            difference=largest_difference(embeddings.float(), self._embeddings),
            mask_iou=mean(iou for iou, _ in matches) if matches else 1.0,
            same_names=mean(same for _, same in matches) if matches else 1.0,
        )

    def _segment(self, sam: SamBackend) -> Segmentation:
        patch_filter = self._pretrained.rose.config.patch_filter
        return RoseSegmenter(self._pretrained, patch_filter, sam).segment(self._street)

    def _time_ms(self, call: Callable[[], object]) -> float:
        times = []
        for _ in range(_WARM_UPS + _ROUNDS):
            started_s = time.perf_counter()
            call()
            if self._device.type == 'cuda':
                torch.cuda.synchronize(self._device)
            times.append(1e3 * (time.perf_counter() - started_s))
        return median(times[_WARM_UPS:])


def _match(found: Segmentation, segment: Segment) -> tuple[float, bool]:
    """The IoU of a segment with the most similar one of another frame, and whether their names are
    the same.
    """
    size = found.original_size
    mask = segment.full_mask(size)
    others = [(mask_iou(mask, other.full_mask(size)), other) for other in found.segments]
    iou, best = max(others, key=lambda pair: pair[0], default=(0.0, None))
    return iou, best is not None and best.category == segment.category
