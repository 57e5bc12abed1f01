"""From the model's free labels to the classes of the stack that listens.

A YAML file maps each class to the labels that stand for it: ``vehicle: [car, bus, truck]``.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml
from pydantic import RootModel, ValidationError

from ros2_rose.parameters import ParameterError
from rose_model.nouns import noun_among

_REMEMBERED = 1000
"""Different labels that are counted; of more the rarer half is forgotten."""


class _Classes(RootModel[dict[str, list[str]]]):
    """The content of a file: labels by class."""


class Ontology:
    """``classes``: the class by label.  Upper and lower case are the same."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        self._classes = {label.lower(): name for label, name in classes.items()}

    def __len__(self) -> int:
        """Number of labels that have a class."""
        return len(self._classes)

    def class_of(self, label: str) -> str:
        """The class of the longest label that this one is, or ends with: ``'red car'`` is of the
        class of ``'car'``.  Empty where none fits.
        """
        known = noun_among(label.lower(), self._classes)
        return '' if known is None else self._classes[known]


NO_ONTOLOGY = Ontology({})


class UnmappedLabels:
    """Counts labels that an ontology has no class for; written by one thread, read by another."""

    def __init__(self, ontology: Ontology) -> None:
        self._ontology = ontology
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, labels: Iterable[str]) -> None:
        """Count the labels of a frame.  Without any ontology nothing is missing."""
        if not self._ontology:
            return
        named = (label for label in labels if label)
        unmapped = [label for label in named if not self._ontology.class_of(label)]
        with self._lock:
            self._counts.update(unmapped)
            if len(self._counts) > _REMEMBERED:
                self._counts = Counter(dict(self._counts.most_common(_REMEMBERED // 2)))

    def summary(self) -> str:
        """The most frequent ones with their counts: ``'red dragon 12, cow 3'``."""
        with self._lock:
            return ', '.join(f'{label} {count}' for label, count in self._counts.most_common(5))


def read_ontology(path: str) -> Ontology:
    """The ontology in a file; an empty path is none.

    Raises:
        ParameterError: the file cannot be read, is no such mapping, or a label has two classes.
    """
    if not path:
        return NO_ONTOLOGY
    try:
        content = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
        labels_of = _Classes.model_validate(content, strict=True).root
    except OSError as error:
        raise ParameterError(f'ontology: cannot read {path}: {error.strerror}.') from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        reason = ' '.join(str(error).split())
        raise ParameterError(f'ontology: {path} is not YAML: {reason}.') from error
    except ValidationError as error:
        raise ParameterError(
            f'ontology: {path} must map classes to lists of labels, such as '
            f'"vehicle: [car, bus]"; {error.errors()[0]["msg"]}.'
        ) from error
    classes: dict[str, str] = {}
    for name, labels in labels_of.items():
        for label in labels:
            other = classes.setdefault(label.lower(), name)
            if other != name:
                raise ParameterError(
                    f'ontology: {path} has {label!r} in {other!r} and in {name!r}; keep one.'
                )
    return Ontology(classes)
