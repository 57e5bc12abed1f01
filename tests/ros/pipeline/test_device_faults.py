"""A GPU without memory costs frames until memory comes back; one that is lost costs the process
(faults, no. 53 and 54).
"""

import weakref

import numpy as np
import pytest
import torch

from ros2_rose import device_faults, worker
from ros2_rose.device_faults import is_device_lost, is_out_of_memory
from ros2_rose.worker import ModelState

WAIT_S = 30.0
RGB = np.zeros((6, 8, 3), np.uint8)


class Large:
    """Stands for the tensors of a frame in work, which its error keeps alive."""


@pytest.fixture
def failing(make_bench, monkeypatch):
    """A bench whose model raises what is in ``errors``, one after the other, then works again."""

    def make(*errors):
        bench, waiting, bench.tensors = make_bench(), list(errors), []
        works = bench.segmenter.segment

        def segment(image, *args, **options):
            tensor = Large()
            bench.tensors.append(weakref.ref(tensor))
            if waiting:
                raise waiting.pop(0)
            return works(image, *args, **options)

        monkeypatch.setattr(bench.segmenter, 'segment', segment)
        bench.pipeline.open()
        return bench

    return make


def test_without_memory_a_frame_is_dropped_and_the_next_one_is_tried(failing):
    bench = failing(torch.OutOfMemoryError('CUDA out of memory.'), MemoryError())
    for stamp_ns, state in ((1, ModelState.NO_MEMORY), (2, ModelState.NO_MEMORY)):
        bench.offer(stamp_ns)
        assert bench.counts_when_idle().rejected == {'OOM': stamp_ns}
        assert bench.pipeline.worker.state is state
        assert 'Too little memory' in bench.pipeline.worker.failure
    assert any('CUDA out of memory' in line for line in bench.log.lines)
    bench.offer(3)
    assert bench.counts_when_idle().processed == 1
    assert bench.pipeline.worker.state is ModelState.READY
    assert bench.pipeline.worker.failure == ''
    assert len(bench.published) == 1


def test_the_memory_of_a_failed_frame_is_free_before_it_is_given_back(failing, monkeypatch):
    """The traceback of the error holds all that the frame had made; while it is there the GPU's
    memory cannot be given back to anybody.
    """
    alive = []
    bench = failing(torch.OutOfMemoryError('CUDA out of memory.'))
    bench.counts_when_idle()  # what loading gives back is not meant
    monkeypatch.setattr(
        worker, 'give_memory_back', lambda: alive.append([ref() for ref in bench.tensors])
    )
    bench.offer(1)
    bench.counts_when_idle()
    assert alive == [[None]]


def test_an_error_that_comes_to_light_when_memory_is_given_back_ends_nothing_by_itself(
    failing, monkeypatch
):
    def fail():
        raise torch.AcceleratorError('CUDA error: an illegal memory access was encountered')

    bench = failing(*2 * [torch.OutOfMemoryError('CUDA out of memory.')])
    bench.counts_when_idle()
    monkeypatch.setattr(worker, 'give_memory_back', fail)
    monkeypatch.setattr(worker, 'is_device_lost', lambda: False)
    bench.offer(1)
    assert bench.counts_when_idle().rejected == {'OOM': 1}
    assert bench.pipeline.worker.state is ModelState.READY
    assert any('illegal memory access' in line for line in bench.log.lines)
    monkeypatch.setattr(worker, 'is_device_lost', lambda: True)
    bench.offer(2)
    assert bench.pipeline.worker.join(WAIT_S)
    assert bench.pipeline.worker.state is ModelState.LOST
    assert 'illegal memory access' in bench.pipeline.worker.failure


def test_requests_are_still_answered_without_memory(failing):
    bench = failing(torch.OutOfMemoryError('CUDA out of memory.'))
    bench.offer(1)
    bench.counts_when_idle()
    assert bench.pipeline.worker.submit(lambda segmenter: None)


def test_a_lost_gpu_ends_the_worker_and_says_so(failing, monkeypatch):
    monkeypatch.setattr(worker, 'is_device_lost', lambda: True)
    bench = failing(RuntimeError('CUDA error: device-side assert triggered'))
    bench.offer(1)
    assert bench.pipeline.worker.join(WAIT_S)
    assert bench.pipeline.worker.state is ModelState.LOST
    assert 'device-side assert' in bench.pipeline.worker.failure
    assert bench.pipeline.inbox.counts()['camera'].rejected == {'DEVICE_LOST': 1}
    assert not bench.pipeline.worker.submit(lambda segmenter: None)


def test_an_error_of_a_frame_alone_ends_nothing(failing, monkeypatch):
    monkeypatch.setattr(worker, 'is_device_lost', lambda: False)
    bench = failing(RuntimeError('a shape'))
    bench.offer(1)
    assert bench.counts_when_idle().rejected == {'MODEL': 1}
    assert bench.pipeline.worker.state is ModelState.READY


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (torch.OutOfMemoryError('CUDA out of memory.'), True),
        (MemoryError(), True),
        (RuntimeError('a shape'), False),
        (torch.AcceleratorError('CUDA error: an illegal memory access was encountered'), False),
    ],
)
def test_which_errors_are_a_want_of_memory(error, expected):
    assert is_out_of_memory(error) is expected


def fake_cuda(monkeypatch, answers):
    """GPUs that answer or are dead, by whether this process uses them."""

    def synchronize(gpu):
        if answers[gpu] == 'dead':
            raise torch.AcceleratorError('CUDA error: device-side assert triggered')

    cuda = device_faults.torch.cuda
    monkeypatch.setattr(cuda, 'is_initialized', lambda: True)
    monkeypatch.setattr(cuda, 'device_count', lambda: len(answers))
    monkeypatch.setattr(cuda, 'memory_reserved', lambda gpu: answers[gpu] != 'unused')
    monkeypatch.setattr(cuda, 'synchronize', synchronize)


@pytest.mark.parametrize(
    ('answers', 'expected'),
    [(['well'], False), (['dead'], True), (['unused', 'dead'], True), (['unused'], False)],
)
def test_a_gpu_is_lost_if_it_answers_nothing_but_errors(monkeypatch, answers, expected):
    fake_cuda(monkeypatch, answers)
    assert is_device_lost() is expected


def test_without_a_gpu_none_is_lost():
    if torch.cuda.is_initialized():
        pytest.skip('this process uses a GPU')
    assert is_device_lost() is False
