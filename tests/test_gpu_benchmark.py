"""The benchmark for GPUs runs from end to end on any machine, and loses nothing on the way."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
import torch
from segment_anything.modeling.image_encoder import Attention

from benchmarks import gpu
from benchmarks.accelerator import (
    frames,
    masks,
    names,
    precision,
    quantised,
    sam_encoder,
    sequential,
    small,
    stages,
    subject,
    timer,
)
from benchmarks.accelerator.inputs import make_inputs
from benchmarks.accelerator.reading import Reading
from benchmarks.accelerator.subject import (
    INSTRUCTION,
    NAME_TOKENS,
    Subject,
    forced_masks,
    make_subject,
)
from benchmarks.accelerator.timer import Timer, Times
from benchmarks.forced_frame import word_tokenizer
from rose_model import category_decoder
from rose_model.config import (
    CategoryConfig,
    LanguageConfig,
    RoseConfig,
    SamConfig,
    TextConfig,
    VisionConfig,
)
from rose_model.instructions import Prompter

CPU = torch.device('cpu')
TINY = RoseConfig(
    name='tiny',
    vision=VisionConfig(
        input_size=160,
        position_size=80,
        patch_size=16,
        width=32,
        mlp_width=32,
        layers=1,
        heads=2,
        stem='patch',
    ),
    language=LanguageConfig(
        width=64,
        mlp_width=64,
        layers=2,
        heads=2,
        kv_heads=1,
        vocabulary=700,
        max_positions=1024,
    ),
    sam=SamConfig(
        input_size=64,
        patch_size=8,
        width=32,
        layers=2,
        heads=2,
        global_layers=(1,),
        window=4,
        relative_positions=True,
        prompt_width=32,
        decoder_layers=2,
        decoder_heads=2,
        decoder_mlp_width=32,
    ),
    text=TextConfig(
        width=32,
        mlp_width=32,
        layers=1,
        heads=2,
        vocabulary=700,
        length=8,
        pad='</s>',
        tokenizer='text_tokenizer.json',
    ),
    siglip_width=16,
    category=CategoryConfig(template='chatml'),
)


@pytest.fixture(autouse=True)
def _once(monkeypatch) -> None:
    """Every run once, and no compiler: this is about the paths, not about the time."""
    torch.set_num_threads(1)
    for module in (frames, masks, names, quantised, sam_encoder, sequential, small, stages):
        monkeypatch.setattr(module, 'ROUNDS', 1)
    monkeypatch.setattr(stages, 'SLOW_ROUNDS', 1)
    monkeypatch.setattr(timer, 'WARM_UP', 0)
    monkeypatch.setattr(subject, 'IMAGE_SIZE', (108, 192))
    monkeypatch.setattr(sequential, 'ROUNDS_OF_FRAMES', 1)
    monkeypatch.setattr(sequential, 'TOKENS', (2, 3, 4))
    monkeypatch.setattr(precision, 'STREETS', precision.STREETS[:1])
    monkeypatch.setattr(torch, 'compile', lambda module, **_: module)


@pytest.fixture(scope='module')
def tiny() -> Subject:
    return make_subject(TINY, CPU, torch.float32)


@pytest.mark.parametrize('name', gpu.SECTIONS)
def test_a_section_runs_to_its_end(name, tmp_path) -> None:
    record = gpu.run(TINY, CPU, {name: gpu.SECTIONS[name]}, tmp_path / 'gpu.json')
    section = record['sections'][name]
    assert 'error' not in section
    assert section['readings']
    for reading in section['readings']:
        assert math.isfinite(reading['value']), reading
    assert json.loads((tmp_path / 'gpu.json').read_text()) == record


def test_a_section_that_fails_says_why_and_the_others_go_on(tmp_path, capsys) -> None:
    written = []

    def broken(_subject, _timer) -> Iterator[Reading]:
        yield Reading('before', 1.0)
        raise torch.OutOfMemoryError('no room')

    def next_one(_subject, _timer) -> Iterator[Reading]:
        written.append(json.loads((tmp_path / 'gpu.json').read_text()))
        yield Reading('after', 2.0)

    sections = {'broken': broken, 'next': next_one}
    record = gpu.run(TINY, CPU, sections, tmp_path / 'gpu.json')['sections']
    assert [reading['name'] for reading in record['broken']['readings']] == ['before']
    assert record['broken']['error'].endswith('OutOfMemoryError: no room\n')
    assert written[0]['sections'].keys() == {'broken'}  # the file was there before the next began
    assert [reading['value'] for reading in record['next']['readings']] == [2.0]
    assert 'no room' in capsys.readouterr().out


def test_an_unknown_section_is_refused(monkeypatch, capsys) -> None:
    monkeypatch.setattr('sys.argv', ['gpu', 'stages'])
    with pytest.raises(SystemExit):
        gpu.main()
    assert "'stages' is none of stages, bf16, names" in capsys.readouterr().err


def test_a_result_is_printed_as_markdown(tmp_path, monkeypatch, capsys) -> None:
    reading = Reading.of('prefill', Times(62.0, 63.5, 50), bound_ms=40.0)
    gpu.run(TINY, CPU, {'names': lambda *_: iter([reading])}, tmp_path / 'gpu.json')
    capsys.readouterr()
    monkeypatch.setattr('sys.argv', ['gpu', '--table', '--out', str(tmp_path / 'gpu.json')])
    gpu.main()
    shown = capsys.readouterr().out
    assert '| prefill | 62 ms | 63.5 | 40 | 1.55 x |  |' in shown
    assert shown.splitlines()[0].startswith('| names | measured |')


def test_counts_are_forced_whatever_random_weights_say(tiny) -> None:
    segmenter = tiny.segmenter(100)
    with forced_masks(tiny.masks, 30):
        assert len(segmenter.segment(tiny.image, INSTRUCTION).segments) == 30
    tokens = names.decoder(tiny).decode(names.category_embeddings(tiny, 5)).token_ids
    assert [len(row) for row in tokens] == 5 * [NAME_TOKENS]


def test_the_prompts_have_as_many_tokens_as_those_of_a_large_vocabulary() -> None:
    prompter = Prompter(word_tokenizer(), 'chatml')
    prompt, name = prompter.perception(INSTRUCTION), prompter.category()
    assert len(prompt.before) + len(prompt.instruction) + len(prompt.answer) == 46
    assert (len(name.before), len(name.after)) == (24, 9)


def test_both_ways_of_sequential_decoding_give_the_same_tokens(tiny) -> None:
    inputs = make_inputs(tiny)
    recorded = sequential.SequentialDecoder(tiny, inputs, tokens=6)
    tokens = [int(recorded.token)]
    for _ in range(5):
        recorded.step()
        tokens.append(int(recorded.token))
    assert tokens == sequential.respond(tiny, inputs, 6)
    assert len(set(tokens)) > 1


def test_without_graphs_the_passes_of_names_are_what_they_would_record() -> None:
    def work() -> None: ...

    with names.without_graphs():
        assert category_decoder.CudaGraph(work, object()) is work


@pytest.mark.parametrize('attend', [sam_encoder.with_bias, sam_encoder.augmented])
@pytest.mark.parametrize('shape', [(3, 4, 4), (1, 8, 8), (1, 4, 6)])
def test_kinds_of_attention_give_what_the_reference_gives(attend, shape) -> None:
    torch.manual_seed(0)
    attention = Attention(32, 2, use_rel_pos=True, input_size=shape[1:]).requires_grad_(False)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    x = torch.randn(*shape, 32)
    torch.testing.assert_close(attend(attention, x), attention(x), rtol=1e-4, atol=1e-4)


def test_ratios_of_masks_leave_out_what_is_empty_on_both_sides() -> None:
    masks = torch.tensor([[[True, True]], [[False, False]], [[True, False]]])
    others = torch.tensor([[[True, False]], [[False, False]], [[True, False]]])
    assert precision._ious(masks, others).tolist() == [0.5, 1.0]


def test_times_are_medians_and_percentiles() -> None:
    assert Times.of([float(value) for value in range(101)]) == Times(50.0, 95.0, 101)
    calls = []
    assert Timer(CPU).on_clock(lambda: calls.append(1), rounds=4).rounds == 4
    assert len(calls) == 4
