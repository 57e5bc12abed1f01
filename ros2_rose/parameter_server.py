"""The settings as ROS parameters: declared with descriptions and ranges, checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from ros2_rose.parameters import (
    CAMERA_PREFIX,
    LIVE,
    CameraParameters,
    ParameterError,
    RoseParameters,
    parameters_from,
)

# Parameters that rclpy itself declares or reads.
_FOREIGN = ('use_sim_time', 'start_type_description_service', 'qos_overrides.')


class Configured(Protocol):
    """Whatever works with the settings at the moment."""

    def check(self, parameters: RoseParameters) -> None:
        """Refuse settings that do not fit the model.

        Raises:
            ParameterError: says why.
        """

    def change(self, parameters: RoseParameters) -> None:
        """Work with other values of ``LIVE`` parameters from now on."""


class ParameterServer:
    """Keeps the parameters of a node valid at any time.

    While ``configured()`` gives something, the parameters in ``LIVE`` alone may change, and it is
    told of them.  The node must not declare what was given to the process by itself: rclpy drops
    names that nobody declares, such as typing errors, without a word, and raises for empty lists.

    Raises:
        ParameterError: a value given to the process is unknown or cannot be used.
    """

    def __init__(self, node: Node, configured: Callable[[], Configured | None]) -> None:
        self._node = node
        self._configured = configured
        self._described: set[str] = set()
        # rclpy has no public way to them.
        self._given = {
            # An empty list in a file is of no type, and so of no value.
            name: [] if parameter.value is None else parameter.value
            for name, parameter in node._parameter_overrides.items()
        }
        self.read()
        node.add_on_set_parameters_callback(self._on_set)
        node.add_post_set_parameters_callback(self._after_set)

    def read(self) -> RoseParameters:
        """The settings as they are now; those of new cameras are declared.

        Raises:
            ParameterError: a value cannot be used.
        """
        parameters = parameters_from(self._values({}))
        for name, value, field in _flat(parameters):
            if name not in self._described:
                self._described.add(name)
                self._node.declare_parameter(name, value, _descriptor(field), ignore_override=True)
        return parameters

    def _values(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Values by name after the changes, without those of rclpy and of cameras that went."""
        # rclpy annotates the values, but returns the parameters.
        parameters = cast('dict[str, Parameter]', self._node.get_parameters_by_prefix(''))
        declared = {name: parameter.value for name, parameter in parameters.items()}
        values = {
            name: value
            for name, value in (self._given | declared | changes).items()
            if not name.startswith(_FOREIGN)
        }
        kept = tuple(f'{CAMERA_PREFIX}{name}.' for name in values.get('camera_names', ()))
        gone = {
            name
            for name in self._described - changes.keys()
            if name.startswith(CAMERA_PREFIX) and not name.startswith(kept)
        }
        return {name: value for name, value in values.items() if name not in gone}

    def _on_set(self, changes: list[Parameter]) -> SetParametersResult:
        try:
            self._check(_ours(changes))
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _check(self, changes: dict[str, Any]) -> None:
        user = self._configured()
        locked = [name for name in changes if name not in LIVE]
        if locked and user is not None:
            raise ParameterError(
                f'{locked[0]} is read when the node is configured; clean it up before.'
            )
        parameters = parameters_from(self._values(changes))
        if user is not None:
            user.check(parameters)

    def _after_set(self, changes: list[Parameter]) -> None:
        user = self._configured()
        if user is not None and _ours(changes):
            user.change(self.read())


def _ours(changes: list[Parameter]) -> dict[str, Any]:
    """The changes by name, without those of rclpy."""
    return {
        change.name: change.value for change in changes if not change.name.startswith(_FOREIGN)
    }


def _flat(parameters: RoseParameters) -> Iterator[tuple[str, Any, FieldInfo]]:
    """Name, value and field of every parameter, those of the cameras with their full names."""
    for name, field in RoseParameters.model_fields.items():
        if name != 'cameras':
            yield name, getattr(parameters, name), field
    for camera_name, camera in parameters.cameras.items():
        for name, field in CameraParameters.model_fields.items():
            yield f'{CAMERA_PREFIX}{camera_name}.{name}', getattr(camera, name), field


def _descriptor(field: FieldInfo) -> ParameterDescriptor:
    # An empty list is of another type than a list of strings for rclpy and its tools.
    descriptor = ParameterDescriptor(
        description=field.description or '', dynamic_typing=field.default == []
    )
    low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    high = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    if isinstance(low, float) and isinstance(high, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif isinstance(low, int) and isinstance(high, int):
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return descriptor
