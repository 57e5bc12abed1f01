"""Each rule of graphs, with a graph that keeps it and one that breaks it."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir
import pytest

from rose_model.errors import BackendError
from rose_model.export import graph_rules
from rose_model.export.graph_rules import breaches, check_graph

TYPES = {'fp32': 'float', 'fp16': 'float16', 'bf16': 'bfloat16'}


@pytest.fixture
def write(tmp_path: Path):
    """Writes a graph of one weight ``w [4, 4]``; ``T`` stands for the declared type."""

    def write_graph(
        body: str,
        precision: str = 'fp32',
        inputs: str = 'T[N, 4] mask_embedding',
        outputs: str = 'T[N, 4] logits',
        inner: str = '',
        opset: int = 18,
    ) -> Path:
        weights = ', '.join(16 * ['1'])
        text = f"""
            <ir_version: 10, opset_import: ["" : {opset}]>
            graph ({inputs}) => ({outputs})
            <T[4, 4] w = {{{weights}}}, float[4] ones = {{1, 1, 1, 1}}{inner}> {{ {body} }}
        """
        model = onnx.parser.parse_model(text.replace('T[', f'{TYPES[precision]}['))
        onnx.save(model, tmp_path / 'graph.onnx')
        return tmp_path / 'graph.onnx'

    return write_graph


@pytest.mark.parametrize('precision', TYPES)
def test_a_graph_within_the_rules_passes(write, precision: str) -> None:
    path = write('logits = MatMul(mask_embedding, w)', precision)
    assert list(breaches(path, precision)) == []
    check_graph(path, precision)


@pytest.mark.parametrize(
    ('body', 'name'),
    [
        ('s = Shape(mask_embedding) logits = Tile(mask_embedding, s)', 'Tile'),
        ('i = NonZero(mask_embedding) logits = Gather(mask_embedding, i)', 'NonZero'),
        ('logits = Einsum <equation = "nc,cd->nd"> (mask_embedding, w)', 'Einsum'),
        ('two = Add(w, w) logits = Pow(mask_embedding, two)', 'Pow'),
        ('logits = ReduceMean(mask_embedding)', 'ReduceMean'),
        (
            'd = Constant <value_int = 4> () v = Constant <value_floats = [0.0, 1.0]> () '
            'i = Cast <to = 7> (mask_embedding) logits = OneHot(i, d, v)',
            'OneHot',
        ),
        (
            't = Cast <to = 9> (ones) logits = If (t) <then_branch = g () => (float y) '
            '{ y = Identity(ones) }, else_branch = h () => (float z) { z = Identity(ones) }>',
            'If',
        ),
        (
            't = Constant <value_int = 1> () c = Cast <to = 9> (t) logits = Loop(t, c) <body = '
            'g (int64 i, bool c1) => (bool c2, float y) { c2 = Identity(c1) y = Identity(ones) }>',
            'Loop',
        ),
        ('logits = com.microsoft.FusedMatMul(mask_embedding, w)', 'com.microsoft'),
    ],
)
def test_other_operators_are_named(write, body: str, name: str) -> None:
    assert f'operator {name} is not on the list' in list(breaches(write(body), 'fp32'))


def test_attention_of_later_operator_sets_is_no_operator_of_ours(write) -> None:
    """TensorRT reads it from 10.14 on."""
    path = write('logits = MatMul(mask_embedding, w)', opset=23)
    assert list(breaches(path, 'fp32')) == ["its operators are of {'': 23}, not of ONNX 18 alone"]
    assert 'Attention' not in graph_rules.ALLOWED


def test_only_the_number_of_prompts_varies(write) -> None:
    body = 'logits = MatMul(mask_embedding, w)'
    path = write(body, inputs='T[M, 4] mask_embedding', outputs='T[M, 4] logits')
    assert 'size 0 of mask_embedding varies (M)' in list(breaches(path, 'fp32'))
    path = write(
        'logits = Add(mask_embedding, mask_embedding)',
        inputs='T[4, N] mask_embedding',
        outputs='T[4, N] logits',
    )
    assert 'size 1 of logits varies (N)' in list(breaches(path, 'fp32'))


def test_sizes_inside_follow_from_it(write) -> None:
    body = 'two = Concat <axis = 0> (mask_embedding, mask_embedding) logits = MatMul(two, w)'
    path = write(body, inner=', T[K, 4] two')
    assert 'a size of two is unknown (K)' in list(breaches(path, 'fp32'))


def test_layer_norms_of_fp16_work_in_fp32(write) -> None:
    """Their variance overflows: |x - mean| above 255 is enough."""
    half = 'n = LayerNormalization(mask_embedding, h) logits = MatMul(n, w)'
    path = write(half, 'fp16', inner=', float16[4] h = {1, 1, 1, 1}')
    (breach,) = breaches(path, 'fp16')
    assert breach.endswith('works in FLOAT16, where it overflows')
    wide = (
        'x = Cast <to = 1> (mask_embedding) n = LayerNormalization(x, ones) '
        'y = Cast <to = 10> (n) logits = MatMul(y, w)'
    )
    assert list(breaches(write(wide, 'fp16'), 'fp16')) == []


def test_weights_are_of_the_declared_type(write) -> None:
    path = write('logits = Add(mask_embedding, w)', 'fp32')
    assert 'weight w is FLOAT, not FLOAT16' in list(breaches(path, 'fp16'))


def test_products_work_in_the_declared_type(write) -> None:
    """A cast in the wrong place would make a graph of bf16 as slow as one of fp32."""
    body = (
        'x = Cast <to = 1> (mask_embedding) v = Cast <to = 1> (w) p = MatMul(x, v) '
        'logits = Cast <to = 16> (p)'
    )
    (breach,) = breaches(write(body, 'bf16'), 'bf16')
    assert breach.endswith('works in FLOAT, not in BFLOAT16')


def test_nothing_is_of_64_bits(write) -> None:
    path = write('d = Cast <to = 11> (mask_embedding) logits = Cast <to = 1> (d)')
    assert list(breaches(path, 'fp32')) == ['d is of 64 bits']


def test_large_weights_lie_beside_the_graph(write, tmp_path: Path) -> None:
    numbers = ', '.join(300 * ['1'])
    path = write(
        'u = Add(mask_embedding, w) logits = Gemm(u, big)',
        inner=f', float[4, 75] big = {{{numbers}}}',
        outputs='T[N, 75] logits',
    )
    assert list(breaches(path, 'fp32')) == [
        'weight big of 1200 bytes lies in the file of the graph'
    ]
    onnx_ir.save(onnx_ir.load(path), path, external_data='graph.onnx.data')
    assert list(breaches(path, 'fp32')) == []


def test_a_file_beyond_two_gib_is_not_even_read(write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write('logits = MatMul(mask_embedding, w)')
    monkeypatch.setattr(graph_rules, 'MAX_PROTO_BYTES', path.stat().st_size - 1)
    (breach,) = breaches(path, 'fp32')
    assert 'more than 2 GiB' in breach


def test_all_that_is_wrong_is_told_at_once(write) -> None:
    path = write('d = Cast <to = 11> (mask_embedding) e = Erf(d) logits = Sin(e)')
    with pytest.raises(BackendError, match=r'graph\.onnx in fp32 .*operator Sin .*; d is of 64'):
        check_graph(path, 'fp32')
