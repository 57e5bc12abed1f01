"""Pickles of plain data.

A pickle from outside can be a program.  Ours is read by an unpickler that knows plain containers,
strings and numbers and refuses everything else.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, NoReturn

from rose_model.errors import DataError

# What the unpickler raises for a file that is cut off or is none.
_UNREADABLE = (
    pickle.UnpicklingError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


class PlainUnpickler(pickle.Unpickler):
    """Reads containers, strings and numbers; a pickle that names a class or a function is refused
    before anything of it is imported.
    """

    def find_class(self, module: str, name: str) -> NoReturn:
        """Refuse ``module.name``."""
        raise pickle.UnpicklingError(f'it names {module}.{name}, and only plain data may be in it')


def read_plain_pickle(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """The plain data in a pickle; byte strings of Python 2 are read as Latin-1.

    Raises:
        DataError: the file cannot be read, is damaged, or has more than plain data in it.
    """
    try:
        return PlainUnpickler(io.BytesIO(path.read_bytes()), encoding='latin1').load()
    except _UNREADABLE as error:
        raise DataError(
            f'{path} is not a pickle of plain data: {error}; take it from its source again.'
        ) from error
