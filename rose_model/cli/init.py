"""``rose init``: a ROSE folder of the publishers' weights, to be trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rose_model.conversion.initialise import Sources, initialise


def init(
    out: Annotated[Path, typer.Argument(help='A new folder.')],
    lmm: Annotated[
        str,
        typer.Option(help='LLaVA-OneVision as llava-hf publishes it: a folder, or owner/name.'),
    ],
    sam: Annotated[Path, typer.Option(help='A file of segment_anything: sam_vit_h_4b8939.pth.')],
    siglip_text: Annotated[
        str | None,
        typer.Option(help='SigLIP with its text tower: a folder, or owner/name.'),
    ] = None,
    input_size: Annotated[
        int | None,
        typer.Option(min=1, help='Side of the image [px] for the language model; 48 patches.'),
    ] = None,
) -> None:
    """Make a ROSE folder of LLaVA-OneVision, SAM and SigLIP; what is new in it has to be trained.

    Repositories (owner/name) are fetched from the Hugging Face Hub.
    """
    config = initialise(Sources(lmm, sam, siglip_text), out, input_size=input_size)
    typer.echo(f'{config.name}: {out}. Its heads are random: train it before it is used.')
    if config.text is None:
        typer.echo(
            'It has no text tower: candidates are refused, and the loss of the SigLIP space is '
            'left out. --siglip-text google/siglip-so400m-patch14-384 brings one.'
        )
