"""The settings as ROS parameters: declared with descriptions and ranges, checked as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

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
    CameraParameters,
    ParameterError,
    RoseParameters,
    parameters_from,
)

# Parameters that rclpy itself declares or reads.
_FOREIGN = ('use_sim_time', 'start_type_description_service', 'qos_overrides.')


class ParameterServer:
    """Keeps the parameters of a node valid at any time.

    The node must have been made with ``automatically_declare_parameters_from_overrides``, or names
    that nobody declares, such as typing errors, would be dropped without a word.

    Raises:
        ParameterError: a value given to the process is unknown or cannot be used.
    """

    def __init__(self, node: Node, is_locked: Callable[[], bool]) -> None:
        self._node = node
        self._is_locked = is_locked
        self._described: set[str] = set()
        self.read()
        node.add_on_set_parameters_callback(self._on_set)

    def read(self) -> RoseParameters:
        """The settings as they are now; those of new cameras are declared.

        Raises:
            ParameterError: a value cannot be used.
        """
        parameters = parameters_from(self._values({}))
        for name, value, field in _flat(parameters):
            if name not in self._described:
                if self._node.has_parameter(name):
                    self._node.undeclare_parameter(name)  # it has no description yet
                self._node.declare_parameter(name, value, _descriptor(field), ignore_override=True)
                self._described.add(name)
        return parameters

    def _values(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Values by name after the changes, without those of rclpy and of cameras that went."""
        # rclpy annotates the values, but returns the parameters.
        parameters = cast('dict[str, Parameter]', self._node.get_parameters_by_prefix(''))
        values = {
            name: parameter.value
            for name, parameter in parameters.items()
            if not name.startswith(_FOREIGN)
        } | changes
        kept = tuple(f'{CAMERA_PREFIX}{name}.' for name in values.get('camera_names', ()))
        gone = {
            name
            for name in self._described - changes.keys()
            if name.startswith(CAMERA_PREFIX) and not name.startswith(kept)
        }
        return {name: value for name, value in values.items() if name not in gone}

    def _on_set(self, changes: list[Parameter]) -> SetParametersResult:
        ours = {
            change.name: change.value for change in changes if not change.name.startswith(_FOREIGN)
        }
        try:
            if ours and self._is_locked():
                raise ParameterError(
                    f'{next(iter(ours))} is read when the node is configured; clean it up before.'
                )
            parameters_from(self._values(ours))
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def _flat(parameters: RoseParameters) -> Iterator[tuple[str, Any, FieldInfo]]:
    """Name, value and field of every parameter, those of the cameras with their full names."""
    for name, field in RoseParameters.model_fields.items():
        if name != 'cameras':
            yield name, getattr(parameters, name), field
    for camera_name, camera in parameters.cameras.items():
        for name, field in CameraParameters.model_fields.items():
            yield f'{CAMERA_PREFIX}{camera_name}.{name}', getattr(camera, name), field


def _descriptor(field: FieldInfo) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=field.description or '')
    low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
    high = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
    if isinstance(low, float) and isinstance(high, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    elif isinstance(low, int) and isinstance(high, int):
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return descriptor
