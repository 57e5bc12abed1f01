"""What a publisher's ``config.json`` says, as the publisher's own classes understand it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig

from rose_model.conversion.sources import CONFIG_FILE, read_json
from rose_model.errors import CheckpointError


def read_foreign_config(
    folder: Path, kind: type[PreTrainedConfig], example: str
) -> dict[str, Any]:
    """The ``config.json`` in a folder, completed with the defaults of that class of
    ``transformers``.

    ``example``: a repository that has such a file.

    Raises:
        CheckpointError: the file is of another kind of model, or cannot be understood.
    """
    path = folder / CONFIG_FILE
    record = read_json(path)
    if record.get('model_type') != kind.model_type:
        raise CheckpointError(
            f'{path} has model_type {record.get("model_type")!r}, wanted is {kind.model_type!r}, '
            f'as in {example}.'
        )
    if 'quantization_config' in record:
        raise CheckpointError(f'{path} is of quantised weights; take those that are not.')
    try:
        return dict(kind.from_dict(record).to_dict())
    except (StrictDataclassError, TypeError, ValueError, KeyError, AttributeError) as error:
        reason = ' '.join(str(error).split())
        raise CheckpointError(f'{path} cannot be understood: {reason}.') from error


def require(
    folder: Path, config: Mapping[str, Any], place: str, wanted: Mapping[str, Any]
) -> None:
    """Compare what ROSE cannot vary; ``place``: what stands before the keys in a message.

    Raises:
        CheckpointError: a value differs; it is named.
    """
    for key, value in wanted.items():
        if config.get(key) != value:
            raise CheckpointError(
                f'{folder / CONFIG_FILE}: {place}{key} is {config.get(key)!r}; ROSE is built for '
                f'{value!r}.'
            )
