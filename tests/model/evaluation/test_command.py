"""``rose eval``: options, table and record."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from rose_model.cli import evaluate as command
from rose_model.cli.evaluate import figures_table, table2_table
from rose_model.errors import ConfigError
from rose_model.evaluation import task
from rose_model.evaluation.figures import Figure
from rose_model.evaluation.opened import OpenedModel
from rose_model.evaluation.table2 import EXPECTED, Benchmark, Row
from rose_model.evaluation.task import Data, Task, check
from rose_model.presets import nano

app = typer.Typer()
app.command()(command.evaluate)

FIGURES = {
    'ap50': Figure(0.5, 0.4, 0.6, 9),
    'count_mae': Figure(0.25, 0.1, 0.4, 9),
    'refer_ciou': Figure(math.nan, math.nan, math.nan, 0),
}


class Loaded:
    name, config = 'tiny@00000000', nano()


def loaded(preset: str, *, precision: str, quantise: str) -> OpenedModel:
    assert (preset, precision) == ('nano', 'auto')
    return OpenedModel(Loaded(), Loaded(), None)


class Statistics:
    @staticmethod
    def figures() -> dict[str, object]:
        return {'scenes': 2}


def test_the_command_writes_a_flat_record_and_prints_a_table(tmp_path, monkeypatch) -> None:
    numbers: list[int] = []

    def measured(segmenter, scenes, things, split):
        numbers.extend(scenes)
        return FIGURES, Statistics()

    monkeypatch.setattr(command, 'open_model', loaded)
    monkeypatch.setattr(task.streets, 'evaluate_streets', measured)
    file = tmp_path / 'eval.json'
    result = CliRunner().invoke(app, ['--scenes', '2', '--quantise', 'int8', '--json', str(file)])
    assert result.exit_code == 0, result.output
    assert '50.0 %' in result.stdout
    record = json.loads(file.read_text())
    assert numbers == [1_000_000, 1_000_001]
    assert (record['ap50'], record['ap50_ci']) == (0.5, [0.4, 0.6])
    assert record['refer_ciou'] is None
    assert (record['precision'], record['quantise']) == ('auto', 'int8')
    assert record['counts'] == {'ap50': 9, 'count_mae': 9, 'refer_ciou': 0}
    assert (record['model'], record['data'], record['split']) == (Loaded.name, 'streets', 'test')
    assert record['images'] == record['scenes']['scenes'] == 2
    assert 0 < record['thresholds']['patch_filter']['min_objectness'] < 1
    assert record['peak_rss_mib'] > 0


def test_shares_are_printed_in_per_cent_and_counts_are_not() -> None:
    columns = [list(column.cells) for column in figures_table(FIGURES, 'title').columns]
    assert columns[1] == ['50.0 %', '0.25', '-']
    assert columns[4] == ['9', '9', '0']
    assert figures_table({}, 'title').row_count == 0


@pytest.mark.parametrize(
    ('wanted', 'message'),
    [
        (Task(Data.CAMVID, None, 'val', None, False), 'name it by --root'),
        (Task(Data.COCO, Path(), 'val2017', None, True), 'leave it out'),
        (Task(Data.STREETS, Path(), 'test', None, False), 'leave out --root'),
        (Task(Data.STREETS, None, 'val2017', None, False), 'take one of test, train, validation'),
    ],
)
def test_options_that_do_not_go_together_are_refused(wanted: Task, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(wanted)


def test_a_record_needs_a_folder_before_anything_is_measured() -> None:
    result = CliRunner().invoke(app, ['--json', 'no/such/folder.json'])
    assert isinstance(result.exception, ConfigError)
    assert 'no/such' in str(result.exception)


def test_table_2_finds_its_data_sets_itself() -> None:
    for option in (['--data', 'coco'], ['--root', '.'], ['--split', 'val'], ['--crowded']):
        result = CliRunner().invoke(app, ['--table2', '.', *option])
        assert isinstance(result.exception, ConfigError), option
        assert 'leave out' in str(result.exception)


def test_table_2_has_a_row_a_data_set_and_says_what_is_missing(tmp_path, monkeypatch) -> None:
    asked: list[int] = []

    def measure(model, numbers):
        asked.extend(numbers)
        nothing = Figure(math.nan, math.nan, math.nan, 0)
        return {
            'refer_ciou': Figure(0.5, 0.4, 0.6, 2),
            'refer_ciou_self': Figure(0.51, 0.4, 0.6, 2),
            'refer_ciou_oracle': Figure(0.6, 0.5, 0.7, 2),
            'refer_n_acc': nothing,
        }

    found = [Benchmark('RefCOCO val', tmp_path, 'refer_ciou', 9, measure)]
    monkeypatch.setattr(command, 'find_benchmarks', lambda root: found)
    monkeypatch.setattr(command, 'open_model', loaded)
    file = tmp_path / 'table2.json'
    result = CliRunner().invoke(
        app, ['--table2', str(tmp_path), '--scenes', '2', '--json', str(file)]
    )
    assert result.exit_code == 0, result.output
    assert asked == [0, 1]
    record = json.loads(file.read_text())
    (row,) = record['rows']
    assert (row['name'], row['key'], row['items']) == ('RefCOCO val', 'refer_ciou', 2)
    assert (row['refer_ciou'], row['refer_ciou_oracle']) == (0.5, 0.6)
    assert row['refer_n_acc'] is None
    assert record['missing'] == [name for name in EXPECTED if name != 'RefCOCO val']
    assert 'Not found: ADE20k validation, COCO val2017, ' in ' '.join(result.stdout.split())


def test_the_rows_of_table_2_are_not_refined_self_triggered_and_oracle() -> None:
    share = Figure(0.5, 0.4, 0.6, 9)
    figures = {'miou': share, 'miou_self': share, 'miou_oracle': share, 'miou_candidates': share}
    table = table2_table([Row('x', Path(), 'miou', 9, figures)], 'title')
    cells = [next(iter(column.cells)) for column in table.columns]
    assert cells == ['x\nmiou', '9', *['50.0\n40.0 to 60.0'] * 4]
    without = table2_table([Row('x', Path(), 'refer_ciou', 9, {})], 'title')
    assert list(without.columns[-1].cells) == ['-']
