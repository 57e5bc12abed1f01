"""What has been done so far of a recording: survives the end of the process at any moment.

An SQLite file holds one row a frame, each in a transaction of its own.  Its lock belongs to one
process and ends with it, so that two cannot work at the same recording.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rose_model.errors import ConfigError, DataError

LOCK_TIMEOUT_S = 10.0
"""A killed process may take a moment to let go."""

_TABLES = """
CREATE TABLE IF NOT EXISTS job (identity TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS frames (
    number INTEGER PRIMARY KEY,
    camera TEXT NOT NULL,
    reason TEXT NOT NULL,
    segments INTEGER NOT NULL,
    data BLOB NOT NULL
);
"""


class Entry(NamedTuple):
    """What became of a frame: ``data``, the CDR of its ``SegmentArray``, or ``reason``, the word
    for why it was refused.  The other one is empty.
    """

    camera: str
    reason: str
    segments: int
    data: bytes


class Tally(NamedTuple):
    """Frames of a camera that ended alike; an empty ``reason``: processed."""

    camera: str
    reason: str
    frames: int
    segments: int


class Journal:
    """The frames that are done, numbered from 0 in the order of the recording.

    Raises:
        ConfigError: it is of another job, or another process works at it.
        DataError: the file is no journal.
    """

    def __init__(self, path: Path, identity: dict[str, object]) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S, isolation_level=None)
        try:
            self._lock()
            self._check(json.dumps(identity, sort_keys=True))
            row = self._database.execute('SELECT max(number) FROM frames').fetchone()
            self._count = 0 if row[0] is None else int(row[0]) + 1
        except BaseException:
            self._database.close()
            raise

    def __len__(self) -> int:
        """Number of frames that are done."""
        return self._count

    def add(self, entry: Entry) -> None:
        """The next frame is done."""
        self._database.execute('INSERT INTO frames VALUES (?, ?, ?, ?, ?)', (self._count, *entry))
        self._count += 1

    def entries(self) -> Iterator[Entry]:
        """The frames in their order."""
        columns = 'SELECT camera, reason, segments, data FROM frames ORDER BY number'
        for row in self._database.execute(columns):
            yield Entry(*row)

    def tallies(self) -> list[Tally]:
        """How the frames ended, by camera and reason."""
        rows = self._database.execute(
            'SELECT camera, reason, count(*), sum(segments) FROM frames'
            ' GROUP BY camera, reason ORDER BY camera, reason'
        )
        return [Tally(*row) for row in rows]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _lock(self) -> None:
        try:
            self._database.execute('PRAGMA locking_mode = EXCLUSIVE')
            self._database.execute('PRAGMA journal_mode = WAL')
            self._database.execute('PRAGMA synchronous = NORMAL')
            self._database.executescript(f'BEGIN EXCLUSIVE; {_TABLES} COMMIT;')
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise ConfigError(
                f'Another process works at {self.path.parent}; wait for it, or end it.'
            ) from error
        except sqlite3.DatabaseError as error:
            raise DataError(
                f'{self.path} is damaged ({error}); delete {self.path.parent} and start anew.'
            ) from error

    def _check(self, identity: str) -> None:
        row = self._database.execute('SELECT identity FROM job').fetchone()
        if row is None:
            self._database.execute('INSERT INTO job VALUES (?)', (identity,))
        elif row[0] != identity:
            raise ConfigError(
                f'{self.path.parent} was begun with {_difference(row[0], identity)}; use the same '
                'again, or delete that folder to start anew.'
            )


def _difference(before: str, now: str) -> str:
    """The first thing in which two identities differ: ``model 'a', not 'b'``."""
    old, new = json.loads(before), json.loads(now)
    key = next(key for key in sorted({*old, *new}) if old.get(key) != new.get(key))
    return f'{key} {old.get(key)!r}, not {new.get(key)!r}'
