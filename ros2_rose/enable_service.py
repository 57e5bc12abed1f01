"""``~/enable``: the node off and on again in one call, with the model out of memory meanwhile.

It is the lifecycle by another door: off is *deactivate* and *cleanup*, on is *configure* and
*activate*.  Whoever manages the node through the lifecycle sees the same states.
"""

from __future__ import annotations

from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from std_srvs.srv import SetBool

from ros2_rose.one_line import one_line

_ON = {
    'unconfigured': ('configure', 'activate'),
    'inactive': ('activate',),
    'active': (),
}
_OFF = {
    'active': ('deactivate', 'cleanup'),
    'inactive': ('cleanup',),
    'unconfigured': (),
}


class EnableService:
    """Exists as long as the node.  ``failure()`` says why the node could not be configured or the
    model not be loaded; empty if they could.
    """

    def __init__(self, node: LifecycleNode, failure: Callable[[], str]) -> None:
        self._node = node
        self._failure = failure
        node.create_service(SetBool, '~/enable', self._on_request)

    def _on_request(
        self, request: SetBool.Request, response: SetBool.Response
    ) -> SetBool.Response:
        response.success, message = self._switch(is_on=request.data)
        response.message = one_line(message)
        self._node.get_logger().info(response.message)
        return response

    def _switch(self, *, is_on: bool) -> tuple[bool, str]:
        """Whether the node is now as it was wanted, and what to know about it."""
        state = self._node._state_machine.current_state[1]
        transitions = (_ON if is_on else _OFF).get(state)
        if transitions is None:
            return False, f'The node is {state}; start it again.'
        if is_on and not transitions and self._failure():
            return False, f'The node is on without a model, switch it off first: {self._failure()}'
        for name in transitions:
            if getattr(self._node, f'trigger_{name}')() != TransitionCallbackReturn.SUCCESS:
                return False, f'The node cannot {name}. {self._failure()}'.rstrip()
        already = '' if transitions else 'already '
        return True, f'The node is {already}on.' if is_on else f'The node is {already}off.'
