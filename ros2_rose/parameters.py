"""The settings of the node: typed, checked once, never changed.

The fields are the ROS parameters; ``ros2_rose.parameter_server`` declares them by these
descriptions and ranges. A camera called ``front`` has ``cameras.front.topic``,
``cameras.front.transport`` and so on.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from ros2_rose.camera_inbox import MAX_PRIORITY
from ros2_rose.image_decoder import MAX_PIXELS
from rose_model.backends.interface import BackendName
from rose_model.candidates import check_candidates
from rose_model.errors import RefinementError
from rose_model.refinement import check_text
from rose_model.regions import Region

CAMERA_PREFIX = 'cameras.'
MAX_REGIONS = 16

LIVE = frozenset({'instruction', 'candidates', 'self_refine'})
"""What may change while the node runs; the next frame follows it."""

_CAMERA_NAME = r'^[A-Za-z][A-Za-z0-9_]*$'  # it becomes part of a parameter's name
_Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
_DEVICE = r'^(auto|cpu|cuda(:[0-9]+)?)$'


class ParameterError(ValueError):
    """A parameter is unknown, or has a value that cannot be used; the text names it."""


@contextmanager
def _as_value_error() -> Iterator[None]:
    """Let pydantic report what the model's own checks refuse."""
    try:
        yield
    except RefinementError as error:
        raise ValueError(str(error).rstrip('.')) from error


class _Frozen(BaseModel):
    """Refuses unknown names, other types and NaN; whole numbers may stand for floats."""

    model_config = ConfigDict(frozen=True, extra='forbid', strict=True, allow_inf_nan=False)


class CameraParameters(_Frozen):
    """One camera."""

    topic: str = Field(
        'image_raw',
        min_length=1,
        description='Topic of the raw image; relative names join the namespace.',
    )
    transport: Literal['raw', 'compressed'] = Field(
        'raw', description='raw, or compressed: then <topic>/compressed is used.'
    )
    reliability: Literal['auto', 'reliable', 'best_effort'] = Field(
        'auto',
        description='reliable, best_effort, or auto: reliable if all publishers offer it. '
        'Best effort loses images above 0.5 MB with the default settings of Fast DDS.',
    )
    priority: int = Field(
        1,
        ge=1,
        le=MAX_PRIORITY,
        description='Share of the model while several cameras wait: 2 has twice the turns of 1.',
    )
    regions: list[float] = Field(
        [],
        description='Parts of the image that are seen at full resolution, too, for things far '
        'away: x, y, width, height of each, in shares of the image.  Each costs as much as '
        'another image.',
    )
    warn_rate_hz: float = Field(
        0.0, ge=0.0, le=1000.0, description='Fewer images a second are a warning; 0: never.'
    )
    error_rate_hz: float = Field(
        0.0, ge=0.0, le=1000.0, description='Fewer images a second are an error; 0: never.'
    )

    @field_validator('regions')
    @classmethod
    def _check_regions(cls, numbers: list[float]) -> list[float]:
        regions_from(numbers)
        return numbers


def regions_from(numbers: Sequence[float]) -> tuple[Region, ...]:
    """The regions in a list of four numbers each.

    Raises:
        ValueError: says what a region is.
    """
    if len(numbers) % 4 or len(numbers) > 4 * MAX_REGIONS:
        raise ValueError(
            f'regions are up to {MAX_REGIONS} times x, y, width, height; these are {len(numbers)} '
            'numbers'
        )
    return tuple(Region(*numbers[at : at + 4]) for at in range(0, len(numbers), 4))


