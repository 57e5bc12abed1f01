"""Where a publisher's weights are: a folder here, or a repository of the Hugging Face Hub.

Nothing else in ``rose_model`` asks the Hub for anything.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError

from rose_model.errors import CheckpointError

CONFIG_FILE = 'config.json'
_HUB_ID = re.compile(r'[\w.-]+/[\w.-]+')
_PATTERNS = ('*.json', '*.safetensors')
"""What is fetched of a repository: no code, and no pickle."""


def is_hub_id(source: str) -> bool:
    """Whether that means a repository of the Hub; a folder of that name comes first."""
    return not Path(source).is_dir() and _HUB_ID.fullmatch(source) is not None


def find_source(source: str) -> Path:
    """The folder of a path, or of a repository of the Hub, which is fetched where it is not in the
    cache.

    Raises:
        CheckpointError: there is no such folder, or the repository cannot be fetched.
    """
    if not is_hub_id(source):
        if not (Path(source) / CONFIG_FILE).is_file():
            raise CheckpointError(
                f'{source} is no folder with a {CONFIG_FILE}; give one in the layout of '
                f'transformers, or the name of a repository of the Hugging Face Hub (owner/name).'
            )
        return Path(source)
    try:
        return Path(snapshot_download(source, allow_patterns=list(_PATTERNS)))
    except (OSError, HFValidationError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f'{source} cannot be fetched from the Hugging Face Hub: {reason} Fetch it elsewhere '
            f'(hf download {source} --local-dir FOLDER) and give the folder.'
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        CheckpointError: the file is missing, or holds none.
    """
    try:
        record = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise CheckpointError(f'Cannot read {path}: {error.strerror}.') from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f'{path} is not JSON: {error}.') from error
    if not isinstance(record, dict):
        raise CheckpointError(f'{path} holds no JSON object.')
    return record
