"""What the process takes: counted rightly, and given back."""

import gc
import os
import threading
import weakref

import numpy as np
import torch

from ros2_rose import resources
from ros2_rose.diagnostics import resources_status
from ros2_rose.resources import Resources, give_memory_back, read_resources

MIB = 2**20


def test_a_thread_and_an_open_file_are_counted():
    before = read_resources()
    gate = threading.Event()
    thread = threading.Thread(target=gate.wait)
    thread.start()
    with open(os.devnull) as _:
        during = read_resources()
    gate.set()
    thread.join()
    after = read_resources()
    assert (during.threads, during.descriptors) == (before.threads + 1, before.descriptors + 1)
    assert (after.threads, after.descriptors) == (before.threads, before.descriptors)


def test_memory_in_a_circle_of_references_is_given_back():
    give_memory_back()
    before = read_resources().memory_bytes
    # Pieces too small for pages of their own: the C library keeps them when they are freed.
    circle = [np.ones(8 * 1024, np.uint8) for _ in range(8 * 1024)]
    circle.append(circle)
    taken = read_resources().memory_bytes - before
    assert taken > 50 * MIB
    del circle
    assert read_resources().memory_bytes - before > 0.9 * taken
    give_memory_back()
    assert read_resources().memory_bytes - before < 0.1 * taken


class Knot:
    """Refers to itself."""

    def __init__(self):
        self.itself = self


def test_the_collector_passes_over_what_was_there():
    give_memory_back()
    assert len(gc.get_objects()) < 0.1 * gc.get_freeze_count()


def test_what_the_collector_passed_over_is_given_back_once_nobody_refers_to_it():
    knot = Knot()
    known = weakref.ref(knot)
    give_memory_back()
    del knot
    gc.collect()
    assert known() is not None  # or the fact would be no news
    give_memory_back()
    assert known() is None


def test_memory_on_a_gpu_is_told_of_where_one_is_used(monkeypatch):
    assert read_resources().cuda_bytes is None  # no test of this process uses one
    emptied = []
    monkeypatch.setattr(resources, '_uses_cuda', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setattr(torch.cuda, 'memory_reserved', lambda device: (device + 1) * MIB)
    monkeypatch.setattr(torch.cuda, 'empty_cache', lambda: emptied.append(True))
    assert read_resources().cuda_bytes == 3 * MIB
    give_memory_back()
    assert emptied == [True]


def test_the_status_has_units_and_no_gpu_where_there_is_none():
    def values(cuda_bytes):
        status = resources_status(Resources(3 * MIB, 5, 7, cuda_bytes))
        return {entry.key: entry.value for entry in status.values}

    plain = {'memory_mib': '3.0', 'threads': '5', 'file_descriptors': '7'}
    assert values(None) == plain
    assert values(2 * MIB) == plain | {'cuda_memory_mib': '2.0'}
