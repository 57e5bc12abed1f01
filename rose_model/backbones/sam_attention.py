"""The attention of SAM's image encoder without its table of scores: exactly what
``segment_anything`` computes, with the same parameters under the same names.
"""

from __future__ import annotations

import torch
from segment_anything.modeling.image_encoder import Attention
from torch import Tensor, nn
from torch.nn import functional

from rose_model.backbones.working_set import rows_at_once


def is_exporting() -> bool:
    """A graph is being made: plain operators only, and no loops over what may vary."""
    return bool(torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export())


def attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention, ``bias`` added to the scores.

    In an exported graph the query is scaled before the product: such a product, an addition, a
    softmax and a product are what TensorRT makes one kernel of.
    """
    if not is_exporting():
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    scores = (query * query.shape[-1] ** -0.5) @ key.mT
    if bias is not None:
        scores = scores + bias
    mixed: Tensor = scores.softmax(-1) @ value
    return mixed


class SamAttention(nn.Module):
    """Attention within windows, or over the whole image, of tokens ``[B, grid, grid, C]``.

    It takes the place of a block's ``Attention`` and of the block's cutting into windows
    (``window`` 0: the whole image).  A window that reaches over the edge is filled up behind the
    projection to query, key and value, where a token of zeros is the bias: the filling costs no
    products.
    """

    places: Tensor
    tokens: Tensor
    distances: Tensor

    def __init__(self, attention: Attention, grid: int, window: int) -> None:
        super().__init__()
        self.num_heads, self.side = attention.num_heads, window or grid
        self.qkv, self.proj = attention.qkv, attention.proj
        self.has_windows, self.is_padded = window > 0, window > 0 and grid % window > 0
        if self.has_windows:
            places = _window_places(grid, window)
            self.register_buffer('places', places, persistent=False)
            tokens = places.argsort(stable=True)[: grid * grid]
            self.register_buffer('tokens', tokens, persistent=False)
        self.has_positions = attention.use_rel_pos
        if self.has_positions:
            self.rel_pos_h, self.rel_pos_w = attention.rel_pos_h, attention.rel_pos_w
            steps = torch.arange(self.side)
            distances = steps[:, None] - steps + self.side - 1
            self.register_buffer('distances', distances, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """As the block's, the tokens ``[B, grid, grid, C]`` to as many."""
        tokens = x.flatten(1, 2)
        if self.is_padded:
            tokens = functional.pad(tokens, (0, 0, 0, 1))
        qkv = self.qkv(tokens)
        if self.has_windows:
            qkv = qkv.index_select(1, self.places)
        qkv = qkv.view(-1, self.side**2, 3, self.num_heads, x.shape[-1] // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind()
        mixed = self._attend(query, key, value).transpose(1, 2).reshape(len(x), -1, x.shape[-1])
        if self.has_windows:
            mixed = mixed.index_select(1, self.tokens)
        output: Tensor = self.proj(mixed)
        return output.view(x.shape)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of ``[B, heads, side * side, width]``.

        The bias of relative positions is a product: what a query has for each row and column of
        keys (``_position_columns``), times the row and the column that a key stands in.  It is had
        in three ways, all exact, each the fastest of them on a CPU in its place.  Within windows
        it is made as that product, over the whole image by adding, for so many heads at once that
        the memory is kept.  In half precision the whole image needs none: both factors become
        further columns of queries and keys, for kernels that keep no scores and know no bias.
        """
        if not self.has_positions:
            return attend(query, key, value)
        columns = self._position_columns(query)
        if is_exporting():
            return attend(query, key, value, _spread(columns))
        if not self.has_windows and query.dtype is not torch.float32:
            return _attend_augmented(query, key, value, columns)
        spread = _multiply_out if self.has_windows else _spread
        heads = rows_at_once(len(query) * self.side**4 * query.itemsize, query.device)
        parts = (torch.split(part, heads, 1) for part in (query, key, value, columns))
        return torch.cat(
            [attend(q, k, v, spread(c)) for q, k, v, c in zip(*parts, strict=True)], 1
        )

    def _position_columns(self, query: Tensor) -> Tensor:
        """What each query has for each row, and then for each column, of keys: ``[B, heads,
        side * side, 2 * side]``, for queries ``[B, heads, side * side, width]``.
        """
        batch, heads, _, width = query.shape
        side = self.side
        grid = torch.unflatten(query, 2, (side, side))
        by_row = grid.permute(2, 0, 1, 3, 4).reshape(side, -1, width)
        by_row = by_row @ self._positions(self.rel_pos_h).mT
        by_column = grid.permute(3, 0, 1, 2, 4).reshape(side, -1, width)
        by_column = by_column @ self._positions(self.rel_pos_w).mT
        shape = (side, batch, heads, side, side)
        columns = (
            by_row.view(shape).permute(1, 2, 0, 3, 4),
            by_column.view(shape).permute(1, 2, 3, 0, 4),
        )
        return torch.cat(columns, -1).flatten(2, 3)

    def _positions(self, table: Tensor) -> Tensor:
        """The position at each distance of two places, ``[side, side, width]``.

        Not ``table[distances]``, of which a graph makes a ``GatherND``.
        """
        found = table.index_select(0, self.distances.flatten())
        return found.view(self.side, self.side, -1)


def _window_places(grid: int, window: int) -> Tensor:
    """The number of the token at each place of each window, ``grid * grid`` for the filling."""
    count = -(-grid // window)
    places = torch.full((count * window, count * window), grid * grid)
    places[:grid, :grid] = torch.arange(grid * grid).view(grid, grid)
    return places.view(count, window, count, window).transpose(1, 2).flatten()


def _spread(columns: Tensor) -> Tensor:
    """The bias ``[B, heads, P, P]`` of position columns ``[B, heads, P, 2 * side]``."""
    by_row, by_column = columns.chunk(2, -1)
    return (by_row[..., :, None] + by_column[..., None, :]).flatten(-2)


def _multiply_out(columns: Tensor) -> Tensor:
    """The same as a product: faster where rows are short."""
    return columns @ _places_of_keys(columns).mT


def _attend_augmented(query: Tensor, key: Tensor, value: Tensor, columns: Tensor) -> Tensor:
    """Attention with the bias of ``columns`` as further columns of query and key."""
    batch, heads, _, width = query.shape
    query = torch.cat((query * width**-0.5, columns), -1)
    key = torch.cat((key, _places_of_keys(columns).expand(batch, heads, -1, -1)), -1)
    value = functional.pad(value, (0, columns.shape[-1]))  # the kernels want one width for all
    return functional.scaled_dot_product_attention(query, key, value, scale=1.0)[..., :width]


def _places_of_keys(columns: Tensor) -> Tensor:
    """Row and column of each key, each as a one among zeros: ``[P, 2 * side]``."""
    side = columns.shape[-1] // 2
    ones = torch.eye(side, dtype=columns.dtype, device=columns.device)
    rows, other = ones[:, None].expand(side, side, side), ones[None].expand(side, side, side)
    return torch.cat((rows, other), -1).flatten(0, 1)
