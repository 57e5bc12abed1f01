"""The source that a stage of a recipe names."""

from __future__ import annotations

import logging

from rose_model.data.exclusion import excluding, read_excluded
from rose_model.data.faults import MAX_FAULTY
from rose_model.data.formats import Format, open_images
from rose_model.data.refer import Referring
from rose_model.errors import DataError
from rose_model.training.camvid_source import camvid
from rose_model.training.correction_source import with_corrections
from rose_model.training.labelled_source import labelled, referring
from rose_model.training.mixture import mixture
from rose_model.training.recipe import DataPart, StageRecipe
from rose_model.training.sources import Source, streets

_LOG = logging.getLogger(__name__)


def check_exclusions(recipe: StageRecipe) -> None:
    """Read the files that name excluded images, so that a missing one is told before any work.

    Raises:
        DataError: a file is missing, or names no images (see ``read_excluded``).
    """
    if isinstance(recipe.data, tuple):
        for part in recipe.data:
            read_excluded(part.exclude_images)


def open_source(recipe: StageRecipe) -> Source:
    """Streets, CamVid, or the mixture of a stage, and its corrections among them.

    Raises:
        DataError: a data set cannot be read, or too much of it is damaged (see ``keep_sound``).
    """
    if isinstance(recipe.data, tuple):
        source = mixture([(_part(part, recipe), part.rate) for part in recipe.data])
    elif recipe.root is None:
        source = streets(recipe.word_questions)
    else:
        source = camvid(recipe.root)
    return source if recipe.corrections is None else with_corrections(source, recipe.corrections)


def _part(part: DataPart, recipe: StageRecipe) -> Source:
    if part.root is None or part.format == 'streets':
        return streets(recipe.word_questions)
    if part.format is Format.CAMVID:
        return camvid(part.root, part.split)
    max_faulty = 0.0 if recipe.strict else MAX_FAULTY
    excluded = read_excluded(part.exclude_images)
    what = f'{part.format} {part.split}, {part.root}'
    if part.format is not Format.REFER:
        images = open_images(part.format, part.root, part.split, max_faulty)
        if excluded:
            images = excluding(images, excluded, what)
            _LOG.info('%s: %s', what, images.notes[-1])
        return labelled(images, recipe.word_questions, strict=recipe.strict)
    split_by, _, split = part.split.partition('/')
    if not split:
        raise DataError(
            f'Split {part.split!r} of {part.root} has two parts, as unc/train: who made the '
            f'splits, and which it is.'
        )
    expressions = Referring(
        part.root, None, split, split_by, max_faulty=max_faulty, excluded=excluded
    )
    if excluded:
        _LOG.info(
            '%s: %d expressions are about excluded images, %d are left',
            *(what, expressions.lost, len(expressions)),
        )
    return referring(expressions, strict=recipe.strict)
