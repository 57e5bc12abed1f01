"""The worker: one thread, frames and corrections in turn, nothing that ends it but stop()."""

import gc
import threading

import pytest

from ros2_rose import worker
from ros2_rose.camera_inbox import CameraInbox, Frame
from ros2_rose.worker import MAX_WAITING_JOBS, ModelState, ModelWorker

WAIT_S = 30.0


class Log:
    def __init__(self):
        self.lines = []

    def info(self, message, **options):
        self.lines.append(message)

    warning = error = info


class Bench:
    """A worker on a scripted model: frames wait at a gate, everything that happens is noted."""

    def __init__(self, load=None):
        self.log = Log()
        self.inbox = CameraInbox(['front'])
        self.done = []
        self.threads = []
        self.changed = threading.Condition()
        self.gate = threading.Event()
        self.started = threading.Event()
        self.worker = ModelWorker(load or self.load, self.inbox, self.process, self.log)

    class Segmenter:
        name = 'scripted'

    def load(self):
        return self.Segmenter()

    def process(self, segmenter, frame):
        self.threads.append(threading.current_thread().name)
        self.started.set()
        self.gate.wait(WAIT_S)
        if frame.message == 'bad':
            raise RuntimeError('cannot see')
        self.inbox.processed(frame.camera)
        self.note(frame.message)

    def note(self, what):
        with self.changed:
            self.done.append(what)
            self.changed.notify_all()

    def offer(self, stamp_ns, message):
        self.inbox.offer(Frame('front', stamp_ns, 0.0, message))
        self.worker.wake()

    def correction(self, what):
        return lambda segmenter: self.note(what)

    def wait_for(self, number):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.done) >= number, WAIT_S), self.done
        return self.done


@pytest.fixture
def make_bench():
    benches = []

    def make(**options):
        bench = Bench(**options)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.gate.set()
        bench.worker.stop()
        if bench.worker._thread.ident is not None:
            assert bench.worker.join(WAIT_S)


def test_loading_ends_in_ready_and_stopping_in_stopped(make_bench):
    bench = make_bench()
    assert bench.worker.state is ModelState.LOADING
    bench.worker.start()
    bench.worker.submit(bench.correction('c'))
    bench.wait_for(1)
    assert bench.worker.state is ModelState.READY
    bench.worker.stop()
    assert bench.worker.join(WAIT_S)
    assert bench.worker.state is ModelState.STOPPED


def test_the_collector_passes_over_what_loading_has_left(make_bench):
    """Or all threads stand still for long, again and again, while it goes through that."""
    gc.unfreeze()
    bench = make_bench()
    bench.worker.start()
    bench.worker.submit(bench.correction('c'))
    bench.wait_for(1)
    assert gc.get_freeze_count() > 10 * len(gc.get_objects())


def test_a_model_that_cannot_be_loaded_says_why():
    def fail():
        raise OSError('no such disk')

    bench = Bench(load=fail)
    bench.worker.start()
    assert bench.worker.join(WAIT_S)
    assert bench.worker.state is ModelState.FAILED
    assert bench.worker.failure == 'OSError: no such disk'
    assert 'no such disk' in bench.log.lines[0]


def test_loading_frames_and_corrections_share_one_thread(make_bench):
    names = []

    def load():
        names.append(threading.current_thread().name)
        return Bench.Segmenter()

    bench = make_bench(load=load)
    bench.gate.set()
    bench.worker.start()
    bench.offer(1, 'f')
    bench.worker.submit(lambda segmenter: bench.note(threading.current_thread().name))
    assert set(bench.wait_for(2)) == {'f', 'rose_model'}
    assert names == bench.threads == ['rose_model']


def test_frames_and_corrections_alternate(make_bench):
    bench = make_bench()
    bench.worker.start()
    bench.offer(1, 'f1')
    assert bench.started.wait(WAIT_S)
    for name in ('c1', 'c2', 'c3'):
        bench.worker.submit(bench.correction(name))
    bench.offer(2, 'f2')
    bench.gate.set()
    assert bench.wait_for(5) == ['f1', 'c1', 'f2', 'c2', 'c3']


def test_more_corrections_than_may_wait_are_refused(make_bench):
    bench = make_bench()
    bench.worker.start()
    bench.offer(1, 'f')
    assert bench.started.wait(WAIT_S)
    waiting = [bench.correction(number) for number in range(MAX_WAITING_JOBS)]
    assert all(bench.worker.submit(correction) for correction in waiting)
    assert not bench.worker.submit(bench.correction('too many'))
    bench.worker.withdraw(waiting[0])
    assert bench.worker.submit(bench.correction('now'))
    bench.gate.set()
    assert bench.wait_for(5) == ['f', 1, 2, 3, 'now']


def test_a_failing_frame_is_counted_and_the_next_one_works(make_bench):
    bench = make_bench()
    bench.gate.set()
    bench.worker.start()
    bench.offer(1, 'bad')
    while not bench.inbox.counts()['front'].rejected:
        assert bench.worker.state is not ModelState.STOPPED
    bench.offer(2, 'good')
    assert bench.wait_for(1) == ['good']
    counts = bench.inbox.counts()['front']
    assert counts.rejected == {'MODEL': 1}
    assert counts.processed == 1
    assert any('cannot see' in line for line in bench.log.lines)


