"""Class names of data sets: as plain words, and as tables that come with the package.

The tables ``*.csv`` beside this file hold what publishers give apart from their data or nowhere:
first lines with ``#`` that name source and licence, then a header.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

from rose_model.errors import DataError

FOLDER = Path(__file__).parent


def plain_name(text: str) -> str:
    """The first of several synonyms, in lower case: ``'Road, route'`` gives ``'road'``.

    Underscores, brackets and dashes between blanks become blanks, as in Mapillary's ``'Traffic
    Sign (Back)'`` and ``'Lane Marking - Crosswalk'``; dashes inside of words stay.

    Raises:
        DataError: nothing is left.
    """
    first = re.split('[,;]', text.strip(' ,;'))[0]
    name = ' '.join(re.sub(r'[_()\[\]]| - ', ' ', first).lower().split())
    if not name:
        raise DataError(f'{text!r} is no name of a class; give every class one.')
    return name


def read_table(name: str, folder: Path = FOLDER) -> list[dict[str, str]]:
    """The rows of a table of the package, by their column; by default one beside this file."""
    lines = (folder / f'{name}.csv').read_text(encoding='utf-8').splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith('#')))
