"""A ROSE folder: ``config.json``, ``model.safetensors``, ``tokenizer.json``.  Nothing in it can
run code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from rose_model.backbones.sam import Sam
from rose_model.config import RoseConfig
from rose_model.errors import CheckpointError, ConfigError
from rose_model.precision import cast
from rose_model.rose import Rose, build_rose
from rose_model.tokenizer import RoseTokenizer
from rose_model.weights_header import read_header

CONFIG_FILE = 'config.json'
WEIGHTS_FILE = 'model.safetensors'
TOKENIZER_FILE = 'tokenizer.json'
_SAM = 'sam.'  # what the names of SAM's tensors begin with
SHIPPED = Path(__file__).parent / 'weights'


@dataclass(frozen=True, eq=False)
class Pretrained:
    """What a ROSE folder holds; ``weights_hash`` is the sha256 of the weights file, in hex.

    ``text_tokenizer`` belongs to SigLIP's text tower; small models share one for both.  ``None``:
    there is no such tower.
    """

    rose: Rose
    tokenizer: RoseTokenizer
    text_tokenizer: RoseTokenizer | None
    weights_hash: str


@dataclass(frozen=True, eq=False)
class SamWeights:
    """The SAM of a ROSE folder, apart from its language model; ``model`` is the folder's name for
    itself, ``sha256`` that of the whole weights file, in hex.
    """

    sam: Sam
    model: str
    sha256: str


def shipped_models() -> list[str]:
    """The names of the models that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob(f'*/{CONFIG_FILE}'))


def find_folder(model: str | Path) -> Path:
    """The ROSE folder of a path, or of the name of a model that is shipped with the package.

    Raises:
        CheckpointError: there is no such folder, or one of its files is missing.
    """
    folder = SHIPPED / str(model) if str(model) in shipped_models() else Path(model)
    if not _is_folder(folder):
        names = ', '.join(shipped_models())
        raise CheckpointError(
            f'No ROSE folder at {folder}; give a folder, or one of: {names or "(none shipped)"}.'
        )
    for name in (CONFIG_FILE, WEIGHTS_FILE, TOKENIZER_FILE):
        if not (folder / name).is_file():
            raise CheckpointError(f'{folder / name} is missing; a ROSE folder holds it.')
    return folder


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long, with a NUL, in a folder that is closed to us
        return False


def read_config(model: str | Path) -> RoseConfig:
    """The configuration of a ROSE folder; nothing else in it is read.

    Raises:
        CheckpointError: there is no such folder, or one of its files is missing.
        ConfigError: the configuration is not valid.
    """
    return RoseConfig.read(find_folder(model) / CONFIG_FILE)


def check_folder(model: str | Path) -> RoseConfig:
    """Read all of a ROSE folder but the values of its weights: configuration, tokenizer, names and
    shapes.

    Raises:
        CheckpointError: a file is missing, damaged, or does not fit the configuration.
        ConfigError: the configuration is not valid.
    """
    folder, config = find_folder(model), read_config(model)
    vocabularies = [(TOKENIZER_FILE, config.language.vocabulary)]
    if config.text is not None:
        vocabularies.append((config.text.tokenizer, config.text.vocabulary))
    for name, vocabulary in vocabularies:
        tokens = len(RoseTokenizer.load(folder / name))
        if tokens > vocabulary:
            raise CheckpointError(
                f'{folder / name} has {tokens} tokens, the model only {vocabulary}; use the '
                'tokenizer that was saved with the weights.'
            )
    _check_shapes(folder / WEIGHTS_FILE, stored_shapes(config))
    return config


