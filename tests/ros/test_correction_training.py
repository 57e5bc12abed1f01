"""From the road back to training: a correction that a node was given teaches the model."""

from functools import partial

import numpy as np
import pytest
import torch
from std_msgs.msg import Header

from ros2_rose.conversions import to_time
from ros2_rose.correction_log import CorrectionLog
from ros2_rose.corrections import Scope
from ros2_rose.frame_job import Codes, FrameJob
from ros2_rose.history import FrameRecord
from ros2_rose.image_writer import write_image
from ros2_rose.refine_request import RefineArguments
from ros2_rose.refine_service import refine
from ros2_rose.session_memory import SessionMemory
from rose_model.checkpoint import load_pretrained
from rose_model.data.corrections import LoggedCorrections
from rose_model.instructions import Prompter
from rose_model.preprocess import normalise_lmm
from rose_model.prompts.sentences import ALL_REGIONS
from rose_model.records import PointHint, RefineTarget
from rose_model.segmenter import RoseSegmenter
from rose_model.training.correction_source import with_corrections
from rose_model.training.examples import ExampleDataset
from rose_model.training.objective import Objective
from rose_model.training.sources import streets

pytestmark = pytest.mark.timeout(400)  # it trains the shipped model

STAMP_NS = 5
STEPS = 6


class Log:
    def warning(self, message, **options):
        pytest.fail(message)

    info = error = warning


@pytest.fixture(scope='module')
def folder(tmp_path_factory, scene):
    """What a node has stored after four corrections of a frame, one of each case."""
    folder = tmp_path_factory.mktemp('corrections')
    log = CorrectionLog(folder, 10**6, Log())
    memory = SessionMemory(['camera'], 5, log)
    segmenter = RoseSegmenter.from_pretrained('nano', device='cpu')
    followed = memory.follow('camera', STAMP_NS, segmenter.segment(scene.image))
    header = Header(stamp=to_time(STAMP_NS))
    memory.add(
        FrameRecord(
            'camera',
            header,
            STAMP_NS,
            0,
            followed.segmentation,
            generated=followed.generated,
            image=write_image(scene.image, 'rgb8', header),
        )
    )
    thing = next(segment for segment in followed.segmentation.segments if segment.is_thing)
    left, top = thing.box_xyxy[:2]
    row = int(thing.mask.sum(1).argmax())
    edge = left + int(thing.mask[row].argmax())
    middle = int(np.median(np.flatnonzero(thing.mask[row]))) + left
    auto, click = RefineTarget.AUTO, partial(PointHint, y=float(top + row), is_foreground=True)
    for text, identity, target, points, fields in (
        ('this is a tram', thing.id, RefineTarget.LABEL, (), {}),
        ('the mask is not right', thing.id, RefineTarget.MASK, (click(edge - 1.0),), {}),
        ('', thing.id, auto, (), {'remove': True}),
        ('you missed that', '', auto, (click(float(middle)),), {'label': 'purple cyclist'}),
    ):
        arguments = RefineArguments(text, identity, target, points, Scope.FRAME, **fields)
        answers = []
        job = FrameJob(
            lambda model, arguments=arguments: refine(
                arguments, memory, model, memory.history.find('camera', STAMP_NS)
            ),
            None,
            answers.append,
        )
        job(segmenter)
        assert answers[0].code == Codes.OK, answers[0].message
    log.close()
    assert log.join(30.0)
    return folder


def test_each_case_is_read_with_the_pixels_of_the_road(folder, scene):
    read = LoggedCorrections(folder)
    assert read.faults == ()
    told = {}
    for number in range(len(read)):
        sample = read[number]
        assert np.array_equal(sample.image, scene.image)
        told[sample.instruction.split(' It is in')[0]] = sample
    assert told['this is a tram'].regions[told['this is a tram'].target].name == 'tram'
    whole = told['the mask is not right']
    assert whole.given.any()
    assert whole.mask(whole.target).any()
    missed = told['you missed that']
    assert missed.given is None
    assert missed.regions[missed.target].name == 'purple cyclist'
    removed = told[ALL_REGIONS]
    assert removed.target is None
    assert np.array_equal(removed.mask(0), whole.mask(whole.target))


class Lesson:
    """The shipped model and the examples of the folder: corrections, and the one of a removal."""

    def __init__(self, folder):
        pretrained = load_pretrained('nano', torch.device('cpu'), torch.float32)
        self.rose = pretrained.rose.requires_grad_(True).train()
        prompter = Prompter(pretrained.tokenizer, self.rose.config.category.template)
        source = with_corrections(streets(), folder)
        dataset = ExampleDataset(source, 1, 7, self.rose.config, prompter)
        examples = [dataset[number] for number in (0, 2, 4, 6)]  # the odd samples are corrections
        self.corrections = [item for item in examples if len(item.questions[0].patches)]
        [self.removal] = [item for item in examples if not len(item.questions[0].patches)]
        self._objective = Objective(self.rose, prompter, pretrained.text_tokenizer)

    def learn(self, examples):
        """The terms of the loss, step by step."""
        optimizer = torch.optim.AdamW(self._objective.parameters(), 1e-4)
        history = []
        for _ in range(STEPS):
            loss, terms = self._objective(examples)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append({name: float(value) for name, value in {**terms, 'all': loss}.items()})
        return history

    @torch.no_grad()
    def objectness_of_what_was_removed(self):
        """The highest log-odds of a patch in its place, for what the frame had been asked for."""
        [question] = self.removal.questions
        pixels = normalise_lmm(self.removal.lmm_pixels[None], None)
        perception = self.rose.perception
        seen = perception.read(perception.encode(pixels), [question.prompt])
        logits = self.rose.patch_analyzer.objectness_logit(seen.object_embedding)[0]
        return float(logits[question.is_negative].max())


def test_a_few_steps_on_the_corrections_make_the_model_agree_with_them(folder):
    lesson = Lesson(folder)
    history = lesson.learn(lesson.corrections)
    first, last = history[0], history[-1]
    for name in ('all', 'loss_category', 'loss_siglip', 'loss_mask_dice', 'loss_ranking'):
        assert last[name] < first[name], (name, history)


def test_a_few_steps_on_a_removal_make_the_model_doubt_what_was_removed(folder):
    lesson = Lesson(folder)
    before = lesson.objectness_of_what_was_removed()
    history = lesson.learn([lesson.removal])
    assert lesson.objectness_of_what_was_removed() < before
    assert history[-1]['loss_objectness'] < history[0]['loss_objectness']
    others = {name: terms for name, terms in history[-1].items() if name != 'loss_objectness'}
    assert others.pop('all') > 0
    assert set(others.values()) == {0.0}  # nothing else is learned from it
