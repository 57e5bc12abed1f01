"""Transitions of the lifecycle that fail say why, and illegal ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeAlias, TypeVar

from lifecycle_msgs.srv import ChangeState
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from ros2_rose.arguments import without_place

Node = TypeVar('Node', bound=LifecycleNode)
Callback: TypeAlias = Callable[[Node, LifecycleState], TransitionCallbackReturn]


def transition(callback: Callback[Node]) -> Callback[Node]:
    """Log what a transition raises, which rclpy of Jazzy (7.1) drops, and let it end in error."""

    @wraps(callback)
    def run(node: Node, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return callback(node, state)
        except Exception as error:  # whatever goes wrong, the node goes back to unconfigured
            name = callback.__name__.removeprefix('on_')
            _log(node, f'Cannot {name}. {type(error).__name__}: {error}')
            return TransitionCallbackReturn.ERROR

    return run


def _log(node: LifecycleNode, line: str) -> None:
    node.get_logger().error(line)


def refuse_illegal_transitions(node: LifecycleNode) -> None:
    """Let an illegal transition be refused; in rclpy of Jazzy (7.1) it ends the process."""
    service = node._service_change_state
    change_state = service.callback

    def refuse_if_illegal(
        request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        try:
            return change_state(request, response)
        except rclpy_implementation.RCLError as error:
            _log(node, f'Transition {request.transition.id} is refused: {without_place(error)}.')
            response.success = False
            return response

    service.callback = refuse_if_illegal
