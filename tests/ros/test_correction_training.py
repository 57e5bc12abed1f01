"""From the road back to training: a correction that a node was given teaches the model."""

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
from rose_model.records import RefineTarget
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
    """What a node has stored after three corrections of a frame, one of each case."""
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
    for text, identity, target in (
        ('this is a tram', thing.id, RefineTarget.LABEL),
        ('include the whole of it', thing.id, RefineTarget.MASK),
        ('you missed the purple cyclist', '', RefineTarget.AUTO),
    ):
        arguments = RefineArguments(text, identity, target, (), Scope.FRAME)
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
    whole = told['include the whole of it']
    assert whole.given.any()
    assert whole.mask(whole.target).any()
    missed = told['you missed the purple cyclist']
    assert missed.given is None
    assert missed.regions[missed.target].name == 'purple cyclist'


def test_a_few_steps_on_the_corrections_make_the_model_agree_with_them(folder):
    pretrained = load_pretrained('nano', torch.device('cpu'), torch.float32)
    rose = pretrained.rose.requires_grad_(True).train()
    prompter = Prompter(pretrained.tokenizer, rose.config.category.template)
    source = with_corrections(streets(), folder)
    examples = ExampleDataset(source, 1, 5, rose.config, prompter)
    corrections = [examples[number] for number in (0, 2, 4)]  # the odd samples are corrections
    objective = Objective(rose, prompter, pretrained.text_tokenizer)
    optimizer = torch.optim.AdamW(objective.parameters(), 1e-4)
    history = []
    for _ in range(STEPS):
        loss, terms = objective(corrections)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append({name: float(value) for name, value in {**terms, 'all': loss}.items()})
    first, last = history[0], history[-1]
    for name in ('all', 'loss_category', 'loss_siglip', 'loss_mask_dice', 'loss_ranking'):
        assert last[name] < first[name], (name, history)
