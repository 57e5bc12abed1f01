"""A common beginning is run once; what follows is written where memory was reserved for it."""

from __future__ import annotations

import torch

from rose_model.prefix_cache import PrefixCache, run_prefix
from rose_model.rose import Rose

PREFIX = (5, 6, 7)


def run(rose: Rose, ids: torch.Tensor, cache: PrefixCache) -> torch.Tensor:
    model = rose.perception.language_model.model
    with torch.no_grad():
        hidden: torch.Tensor = model(
            input_ids=ids, past_key_values=cache, use_cache=True
        ).last_hidden_state
    return hidden


def whole(rose: Rose, ids: torch.Tensor) -> torch.Tensor:
    model = rose.perception.language_model.model
    before = torch.tensor(PREFIX).expand(len(ids), -1)
    with torch.no_grad():
        hidden: torch.Tensor = model(
            input_ids=torch.cat((before, ids), 1), use_cache=False
        ).last_hidden_state
    return hidden[:, len(PREFIX) :]


def make_cache(rose: Rose, count: int, length: int) -> PrefixCache:
    with torch.no_grad():
        prefix = run_prefix(rose.perception.language_model.model, PREFIX, torch.device('cpu'))
    return PrefixCache(prefix, count, length)


def test_rows_behind_a_shared_beginning_equal_whole_rows(rose: Rose) -> None:
    ids = torch.randint(10, 600, (4, 5))
    cache = make_cache(rose, 4, 8)
    together = torch.cat((run(rose, ids[:, :3], cache), run(rose, ids[:, 3:], cache)), 1)
    torch.testing.assert_close(together, whole(rose, ids))


def test_rewound_memory_is_written_again_at_the_same_place(rose: Rose) -> None:
    cache = make_cache(rose, 2, 6)
    first, second = torch.randint(10, 600, (2, 2, 3))
    run(rose, first, cache)
    places = [layer.keys.data_ptr() for layer in cache.layers]
    cache.rewind(len(PREFIX))
    torch.testing.assert_close(run(rose, second, cache), whole(rose, second))
    assert [layer.keys.data_ptr() for layer in cache.layers] == places
