"""The node ``rose``: images in, segments out, ``~/refine`` and ``~/refer``.  Wiring only."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.timer import Timer

from ros2_rose import qos
from ros2_rose.arguments import ArgumentError, init_ros
from ros2_rose.bad_image import BadImageError
from ros2_rose.camera_inbox import Frame
from ros2_rose.camera_subscription import ImageMessage
from ros2_rose.cameras import Cameras, check_topics
from ros2_rose.conversions import check_image, to_nanoseconds
from ros2_rose.correction_log import check_log_folder
from ros2_rose.corrections_service import CorrectionsService
from ros2_rose.device_faults import DeviceLostError
from ros2_rose.enable_service import EnableService
from ros2_rose.frame_service import FrameSession, RequestService
from ros2_rose.hang_guard import no_longer_than
from ros2_rose.history import FrameRecord
from ros2_rose.msg import SegmentArray
from ros2_rose.one_line import one_line
from ros2_rose.ontology import read_ontology
from ros2_rose.outputs import DerivedOutputs
from ros2_rose.parameter_server import ParameterServer
from ros2_rose.parameters import ParameterError
from ros2_rose.pipeline import LoadSegmenter, Pipeline
from ros2_rose.refer_service import ReferService
from ros2_rose.refine_service import RefineService
from ros2_rose.reporter import Reporter
from ros2_rose.resources import give_memory_back
from ros2_rose.segmenting import load_segmenter, sam_choice
from ros2_rose.token_limit import TokenLimit
from ros2_rose.transitions import refuse_illegal_transitions, transition
from ros2_rose.undo_service import UndoService
from ros2_rose.worker import ModelState, ModelWorker
from rose_model.checkpoint import check_folder
from rose_model.device import find_device, find_dtype
from rose_model.errors import RoseError
from rose_model.quantise import check_quantisation

WATCH_PERIOD_S = 0.25  # how soon the node follows its publishers and says that a camera fails
WAKE_PERIOD_S = 0.5  # how soon the node sees a signal that ROS has not woken it for
STOP_TIMEOUT_S = 2.0  # how long the end of the process waits for the frame in work
LOG_TIMEOUT_S = 0.5  # and then for corrections that are being stored
SEND_TIMEOUT_S = 1.0  # how long after that requests get their answers
END_TIMEOUT_S = 8.0  # of the whole end; after 10 a launcher kills, and nobody knows why

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class RoseNode(LifecycleNode):
    """Loads the model in *configure*, listens in *activate*, frees the model in *cleanup*.

    ``load(parameters)`` gives the model.

    Raises:
        ParameterError: a parameter given to the process is unknown or cannot be used.
    """

    def __init__(
        self,
        load: LoadSegmenter = load_segmenter,
        **options: Any,  # noqa: ANN401 - handed on to rclpy as they are
    ) -> None:
        super().__init__('rose', **options)
        self._load = load
        self._pipeline: Pipeline | None = None
        self._device = ''
        self._retired: ModelWorker | None = None
        self._cameras: Cameras | None = None
        self._timers_by_name: dict[str, Timer] = {}
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)  # does not follow sim time
        self._parameter_server = ParameterServer(self, lambda: self._pipeline)
        self._segments = self.create_publisher(
            SegmentArray,
            '~/segments',
            qos.segments(),
            qos_overriding_options=qos.output_overrides(),
        )
        self._outputs = DerivedOutputs(self)
        self._frame_services: dict[str, RequestService] = {
            'refine': RefineService(self),
            'refer': ReferService(self),
            'undo': UndoService(self),
        }
        self._corrections = CorrectionsService(self)
        self._enable = EnableService(self, lambda: self.failure)
        self._refusal = ''
        self._reported_state: ModelState | None = None
        self._reporter = Reporter(self, self._frame_services)
        refuse_illegal_transitions(self)

    def start(self) -> None:
        """Report from now on; configure and activate, if the parameter ``autostart`` says so."""
        parameters = self._parameter_server.read()
        # At a signal rclpy first wakes the executor and then ends ROS: an executor that is faster
        # waits on, in a node without timers for ever.
        self._start_timer('wake', WAKE_PERIOD_S, lambda: None)
        self._start_timer('diagnostics', parameters.diagnostics_period_s, self._report)
        if parameters.autostart and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    @property
    def has_waiting_requests(self) -> bool:
        """Whether a request about a frame has not got its answer yet."""
        return any(service.has_waiting for service in self._frame_services.values())

    @property
    def failure(self) -> str:
        """Why the last *configure* failed or there is no model; empty otherwise."""
        if self._pipeline is None:
            return self._refusal
        has_model = self._model_state is ModelState.NO_MEMORY
        return '' if has_model else self._pipeline.worker.failure

    def stop(self) -> None:
        """End everything but the node itself; waits a moment for the frame in work."""
        log = None if self._pipeline is None else self._pipeline.correction_log
        self._stop_timer('diagnostics')
        self._deactivate()
        self._clean_up()
        if self._retired is not None:
            self._retired.join(STOP_TIMEOUT_S)
        if log is not None:
            log.join(LOG_TIMEOUT_S)

    @transition
    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check parameters and the model's folder, then load the model in its own thread."""
        try:
            parameters = self._parameter_server.read()
            check_topics(self, parameters)
            config = check_folder(parameters.model)
            sam_choice(parameters).check(config.sam)
            ontology = read_ontology(parameters.ontology)
            check_log_folder(parameters.correction_log)
            limit = TokenLimit(parameters.model)
            limit.check(parameters)
            device = find_device(parameters.device)
            dtype = find_dtype(parameters.precision, device)
            check_quantisation(parameters.quantise, dtype)
        except (ParameterError, RoseError) as error:
            self._refusal = str(error)
            self.get_logger().error(one_line(f'Cannot be configured. {error}'))
            self._report()
            return FAILURE
        self._refusal = ''
        self._outputs.configure(parameters, config)
        self._pipeline = Pipeline(
            parameters,
            ontology,
            limit.check,
            self._publish_segments,
            self._publish_outputs,
            lambda: int(self.get_clock().now().nanoseconds),
            self.get_logger(),
            self._load,
        )
        self._device = str(device)
        self._pipeline.worker.start(after=self._retired)
        self._start_timer('diagnostics', parameters.diagnostics_period_s, self._report)
        self._report()
        return SUCCESS

    @transition
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Listen to the cameras and take requests."""
        pipeline = self._pipeline
        if pipeline is None:
            return FAILURE
        pipeline.open()
        parameters = pipeline.parameters
        session = FrameSession(
            worker=pipeline.worker,
            memory=pipeline.memory,
            camera_names=tuple(parameters.camera_names),
            timeout_s=parameters.refine_timeout_s,
            publish=pipeline.publish_corrected,
        )
        for service in self._frame_services.values():
            service.open(session)
        self._corrections.open(pipeline.memory)
        self._cameras = Cameras(self, parameters, self._on_image)
        pipeline.on_bad_image = self._cameras.turned_out_bad
        self._start_timer('watch', WATCH_PERIOD_S, self._watch)
        self.get_logger().info(f'Listening to {", ".join(self._cameras.topics)}.')
        return SUCCESS

    @transition
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the model stays in memory."""
        self._deactivate()
        return SUCCESS

    @transition
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model, as soon as it has ended what it is doing."""
        self._clean_up()
        self._report()
        return SUCCESS

    @transition
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop everything."""
        self._stop_timer('diagnostics')
        self._deactivate()
        self._clean_up()
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after a transition that raised."""
        self.get_logger().error(f'A transition from {state.label} failed; back to unconfigured.')
        self._deactivate()
        self._clean_up()
        return SUCCESS

    def _deactivate(self) -> None:
        self._stop_timer('watch')
        if self._cameras is not None:
            self._cameras.close()
            self._cameras = None
        for service in self._frame_services.values():
            service.close()
        self._corrections.close()
        if self._pipeline is not None:
            self._pipeline.close()

    def _clean_up(self) -> None:
        if self._pipeline is not None:
            # Nobody waits here, for loading can take long; the next worker does.
            self._pipeline.retire()
            self._retired, self._pipeline = self._pipeline.worker, None

    def _on_image(self, camera: str, message: ImageMessage) -> str:
        """Let an image wait for the model, unless it is plainly unusable; the reason, if so."""
        pipeline = self._pipeline
        if pipeline is None:
            return ''
        try:
            header = check_image(message, pipeline.parameters.max_pixels)
        except BadImageError as error:
            pipeline.inbox.refuse(camera, error.reason.value)
            self.get_logger().warning(
                one_line(f'An image of camera {camera!r} is refused. {error}'),
                throttle_duration_sec=1.0,
            )
            return error.reason.value
        if header is not None and not header.agrees_with(message.format):
            self.get_logger().warning(
                f'Camera {camera!r} sends {header.kind} as {message.format[:64]!r}.',
                throttle_duration_sec=10.0,
            )
        if not message.header.frame_id:
            self.get_logger().warning(
                f'Camera {camera!r} sends images without a frame_id: nobody can place what is '
                'found. Set it in the driver.',
                throttle_duration_sec=60.0,
            )
        stamp_ns = to_nanoseconds(message.header.stamp)
        return pipeline.offer(Frame(camera, stamp_ns, time.monotonic(), message))

    def _watch(self) -> None:
        """A camera that fails or returns, and a model that is loaded or is not to be had, are
        reported at once, and a missing clock now and then.

        Raises:
            DeviceLostError: only another process can go on.
        """
        if not self.get_clock().now().nanoseconds:  # only ROS time can stand at its beginning
            self.get_logger().warning(
                'use_sim_time is set, but nobody publishes /clock: no image is ever too old.',
                throttle_duration_sec=10.0,
            )
        is_other_camera = self._cameras is not None and self._cameras.look()
        if is_other_camera or self._model_state is not self._reported_state:
            self._report()
        if self._model_state is ModelState.LOST:
            raise DeviceLostError(self.failure)

    @property
    def _model_state(self) -> ModelState | None:
        return None if self._pipeline is None else self._pipeline.worker.state

    def _publish_segments(self, message: SegmentArray) -> None:
        self._unless_shut_down(lambda: self._segments.publish(message))

    def _publish_outputs(self, record: FrameRecord, rgb: Any) -> None:  # noqa: ANN401
        pipeline = self._pipeline
        if pipeline is not None:
            model = pipeline.model_name
            self._unless_shut_down(lambda: self._outputs.publish(record, rgb, model))

    def _unless_shut_down(self, publish: Callable[[], None]) -> None:
        """A signal ends ROS at any moment, also while the model's thread publishes."""
        try:
            publish()
        except rclpy_implementation.RCLError:
            if self.context.ok():
                raise

    def _report(self) -> None:
        """Publish the diagnostics.  Once a model has ended, its memory goes back to the system;
        where another one comes after it, that is part of its loading, in its own thread.
        """
        if self._retired is not None and self._retired.join(0.0):
            self._retired = None
            if self._pipeline is None:
                give_memory_back()
        self._reported_state = self._model_state
        self._reporter.publish(self._pipeline, self._cameras, self._device, self.failure)

    def _start_timer(self, name: str, period_s: float, callback: Callable[[], None]) -> None:
        self._stop_timer(name)
        self._timers_by_name[name] = self.create_timer(period_s, callback, clock=self._steady)

    def _stop_timer(self, name: str) -> None:
        timer = self._timers_by_name.pop(name, None)
        if timer is not None:
            self.destroy_timer(timer)


