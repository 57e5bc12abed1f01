"""What a correction in words asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Intent(Enum):
    """What a correction asks for.

    ``NAME`` states what an object is called.  ``CATEGORY`` complains about the name and states
    none.  ``GROW`` and ``SHRINK`` ask for more or fewer pixels, ``MASK`` speaks of the mask
    without saying which.  ``DELETE`` says that the segment is none.  ``MISSED`` speaks of
    something that has no segment yet.  ``OTHER`` is left to the model.
    """

    NAME = 'name'
    CATEGORY = 'category'
    MASK = 'mask'
    GROW = 'grow'
    SHRINK = 'shrink'
    DELETE = 'delete'
    MISSED = 'missed'
    OTHER = 'other'


@dataclass(frozen=True)
class Request:
    """What a sentence asks for.

    Attributes:
        intent: What is asked for.
        label: The category that the sentence states outright, lower case.  With ``NAME`` that of
            the segment; with ``MISSED`` that of what was missed, never a segment's that is there.
        subject: The noun phrase that the sentence speaks of, lower case, such as ``'leftmost
            car'``; ``None`` where it says "it", "this object" or nothing.
    """

    intent: Intent
    label: str | None = None
    subject: str | None = None

    def deletes(self, category: str) -> bool:
        """Return whether this asks to delete a segment of that category.

        "Delete the car" with a car chosen does, "remove the road" with a car chosen asks for a
        smaller mask.

        Args:
            category: The name of the chosen segment.
        """
        if self.intent is not Intent.DELETE:
            return False
        if self.subject is None:
            return True
        return self.subject.split()[-1:] == category.lower().split()[-1:]
