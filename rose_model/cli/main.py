"""The command ``rose``: registers the commands and turns errors into one line and an exit code."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from rose_model.cli.bag import PASS_ON, bag
from rose_model.cli.data import data
from rose_model.cli.doctor import doctor
from rose_model.cli.evaluate import evaluate
from rose_model.cli.export import export
from rose_model.cli.init import init
from rose_model.cli.merge import merge
from rose_model.cli.params import params
from rose_model.cli.plan import plan
from rose_model.cli.refine import refine
from rose_model.cli.segment import segment
from rose_model.cli.selfcheck import selfcheck
from rose_model.cli.train import train
from rose_model.exit_codes import EXIT_INTERRUPTED, KNOWN_ERRORS, exit_code, one_line


class RoseGroup(TyperGroup):
    """The commands of ``rose``, with errors told in one line; ``--debug`` keeps the traceback."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer does not export its base types
        """Run the command; leave with the exit code of what went wrong."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except KNOWN_ERRORS as error:
            if ctx.params.get('debug'):
                raise
            Console(stderr=True).print(f'rose: {one_line(error)}', markup=False, soft_wrap=True)
            raise typer.Exit(exit_code(error)) from None


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
app.command('init')(init)
app.command('params')(params)
app.command('plan')(plan)
app.command('train')(train)
app.command('merge')(merge)
app.command('eval')(evaluate)
app.add_typer(data, name='data')
app.command('bag', add_help_option=False, context_settings=PASS_ON)(bag)
app.command('export')(export)
app.command('selfcheck')(selfcheck)
app.command('doctor')(doctor)
