"""SAM's encoder and decoder as ONNX graphs, traced by ``torch.export``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx_ir as ir
import torch
from onnx_ir.passes import common as passes
from onnxscript.optimizer import fold_constants
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from rose_model.backbones.sam import Sam
from rose_model.backbones.sam_decoder import decode
from rose_model.backends.exported import EMBEDDINGS, LOGITS, PIXELS, PROMPTS, SCORES
from rose_model.errors import BackendError
from rose_model.export.graph_rules import OPSET, PROMPT_COUNT

_TRACED_PROMPTS = 3  # any number but 0 and 1, which torch.export takes for constants
_MOST_PROMPTS = 1024


class _Encoder(nn.Module):
    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, pixels: Tensor) -> Tensor:
        return self.sam.encode(pixels)


class _Decoder(nn.Module):
    """``Sam.decode``, but the codes of places are a constant: computed once, in fp32."""

    position: Tensor

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam
        position = sam.prompt_encoder.get_dense_pe().flatten(2).mT[0]
        self.register_buffer('position', position.to(_dtype(sam)))

    def forward(self, mask_embedding: Tensor, image_embeddings: Tensor) -> tuple[Tensor, Tensor]:
        dense = self.sam.prompt_encoder.no_mask_embed.weight
        content = image_embeddings.flatten(2).mT + dense
        return decode(self.sam.mask_decoder, mask_embedding[:, None], content, self.position)


@dataclass(frozen=True, eq=False)
class Traced:
    """A module as a graph of PyTorch's operators, with names for its inputs and outputs."""

    program: ExportedProgram
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    shapes: Mapping[str, Any]


def trace_encoder(sam: Sam) -> Traced:
    """``pixels [1, 3, side, side]`` to ``image_embeddings [1, C, h, w]``, in the type of ``sam``.

    Raises:
        BackendError: the module cannot be traced as it is.
    """
    side = sam.config.input_size
    inputs = {PIXELS: torch.zeros(1, 3, side, side, dtype=_dtype(sam))}
    return _trace(_Encoder(sam), inputs, (EMBEDDINGS,), {PIXELS: None})


def trace_decoder(sam: Sam) -> Traced:
    """``mask_embedding [N, C]`` and ``image_embeddings [1, C, h, w]`` to ``logits [N, M, M]`` and
    ``scores [N]``, as ``trace_encoder``.
    """
    size, width, dtype = sam.config.embedding_size, sam.config.prompt_width, _dtype(sam)
    inputs = {
        PROMPTS: torch.zeros(_TRACED_PROMPTS, width, dtype=dtype),
        EMBEDDINGS: torch.zeros(1, width, size, size, dtype=dtype),
    }
    shapes = {PROMPTS: {0: Dim(PROMPT_COUNT, min=1, max=_MOST_PROMPTS)}, EMBEDDINGS: None}
    return _trace(_Decoder(sam), inputs, (LOGITS, SCORES), shapes)


def _trace(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: tuple[str, ...],
    shapes: Mapping[str, Any],
) -> Traced:
    try:
        program = torch.export.export(
            module.eval(), (), dict(inputs), dynamic_shapes=dict(shapes), strict=False
        )
    except Exception as error:  # its errors are of many kinds
        raise BackendError(f'{" and ".join(outputs)} cannot be traced: {error}') from error
    return Traced(program, inputs, outputs, shapes)


def write_graph(traced: Traced, path: Path) -> None:
    """Write an ONNX file, and its weights to ``path`` + ``.data``.

    Handed a module instead of what was traced, the exporter would try other ways where the first
    one fails, and some of them freeze the number of prompts.

    Raises:
        BackendError: the exporter fails.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of the exporter, about its own ways
        try:
            program = torch.onnx.export(
                traced.program,
                (),
                kwargs=dict(traced.inputs),
                input_names=list(traced.inputs),
                output_names=list(traced.outputs),
                dynamic_shapes=dict(traced.shapes),
                opset_version=OPSET,
                dynamo=True,
                optimize=False,
                verbose=False,
            )
        except Exception as error:  # its errors are of many kinds
            raise BackendError(f'{path.name} cannot be exported: {error}') from error
    if program is None:
        raise BackendError(f'{path.name} cannot be exported: the exporter gave nothing.')
    _simplify(program.model)
    _forget_sources(program.model)
    program.save(path, external_data=True)


def _simplify(model: ir.Model) -> None:
    """Fold constants and leave out what is double or unused.

    The exporter's own optimisation does more, and one of its rules is wrong: of a product between
    two reshapes it takes these away where only the sizes seem to allow it (onnxscript 0.7.2,
    ``check_if_not_need_reshape``; here: relative positions where the grid has as many rows as the
    attention has heads).
    """
    fold_constants(model)
    for step in (
        passes.RemoveUnusedNodesPass(),
        passes.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        passes.DeduplicateInitializersPass(),
        passes.CommonSubexpressionEliminationPass(),
        passes.RemoveUnusedNodesPass(),
        passes.RemoveUnusedOpsetsPass(),
    ):
        step(model)


def _forget_sources(model: ir.Model) -> None:
    """Leave out which line of which file an operator comes from: the same weights give the same
    bytes everywhere, and engines are found again by them.
    """
    graph = model.graph
    model.metadata_props.clear()
    graph.metadata_props.clear()
    for node in graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*graph.inputs, *graph.initializers.values()):
        value.metadata_props.clear()


def _dtype(sam: Sam) -> torch.dtype:
    dtype: torch.dtype = sam.prompt_encoder.no_mask_embed.weight.dtype
    return dtype