def main(args: list[str] | None = None) -> NoReturn:
    """Run the node until SIGINT or SIGTERM, then end the process.

    Exit codes: 0 after a signal, 1 where the GPU is lost or the end hangs, 2 for an argument or a
    parameter that cannot be used.
    """
    code = run(args)
    sys.stdout.flush()
    sys.stderr.flush()
    # ROS is shut down.  Python would now take the libraries of the model apart, object by object,
    # for seconds; and a model that is still being loaded cannot be stopped in any other way.
    os._exit(code)


def run(args: list[str] | None = None, load: LoadSegmenter = load_segmenter) -> int:
    """Run the node until SIGINT or SIGTERM; returns the exit code.  ``load`` gives the model."""
    try:
        init_ros(args)
        node = RoseNode(load)
    except (ArgumentError, ParameterError) as error:
        get_logger('rose').fatal(f'{error}')
        rclpy.try_shutdown()
        return 2
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    code = 0
    try:
        node.start()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # both are ways in which a signal arrives
    except DeviceLostError as error:
        node.get_logger().fatal(one_line(f'{error}'))
        code = 1  # so that a launch file with respawn starts another process
    except rclpy_implementation.RCLError:
        if node.context.ok():  # or a callback was publishing when the signal came
            raise
    # A second one must not break into the clean-up: a terminal and a launcher may both send it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with no_longer_than(END_TIMEOUT_S):
        node.stop()
        if code:
            _send_answers(executor, node)
        node.destroy_node()
        # It holds the middleware's participant, with its files in /dev/shm, beyond the node's own
        # end.
        node._state_machine = None
        rclpy.try_shutdown()
    return code


def _send_answers(executor: Executor, node: RoseNode) -> None:
    """Let those who wait have the answers that ``stop`` gave them."""
    give_up_s = time.monotonic() + SEND_TIMEOUT_S
    while node.has_waiting_requests and node.context.ok() and time.monotonic() < give_up_s:
        executor.spin_once(timeout_sec=0.1)