class RoseParameters(_Frozen):
    """All settings of the node.  A 0 or an empty text leaves the choice to the model."""

    model: str = Field(
        'nano',
        min_length=1,
        description='A model shipped with the package by its name, or the folder of a model.',
    )
    device: str = Field(
        'auto',
        pattern=_DEVICE,
        description='auto, cpu, cuda or cuda:N; auto takes a GPU if there is one.',
    )
    precision: str = Field(
        'auto',
        pattern=r'^(auto|bf16|fp16|fp32)$',
        description='auto, bf16, fp16 or fp32; auto is bf16 on a GPU and fp32 on a CPU.',
    )
    quantise: str = Field(
        'none',
        pattern=r'^(none|int8|int4)$',
        description='none, int8 or int4: weights of the language model in fewer bits take less '
        'memory; needs torchao.  int4 computes in bf16.',
    )
    num_threads: int = Field(
        0, ge=0, le=1024, description='CPU threads of the model; 0: one for each core.'
    )
    sam_backend: BackendName = Field(
        'torch',
        description='Who carries SAM out: torch, onnxruntime or tensorrt; the last two run '
        'sam_export.',
    )
    sam_export: str = Field(
        '', description='Folder that rose export wrote for this model; for onnxruntime, tensorrt.'
    )
    engine_cache: str = Field(
        '',
        description='Folder of the engines that tensorrt has built; empty: rose_model/engines in '
        "the user's cache.",
    )
    instruction: str = Field(
        '', description='What to segment, in words; empty: everything.  May change at any time.'
    )
    candidates: list[str] = Field(
        [],
        description='Labels to choose from; none: labels are generated.  May change at any time.',
    )
    self_refine: bool = Field(
        False,
        description='Let the model mend the segments that it is least sure of; a frame takes '
        'longer.  May change at any time.',
    )
    ontology: str = Field(
        '',
        description='YAML file that maps classes of the stack to labels: "vehicle: [car, bus]"; '
        'empty: none.',
    )
    road_labels: list[_Label] = Field(
        ['road'],
        description='Labels or ontology classes of what can be driven on, for ~/unknown.',
    )
    min_objectness: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Patches below it give no segment, in [0, 1]; 0: the model's own threshold.",
    )
    max_segments: int = Field(
        0, ge=0, le=1000, description="Most segments of a frame; 0: the model's own number."
    )
    camera_names: list[Annotated[str, StringConstraints(pattern=_CAMERA_NAME)]] = Field(
        ['camera'], min_length=1, description='Names of the cameras; one model serves them all.'
    )
    cameras: dict[str, CameraParameters] = Field({}, validate_default=True)
    max_pixels: int = Field(
        MAX_PIXELS,
        ge=1,
        le=MAX_PIXELS,
        description='Images with more pixels are refused before any memory is taken.',
    )
    input_timeout_s: float = Field(
        1.0,
        ge=0.1,
        le=3600.0,
        description='A camera without an image for this time [s] is an error on /diagnostics.',
    )
    max_age_s: float = Field(
        0.0,
        ge=0.0,
        le=3600.0,
        description='Images whose stamp is older [s] when their turn comes are dropped; 0: none.',
    )
    deadline_s: float = Field(
        0.0,
        ge=0.0,
        le=3600.0,
        description='Time from the arrival of an image to its message [s]; what cannot be done in '
        'it is left out, first names, then masks, and the message says so; 0: none.',
    )
    history_length: int = Field(
        60, ge=1, le=10_000, description='Frames of each camera that ~/refine and ~/refer know.'
    )
    refine_timeout_s: float = Field(
        10.0, ge=0.1, le=3600.0, description='~/refine and ~/refer answer within this time [s].'
    )
    correction_log: str = Field(
        '',
        description='Folder in which each accepted correction is stored as a training example; '
        'empty: none.  The history keeps the images as well then: history_length times the size '
        'of an image of each camera.',
    )
    autostart: bool = Field(
        True, description='Configure and activate by itself when the process starts.'
    )
    diagnostics_period_s: float = Field(
        1.0, ge=0.1, le=60.0, description='Time between two reports on /diagnostics [s].'
    )

    @field_validator('instruction')
    @classmethod
    def _check_instruction(cls, instruction: str) -> str:
        with _as_value_error():
            return check_text(instruction, 'instruction') if instruction else ''

    @field_validator('candidates')
    @classmethod
    def _check_candidates(cls, names: list[str]) -> list[str]:
        with _as_value_error():
            return list(check_candidates(names))

    @field_validator('camera_names')
    @classmethod
    def _check_names(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise ValueError('the names must differ')
        return names

    @model_validator(mode='after')
    def _check_topics(self) -> RoseParameters:
        users: dict[str, str] = {}
        for name, camera in self.cameras.items():
            other = users.setdefault(camera.topic, name)
            if other != name:
                raise ValueError(
                    f'cameras.{name}.topic and cameras.{other}.topic must differ, '
                    f'got {camera.topic!r} for both'
                )
        return self


def default_topic(name: str, camera_names: list[str]) -> str:
    """``image_raw`` for an only camera, as ROS users expect; ``<name>/image_raw`` for several."""
    return 'image_raw' if len(camera_names) == 1 else f'{name}/image_raw'


def parameters_from(values: Mapping[str, object]) -> RoseParameters:
    """The settings from values by their full ROS names; what is missing has its default.

    Raises:
        ParameterError: names the parameter that is unknown or cannot be used.
    """
    top: dict[str, object] = {}
    cameras: dict[str, dict[str, object]] = {}
    for full_name, value in values.items():
        if full_name.startswith(CAMERA_PREFIX):
            name, _, field = full_name.removeprefix(CAMERA_PREFIX).partition('.')
            cameras.setdefault(name, {})[field] = _plain(value)
        else:
            top[full_name] = _plain(value)
    names = _camera_names(top)
    for name in cameras:
        if name not in names:
            raise ParameterError(
                f'{CAMERA_PREFIX}{name} belongs to no camera; camera_names are {names}.'
            )
    top['cameras'] = {
        name: {'topic': default_topic(name, names), **cameras.get(name, {})} for name in names
    }
    try:
        return RoseParameters.model_validate(top)
    except ValidationError as error:
        raise ParameterError(_first_error(error)) from error


def _plain(value: object) -> object:
    """A list in the place of what rclpy keeps lists in."""
    return list(value) if isinstance(value, (tuple, array)) else value


def _camera_names(values: Mapping[str, object]) -> list[str]:
    """The names of the cameras, as far as they are any; what is wrong is said later."""
    names = values.get('camera_names', ['camera'])
    return [str(name) for name in names] if isinstance(names, list) else []


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = '.'.join(str(part) for part in first['loc'])
    if first['type'] == 'extra_forbidden':
        fields = CameraParameters if name.startswith(CAMERA_PREFIX) else RoseParameters
        close = get_close_matches(name.rpartition('.')[2], fields.model_fields, n=1)
        hint = (
            f'did you mean {close[0]}?' if close else f'known: {", ".join(fields.model_fields)}.'
        )
        return f'There is no parameter {name}; {hint}'
    text = first['msg'].removeprefix('Value error, ')
    return f'{name}: {text}, got {str(first["input"])[:64]!r}.' if name else f'{text}.'
