"""A pipeline with a scripted model in the place of the real one."""

import math
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from std_msgs.msg import Header

from ros2_rose import segmenting
from ros2_rose.camera_inbox import Frame
from ros2_rose.conversions import to_time
from ros2_rose.image_writer import write_image
from ros2_rose.ontology import Ontology
from ros2_rose.parameters import parameters_from
from ros2_rose.pipeline import Pipeline
from ros2_rose.segmenting import load_segmenter

WAIT_S = 30.0
RGB = np.zeros((6, 8, 3), np.uint8)


class Log:
    def __init__(self):
        self.lines = []

    def info(self, message, **options):
        self.lines.append(message)

    warning = error = info


class ScriptedSegmenter:
    name = 'scripted@0'

    def __init__(self, segmentation):
        self.segmentation = segmentation
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self.seen, self.asked, self.deadlines = [], [], []

    def segment(self, image, instruction=None, *, candidates=(), deadline_s=math.inf):
        self.seen.append((image.shape, instruction, torch.get_num_threads()))
        self.deadlines.append(deadline_s)
        self.asked.append((instruction, tuple(candidates)))
        self.began.set()
        assert self.gate.wait(WAIT_S)
        if not image.any():
            return self.segmentation
        raise RuntimeError('too bright')

    def self_refine(self, segmentation, *, deadline_s=math.inf):
        return segmentation.with_segments(
            tuple(replace(segment, revision=1) for segment in segmentation.segments)
        )


class Bench:
    def __init__(self, monkeypatch, segmentation, **values):
        self.segmenter = ScriptedSegmenter(segmentation)
        self.loaded = []

        def load(model, **options):
            self.loaded.append((model, options))
            return self.segmenter

        monkeypatch.setattr(segmenting.RoseSegmenter, 'from_pretrained', load)
        self.published, self.pictures, self.log = [], [], Log()
        self.now_ns = 0
        self.pipeline = Pipeline(
            parameters_from(values),
            Ontology({'car': 'vehicle'}),
            self.check,
            self.published.append,
            self.show,
            lambda: self.now_ns,
            self.log,
            load_segmenter,
        )
        self.pipeline.worker.start()

    def check(self, parameters):
        raise AssertionError('whoever changes the parameters asks')

    def show(self, record, rgb):
        self.pictures.append(record)

    def offer(self, stamp_ns, image=None, **fields):
        header = Header(stamp=to_time(stamp_ns), frame_id='optical')
        message = write_image(RGB if image is None else image, 'rgb8', header)
        for name, value in fields.items():
            setattr(message, name, value)
        self.pipeline.inbox.offer(Frame('camera', stamp_ns, 0.0, message))
        self.pipeline.worker.wake()

    def counts_when_idle(self):
        """The counters, once the worker has ended everything before this call."""
        idle = threading.Event()
        while not self.pipeline.inbox.is_empty:
            pass
        assert self.pipeline.worker.submit(lambda segmenter: idle.set())
        assert idle.wait(WAIT_S)
        return self.pipeline.inbox.counts()['camera']


@pytest.fixture
def make_bench(monkeypatch, make_segment, make_segmentation):
    benches = []

    def make(**values):
        benches.append(Bench(monkeypatch, make_segmentation(make_segment('1')), **values))
        return benches[-1]

    threads = torch.get_num_threads()
    yield make
    for bench in benches:
        bench.segmenter.gate.set()
        bench.pipeline.worker.stop()
        assert bench.pipeline.worker.join(WAIT_S)
    torch.set_num_threads(threads)
