"""Many clients of ``/rose/refine`` in one process, each with at most 10 requests a second."""

from __future__ import annotations

import json
import multiprocessing
import time
from dataclasses import asdict, dataclass, field
from math import ceil
from multiprocessing.connection import Connection
from types import TracebackType

import rclpy
from rclpy.client import Client
from rclpy.experimental import EventsExecutor
from rclpy.qos import QoSProfile

from ros2_rose.srv import Refine

PERIOD_S = 0.1
SHARING = 10
"""So many share a client of DDS: of 50 in one process each would read, and drop, the answers to
all others, and the process would time that.
"""
DRAIN_S = 30.0
# In DDS every client of a service gets the answers to all of them, and keeps as many as this until
# it looks which are its own: with the usual 10 one among many loses its own.
_QOS = QoSProfile(depth=1000)


@dataclass
class Answers:
    """What the clients were told in so many ``seconds``.

    ``busy_ms``: from a request to its answer ``BUSY``.
    """

    seconds: float = 0.0
    sent: int = 0
    answered: int = 0
    succeeded: int = 0
    busy_ms: list[float] = field(default_factory=list)


class RefineClients:
    """Clients that ask as long as the ``with`` block lasts."""

    def __init__(self, count: int) -> None:
        # A fresh interpreter: ROS does not survive a fork.
        context = multiprocessing.get_context('spawn')
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(count, theirs), daemon=True)

    def __enter__(self) -> RefineClients:
        self._process.start()
        self._ours.recv()  # all clients have found the service
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.terminate()
        self._process.join()

    def stop(self) -> Answers:
        """Let the clients wait for their last answers and end."""
        self._ours.send('stop')
        return Answers(**json.loads(self._ours.recv()))


class _Asker:
    def __init__(self, client: Client, answers: Answers) -> None:
        self._client = client
        self._answers = answers
        self._is_waiting = False
        self._due_s = 0.0

    @property
    def is_waiting(self) -> bool:
        return self._is_waiting

    def ask(self) -> None:
        """Send the next request if the last one is answered and its time has come."""
        now_s = time.monotonic()
        if self._is_waiting or now_s < self._due_s:
            return
        self._is_waiting = True
        self._due_s = now_s + PERIOD_S
        self._answers.sent += 1
        future = self._client.call_async(Refine.Request(text='this is a boat', segment_id='1'))
        future.add_done_callback(lambda done: self._take(done.result(), now_s))

    def _take(self, response: Refine.Response, sent_s: float) -> None:
        self._is_waiting = False
        self._answers.answered += 1
        self._answers.succeeded += response.success
        if response.code == Refine.Response.BUSY:
            self._answers.busy_ms.append(1e3 * (time.monotonic() - sent_s))


def _serve(count: int, pipe: Connection) -> None:
    rclpy.init()
    node = rclpy.create_node('refine_clients')
    # The usual one goes through all clients for each answer: 50 of them would time themselves.
    executor = EventsExecutor()
    executor.add_node(node)
    clients = [
        node.create_client(Refine, '/rose/refine', qos_profile=_QOS)
        for _ in range(ceil(count / SHARING))
    ]
    for client in clients:
        client.wait_for_service()
    answers = Answers()
    askers = [_Asker(clients[number // SHARING], answers) for number in range(count)]
    pipe.send('ready')
    start_s = time.monotonic()
    while not pipe.poll():
        for asker in askers:
            asker.ask()
        executor.spin_once(timeout_sec=0.002)
    answers.seconds = time.monotonic() - start_s
    give_up = time.monotonic() + DRAIN_S
    while any(asker.is_waiting for asker in askers) and time.monotonic() < give_up:
        executor.spin_once(timeout_sec=0.1)
    pipe.send(json.dumps(asdict(answers)))
    rclpy.shutdown()
