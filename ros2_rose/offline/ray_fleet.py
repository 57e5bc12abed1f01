"""Several recordings on Ray: each is a task, and one whose worker dies is done again."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from ros2_rose.offline.bag import LoadSegmenter
from ros2_rose.offline.fleet import BagJob, BagResult, OnceLoaded, run_job
from rose_model.errors import ConfigError
from rose_model.exit_codes import EXIT_FAILED, one_line

MAX_RETRIES = 3
"""How often a recording is begun again after its worker died; it goes on where it was."""


def run_on_ray(
    jobs: Sequence[BagJob], load: LoadSegmenter, workers: int = 0
) -> Iterator[BagResult]:
    """Process the recordings on several workers; results come as they are ready.

    ``RAY_ADDRESS`` names a cluster, whose machines must see the same folders; without it workers
    are started on this machine.  ``workers``: how many; 0: one for each core, or as many as the
    cluster has room for.

    Raises:
        ConfigError: Ray is not installed.
    """
    if importlib.util.find_spec('ray') is None:
        raise ConfigError(
            "--ray needs the package ray, which is absent; pip install 'rose_model[ray]'."
        )
    import ray

    with _connected(workers * jobs[0].options.threads if workers else None):
        task = ray.remote(_run).options(max_retries=MAX_RETRIES, **_resources(jobs[0]))
        waiting = {task.remote(_anywhere(job), load): job for job in jobs}
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1)
            yield _result(ready[0], waiting.pop(ready[0]))


@contextmanager
def _connected(cpus: int | None) -> Iterator[None]:
    import ray

    os.environ['RAY_USAGE_STATS_ENABLED'] = '0'  # nothing leaves the machine
    on_sigterm = signal.getsignal(signal.SIGTERM)
    if 'RAY_ADDRESS' in os.environ:
        ray.init(logging_level=logging.ERROR, log_to_driver=False)
    else:
        ray.init(
            'local',
            num_cpus=cpus,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    signal.signal(signal.SIGTERM, on_sigterm)  # Ray's own ends the process with a core dump
    try:
        yield
    finally:
        ray.shutdown()


def _resources(job: BagJob) -> dict[str, Any]:
    """What one task takes.  Ray hides the GPUs from a task that asks for none."""
    device = job.options.device
    wants_gpu = device.startswith('cuda') or (device == 'auto' and torch.cuda.is_available())
    return {'num_cpus': job.options.threads or 1, 'num_gpus': int(wants_gpu)}


def _anywhere(job: BagJob) -> BagJob:
    """The same job for a worker that runs in another folder."""
    return replace(job, source=job.source.absolute(), target=job.target.absolute())


def _result(ready: Any, job: BagJob) -> BagResult:  # noqa: ANN401 - ray has no public name for it
    import ray

    try:
        result: BagResult = ray.get(ready)
    except ray.exceptions.RayError as error:
        text = f'{type(error).__name__}: {one_line(error)}'
        return BagResult(job, None, text[:500], EXIT_FAILED)
    return replace(result, job=job)


def _run(job: BagJob, load: LoadSegmenter) -> BagResult:
    return run_job(job, _once_loaded(load))


@functools.lru_cache(maxsize=1)
def _once_loaded(load: LoadSegmenter) -> OnceLoaded:
    """The model of this worker, for one task after the other."""
    return OnceLoaded(load)