def test_a_failing_correction_does_not_end_the_worker(make_bench):
    bench = make_bench()
    bench.worker.start()

    def fail(segmenter):
        raise RuntimeError('oh')

    bench.worker.submit(fail)
    bench.worker.submit(bench.correction('next'))
    assert bench.wait_for(1) == ['next']


class Hanging:
    """A correction that has begun and does not end before its gate opens."""

    def __init__(self, bench):
        self.bench = bench
        self.gate, self.began, self.ended = (threading.Event() for _ in range(3))

    def __call__(self, segmenter):
        self.began.set()
        assert self.gate.wait(WAIT_S)
        self.ended.set()

    def start(self):
        self.bench.worker.submit(self)
        assert self.began.wait(WAIT_S)
        return self


@pytest.fixture
def _hangs_at_once(monkeypatch):
    monkeypatch.setattr(worker, 'HANGS_AFTER_S', 0.0)


@pytest.mark.usefixtures('_hangs_at_once')
def test_a_correction_that_hangs_is_left_behind_and_the_stream_goes_on(make_bench):
    bench = make_bench()
    bench.gate.set()
    bench.worker.start()
    hanging = Hanging(bench).start()
    bench.offer(1, 'f1')
    bench.worker.withdraw(hanging)
    assert bench.wait_for(1) == ['f1']
    bench.worker.submit(bench.correction('c1'))
    assert bench.wait_for(2) == ['f1', 'c1']
    assert not hanging.ended.is_set()
    hanging.gate.set()
    assert hanging.ended.wait(WAIT_S)
    bench.offer(2, 'f2')
    assert bench.wait_for(3) == ['f1', 'c1', 'f2']
    assert bench.worker.state is ModelState.READY


def test_one_that_is_only_slow_has_the_model_to_itself(make_bench):
    """A model is for one thread, however soon a client gives up."""
    bench = make_bench()
    bench.gate.set()
    bench.worker.start()
    slow = Hanging(bench).start()
    bench.worker.withdraw(slow)
    bench.offer(1, 'f1')
    bench.worker.submit(lambda segmenter: bench.note(slow.ended.is_set()))
    slow.gate.set()
    assert bench.wait_for(2) == ['f1', True]
    assert not any('left behind' in line for line in bench.log.lines)


@pytest.mark.usefixtures('_hangs_at_once')
def test_the_next_worker_waits_for_no_correction_that_hangs(make_bench):
    bench, successor = make_bench(), make_bench()
    bench.worker.start()
    hanging = Hanging(bench).start()
    bench.worker.stop()
    successor.worker.start(after=bench.worker)
    bench.worker.withdraw(hanging)
    successor.worker.submit(successor.correction('c'))
    assert successor.wait_for(1) == ['c']
    hanging.gate.set()


@pytest.mark.usefixtures('_hangs_at_once')
def test_only_one_correction_is_left_behind_at_a_time(make_bench):
    bench = make_bench()
    bench.gate.set()
    bench.worker.start()
    first = Hanging(bench).start()
    bench.worker.withdraw(first)
    second = Hanging(bench).start()
    bench.worker._leave_behind(second)
    bench.offer(1, 'f1')
    first.gate.set()
    assert first.ended.wait(WAIT_S)
    assert bench.done == []  # it waits for the second one, which serves on when that has ended
    second.gate.set()
    assert bench.wait_for(1) == ['f1']


def test_a_correction_that_has_ended_is_not_left_behind(make_bench):
    bench = make_bench()
    bench.worker.start()
    job = bench.correction('c')
    bench.worker.submit(job)
    bench.wait_for(1)
    bench.worker.submit(bench.correction('d'))
    bench.wait_for(2)
    thread = bench.worker._thread
    bench.worker.withdraw(job)
    assert bench.worker._thread is thread


def test_a_worker_ends_though_a_correction_hangs(make_bench):
    bench = make_bench()
    bench.worker.start()
    hanging = Hanging(bench).start()
    bench.worker.withdraw(hanging)
    bench.worker.stop()
    assert bench.worker.join(WAIT_S)
    assert bench.worker.state is ModelState.STOPPED
    hanging.gate.set()


def test_stopping_forgets_what_waits_and_takes_no_more(make_bench):
    bench = make_bench()
    bench.worker.start()
    bench.offer(1, 'f')
    assert bench.started.wait(WAIT_S)
    bench.worker.submit(bench.correction('c'))
    bench.worker.stop()
    assert not bench.worker.submit(bench.correction('late'))
    bench.gate.set()
    assert bench.worker.join(WAIT_S)
    assert bench.done == ['f']


def test_a_successor_loads_only_when_its_predecessor_has_ended(make_bench):
    first, order = make_bench(), []
    first.worker.start()
    first.offer(1, 'f')
    assert first.started.wait(WAIT_S)
    first.worker.stop()

    def load():
        order.append(first.worker.state)
        return Bench.Segmenter()

    second = make_bench(load=load)
    second.worker.start(after=first.worker)
    first.gate.set()
    second.worker.submit(second.correction('c'))
    second.wait_for(1)
    assert order == [ModelState.STOPPED]
