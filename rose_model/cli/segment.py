"""``rose segment IMAGE``: masks with names as a picture, a JSON file and a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rose_model.cli.output import read_rgb, segments_table, write_json, write_rgb
from rose_model.cli.output import segmentation_to_dict as to_dict
from rose_model.overlay import draw_overlay
from rose_model.segmenter import RoseSegmenter

ImageArgument = Annotated[
    Path, typer.Argument(help='A picture: PNG, JPEG or what else OpenCV reads.')
]
ModelOption = Annotated[
    str, typer.Option('--model', help='A ROSE folder, or a shipped model: nano, nano-camvid.')
]
OutOption = Annotated[
    Path, typer.Option('--out', help='Folder for the picture and the JSON file.')
]
InstructionOption = Annotated[
    str | None,
    typer.Option('--instruction', help="What to segment, in words; the model's own by default."),
]


def segment(
    image: ImageArgument,
    model: ModelOption = 'nano',
    out: OutOption = Path(),
    instruction: InstructionOption = None,
) -> None:
    """Segment a picture: OUT/NAME_segments.png, OUT/NAME_segments.json and a table."""
    rgb = read_rgb(image)
    segmenter = RoseSegmenter.from_pretrained(model)
    segmentation = segmenter.segment(rgb, instruction)
    console = Console()
    console.print(segments_table(segmentation.segments, title=f'{image.name}, {segmenter.name}'))
    picture = write_rgb(
        out / f'{image.stem}_segments.png', draw_overlay(rgb, segmentation.segments)
    )
    record = write_json(
        out / f'{image.stem}_segments.json', to_dict(segmentation, image, segmenter.name)
    )
    console.print(f'wrote {picture} and {record}', markup=False, soft_wrap=True)
