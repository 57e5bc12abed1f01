"""What a graph has to be, so that TensorRT and ONNX Runtime run it as it is meant.

Each rule stands for failures in the field: operators of ``repeat_interleave`` that TensorRT cannot
take (``OneHot``, ``Tile`` of a shape), LayerNorms that overflow in half precision, sizes that were
frozen or set free by accident, files beyond the 2 GiB of a protocol buffer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx_ir as ir
from onnx_ir import DataType, Value

from rose_model.errors import BackendError
from rose_model.precision import Precision

OPSET = 18
"""The exporter's own; TensorRT 10.3 reads it."""
PROMPT_COUNT = 'N'
"""The only size that may vary."""
# fmt: off
ALLOWED = frozenset({
    'Add', 'Cast', 'Concat', 'Constant', 'Conv', 'ConvTranspose', 'Div', 'Erf', 'Expand', 'Gather',
    'Gemm', 'LayerNormalization', 'MatMul', 'Mul', 'Pad', 'Relu', 'Reshape', 'Shape', 'Sigmoid',
    'Slice', 'Softmax', 'Split', 'Sqrt', 'Squeeze', 'Sub', 'Transpose', 'Unsqueeze',
})
# fmt: on
PRODUCTS = frozenset(['Conv', 'ConvTranspose', 'Gemm', 'MatMul'])
"""Where the time goes: these run in the declared precision."""
MAX_PROTO_BYTES = 2**31 - 1
MAX_INLINE_BYTES = 1024
"""Larger tensors lie in the file beside the graph."""

_TYPES: dict[Precision, DataType] = {
    'fp32': DataType.FLOAT,
    'fp16': DataType.FLOAT16,
    'bf16': DataType.BFLOAT16,
}


def check_graph(path: Path, precision: Precision) -> None:
    """Let a graph pass that keeps all rules.

    Raises:
        BackendError: names the rules that it breaks.
    """
    found = list(breaches(path, precision))
    if found:
        raise BackendError(f'{path.name} in {precision} cannot be used: {"; ".join(found)}.')


def breaches(path: Path, precision: Precision) -> Iterator[str]:
    """Every rule that an ONNX file breaks, in words."""
    if path.stat().st_size > MAX_PROTO_BYTES:
        yield f'it has {path.stat().st_size} bytes without its weights, more than 2 GiB'
        return
    proto = onnx.load(path, load_external_data=False)
    yield from _operators(ir.from_proto(proto))
    if any(node.domain for node in proto.graph.node):  # nothing is known of their sizes
        return
    model = ir.from_proto(onnx.shape_inference.infer_shapes(proto))
    yield from _sizes(model.graph)
    yield from _precisions(model.graph, _TYPES[precision])
    yield from _places(model.graph)


def _operators(model: ir.Model) -> Iterator[str]:
    if model.opset_imports != {'': OPSET}:
        yield f'its operators are of {model.opset_imports}, not of ONNX {OPSET} alone'
    used = {node.domain or node.op_type for node in model.graph.all_nodes()}
    for name in sorted(used - ALLOWED):
        yield f'operator {name} is not on the list'


def _sizes(graph: ir.Graph) -> Iterator[str]:
    """Inputs and outputs: fixed but for the number of prompts, which leads.  Inside, every size
    that is not fixed follows from that number.
    """
    for value in (*graph.inputs, *graph.outputs):
        sizes = list(value.shape or [])
        for axis, size in enumerate(sizes):
            if not isinstance(size, int) and (axis > 0 or size.value != PROMPT_COUNT):
                yield f'size {axis} of {value.name} varies ({size})'
    for value in _values(graph):
        for size in value.shape or []:
            names = set() if isinstance(size, int) else set(re.findall(r'[A-Za-z_]\w*', str(size)))
            if names - {PROMPT_COUNT}:
                yield f'a size of {value.name} is unknown ({size})'


def _precisions(graph: ir.Graph, declared: DataType) -> Iterator[str]:
    for value in _values(graph):
        if value.dtype is DataType.DOUBLE:
            yield f'{value.name} is of 64 bits'
        if value.is_initializer() and not _is_right(value, declared):
            yield f'weight {value.name} is {value.dtype}, not {declared}'
    for node in graph.all_nodes():
        types = {value.dtype for value in node.inputs if value is not None and _is_float(value)}
        if node.op_type in PRODUCTS and types != {declared}:
            yield f'{node.op_type} {node.name} works in {_told(types)}, not in {declared}'
        if (
            node.op_type == 'LayerNormalization'
            and declared is DataType.FLOAT16
            and types != {DataType.FLOAT}
        ):
            yield f'LayerNormalization {node.name} works in {_told(types)}, where it overflows'


def _is_right(weight: Value, declared: DataType) -> bool:
    """Weights are of the declared type; those of LayerNorms, and single numbers, may be FLOAT."""
    if not _is_float(weight) or weight.dtype is declared:
        return True
    is_norm = all(node.op_type == 'LayerNormalization' for node in weight.consumers())
    is_number = weight.shape is not None and weight.shape.rank() == 0
    return weight.dtype is DataType.FLOAT and (is_norm or is_number)


def _places(graph: ir.Graph) -> Iterator[str]:
    for name, weight in graph.initializers.items():
        tensor = weight.const_value
        is_inside = tensor is not None and not isinstance(tensor, ir.ExternalTensor)
        if is_inside and tensor is not None and tensor.nbytes > MAX_INLINE_BYTES:
            yield f'weight {name} of {tensor.nbytes} bytes lies in the file of the graph'


def _values(graph: ir.Graph) -> Iterator[Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph.all_nodes():
        yield from node.outputs


def _is_float(value: Value) -> bool:
    return value.dtype is not None and value.dtype.is_floating_point()


def _told(types: set[DataType | None]) -> str:
    return ' and '.join(sorted(str(kind) for kind in types))
