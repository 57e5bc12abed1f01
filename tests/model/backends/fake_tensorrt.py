"""TensorRT as ROSE uses it, without a GPU: plans are notes, and graphs run in ONNX Runtime, on the
addresses that they are given.

It is as strict as the real one where carelessness would show on a GPU only: profiles, shapes,
addresses, the stream, plans of other versions.  ``calls`` counts what was done.
"""

import ctypes
import enum
import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

__version__ = '10.3.0'
calls = Counter()
is_out_of_memory = False
refused_plans = 0  # the next plans that do not load, as after a change of the driver

NetworkDefinitionCreationFlag = enum.IntEnum(
    'NetworkDefinitionCreationFlag', {'STRONGLY_TYPED': 1}
)
BuilderFlag = enum.IntEnum('BuilderFlag', {'TF32': 7})
MemoryPoolType = enum.IntEnum('MemoryPoolType', {'WORKSPACE': 0})
TensorIOMode = enum.IntEnum('TensorIOMode', {'NONE': 0, 'INPUT': 1, 'OUTPUT': 2})
DataType = enum.IntEnum('DataType', {'FLOAT': 0, 'HALF': 1, 'BF16': 7})

_OF_ONNX = {1: DataType.FLOAT, 10: DataType.HALF, 16: DataType.BF16}
_OF_NUMPY = {DataType.FLOAT: np.float32, DataType.HALF: np.float16}


class Logger:
    WARNING = 2

    def __init__(self, min_severity):
        assert min_severity == self.WARNING


class ITimingCache:
    def __init__(self, content):
        self.content = content

    def serialize(self):
        return memoryview(self.content)


class IOptimizationProfile:
    def __init__(self):
        self.shapes = {}

    def set_shape(self, input, min, opt, max):
        assert all(a <= b <= c for a, b, c in zip(min, opt, max, strict=True))
        self.shapes[input] = [list(min), list(opt), list(max)]


class INetworkDefinition:
    _path, _graph = '', None


class IBuilderConfig:
    builder_optimization_level = 3

    def __init__(self):
        self.flags = {BuilderFlag.TF32}
        self.limits, self.profiles = {}, []
        self.timings = None

    def set_memory_pool_limit(self, pool, pool_size):
        self.limits[pool] = pool_size

    def clear_flag(self, flag):
        self.flags.discard(flag)

    def add_optimization_profile(self, profile):
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache):
        return ITimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache, ignore_mismatch):
        if cache.content not in {b'', _timings()} and not ignore_mismatch:
            return False
        self.timings = cache
        return True

    def get_timing_cache(self):
        return self.timings


def _timings():
    return f'timings of {__version__}'.encode()


class Builder:
    def __init__(self, logger):
        assert isinstance(logger, Logger)

    def create_network(self, flags):
        assert flags == 1 << NetworkDefinitionCreationFlag.STRONGLY_TYPED
        return INetworkDefinition()

    def create_builder_config(self):
        return IBuilderConfig()

    def create_optimization_profile(self):
        return IOptimizationProfile()

    def build_serialized_network(self, network, config):
        calls['build'] += 1
        calls['build with timings'] += config.timings.content != b''
        (profile,) = config.profiles
        varying = {value.name for value in network._graph.input if _sizes(value)[0] == -1}
        if is_out_of_memory or varying != set(profile.shapes):
            return None
        config.timings.content = _timings()
        plan = {
            'version': __version__,
            'path': network._path,
            'profile': profile.shapes,
            'tf32': BuilderFlag.TF32 in config.flags,
            'workspace': config.limits[MemoryPoolType.WORKSPACE],
            'level': config.builder_optimization_level,
        }
        return memoryview(json.dumps(plan).encode())


class ParserError:
    def __init__(self, text):
        self.text = text

    def desc(self):
        return self.text


class OnnxParser:
    def __init__(self, network, logger):
        self.network, self.errors = network, []

    @property
    def num_errors(self):
        return len(self.errors)

    def get_error(self, index):
        return self.errors[index]

    def parse_from_file(self, path):
        try:
            model = onnx.load(path)
            onnx.checker.check_model(path)
        except Exception as error:  # whatever it is, the parser says it
            self.errors.append(ParserError(str(error)))
            return False
        self.network._path, self.network._graph = path, model.graph
        return True


class Runtime:
    def __init__(self, logger):
        assert isinstance(logger, Logger)

    def deserialize_cuda_engine(self, serialized_engine):
        global refused_plans
        calls['load'] += 1
        plan = json.loads(serialized_engine)
        if refused_plans or plan['version'] != __version__:
            refused_plans = max(0, refused_plans - 1)
            return None
        return ICudaEngine(plan)


class ICudaEngine:
    def __init__(self, plan):
        self.plan = plan
        graph = onnx.load(plan['path'], load_external_data=False).graph
        self.values = {value.name: value for value in (*graph.input, *graph.output)}
        self.inputs = [value.name for value in graph.input]

    @property
    def num_io_tensors(self):
        return len(self.values)

    def get_tensor_name(self, index):
        return list(self.values)[index]

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if name in self.inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name):
        return _OF_ONNX[self.values[name].type.tensor_type.elem_type]

    def get_tensor_shape(self, name):
        return _sizes(self.values[name])

    def get_tensor_profile_shape(self, name, profile_index):
        assert profile_index == 0
        return self.plan['profile'].get(name, [_sizes(self.values[name])] * 3)

    def create_execution_context(self):
        return None if is_out_of_memory else IExecutionContext(self)


class IExecutionContext:
    def __init__(self, engine):
        self.engine = engine
        self.session = onnxruntime.InferenceSession(Path(engine.plan['path']))
        self.shapes = {
            name: engine.get_tensor_shape(name)
            for name in engine.inputs
            if -1 not in engine.get_tensor_shape(name)
        }
        self.addresses = {}

    def set_input_shape(self, name, shape):
        calls['set_input_shape'] += 1
        least, _, most = self.engine.get_tensor_profile_shape(name, 0)
        fits = all(a <= b <= c for a, b, c in zip(least, shape, most, strict=True))
        if fits:
            self.shapes[name] = list(shape)
        return fits

    def set_tensor_address(self, name, memory):
        self.addresses[name] = memory
        return memory % 256 == 0 or memory % 64 == 0  # PyTorch aligns: 64 on a CPU, 256 on a GPU

    def execute_async_v3(self, stream_handle):
        calls['execute'] += 1
        if not stream_handle or is_out_of_memory:  # the default stream would wait for all others
            return False
        if {*self.addresses} != {*self.engine.values} or {*self.shapes} != {*self.engine.inputs}:
            return False
        feeds = {name: self._array(name, self.shapes[name]).copy() for name in self.engine.inputs}
        for output, result in zip(
            self.session.get_outputs(), self.session.run(None, feeds), strict=True
        ):
            self._array(output.name, result.shape)[...] = result
        return True

    def _array(self, name, shape):
        dtype = np.dtype(_OF_NUMPY[self.engine.get_tensor_dtype(name)])
        size = int(np.prod(shape)) * dtype.itemsize
        raw = (ctypes.c_byte * size).from_address(self.addresses[name])
        return np.frombuffer(raw, dtype).reshape(shape)


def _sizes(value):
    return [size.dim_value or -1 for size in value.type.tensor_type.shape.dim]
