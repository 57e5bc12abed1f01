"""SAM in ONNX Runtime: on the GPU where its CUDA provider is installed, else on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rose_model.backends.exported import (
    EMBEDDINGS,
    LOGITS,
    PIXELS,
    PROMPTS,
    PROMPTS_AT_ONCE,
    SCORES,
    ExportedSam,
)
from rose_model.errors import BackendError, ConfigError
from rose_model.precision import Precision

_CUDA, _CPU = 'CUDAExecutionProvider', 'CPUExecutionProvider'
# Numbers of ONNX (TensorProto.DataType), for NumPy has no bfloat16.
_ELEMENT_TYPES = {torch.float32: 1, torch.float16: 10, torch.bfloat16: 16}

_logger = logging.getLogger(__name__)


class OnnxRuntimeSam:
    """A ``SamBackend`` of two sessions; tensors are bound where they lie.

    Raises:
        ConfigError: ONNX Runtime is not installed, or cannot run a graph of that precision here.
    """

    def __init__(self, exported: ExportedSam, device: torch.device) -> None:
        check_precision(exported.record.precision)
        self._config = exported.record.sam
        self._encoder = _Session(exported, 'encoder', device)
        self._decoder = _Session(exported, 'decoder', device)

    def encode(self, pixels: Tensor) -> Tensor:
        """As ``SamBackend.encode``."""
        side = self._config.embedding_size
        shapes = {EMBEDDINGS: (1, self._config.prompt_width, side, side)}
        return self._encoder.run({PIXELS: pixels}, shapes)[EMBEDDINGS]

    def decode(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """As ``SamBackend.decode``."""
        side = self._config.mask_size
        outputs = [
            self._decoder.run(
                {PROMPTS: prompts, EMBEDDINGS: image_embeddings},
                {LOGITS: (len(prompts), side, side), SCORES: (len(prompts),)},
            )
            for prompts in torch.split(mask_embedding, PROMPTS_AT_ONCE)
        ]
        logits = torch.cat([output[LOGITS] for output in outputs])
        return logits, torch.cat([output[SCORES] for output in outputs])


class _Session:
    """One graph.  It runs on ``device``, or on the CPU if ONNX Runtime knows no CUDA."""

    def __init__(self, exported: ExportedSam, graph: str, device: torch.device) -> None:
        runtime = import_onnxruntime()
        on_gpu = device.type == 'cuda' and _CUDA in runtime.get_available_providers()
        if device.type == 'cuda' and not on_gpu:
            _logger.warning(
                'onnxruntime has no CUDA provider: the %s of SAM runs on the CPU. Install '
                'onnxruntime-gpu in its place.',
                graph,
            )
        self._device = device if on_gpu else torch.device('cpu')
        self._dtype = exported.dtype
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        # Between two calls its threads would spin, and take the cores from PyTorch's.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        provider = (_CUDA, {'device_id': str(device.index or 0)}) if on_gpu else _CPU
        try:
            self._session = runtime.InferenceSession(
                str(exported.graph(graph)), options, providers=[provider]
            )
        except Exception as error:  # its errors have no common base but this
            raise ConfigError(
                f'onnxruntime {runtime.__version__} cannot run {exported.graph(graph)} in '
                f'{exported.record.precision} on {self._device} ({error}); export with '
                '--precision fp32.'
            ) from error

    def run(
        self, inputs: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]
    ) -> dict[str, Tensor]:
        """New tensors of these shapes by name, where the inputs are.

        Raises:
            BackendError: ONNX Runtime fails.
        """
        place = next(iter(inputs.values())).device
        binding = self._session.io_binding()
        given = {
            name: tensor.to(self._device, self._dtype).contiguous()
            for name, tensor in inputs.items()
        }
        outputs = {
            name: torch.empty(shape, device=self._device, dtype=self._dtype)
            for name, shape in shapes.items()
        }
        for name, tensor in given.items():
            binding.bind_input(name, *self._describe(tensor))
        for name, tensor in outputs.items():
            binding.bind_output(name, *self._describe(tensor))
        if self._device.type == 'cuda':  # the session has a stream of its own
            torch.cuda.current_stream(self._device).synchronize()
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # its errors have no common base but this
            raise BackendError(f'onnxruntime failed: {error}') from error
        return {name: tensor.to(place) for name, tensor in outputs.items()}

    def _describe(self, tensor: Tensor) -> tuple[Any, ...]:
        device = tensor.device
        return (
            device.type,
            device.index or 0,
            _ELEMENT_TYPES[self._dtype],
            tuple(tensor.shape),
            tensor.data_ptr(),
        )


def check_precision(precision: Precision) -> None:
    """Whether graphs of that precision run anywhere.

    Raises:
        ConfigError: they do not; also on a GPU a graph with a convolution in bf16, which ONNX has
        from opset 22 on, is not loaded (onnxruntime 1.31).
    """
    if precision == 'bf16':
        raise ConfigError(
            'ONNX Runtime has no convolutions in bf16; run rose export --precision fp16 for a '
            'GPU, fp32 for a CPU.'
        )


def import_onnxruntime() -> Any:  # noqa: ANN401 - it has no types
    """The library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ConfigError(
            f"onnxruntime cannot be loaded ({error}); pip install 'rose_model[onnx]'."
        ) from error
    return onnxruntime
