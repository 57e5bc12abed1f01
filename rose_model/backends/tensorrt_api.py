"""The part of TensorRT's Python interface that ROSE uses: all of it is the same in 10.3 to 11.1.

A test compares these names with the libraries' own; the type checker sees to it that no others are
used.  Each class is called as TensorRT calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, SupportsInt, cast

from rose_model.errors import ConfigError

Shape = Sequence[int]
Enum = SupportsInt


class IHostMemory(Protocol):
    """A serialised engine or cache; ``bytes(memory)`` copies it."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class ITimingCache(Protocol):
    """How long each kernel took on this GPU."""

    def serialize(self) -> IHostMemory: ...


class IOptimizationProfile(Protocol):
    """Smallest, usual and largest shapes."""

    def set_shape(self, input: str, min: Shape, opt: Shape, max: Shape) -> None: ...


class INetworkDefinition(Protocol):
    """A parsed graph."""


class IBuilderConfig(Protocol):
    """How an engine is built."""

    builder_optimization_level: int

    def set_memory_pool_limit(self, pool: Enum, pool_size: int) -> None: ...
    def clear_flag(self, flag: Enum) -> None: ...
    def add_optimization_profile(self, profile: IOptimizationProfile) -> int: ...
    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache: ...
    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool: ...
    def get_timing_cache(self) -> ITimingCache | None: ...


class Builder(Protocol):
    """Makes engines."""

    def create_network(self, flags: int) -> INetworkDefinition: ...
    def create_builder_config(self) -> IBuilderConfig: ...
    def create_optimization_profile(self) -> IOptimizationProfile: ...
    def build_serialized_network(
        self, network: INetworkDefinition, config: IBuilderConfig
    ) -> IHostMemory | None: ...


class ParserError(Protocol):
    """What the parser does not understand."""

    def desc(self) -> str: ...


class OnnxParser(Protocol):
    """Reads an ONNX file into a network."""

    num_errors: int

    def parse_from_file(self, path: str) -> bool: ...
    def get_error(self, index: int) -> ParserError: ...


class IExecutionContext(Protocol):
    """One way to run an engine; not to be shared."""

    def set_input_shape(self, name: str, shape: Shape) -> bool: ...
    def set_tensor_address(self, name: str, memory: int) -> bool: ...
    def execute_async_v3(self, stream_handle: int) -> bool: ...


class ICudaEngine(Protocol):
    """A built graph."""

    num_io_tensors: int

    def get_tensor_name(self, index: int) -> str: ...
    def get_tensor_mode(self, name: str) -> Enum: ...
    def get_tensor_dtype(self, name: str) -> Enum: ...
    def get_tensor_shape(self, name: str) -> Shape: ...
    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Sequence[Shape]: ...
    def create_execution_context(self) -> IExecutionContext | None: ...


class Runtime(Protocol):
    """Loads engines."""

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> ICudaEngine | None: ...


class Logger(Protocol):
    """Writes to the standard error output; the class itself."""

    WARNING: Enum

    def __call__(self, min_severity: Enum) -> object: ...


class NetworkDefinitionCreationFlag(Protocol):
    """Numbers of bits."""

    STRONGLY_TYPED: Enum


class BuilderFlag(Protocol):
    """What the builder may do."""

    TF32: Enum


class MemoryPoolType(Protocol):
    """What can be limited."""

    WORKSPACE: Enum


class TensorIOMode(Protocol):
    """Where a tensor of an engine leads."""

    INPUT: Enum
    OUTPUT: Enum


class DataType(Protocol):
    """Types of tensors."""

    FLOAT: Enum
    HALF: Enum
    BF16: Enum


class TensorRt(Protocol):
    """The module ``tensorrt``."""

    __version__: str
    BuilderFlag: BuilderFlag
    DataType: DataType
    Logger: Logger
    MemoryPoolType: MemoryPoolType
    NetworkDefinitionCreationFlag: NetworkDefinitionCreationFlag
    TensorIOMode: TensorIOMode

    def Builder(self, logger: object) -> Builder: ...
    def OnnxParser(self, network: INetworkDefinition, logger: object) -> OnnxParser: ...
    def Runtime(self, logger: object) -> Runtime: ...


def import_tensorrt() -> TensorRt:
    """The library.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import tensorrt
    except ImportError as error:
        raise ConfigError(
            f'tensorrt cannot be loaded ({error}); pip install tensorrt (10.3 or later), or on a '
            'Jetson the one of its JetPack.'
        ) from error
    return cast(TensorRt, tensorrt)
