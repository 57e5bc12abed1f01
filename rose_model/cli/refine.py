"""``rose refine IMAGE TEXT``: segment a picture, correct it, show before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rose_model.cli.output import (
    read_rgb,
    segmentation_to_dict,
    segments_table,
    write_json,
    write_rgb,
)
from rose_model.cli.segment import ImageArgument, InstructionOption, ModelOption, OutOption
from rose_model.errors import ConfigError
from rose_model.overlay import draw_overlay
from rose_model.records import PointHint, RefineTarget
from rose_model.segmenter import RoseSegmenter

TextArgument = Annotated[
    str,
    typer.Argument(
        help="The correction: 'This is a red truck.'  May be left out beside --label, --remove "
        'or --click.'
    ),
]
LabelOption = Annotated[str, typer.Option('--label', help='What the segment is called.')]
RemoveOption = Annotated[bool, typer.Option('--remove', help='The segment is nothing: delete it.')]
ClickOption = Annotated[
    list[str] | None,
    typer.Option('--click', help='x,y of a pixel on the object; -x,y of one that is not on it.'),
]
SegmentOption = Annotated[
    str,
    typer.Option('--segment', help='Id of the wrong segment; without it TEXT names a missed one.'),
]
TargetOption = Annotated[
    RefineTarget, typer.Option('--target', help='What to change; auto lets TEXT decide.')
]


def refine(
    image: ImageArgument,
    text: TextArgument = '',
    segment: SegmentOption = '',
    target: TargetOption = RefineTarget.AUTO,
    label: LabelOption = '',
    remove: RemoveOption = False,
    click: ClickOption = None,
    model: ModelOption = 'nano',
    out: OutOption = Path(),
    instruction: InstructionOption = None,
) -> None:
    """Segment a picture, then correct it: OUT/NAME_before.png, _after.png, _refined.json, tables.

    The ids for --segment are those that `rose segment` prints for the same picture.
    """
    points = tuple(_point(place) for place in click or ())
    rgb = read_rgb(image)
    segmenter = RoseSegmenter.from_pretrained(model)
    before = segmenter.segment(rgb, instruction)
    console = Console()
    console.print(segments_table(before.segments, title='before'))
    refinement = segmenter.refine(
        before,
        text,
        segment_id=segment,
        target=target,
        points=points,
        label=label,
        remove=remove,
    )
    after = refinement.segmentation
    changed = {item.id for item in refinement.changed}
    console.print(segments_table(after.segments, title='after', marked=changed))
    console.print(
        f'{refinement.case.value}: changed {sorted(changed)}, removed {list(refinement.removed)}',
        markup=False,
    )
    written = (
        write_rgb(out / f'{image.stem}_before.png', draw_overlay(rgb, before.segments)),
        write_rgb(out / f'{image.stem}_after.png', draw_overlay(rgb, after.segments)),
        write_json(
            out / f'{image.stem}_refined.json', segmentation_to_dict(after, image, segmenter.name)
        ),
    )
    console.print('wrote ' + ', '.join(map(str, written)), markup=False, soft_wrap=True)


def _point(place: str) -> PointHint:
    """A click from ``'12,34'``, or ``'-12,34'`` for one beside the object.

    Raises:
        ConfigError: it is neither.
    """
    is_foreground = not place.startswith('-')
    try:
        x, y = (float(number) for number in place.removeprefix('-').split(','))
    except ValueError as error:
        raise ConfigError(
            f'--click {place!r} is no place; write x,y in pixels, or -x,y for one beside the '
            f'object.'
        ) from error
    return PointHint(x, y, is_foreground)
