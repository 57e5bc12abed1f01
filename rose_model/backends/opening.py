"""The backend that somebody chose: first what can be checked at once, then the long work."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from rose_model.backbones.sam import Sam
from rose_model.backends.engine_cache import EngineCache, default_cache_folder
from rose_model.backends.exported import ExportedSam, read_export
from rose_model.backends.interface import BackendName, SamBackend
from rose_model.backends.onnxruntime import (
    OnnxRuntimeSam,
    check_precision,
    import_onnxruntime,
)
from rose_model.backends.tensorrt import TensorRtSam
from rose_model.backends.tensorrt_api import import_tensorrt
from rose_model.backends.tensorrt_engine import EngineMaker, Gpu
from rose_model.backends.torch import TorchSam
from rose_model.config import SamConfig
from rose_model.errors import ConfigError

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackendChoice:
    """Who carries SAM out.  All but ``torch`` need the ``export``, a folder that ``rose export``
    wrote; ``tensorrt`` keeps its engines in ``engine_cache``, by default in the user's own cache.
    """

    name: BackendName = 'torch'
    export: Path | None = None
    engine_cache: Path | None = None

    def check(self, sam: SamConfig) -> ExportedSam | None:
        """What can be told without reading the graphs; the export, if one is needed.

        Raises:
            ConfigError: the library or the name of the export is missing, or it cannot run one of
            that precision.
            CheckpointError: the folder is no whole export of such a SAM.
        """
        if self.name == 'torch':
            return None
        if self.export is None:
            raise ConfigError(
                f'The backend {self.name} of SAM runs what rose export --model MODEL FOLDER '
                'wrote; name that folder (sam_export).'
            )
        if self.name == 'onnxruntime':
            import_onnxruntime()
        else:
            import_tensorrt()
        exported = read_export(self.export, sam)
        if self.name == 'onnxruntime':
            check_precision(exported.record.precision)
        return exported

    def open(self, sam: Sam, weights_sha256: str, device: torch.device) -> SamBackend:
        """The backend, ready to run; an engine that has to be built first takes minutes.

        ``sam`` is the model's own, of weights with that sum; the other backends do not use it.

        Raises:
            ConfigError, CheckpointError: as ``check``; also where a file or a sum does not fit.
            BackendError: an engine cannot be built or loaded.
        """
        exported = self.check(sam.config)
        if exported is None:
            return TorchSam(sam)
        exported.verify(weights_sha256)
        _logger.info(
            'SAM runs in %s, exported in %s to %s.',
            self.name,
            exported.record.precision,
            exported.folder,
        )
        if self.name == 'onnxruntime':
            return OnnxRuntimeSam(exported, device)
        return TensorRtSam(
            import_tensorrt(), engine_maker(exported, device, self.engine_cache), device
        )


def engine_maker(
    exported: ExportedSam, device: torch.device, cache_folder: Path | None
) -> EngineMaker:
    """What gives the engines of TensorRT for that device; without a folder they are kept in the
    user's own cache.

    Raises:
        ConfigError: TensorRT is not installed, ``device`` is no CUDA device, or there is no cache.
    """
    trt = import_tensorrt()
    if device.type != 'cuda':
        raise ConfigError(
            f'TensorRT needs a GPU, the device is {device}; use the backend torch or onnxruntime.'
        )
    cache = EngineCache(cache_folder or default_cache_folder())
    return EngineMaker(trt, exported, Gpu.of(device), cache)
