"""Does the ROS side work?  ``python -m ros2_rose.doctor`` prints one JSON record a check.

Each record has ``name``, ``state`` (``ok``, ``note`` or ``WRONG``), ``detail`` and ``cure``.
Nothing of ROS is imported before its check, so that a missing part is reported and not a
traceback; torch is never imported.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import time
from collections.abc import Iterator

ROUND_TRIP_TIMEOUT_S = 10.0

Record = dict[str, str]


def main() -> None:
    """Print the checks as they are made; after a failed one the others are left out."""
    for check in checks():
        print(json.dumps(check), flush=True)


def checks() -> Iterator[Record]:
    """The checks in their order."""
    if importlib.util.find_spec('rclpy') is None:
        yield _record('ROS 2', 'note', 'not installed: the node cannot run, the model can')
        return
    for check in (_rclpy, _messages, _round_trip):
        record = check()
        yield record
        if record['state'] == 'WRONG':
            return
    yield from _optional()


def _rclpy() -> Record:
    try:
        import rclpy
    except ImportError as error:
        cure = 'Source the setup file of ROS 2, or run make setup.'
        return _record('rclpy', 'WRONG', f'cannot be loaded: {error}', cure)
    middleware = rclpy.get_rmw_implementation_identifier()
    # the wheels call the distribution ros-rclpy, the ROS installations rclpy
    package = importlib.metadata.packages_distributions()['rclpy'][0]
    version = importlib.metadata.version(package)
    return _record('rclpy', 'ok', f'{version}, {middleware}, {rclpy.__file__}')


def _messages() -> Record:
    try:
        import ros2_rose.msg
        import ros2_rose.srv
    except ImportError as error:
        cure = 'Build the package (make setup, or colcon build) and source its setup file.'
        return _record('messages', 'WRONG', f'cannot be loaded: {error}', cure)
    folder = os.path.dirname(ros2_rose.msg.__file__)
    return _record('messages', 'ok', folder)


def _round_trip() -> Record:
    """Send one ``SegmentArray`` to ourselves, on this machine only and in a domain of our own."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    from ros2_rose.msg import SegmentArray

    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=1 + os.getpid() % 101)
    received: list[SegmentArray] = []
    try:
        node = rclpy.create_node('rose_doctor', context=context, enable_rosout=False)
        node.create_subscription(SegmentArray, '~/round_trip', received.append, 1)
        publisher = node.create_publisher(SegmentArray, '~/round_trip', 1)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        started = time.monotonic()
        while not received and time.monotonic() - started < ROUND_TRIP_TIMEOUT_S:
            publisher.publish(SegmentArray(prompt='ping'))
            executor.spin_once(timeout_sec=0.1)
        elapsed_ms = (time.monotonic() - started) * 1000
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)
    if not received or received[0].prompt != 'ping':
        cure = 'Check that multicast and shared memory work on the loopback interface.'
        detail = f'no message came back within {ROUND_TRIP_TIMEOUT_S:.0f} s'
        return _record('DDS round trip', 'WRONG', detail, cure)
    return _record('DDS round trip', 'ok', f'{elapsed_ms:.1f} ms with discovery')


def _optional() -> Iterator[Record]:
    for module, use in (
        ('cv_bridge', 'images out are written by our own code'),
        ('vision_msgs', 'no ~/detections and no ~/label_info'),
        ('launch_ros', 'no ros2 launch; start rose_node --ros-args --params-file ...'),
    ):
        found = importlib.util.find_spec(module) is not None
        yield _record(module, 'ok' if found else 'note', 'found' if found else f'absent: {use}')


def _record(name: str, state: str, detail: str, cure: str = '') -> Record:
    return {'name': name, 'state': state, 'detail': detail, 'cure': cure}


if __name__ == '__main__':
    main()
