"""Foreign text in a log or a report: one line, whatever is in it."""

from __future__ import annotations


def one_line(text: str) -> str:
    """The text with everything that is not printable written as an escape.

    Names of other nodes and topics, and messages of libraries, may hold newlines and terminal
    codes; in a log they would look like lines that this node has written.
    """
    if text.isprintable():
        return text
    return ''.join(
        letter if letter.isprintable() else letter.encode('unicode_escape').decode()
        for letter in text
    )
