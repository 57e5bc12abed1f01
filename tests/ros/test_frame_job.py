"""A request is answered once, whatever happens to it."""

import pytest

from ros2_rose.frame_job import Codes, FrameAnswer, FrameJob

LATE = FrameAnswer(Codes.TIMEOUT, 'too late')


def fail(*_):
    raise RuntimeError('no room')


@pytest.mark.parametrize(
    'task', [fail, lambda segmenter: FrameAnswer(Codes.OK, 'done', accept=fail)]
)
def test_a_task_and_an_acceptance_that_fail_are_answers(task):
    answers, published = [], []
    job = FrameJob(task, lambda *frame: published.append(frame), answers.append)
    job(None)
    assert not job.close(LATE)
    [answer] = answers
    assert answer.code == Codes.REJECTED
    assert 'no room' in answer.message
    assert published == []


def test_a_job_that_was_closed_changes_nothing():
    answers, accepted = [], []
    answer = FrameAnswer(Codes.OK, 'done', accept=lambda: accepted.append(1))
    job = FrameJob(lambda segmenter: answer, None, answers.append)
    assert job.close(LATE)
    job(None)
    assert answers == [LATE]
    assert accepted == []
