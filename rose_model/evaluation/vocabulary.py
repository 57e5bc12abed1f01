"""The classes of a benchmark, and how a generated name becomes one of them.

The paper does not say how it maps free names to the classes of ADE20k and COCO, so every figure is
given for each rule, side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

from rose_model.candidates import MAX_CANDIDATES, NameEncoder
from rose_model.errors import DataError
from rose_model.evaluation.lexicon import Lexicon, Relation
from rose_model.evaluation.names import plain_form
from rose_model.evaluation.rows import NEAREST, RELATED, STRICT, WORDS
from rose_model.evaluation.semantic import UNMAPPED, ClassOf


class Vocabulary:
    """Classes by number, each with the names that stand for it, its own name first.

    Where two classes share a name it stands for the one whose own name it is, else for the first.

    Raises:
        DataError: there is no class, a class has no name, or two have the same own name.
    """

    def __init__(self, classes: Sequence[Sequence[str]]) -> None:
        forms = [[form for form in map(plain_form, names) if form] for names in classes]
        if not forms or not all(forms):
            raise DataError(f'{len(forms)} classes, of which one has no name; name every class.')
        self.names = tuple(names[0].strip() for names in classes)
        self._forms = forms
        self._number: dict[str, int] = {}
        for number, own in enumerate(forms):
            if self._number.setdefault(own[0], number) != number:
                raise DataError(f'Two classes are called {own[0]!r}; give each a name of its own.')
        for number, names in enumerate(forms):
            for name in names[1:]:
                self._number.setdefault(name, number)

    def __len__(self) -> int:
        return len(self.names)

    def strict(self, name: str) -> int:
        """The class that a name is, or ``UNMAPPED``."""
        return self._number.get(plain_form(name), UNMAPPED)

    def by_words(self, name: str) -> int:
        """The class that a name is or ends with, or ``UNMAPPED``."""
        words = plain_form(name).split()
        endings = (' '.join(words[first:]) for first in range(len(words)))
        known = (self._number[ending] for ending in endings if ending in self._number)
        return next(known, UNMAPPED)

    def related(self, lexicon: Lexicon) -> ClassOf:
        """Return the rule that takes lexical relations where ``by_words`` finds no class.

        A synonym wins over a kind of something, the nearest kind over others.  A name that is more
        general counts where it is more general than one class alone: "vehicle" says neither car
        nor bus.
        """
        known: dict[str, int] = {}

        def class_of(name: str) -> int:
            if name not in known:
                number = self.by_words(name)
                known[name] = number if number != UNMAPPED else self._relative(name, lexicon)
            return known[name]

        return class_of

    def _relative(self, name: str, lexicon: Lexicon) -> int:
        noun = lexicon.noun(name)
        if not noun:
            return UNMAPPED
        steps = [
            (count, number)
            for number, forms in enumerate(self._forms)
            for form in forms
            if (count := lexicon.steps_up(noun, form)) is not None
        ]
        if steps:
            return min(steps)[1]
        general = {
            number
            for number, forms in enumerate(self._forms)
            for form in forms
            if lexicon.relation(noun, form) is Relation.HYPERNYM
        }
        return general.pop() if len(general) == 1 else UNMAPPED

    def nearest(self, encoder: NameEncoder) -> ClassOf:
        """The rule that takes the class whose own name is nearest; only ``''`` has none."""
        table = encoder(self.names)
        known: dict[str, int] = {}

        def class_of(name: str) -> int:
            if not name:
                return UNMAPPED
            if name not in known:
                known[name] = int((encoder([name]) @ table.mT)[0].argmax())
            return known[name]

        return class_of

    def rules(
        self, encoder: NameEncoder | None, lexicon: Lexicon | None = None
    ) -> dict[str, ClassOf]:
        """Return the rules for generated names by their keys.

        Args:
            encoder: The text tower; without one no class is nearest.
            lexicon: Lexical relations; without them no class is related.
        """
        rules: dict[str, ClassOf] = {STRICT: self.strict, WORDS: self.by_words}
        if lexicon is not None:
            rules[RELATED] = self.related(lexicon)
        if encoder is not None:
            rules[NEAREST] = self.nearest(encoder)
        return rules

    def can_be_candidates(self, encoder: NameEncoder | None) -> bool:
        """Whether a model with this text tower can choose among the classes."""
        return encoder is not None and len(self) <= MAX_CANDIDATES
