"""What the Hugging Face Hub shows of a ROSE folder that is uploaded as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

CARD_FILE = 'README.md'
_FENCE = '---\n'


def repository_name(model: str) -> str:
    """What a repository of that model is called: ``'rose-7b'`` for ``'rose_7b'``."""
    return model.lower().replace('_', '-')


def write_model_card(
    folder: Path, model: str, origin: str, base_models: Sequence[str] = ()
) -> None:
    """Write the card of the model in a ROSE folder.

    ``origin``: what it was made of, a sentence.  ``base_models``: repositories of the Hub whose
    weights are in it.
    """
    matter = {
        'library_name': 'rose_model',
        'pipeline_tag': 'image-segmentation',
        'tags': ['open-vocabulary-segmentation', 'referring-segmentation', 'ros2'],
        **({'base_model': list(base_models)} if base_models else {}),
    }
    text = f"""
# {model}

{origin}

ROSE (arXiv 2412.00153): masks with generated names, corrected in plain words.

```python
from rose_model import RoseSegmenter

segmenter = RoseSegmenter.from_pretrained('FOLDER')  # of this repository, downloaded
```

The weights bear the licences of those that they come from and of the data they were trained on.
"""
    front = f'{_FENCE}{yaml.safe_dump(matter, sort_keys=False)}{_FENCE}'
    (folder / CARD_FILE).write_text(front + text, encoding='utf-8')


def read_base_models(folder: Path) -> tuple[str, ...]:
    """The ``base_models`` in the card of a ROSE folder; () where there is none."""
    path = folder / CARD_FILE
    if not path.is_file():
        return ()
    fence, _, rest = path.read_text(encoding='utf-8', errors='replace').partition(_FENCE)
    try:
        matter = yaml.safe_load(rest.partition(_FENCE)[0]) if not fence else None
    except yaml.YAMLError:
        return ()
    found = matter.get('base_model', []) if isinstance(matter, dict) else []
    return tuple(str(model) for model in found) if isinstance(found, list) else ()