def stored_shapes(config: RoseConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in the weights file of a model."""
    with torch.device('meta'):
        state = stored_state(build_rose(config))
    return {name: tuple(value.shape) for name, value in state.items()}


def load_pretrained(model: str | Path, device: torch.device, dtype: torch.dtype) -> Pretrained:
    """Load a ROSE folder for inference.

    Raises:
        CheckpointError, ConfigError: as ``check_folder``; nothing is half loaded.
    """
    folder = find_folder(model)
    config = check_folder(model)
    rose = build_rose(config)
    with safe_open(folder / WEIGHTS_FILE, framework='pt') as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    rose.load_state_dict(state, strict=False)  # names and shapes have been compared above
    rose.requires_grad_(False).eval()
    return Pretrained(
        cast(rose, dtype).to(device),
        RoseTokenizer.load(folder / TOKENIZER_FILE),
        None if config.text is None else RoseTokenizer.load(folder / config.text.tokenizer),
        weights_sha256(folder),
    )


def load_sam(model: str | Path) -> SamWeights:
    """Load SAM alone, in fp32 on the CPU: of a large model a small part.

    Raises:
        CheckpointError, ConfigError: as ``check_folder``.
    """
    folder = find_folder(model)
    config = check_folder(model)
    sam = Sam(config.sam)
    with safe_open(folder / WEIGHTS_FILE, framework='pt') as file:
        state = {
            name.removeprefix(_SAM): file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118
            if name.startswith(_SAM)
        }
    sam.load_state_dict(state)
    return SamWeights(sam.requires_grad_(False).eval(), config.name, weights_sha256(folder))


def save_pretrained(
    folder: Path,
    rose: Rose,
    tokenizer: RoseTokenizer,
    dtype: torch.dtype = torch.float16,
    *,
    text_tokenizer: RoseTokenizer | None = None,
) -> None:
    """Write a ROSE folder, its weights in ``dtype``; existing files are replaced one by one, each
    at once.

    ``text_tokenizer``: where the text tower has its own.

    Raises:
        ConfigError: the configuration names a tokenizer of the text tower, and none is given.
    """
    state = {
        name: value.detach().to('cpu', dtype).contiguous()
        for name, value in stored_state(rose).items()
    }
    write_folder(folder, rose.config, state, tokenizer, text_tokenizer)


def write_folder(
    folder: Path,
    config: RoseConfig,
    state: Mapping[str, Tensor],
    tokenizer: RoseTokenizer,
    text_tokenizer: RoseTokenizer | None,
) -> None:
    """As ``save_pretrained``, for weights that are no module: each is written in its own type."""
    own_file = TOKENIZER_FILE if config.text is None else config.text.tokenizer
    if text_tokenizer is None and own_file != TOKENIZER_FILE:
        raise ConfigError(f'The text tower reads {own_file}; give its tokenizer.')
    folder.mkdir(parents=True, exist_ok=True)
    config.write(folder / CONFIG_FILE)
    tokenizer.save(folder / TOKENIZER_FILE)
    if text_tokenizer is not None and own_file != TOKENIZER_FILE:
        text_tokenizer.save(folder / own_file)
    partial = folder / (WEIGHTS_FILE + '.partial')
    save_file(dict(state), partial, metadata={'format': 'pt'})
    partial.replace(folder / WEIGHTS_FILE)


def stored_state(rose: Rose) -> dict[str, Tensor]:
    """The state to be stored: a tied ``lm_head`` is the embedding table and is stored once."""
    state: dict[str, Tensor] = rose.state_dict()
    if rose.config.language.tied_embeddings:
        state.pop('perception.language_model.lm_head.weight')
    return state


def weights_sha256(folder: Path) -> str:
    """The sha256 of a folder's weights file, in hex."""
    with (folder / WEIGHTS_FILE).open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def _check_shapes(path: Path, expected: dict[str, tuple[int, ...]]) -> None:
    found = {name: tensor.shape for name, tensor in read_header(path).items()}
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or extra:
        kind, names = ('lacks', missing) if missing else ('has the unknown', extra)
        raise CheckpointError(f'{path} {kind} tensor {names[0]!r} ({len(names)} in all).')
    for name, shape in expected.items():
        if found[name] != shape:
            raise CheckpointError(f'{path}: tensor {name!r} is {found[name]}, expected {shape}.')
