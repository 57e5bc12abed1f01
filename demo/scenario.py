"""The course of the demonstration: start the node, play the camera, collect, correct once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from demo.client import REFINE_SERVICE, SEGMENTS_TOPIC, Arrival, Client
from demo.correction import Correction, choose_correction
from demo.errors import DemoError, InputError
from demo.frames import MAX_FRAMES, RATE_HZ, read_frames, street
from demo.processes import child_process, last_line
from demo.report import ANSWERED, Account, make_account
from demo.segments import to_records
from ros2_rose.srv import Refine

CONFIG = Path(__file__).parents[1] / 'config' / 'rose.yaml'

READY_TIMEOUT_S = 60.0
DRAIN_TIMEOUT_S = 10.0
REFINE_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Outcome:
    """What came of it; ``after`` is the corrected frame, ``None`` where the node declined."""

    account: Account
    corrected_index: int
    correction: Correction
    response: Refine.Response
    after: Arrival | None

    @property
    def before(self) -> Arrival:
        """The frame of the correction as it was first."""
        return self.account.answered[self.corrected_index]


def play(source: Path | None, output: Path, console: Console) -> Outcome:
    """Run camera, node and client; logs and stamps go to ``output``.

    Raises:
        InputError: the source cannot be played.
        DemoError: a process died, stayed silent, or broke the contract of its messages.
    """
    if next(read_frames(source), None) is None:
        raise InputError(f'{source} has no frames.')
    _keep_to_ourselves()
    node_log = output / 'node.log'
    console.print('node: starting, loading the model')
    with child_process(_node_command(), node_log, node_log) as node, Client() as client:
        check = _alive(node, 'node', node_log)
        if not client.wait_until(lambda: client.is_ready, READY_TIMEOUT_S, check):
            said = last_line(node_log)
            raise DemoError(f'the node was not ready within {READY_TIMEOUT_S:.0f} s: {said}')
        published_ns = _stream(source, output, client, check, console)
        account = make_account(published_ns, client.arrivals)
        if not account.answered:
            raise DemoError(
                f'{len(published_ns)} images were published, nothing came on {SEGMENTS_TOPIC}.'
            )
        return _correct(account, source, client, check, console)


def _keep_to_ourselves() -> None:
    """Let the processes meet on this machine only, in a domain of this demonstration's own."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    # 1..101 are the domains whose ports are free on every Linux; 0 is everybody's default
    os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 101)


def _node_command() -> list[str]:
    program = Path(sys.executable).with_name('rose_node')
    if not program.exists():
        raise DemoError(f'{program} does not exist; run make setup.')
    return [str(program), '--ros-args', '--params-file', str(CONFIG)]


def _alive(process: subprocess.Popen[bytes], name: str, log: Path) -> Callable[[], None]:
    def check() -> None:
        if process.poll() is not None:
            raise DemoError(f'the {name} ended with code {process.returncode}: {last_line(log)}')

    return check


def _stream(
    source: Path | None,
    output: Path,
    client: Client,
    check: Callable[[], None],
    console: Console,
) -> list[int]:
    """Let the camera play until its last frame is answered; the stamps that it published."""
    stamps, log = output / 'stamps.txt', output / 'camera.log'
    command = [sys.executable, '-m', 'demo.camera', *([str(source)] if source else [])]
    console.print(f'camera: playing {source or "the procedural street"} at {RATE_HZ:.0f} Hz')
    with child_process(command, stamps, log) as camera:
        longest_s = 3 * MAX_FRAMES / RATE_HZ
        if not client.wait_until(lambda: camera.poll() is not None, longest_s, check):
            raise DemoError(f'the camera did not come to an end within {longest_s:.0f} s.')
    if camera.returncode:
        kind = InputError if camera.returncode == InputError.exit_code else DemoError
        raise kind(f'the camera ended with code {camera.returncode}: {last_line(log)}')
    published_ns = [int(line) for line in stamps.read_text().split()]

    def is_drained() -> bool:
        return bool(client.arrivals) and client.arrivals[-1].stamp_ns == published_ns[-1]

    client.wait_until(is_drained, DRAIN_TIMEOUT_S, check)
    return published_ns


def _correct(
    account: Account,
    source: Path | None,
    client: Client,
    check: Callable[[], None],
    console: Console,
) -> Outcome:
    """Correct the newest answered frame, which is surely in the node's history."""
    index = max(account.answered)
    before = account.answered[index]
    size = (before.message.height, before.message.width)
    truth = street(index) if source is None else None
    correction = choose_correction(to_records(before.message), size, truth)
    console.print(f'client: correcting frame {index}: {correction.text}', markup=False)
    response = client.correct(before, correction, REFINE_TIMEOUT_S, check)
    if response.code not in ANSWERED:
        raise DemoError(f'{REFINE_SERVICE} answered with code {response.code}: {response.message}')
    if not response.success:
        return Outcome(account, index, correction, response, None)

    def is_published() -> bool:
        return any(arrival.stamp_ns == before.stamp_ns for arrival in client.corrected)

    if not client.wait_until(is_published, DRAIN_TIMEOUT_S, check):
        raise DemoError(f'the corrected frame was not published again on {SEGMENTS_TOPIC}.')
    return Outcome(account, index, correction, response, client.corrected[-1])
