"""The noun in a name."""

from __future__ import annotations

from collections.abc import Collection


def noun_among(name: str, nouns: Collection[str]) -> str | None:
    """The longest of ``nouns`` that a name is, or ends with: ``'red car'`` gives ``'car'``."""
    fitting = [noun for noun in nouns if name == noun or name.endswith(f' {noun}')]
    return max(fitting, key=len, default=None)
