"""Nobody can write lines into the log of this node."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from ros2_rose import cameras as cameras_module
from ros2_rose import diagnostics
from ros2_rose.camera_inbox import CameraInbox
from ros2_rose.camera_watch import Health
from ros2_rose.cameras import Cameras
from ros2_rose.diagnostics import RateMeter
from ros2_rose.one_line import one_line
from ros2_rose.parameters import parameters_from
from ros2_rose.worker import ModelWorker

FORGED = 'x\n[INFO] [1.0] [rose]: all is well\x1b[2K\r\u2028\u202e\0end'


@pytest.mark.parametrize('text', ['', 'plain words', 'Zürich 東京 🚧'])
def test_what_can_be_printed_stays(text):
    assert one_line(text) == text


def test_everything_else_is_written_out():
    assert one_line(FORGED) == (
        'x\\n[INFO] [1.0] [rose]: all is well\\x1b[2K\\r\\u2028\\u202e\\x00end'
    )
    assert one_line('half \ud800 of one') == 'half \\ud800 of one'


class Log:
    def __init__(self):
        self.lines = []

    def info(self, line, **options):
        self.lines.append(line)

    warning = error = info


def test_names_of_other_nodes_are_one_line_in_the_log(monkeypatch):
    class Node:
        log = Log()

        def get_logger(self):
            return self.log

    class Camera:
        is_reliable = True

        def __init__(self, *options):
            self.watch = None

        def follow_publishers(self):
            return False

        def health(self):
            return Health(DiagnosticStatus.ERROR, FORGED)

    monkeypatch.setattr(cameras_module, 'CameraSubscription', Camera)
    node = Node()
    assert Cameras(node, parameters_from({}), None).look()
    [line] = node.log.lines
    assert line.isprintable()


def test_reports_on_diagnostics_hold_one_line_each():
    counts = CameraInbox(['front']).counts()['front']
    health = Health(DiagnosticStatus.ERROR, FORGED)
    lost = FORGED  # any value may hold foreign text; unmapped labels do
    status = diagnostics.camera_status('front', health, counts, lost, RateMeter())
    assert status.message.isprintable()
    assert all(entry.value.isprintable() for entry in status.values)


def test_what_a_library_says_is_one_line_in_the_log():
    def load():
        raise RuntimeError(FORGED)

    log = Log()
    worker = ModelWorker(load, CameraInbox(['camera']), None, log)
    worker.start()
    assert worker.join(30.0)
    assert all(line.isprintable() for line in [*log.lines, worker.failure])
    assert 'all is well' in log.lines[0]
