"""What a frame costs at least: the figures agree with what is known, and with what PyTorch
counts.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import bounds, growth
from benchmarks.figures import Section, report
from benchmarks.forced_frame import ForcedFrame, make_frame
from benchmarks.hardware import Hardware, faster_dtype, gemm_rate, hardware_of, read_bandwidth
from rose_model.presets import nano, rose_0_5b, rose_7b
from rose_model.rose import build_rose
from rose_model.work import Load, Work, decode_step, frame_work, names, prefill


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def tflop(passes) -> float:
    return sum(work.flops for work in passes) / 1e12


@pytest.mark.parametrize(
    ('stage', 'known'),
    [
        ('SigLIP', 2.46),
        ('projector', 0.078),
        ('prefill', 32.89),
        ('SAM encoder', 5.66),
        ('names', 32.13),
    ],
)
def test_work_of_rose_7b_is_known(stage, known):
    load = Load(prefix=14, suffix=22)  # with the question behind the embedding
    assert tflop(frame_work(rose_7b(), load)[stage]) == pytest.approx(known, rel=0.01)


def test_a_question_before_the_embedding_halves_the_work_of_names():
    assert tflop(frame_work(rose_7b(), Load())['names']) < 0.55 * 32.13


def test_masks_take_less_work_than_in_the_reference():
    assert tflop(frame_work(rose_7b(), Load())['SAM mask decoder']) < 0.6 * 0.28


def test_causal_attention_has_half_of_the_scores():
    causal = rose_7b().language.model_copy(update={'attention': 'causal'})
    assert prefill(causal, 2350).flops / 1e12 == pytest.approx(31.78, rel=1e-3)


def test_a_decode_step_reads_the_weights_once_for_all_rows():
    language = rose_7b().language
    all_at_once, alone = decode_step(language, 100, 40), decode_step(language, 1, 2700)
    assert 2 * all_at_once.values / 1e9 == pytest.approx(14.37, rel=1e-3)
    assert 2 * alone.values / 1e9 == pytest.approx(14.30, rel=1e-3)


@pytest.mark.parametrize('preset', [nano, rose_0_5b, rose_7b])
def test_weights_that_are_read_are_those_of_the_model(preset):
    config = preset()
    with torch.device('meta'):
        counted = build_rose(config).count_parameters()
    read = {stage: passes[0].values for stage, passes in frame_work(config, Load()).items()}
    head = config.language.width * config.language.vocabulary
    body = counted.language_model - head
    assert read['SigLIP'] == pytest.approx(counted.vision_tower, rel=0.01)
    assert read['prefill'] == pytest.approx(body, rel=0.01)
    assert read['names'] == pytest.approx(body + head, rel=0.01)
    assert read['SAM encoder'] == pytest.approx(counted.sam_encoder, rel=0.02)


@pytest.fixture(scope='module')
def forced() -> ForcedFrame:
    config = nano()
    sam = config.sam.model_copy(update={'relative_positions': True})
    return make_frame(config.model_copy(update={'sam': sam}), (90, 160), 20, torch.float32)


@torch.inference_mode()
def test_the_work_of_each_stage_is_the_least_of_what_pytorch_counts(forced):
    """All but equal, save for SAM's relative positions, for which more is done than has to be."""
    work = frame_work(forced.rose.config, forced.load)
    counted = {}
    for stage, run in forced.stages().items():
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            run()
        counted[stage] = counter.get_total_flops() / 1e12
    assert counted.keys() == work.keys()
    for stage, flops in counted.items():
        least = 0.8 if stage == 'SAM encoder' else 0.99
        assert least < tflop(work[stage]) / flops < 1.001, stage


def test_a_forced_frame_has_all_of_its_objects(forced):
    segments = forced.segmenter.segment(forced.image).segments
    assert len(segments) == forced.load.objects
    assert len({segment.box_xyxy for segment in segments}) == 20
    assert forced.segment() == 20  # again


@torch.inference_mode()
def test_forced_names_have_all_of_their_tokens(forced):
    decoded = forced.stages()['names']()
    assert {len(ids) for ids in decoded.token_ids} == {forced.load.name_tokens}


def test_a_pass_is_bound_by_the_slower_of_compute_and_memory():
    hardware = Hardware(flops=1e12, bandwidth=1e10, value_bytes=4)
    work = {'compute': [Work(2e12, 1)], 'memory': [Work(1.0, 5e9)], 'both': 2 * [Work(1e12, 1)]}
    assert bounds.bounds_ms(work, hardware) == {
        'compute': 2000,
        'memory': 2000,
        'both': 2000,
        'frame': 6000,
    }


def test_rates_follow_from_times_of_a_product_and_of_reading():
    times = {'matrix product': 137.438953472, 'memory read': 53.6870912}
    hardware = hardware_of(times, torch.bfloat16)
    assert (hardware.flops, hardware.bandwidth) == pytest.approx((1e12, 2e10))
    assert hardware.value_bytes == 2


@pytest.mark.parametrize('faster', [torch.bfloat16, torch.float32])
def test_the_type_is_the_one_that_is_multiplied_faster(monkeypatch, faster):
    rates = {torch.bfloat16: 2.0, torch.float32: 2.0, faster: 3.0}
    monkeypatch.setattr('benchmarks.hardware.gemm_rate', lambda dtype, side: rates[dtype])
    assert faster_dtype.__wrapped__() is faster


def test_a_goal_holds_for_the_frame_of_its_preset_alone():
    times = {'SigLIP': 30.0, 'frame': 100.0, 'matrix product': 8.0}
    figures = bounds.measured_figures('rose_0_5b', {'SigLIP': 10.0, 'frame': 39.0}, times)
    values = {figure.name: figure for figure in figures}
    assert values['SigLIP: over the bound'].holds
    assert not values['frame: over the bound'].holds
    assert values['outside these stages'].value == 70
    others = bounds.measured_figures('nano', {'frame': 39.0}, times)
    assert all(figure.holds for figure in others)


def test_a_result_becomes_a_table_for_the_readme(tmp_path):
    figures = bounds.measured_figures('nano', {'frame': 40.0}, {'frame': 100.0})
    report('x', {'bfloat16': Section(1.0, figures)}, tmp_path)
    table = bounds.markdown(tmp_path / 'x.json').splitlines()
    assert table[2] == '| frame | 40 ms | 100 ms | 2.5 x |'
    assert table[-1] == 'outside these stages: 100 ms'


def test_names_cost_more_with_each_object_and_each_token():
    load = partial(Load, objects=10)
    few = tflop(names(nano().language, load(name_tokens=2)))
    assert tflop(names(nano().language, load(name_tokens=4))) > few
    assert tflop(names(nano().language, Load(objects=20, name_tokens=2))) == pytest.approx(2 * few)


def test_growth_is_the_cost_of_one_more(monkeypatch):
    monkeypatch.setattr(growth, 'round_ms', lambda frames: 3 + 5.0 * len(frames))
    frame = SimpleNamespace(segmenter=SimpleNamespace(segment=lambda image: image), image=0)
    section = growth.grow('cameras', ((count, count * [frame]) for count in (1, 2, 4)))
    values = {figure.name: figure.value for figure in section.figures}
    assert values['2 cameras: time'] == 13
    assert values['2 cameras: memory of the process'] > 0
    assert values['one of the cameras more'] == pytest.approx(5)


def test_the_hardware_has_a_rate():
    assert gemm_rate(torch.float32, side=64) > 0
    assert read_bandwidth(2**16) > 0
