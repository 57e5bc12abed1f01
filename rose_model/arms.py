"""The arms of the paper's ablations, each a configuration of the same code (Tables 3, 4 and 6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rose_model.config import RoseConfig
from rose_model.errors import ConfigError

_NO_ROLES = {'super_patch': {'layout': ()}}


def _framework(name: str) -> dict[str, Any]:
    """Table 3 was measured without a super-patch: its last row is Table 4's first."""
    return {**_NO_ROLES, 'ablation': {'framework': name}}


ARMS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        'vanilla_stack': _framework('vanilla_stack'),
        'dense_stack': _framework('dense_stack'),
        'along_region': _framework('along_region'),
        'decode_embed': _framework('decode_embed'),
        'no_super_patch': _NO_ROLES,
        'super_patch_2x2': {'super_patch': {'layout': ('ST', 'ML')}},
        'super_patch_3x3': {'super_patch': {'layout': ('SMS', 'MLM', 'STS')}},
        'concatenation': {'ablation': {'refinement': 'concatenation'}},
        'drawn_mask': {'ablation': {'refinement': 'drawn_mask'}},
        'drawn_mask_and_box': {'ablation': {'refinement': 'drawn_mask_and_box'}},
    }
)
"""Table 3, Table 4, Table 6: what each arm sets in a model's configuration."""


def configure(config: RoseConfig, arm: str) -> RoseConfig:
    """A configuration with what an arm sets, everything else as it is.

    No arm adds a weight or changes one's shape, so that all can go on from the same weights.

    Raises:
        ConfigError: there is no such arm.
    """
    if arm not in ARMS:
        raise ConfigError(f'No arm {arm!r}; the ablations have {", ".join(ARMS)}.')
    content = config.model_dump()
    for key, changes in ARMS[arm].items():
        content[key] = {**content[key], **changes}
    return RoseConfig.model_validate(content)
