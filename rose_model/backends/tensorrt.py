"""SAM in TensorRT: PyTorch owns all memory, the engines run on a stream of their own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rose_model.backends.exported import (
    EMBEDDINGS,
    LOGITS,
    PIXELS,
    PROMPTS,
    PROMPTS_AT_ONCE,
    SCORES,
)
from rose_model.backends.tensorrt_api import ICudaEngine, TensorRt
from rose_model.backends.tensorrt_engine import EngineMaker
from rose_model.errors import BackendError


class TensorRtSam:
    """A ``SamBackend`` of two engines.  Those that the cache lacks are built: minutes.

    Raises:
        BackendError: an engine cannot be built or loaded.
    """

    def __init__(self, trt: TensorRt, engines: EngineMaker, device: torch.device) -> None:
        stream = torch.cuda.Stream(device)
        self._encoder = EngineRunner(trt, engines.engine('encoder'), device, stream)
        self._decoder = EngineRunner(trt, engines.engine('decoder'), device, stream)

    def encode(self, pixels: Tensor) -> Tensor:
        """As ``SamBackend.encode``."""
        return self._encoder.run({PIXELS: pixels})[EMBEDDINGS]

    def decode(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """As ``SamBackend.decode``."""
        outputs = [
            self._decoder.run({PROMPTS: prompts, EMBEDDINGS: image_embeddings})
            for prompts in torch.split(mask_embedding, PROMPTS_AT_ONCE)
        ]
        logits = torch.cat([output[LOGITS] for output in outputs])
        return logits, torch.cat([output[SCORES] for output in outputs])


class EngineRunner:
    """One engine and its only execution context.

    At most the first dimension of a tensor varies, and all that vary are equal.

    Raises:
        BackendError: there is no memory for the context.
    """

    def __init__(
        self, trt: TensorRt, engine: ICudaEngine, device: torch.device, stream: torch.cuda.Stream
    ) -> None:
        with torch.cuda.device(device):
            context = engine.create_execution_context()
        if context is None:
            raise BackendError('TensorRT has no memory for its activations on this GPU.')
        self._engine, self._context = engine, context
        self._device, self._stream = device, stream
        self._set_shapes: dict[str, tuple[int, ...]] = {}
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        self._dtypes = {name: _dtype(trt, engine, name) for name in names}
        self._shapes = {name: tuple(engine.get_tensor_shape(name)) for name in names}
        self._inputs = [
            name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT
        ]
        self._varying = [name for name in self._inputs if self._shapes[name][0] < 0]
        self._most = max(
            (engine.get_tensor_profile_shape(name, 0)[2][0] for name in self._varying), default=1
        )
        self._outputs = {
            name: torch.empty(
                (self._most if shape[0] < 0 else shape[0], *shape[1:]),
                dtype=self._dtypes[name],
                device=device,
            )
            for name, shape in self._shapes.items()
            if name not in self._inputs
        }
        for name, output in self._outputs.items():
            self._bind(name, output)

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The outputs by name, in new memory; the caller's stream waits for them, the CPU does
        not.

        Raises:
            BackendError: TensorRT refuses the inputs, or fails.
        """
        consumer = torch.cuda.current_stream(self._device)
        given = {name: self._fit(name, inputs[name]) for name in self._inputs}
        rows = {len(given[name]) for name in self._varying} or {1}
        count = rows.pop()
        if rows or not 0 < count <= self._most:
            raise BackendError(f'The engine takes 1 to {self._most} rows, got {count}.')
        for name, tensor in given.items():
            self._set_shape(name, tuple(tensor.shape))
            self._bind(name, tensor)
        # It also keeps the outputs of the call before until they have been copied.
        self._stream.wait_stream(consumer)
        with torch.cuda.device(self._device):
            is_begun = self._context.execute_async_v3(self._stream.cuda_stream)
        if not is_begun:
            raise BackendError('TensorRT failed; its messages stand above.')
        # So the memory of the inputs, which is of the consumer's stream, is not reused too early.
        consumer.wait_stream(self._stream)
        return {
            name: (output[:count] if self._shapes[name][0] < 0 else output).clone()
            for name, output in self._outputs.items()
        }

    def _fit(self, name: str, tensor: Tensor) -> Tensor:
        return tensor.to(self._device, self._dtypes[name]).contiguous()

    def _set_shape(self, name: str, shape: tuple[int, ...]) -> None:
        if self._set_shapes.get(name) == shape:  # TensorRT would plan its memory anew
            return
        if not self._context.set_input_shape(name, shape):
            raise BackendError(f'TensorRT refuses the shape {list(shape)} of {name}.')
        self._set_shapes[name] = shape

    def _bind(self, name: str, tensor: Tensor) -> None:
        if not self._context.set_tensor_address(name, tensor.data_ptr()):
            raise BackendError(f'TensorRT refuses the memory of {name}.')


def _dtype(trt: TensorRt, engine: ICudaEngine, name: str) -> torch.dtype:
    dtypes = {
        trt.DataType.FLOAT: torch.float32,
        trt.DataType.HALF: torch.float16,
        trt.DataType.BF16: torch.bfloat16,
    }
    found = engine.get_tensor_dtype(name)
    if found not in dtypes:
        raise BackendError(f'The engine wants {name} as {found}, which SAM never is.')
    return dtypes[found]
