"""What ROSE's speed is compared with computes what it says, at sizes that take a moment."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from benchmarks.random_weights import random_language_model, random_rose, shallower
from benchmarks.ratios import frame, names, precision, prefill
from benchmarks.ratios.category_task import CategoryTask, make_task
from benchmarks.ratios.frame import Frame
from benchmarks.ratios.frame_parts import COUNTS, DEPTHS, PROMPT, SAM_BLOCKS, our_parts, step_parts
from benchmarks.ratios.parts import PartTimes, at_depth, compose, time_parts
from benchmarks.ratios.sequential import SequentialDecoder, read_context
from rose_model.config import RoseConfig
from rose_model.postprocess import suppress_duplicates
from rose_model.preprocess import FrameGeometry
from rose_model.presets import nano
from rose_model.rose import build_rose


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(scope='module')
def config() -> RoseConfig:
    """12 x 12 patches, four layers, several query heads for each key."""
    sizes = nano()
    vision = {'input_size': 96, 'position_size': 96, 'width': 48, 'mlp_width': 64}
    language = {'width': 64, 'mlp_width': 96, 'heads': 4, 'kv_heads': 2, 'vocabulary': 2000}
    sam = {'input_size': 64, 'width': 32, 'window': 4, 'prompt_width': 32, 'decoder_mlp_width': 32}
    return sizes.model_copy(
        update={
            'vision': sizes.vision.model_copy(update=vision),
            'language': sizes.language.model_copy(update=language),
            'sam': sizes.sam.model_copy(update=sam),
        }
    )


@pytest.fixture(scope='module', params=[torch.float32, torch.bfloat16], ids=['fp32', 'bf16'])
def task(config, request) -> CategoryTask:
    return make_task(random_language_model(config.language, request.param), 30, 4)


@torch.inference_mode()
def test_names_are_the_same_in_every_way_they_are_made(task):
    decoder = task.decoder()
    assert decoder.decode(task.embedding).token_ids == task.names
    assert [decoder.decode(row[None]).token_ids[0] for row in task.embedding] == task.names
    assert names.name_whole_prompts(task) == task.names
    assert names.name_by_generate(task) == task.names


@torch.inference_mode()
def test_the_comparison_of_names_sees_a_wrong_embedding(task):
    swapped = task.embedding.roll(1, dims=0)
    assert task.decoder().decode(swapped).token_ids == [task.names[-1], *task.names[:-1]]


def test_repeated_masks_leave_one_of_each():
    masks = names.repeated_masks(100, 30, 64)
    square = FrameGeometry((64, 64), (64, 64), 64, grid_size=1)
    kept = suppress_duplicates(masks, torch.linspace(1, 0.5, 100), square, 0.6)
    assert kept.tolist() == list(range(30))


@torch.inference_mode()
def test_sequential_decoding_gives_the_tokens_of_one_pass(config):
    perception = random_rose(partial(build_rose, config), torch.float32).perception
    patches = torch.randn(1, 144, config.language.width)
    words = perception.language_model.model.embed_tokens
    after = torch.tensor([[*PROMPT.instruction, *PROMPT.answer]])
    embeds = torch.cat((words(torch.tensor([PROMPT.before])), patches, words(after)), dim=1)
    context, first = read_context(perception.language_model, embeds)
    decoder = SequentialDecoder(perception.language_model, context, 5)
    ids = [*first.tolist(), *decoder.decode(first, 5).tolist()]
    logits = perception.read(patches, [PROMPT], [ids]).response_logits
    assert logits.argmax(-1).tolist() == ids
    assert decoder.decode(first, 5).tolist() == ids[1:]


@torch.inference_mode()
def test_the_lean_prefill_gives_what_the_naive_one_does(config):
    model = random_language_model(config.language, torch.float32)
    task = prefill.make_task(config, model, 20)
    lean, naive = prefill.read_lean(task), prefill.read_naively(task)
    assert [len(part) for part in lean] == [144, 20, 20, 20]
    for ours, other in zip(lean, naive, strict=True):
        torch.testing.assert_close(ours, other)
    assert prefill.is_close(lean, naive)
    assert not prefill.is_close(lean, (naive[0].roll(1), *naive[1:]))


def test_precisions_are_compared_by_the_size_of_the_states():
    states = torch.randn(100, 64)
    assert precision.is_close(states.bfloat16(), states)
    assert not precision.is_close(states + 0.05 * torch.randn(100, 64), states)


@torch.inference_mode()
def test_both_precisions_compute_the_same(config):
    bodies = precision.bodies(random_language_model(config.language), config.language)
    assert [body.dtype for body in bodies] == [torch.bfloat16, torch.float32]
    passes = [precision.prefill(body, precision.draw(1, 30, body)) for body in bodies]
    caches = [precision.make_cache(body, config.language) for body in bodies]
    steps = [
        precision.decode_step(body, precision.draw(100, 1, body), cache)
        for body, cache in zip(bodies, caches, strict=True)
    ]
    for ours, other in (passes, steps):
        assert ours.dtype == torch.bfloat16
        assert precision.is_close(ours, other)


@torch.inference_mode()
def test_a_shallower_model_is_the_beginning_of_the_whole_one(config):
    model = random_language_model(config.language, torch.float32)
    embeds = torch.randn(1, 7, config.language.width)
    states = []
    model.model.layers[1].register_forward_hook(lambda *call: states.append(call[-1]))
    model.model(inputs_embeds=embeds, use_cache=False)
    cut = shallower(model, config.language, 2).model(inputs_embeds=embeds, use_cache=False)
    torch.testing.assert_close(cut.last_hidden_state, model.model.norm(states[0]))
    cut_weight = shallower(model, config.language, 2).lm_head.weight
    assert cut_weight.data_ptr() == model.lm_head.weight.data_ptr()


def test_time_at_another_depth_is_affine():
    times = {'x/2': 7.0, 'x/4': 11.0}
    assert at_depth(times, 'x', (2, 4), 28) == 3 + 2 * 28


def known_times(config: RoseConfig) -> dict[str, float]:
    """Of parts that cost a round number a layer, a block, an object, and a token of context."""
    times = {'projector': 5.0, 'objectness': 3.0, 'mask embeddings': 1.0}
    for depth in DEPTHS:
        times |= {f'siglip/{depth}': 2 + 10.0 * depth, f'prefill/{depth}': 100.0 * depth}
        times |= {f'names {n}/{depth}': depth * (20 + n) for n in COUNTS}
        times |= {f'steps {c}/{depth}': 3 * (50 + 4 * depth + c) for c in frame.contexts(config)}
    times |= {f'sam/{w}+{g}': 7 + 30.0 * w + 90 * g for w, g in SAM_BLOCKS}
    return times | {f'masks {n}': 6 + 2.0 * n for n in COUNTS}


def test_a_frame_is_put_together_from_its_parts(config):
    whole = Frame(config, known_times(config))
    full = len(config.sam.global_layers)
    sam = 7 + 30 * (config.sam.layers - full) + 90 * full
    common = (2 + 10 * config.vision.layers) + 5 + 100 * config.language.layers + sam + 206
    assert whole.ours(100) == pytest.approx(common + 4 + config.language.layers * 120)
    start, _ = frame.contexts(config)
    steps = sum(50 + 4 * config.language.layers + start + token for token in range(200))
    assert whole.sequential(100, 2) == pytest.approx(common + steps)


def test_the_slope_is_that_of_one_more_object(config):
    whole = Frame(config, known_times(config))
    assert frame.slope(whole.ours) == pytest.approx(2 + config.language.layers)


def test_the_bound_of_a_frame_follows_the_rate_of_products_in_the_same_turns(config):
    def bound(product_ms, count):
        rates = {'matrix product': product_ms, 'memory read': 1e-6}  # nothing waits for memory
        return Frame(config, known_times(config) | rates).bound(count)

    assert bound(200.0, 10) == pytest.approx(2 * bound(100.0, 10))
    assert bound(100.0, 100) > bound(100.0, 10)


def test_parts_are_timed_in_turn():
    calls = []
    a = {'x': lambda: calls.append('x'), 'y': lambda: calls.append('y')}
    times = time_parts(a, {'z': lambda: calls.append('z')}, rounds=1)
    assert ''.join(calls) == 'xyz' + 'xyzxy'
    assert set(times.whole) == set(times.least) == {'x', 'y', 'z'}
    assert set(times.first) == set(times.again) == {'x', 'y'}


def test_a_composed_ratio_has_the_spread_of_its_wholes():
    times = PartTimes({'a': 9.0}, {'a': 10.0}, {'a': 9.5, 'b': 28.5}, {'a': 8.0, 'b': 20.0})
    ratio = compose('x', times, lambda of: of['a'], lambda of: of['b'], forced='n')
    assert (ratio.ratio, ratio.a_min_ms, ratio.b_min_ms) == (3, 8, 20)
    assert ratio.aa_spread == pytest.approx(0.1)
    assert ratio.outputs_equal is None


@torch.inference_mode()
def test_every_part_of_a_frame_runs_and_has_its_time(config):
    model = random_language_model(config.language)
    steps = step_parts(config, model, frame.contexts(config))
    for run in (ours := our_parts(config, model)).values():
        run()
    for run in steps.values():
        run()
    assert set(ours) | set(steps) == set(known_times(config))
