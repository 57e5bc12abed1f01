"""Words from outside that are no correction: the same rules, and messages that name them."""

from __future__ import annotations

from rose_model.errors import RefinementError, TextEmptyError
from rose_model.refinement import check_text


def check_words(subject: str, text: str) -> str:
    """The text without blanks at its ends; ``subject`` is what the messages call it.

    Raises:
        TextEmptyError, TextTooLongError, InvalidRequestError: as
            :func:`rose_model.refinement.check_text`.
    """
    try:
        return check_text(text)
    except TextEmptyError:
        raise TextEmptyError(f'The {subject} is empty; say what to look for.') from None
    except RefinementError as error:
        raise type(error)(str(error).replace('The correction', f'The {subject}')) from None
