"""Engines of TensorRT: built of the exported graphs, or taken from the cache."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import torch

from rose_model.backends.engine_cache import EngineCache, EngineKey
from rose_model.backends.exported import PROMPTS, PROMPTS_AT_ONCE, ExportedSam
from rose_model.backends.tensorrt_api import IBuilderConfig, ICudaEngine, TensorRt
from rose_model.errors import BackendError

LEVEL = 3
"""Of optimisation, 0 to 5: TensorRT's own default; higher ones search much longer."""
WORKSPACE_BYTES = 4 * 2**30
"""Most memory that a kernel may use beside its tensors, so that the builder leaves room for the
language model."""
PROFILE = (1, PROMPTS_AT_ONCE, PROMPTS_AT_ONCE)
"""Least, usual and most prompts of a call of the decoder."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gpu:
    """Engines are made for one kind of GPU, on one of them."""

    device: torch.device
    name: str
    compute_capability: tuple[int, int]

    @classmethod
    def of(cls, device: torch.device) -> Gpu:
        """The GPU of a CUDA device."""
        properties = torch.cuda.get_device_properties(device)
        return cls(device, properties.name, (properties.major, properties.minor))


class EngineMaker:
    """Gives the engines of an exported SAM for one GPU; building one takes minutes."""

    def __init__(self, trt: TensorRt, exported: ExportedSam, gpu: Gpu, cache: EngineCache) -> None:
        self._trt = trt
        self._log = trt.Logger(trt.Logger.WARNING)
        self._runtime = trt.Runtime(self._log)
        self._exported = exported
        self._gpu = gpu
        self._cache = cache

    def engine(self, graph: str) -> ICudaEngine:
        """The engine of ``encoder`` or ``decoder``, from the cache if it loads.

        Raises:
            BackendError: TensorRT cannot read, build or load it.
        """
        key = self._key(graph)
        with torch.cuda.device(self._gpu.device), self._cache.lock(key.file_name):
            plan = self._cache.read(key.file_name)
            if plan is not None:
                engine = self._runtime.deserialize_cuda_engine(plan)
                if engine is not None:
                    return engine
                _logger.warning('%s does not load here; it is built anew.', key.file_name)
            plan = self._build(key)
            self._cache.write(key.file_name, plan)
            engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise BackendError(
                f'TensorRT {key.tensorrt} cannot load the engine of the {graph} that it has just '
                'built; its messages stand above.'
            )
        return engine

    def _key(self, graph: str) -> EngineKey:
        return EngineKey(
            graph=graph,
            sums=self._exported.sums(graph),
            tensorrt=self._trt.__version__,
            gpu=self._gpu.name,
            compute_capability=self._gpu.compute_capability,
            profile=PROFILE,
            level=LEVEL,
            workspace_bytes=WORKSPACE_BYTES,
        )

    def _build(self, key: EngineKey) -> bytes:
        started_s = time.monotonic()
        _logger.info(
            'Building the TensorRT engine of the %s of SAM for %s; this can take minutes.',
            key.graph,
            key.gpu,
        )
        trt = self._trt
        builder = trt.Builder(self._log)
        # TensorRT 11 types every network strongly; 10 has to be told.
        network = builder.create_network(
            1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        )
        parser = trt.OnnxParser(network, self._log)
        path = self._exported.graph(key.graph)
        if not parser.parse_from_file(str(path)):  # the weights beside it are found by its path
            errors = '; '.join(
                parser.get_error(index).desc() for index in range(parser.num_errors)
            )
            raise BackendError(f'TensorRT {key.tensorrt} cannot read {path}: {errors}.')
        config = builder.create_builder_config()
        config.builder_optimization_level = key.level
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, key.workspace_bytes)
        config.clear_flag(trt.BuilderFlag.TF32)  # whoever exports fp32 wants its digits
        profile = builder.create_optimization_profile()
        if key.graph == 'decoder':
            width = self._exported.record.sam.prompt_width
            profile.set_shape(PROMPTS, *((prompts, width) for prompts in key.profile))
        config.add_optimization_profile(profile)
        self._use_timings(config, key)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise BackendError(
                f'TensorRT {key.tensorrt} cannot build the {key.graph} of SAM; its messages stand '
                'above. Is the memory of the GPU used up?'
            )
        self._keep_timings(config, key)
        _logger.info('Built it in %.0f s.', time.monotonic() - started_s)
        return bytes(plan)

    def _use_timings(self, config: IBuilderConfig, key: EngineKey) -> None:
        timings = self._cache.read(key.timing_file_name)
        if timings is None or not config.set_timing_cache(
            config.create_timing_cache(timings), False
        ):
            config.set_timing_cache(config.create_timing_cache(b''), False)

    def _keep_timings(self, config: IBuilderConfig, key: EngineKey) -> None:
        timings = config.get_timing_cache()
        if timings is not None:
            self._cache.write(key.timing_file_name, bytes(timings.serialize()))
