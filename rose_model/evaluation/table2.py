"""The rows of the paper's Table 2 for a model: all benchmarks that are found below a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rose_model.data.ade20k import Ade20k
from rose_model.data.formats import Format, Found, find_sets
from rose_model.data.refer import References
from rose_model.evaluation.coco import CocoSplit, benchmark_coco, open_split
from rose_model.evaluation.figures import Figures
from rose_model.evaluation.opened import OpenedModel
from rose_model.evaluation.referring_benchmark import (
    ReferringSplit,
    evaluate_referring,
    reference_splits,
)
from rose_model.evaluation.semantic_benchmark import SemanticImages, evaluate_semantic
from rose_model.evaluation.semantic_sets import Ade20kImages, LabelMaps

EXPECTED = (
    'ADE20k validation',
    'COCO val2017',
    'RefCOCO val',
    'RefCOCO testA',
    'RefCOCO testB',
    'RefCOCO+ val',
    'RefCOCO+ testA',
    'RefCOCO+ testB',
    'RefCOCOg val',
    'RefCOCOg test',
)
"""The columns of Table 2."""

_NAMES = {'refcoco': 'RefCOCO', 'refcoco+': 'RefCOCO+', 'refcocog': 'RefCOCOg', 'coco': 'COCO'}
_SPLIT_BY = {'refcoco': 'unc', 'refcoco+': 'unc', 'refcocog': 'umd'}
"""Who made the splits of the paper's table ("val(U)"); others get their maker into their name."""
_SEMANTIC, _INSTANCE, _REFERRING = 'miou', 'coco_ap', 'refer_ciou'

Progress = Callable[[range, str], Iterable[int]]
"""The numbers of a range, told to the user under a name."""


@dataclass(frozen=True)
class Row:
    """The figures of a benchmark over ``items`` images or sentences; ``key`` is the figure of the
    paper's table.
    """

    name: str
    root: Path
    key: str
    items: int
    figures: Figures


@dataclass(frozen=True)
class Benchmark:
    """Something that can be measured: ``items`` images or sentences of a data set in ``root``."""

    name: str
    root: Path
    key: str
    items: int
    measure: Callable[[OpenedModel, Iterable[int]], Figures]

    def row(self, model: OpenedModel, most: int | None, progress: Progress) -> Row:
        """The figures over at most ``most`` items, the first ones."""
        numbers = range(min(self.items, most or self.items))
        figures = self.measure(model, progress(numbers, self.name))
        return Row(self.name, self.root, self.key, len(numbers), figures)


def find_benchmarks(root: Path) -> list[Benchmark]:
    """What of Table 2 there is below a folder, in the table's order, then what is like it: other
    splits that are not for training, and exported streets.  All are opened and checked.

    Raises:
        DataError: there is no data set, or one is too damaged.
    """
    found = [item for data_set in find_sets(root) for item in _open(data_set)]
    order = {name: number for number, name in enumerate(EXPECTED)}
    return sorted(found, key=lambda item: order.get(item.name, len(order)))


def missing(found: Iterable[Benchmark | Row]) -> list[str]:
    """The columns of Table 2 that are not there."""
    names = {item.name for item in found}
    return [name for name in EXPECTED if name not in names]


def _open(found: Found) -> Iterator[Benchmark]:
    if 'train' in found.split:
        return
    if found.format is Format.ADE20K:
        images = Ade20kImages(Ade20k(found.root, found.split))
        yield _semantic(f'ADE20k {found.split}', found, images)
    elif found.format is Format.COCO:
        name = f'{_NAMES.get(found.root.name, found.root.name)} {found.split}'
        split = open_split(found.root, found.split)
        if (found.root / 'classes.json').is_file():
            yield _semantic(f'{name} labels', found, LabelMaps(found.root, found.split))
        measure = partial(_measure_instance, split)
        yield Benchmark(name, found.root, _INSTANCE, len(split.images), measure)
    elif found.format is Format.REFER:
        yield from _referring(found)


def _semantic(name: str, found: Found, data: SemanticImages) -> Benchmark:
    return Benchmark(name, found.root, _SEMANTIC, len(data), partial(_measure_semantic, data))


def _referring(found: Found) -> Iterator[Benchmark]:
    """One for each split; the split of ``found`` is who made them."""
    folder, maker = found.root.name, found.split
    name = _NAMES.get(folder, f'{found.root.parent.name} {folder}')
    if _SPLIT_BY.get(folder, maker) != maker:
        name = f'{name} ({maker})'
    references = References(found.root, None, maker)
    for split in reference_splits(references):
        if 'train' not in split:
            data = ReferringSplit(references, split)
            measure = partial(_measure_referring, data)
            yield Benchmark(f'{name} {split}', found.root, _REFERRING, len(data), measure)


def _measure_semantic(data: SemanticImages, model: OpenedModel, numbers: Iterable[int]) -> Figures:
    return evaluate_semantic(model.segmenter, model.encoder, data, numbers)[0]


def _measure_instance(data: CocoSplit, model: OpenedModel, numbers: Iterable[int]) -> Figures:
    return benchmark_coco(model, data, numbers)


def _measure_referring(
    data: ReferringSplit, model: OpenedModel, numbers: Iterable[int]
) -> Figures:
    return evaluate_referring(model.segmenter, data, numbers)
