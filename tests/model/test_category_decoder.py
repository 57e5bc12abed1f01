"""Names: all at once or one by one, the same words."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from rose_model.backbones.qwen2_pass import last_state
from rose_model.category_decoder import CategoryDecoder, category_loss, printable_name
from rose_model.instructions import Prompter
from rose_model.prefix_cache import PrefixCache, run_prefix
from rose_model.rose import Rose

MAX_NEW_TOKENS = 4


def make_decoder(rose: Rose, prompter: Prompter) -> CategoryDecoder:
    return CategoryDecoder(rose.perception.language_model, prompter.category(), MAX_NEW_TOKENS)


def test_batched_names_equal_names_one_by_one(rose: Rose, prompter: Prompter) -> None:
    decoder = make_decoder(rose, prompter)
    embeddings = torch.randn(7, 32)
    together = decoder.decode(embeddings)
    alone = [decoder.decode(embedding[None]) for embedding in embeddings]
    assert together.token_ids == [names.token_ids[0] for names in alone]
    torch.testing.assert_close(together.scores, torch.cat([names.scores for names in alone]))
    assert len({tuple(row) for row in together.token_ids}) > 1


def test_no_embedding_gives_no_name(rose: Rose, prompter: Prompter) -> None:
    names = make_decoder(rose, prompter).decode(torch.zeros(0, 32))
    assert names.token_ids == []
    assert names.scores.shape == (0,)


def test_shared_prefix_and_cache_equal_a_full_pass_per_token(
    rose: Rose, prompter: Prompter
) -> None:
    prompt, model = prompter.category(), rose.perception.language_model
    embedding = torch.randn(1, 32)
    names = make_decoder(rose, prompter).decode(embedding)
    table = model.model.embed_tokens
    with torch.no_grad():
        embeds = torch.cat(
            (table(torch.tensor(prompt.before)), embedding, table(torch.tensor(prompt.after)))
        )[None]
        written: list[int] = []
        for _ in range(MAX_NEW_TOKENS):
            hidden = model.model(inputs_embeds=embeds, use_cache=False).last_hidden_state
            token = int(model.lm_head(hidden[:, -1]).argmax())
            if token == prompt.end:
                break
            written.append(token)
            embeds = torch.cat((embeds, table(torch.tensor([[token]]))), dim=1)
    assert names.token_ids[0] == written


def test_the_state_of_the_last_token_is_that_of_transformers(rose: Rose) -> None:
    """A prompt behind a common beginning, then one token more; grouped keys, as in Qwen2."""
    model = rose.perception.language_model.model
    before, embeds = [3, 1, 4], torch.randn(2, 6, 32)
    with torch.inference_mode():
        cache = PrefixCache(run_prefix(model, before, torch.device('cpu')), 2, 9)
        turned = model.rotary_emb(embeds, torch.arange(9)[None])
        first, second = (
            tuple(part[:, places] for part in turned) for places in (slice(3, 8), slice(8, 9))
        )
        mask = torch.ones(5, 8, dtype=torch.bool).tril(3)[None, None]
        states = [
            last_state(model, embeds[:, :5], first, cache, mask),
            last_state(model, embeds[:, 5:], second, cache, None),
        ]
        beginning = model.embed_tokens(torch.tensor([before, before]))
        whole = model(inputs_embeds=torch.cat((beginning, embeds), 1)).last_hidden_state
    torch.testing.assert_close(torch.stack(states, 1), whole[:, -2:])


def test_a_finished_name_is_not_changed_by_longer_ones(rose: Rose, prompter: Prompter) -> None:
    """Rows that have met their end token wait for the others without collecting more tokens."""
    prompt = prompter.category()
    embeddings = torch.randn(6, 32)
    first = make_decoder(rose, prompter).decode(embeddings).token_ids[0][0]
    ends_early = CategoryDecoder(
        rose.perception.language_model, type(prompt)(prompt.before, prompt.after, first), 4
    )
    names = ends_early.decode(embeddings)
    assert names.token_ids[0] == []
    assert all(first not in row for row in names.token_ids)
    alone = ends_early.decode(embeddings[:1])
    torch.testing.assert_close(names.scores[:1], alone.scores)


def test_scores_are_probabilities(rose: Rose, prompter: Prompter) -> None:
    scores = make_decoder(rose, prompter).decode(torch.randn(5, 32)).scores
    assert ((scores > 0) & (scores <= 1)).all()


def test_loss_is_the_cross_entropy_of_names_and_their_ends(rose: Rose, prompter: Prompter) -> None:
    """Two names of unequal length: padding counts nowhere, each real token once."""
    prompt, model = prompter.category(), rose.perception.language_model
    names = [prompter.name('car'), prompter.name('red traffic light')]
    embeddings = torch.randn(2, 32)
    loss = category_loss(model, prompt, embeddings, names, names)
    table, expected = model.model.embed_tokens, []
    for embedding, name in zip(embeddings, names, strict=True):
        before, after = (table(torch.tensor(ids)) for ids in (prompt.before, prompt.after))
        spoken = table(torch.tensor(name[:-1], dtype=torch.long))
        embeds = torch.cat((before, embedding[None], after, spoken))[None]
        hidden = model.model(inputs_embeds=embeds, use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[0, -len(name) :])
        expected.append(functional.cross_entropy(logits, torch.tensor(name)))
    torch.testing.assert_close(loss, torch.stack(expected))


@pytest.mark.parametrize(
    ('generated', 'shown'),
    [
        ('red  car', 'red car'),
        ('bus\x1b[31m\n', 'bus [31m'),
        ('half \ufffd', 'half'),
        ('Straße', 'Straße'),
        ('', ''),
        ('a' * 100, 'a' * 64),
    ],
)
def test_names_are_printable_and_short(generated: str, shown: str) -> None:
    assert printable_name(generated) == shown
