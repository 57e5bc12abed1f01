"""The command ``rose``: registers the commands and turns errors into one line and an exit code."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from torch import OutOfMemoryError
from typer.core import TyperGroup

from rose_model.cli.data import data
from rose_model.cli.doctor import doctor
from rose_model.cli.evaluate import evaluate
from rose_model.cli.refine import refine
from rose_model.cli.segment import segment
from rose_model.cli.train import train
from rose_model.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    ImageError,
    InvalidRequestError,
    NoSuchSegmentError,
    RoseError,
    StorageError,
    TextEmptyError,
    TextTooLongError,
)

EXIT_FAILED, EXIT_USAGE, EXIT_DATA, EXIT_CHECKPOINT, EXIT_RESOURCES = 1, 2, 3, 4, 5
EXIT_INTERRUPTED = 130

_EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (ConfigError, EXIT_USAGE),
    (TextEmptyError, EXIT_USAGE),
    (TextTooLongError, EXIT_USAGE),
    (InvalidRequestError, EXIT_USAGE),
    (NoSuchSegmentError, EXIT_USAGE),
    (ImageError, EXIT_DATA),
    (DataError, EXIT_DATA),
    (CheckpointError, EXIT_CHECKPOINT),
    (StorageError, EXIT_RESOURCES),
    (RoseError, EXIT_FAILED),
    (OutOfMemoryError, EXIT_RESOURCES),
    (MemoryError, EXIT_RESOURCES),
)


class RoseGroup(TyperGroup):
    """The commands of ``rose``, with errors told in one line; ``--debug`` keeps the traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer does not export its base types
        """Run the command; leave with the exit code of what went wrong."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except tuple(kind for kind, _ in _EXIT_CODES) as error:
            if ctx.params.get('debug'):
                raise
            Console(stderr=True).print(f'rose: {one_line(error)}', markup=False, soft_wrap=True)
            raise typer.Exit(exit_code(error)) from None


def exit_code(error: BaseException) -> int:
    """The exit code for an error of ``_EXIT_CODES``; the first kind that fits counts."""
    return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))


def one_line(error: BaseException) -> str:
    """The message of an error on one line, or its kind where it has none."""
    return ' '.join(str(error).split()) or type(error).__name__


app = typer.Typer(
    cls=RoseGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help='ROSE: dense masks with generated names, corrected in plain words.',
)


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option('--debug', help='Show the traceback of an error.')
    ] = False,
) -> None:
    """Options of all commands; ``RoseGroup`` reads them from the context."""


app.command('segment')(segment)
app.command('refine')(refine)
app.command('train')(train)
app.command('eval')(evaluate)
app.add_typer(data, name='data')
app.command('doctor')(doctor)
