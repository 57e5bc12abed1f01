"""Semantic refinement by somebody who knows the truth (paper, A.1): the five worst classes of an
image, each corrected by one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rose_model.data.sample import box_in_shares
from rose_model.errors import RefinementError
from rose_model.evaluation.correction import TARGETS
from rose_model.evaluation.frames import Refines
from rose_model.evaluation.protocol import ClassFault, faulty_classes
from rose_model.evaluation.semantic import ClassOf, confusion_matrix
from rose_model.evaluation.single import segment_of_mask
from rose_model.evaluation.stacking import ClassStack
from rose_model.instructions import REFINEMENTS, with_box
from rose_model.records import RefinementCase, Segment, Segmentation


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """An image as it was predicted, with its truth.

    ``labels``: int64 ``[H, W]``, classes, or another number where nothing is labelled; ``names``:
    of the classes; ``class_of``: the class that a generated name stands for.
    """

    segmentation: Segmentation
    stack: ClassStack
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    class_of: ClassOf


def oracle_refine_classes(
    segmenter: Refines, image: LabelledImage, rng: np.random.Generator
) -> ClassStack:
    """The stack after its worst classes were refined, all chosen from the same first result.

    The sentence holds the box of the class's true pixels (the paper: "tailored bounding box
    information") and, in the situation ``CATEGORY``, the wrong name.  What comes back is written
    into the channels with its own objectness.  A correction that is refused changes nothing.
    """
    predicted = image.stack.classes()
    refined = image.stack.copy()
    for fault in faulty_classes(confusion_matrix(predicted, image.labels, len(image.names))):
        try:
            answer = _ask(segmenter, image, fault, predicted, rng)
        except RefinementError:
            continue
        if answer is not None:
            _write_back(refined, fault, predicted, answer, image.class_of)
    return refined


def _ask(
    segmenter: Refines,
    image: LabelledImage,
    fault: ClassFault,
    predicted: NDArray[np.int64],
    rng: np.random.Generator,
) -> Segment | None:
    """The model's answer; ``None`` where there is no mask to be spoken of."""
    frame = image.segmentation
    sentence = str(rng.choice(REFINEMENTS[fault.case]))
    text = with_box(
        sentence.format(category=image.names[fault.taken_for]),
        box_in_shares(image.labels == fault.number),
    )
    if fault.case is RefinementCase.MISSED:
        return segmenter.refine(replace(frame, segments=()), text).changed[0]
    given = _given(image, fault, predicted)
    if not given.any():
        return None
    name = image.names[fault.taken_for]
    segment = segment_of_mask(given, name, frame.context.geometry.grid_size)
    answer = segmenter.refine(
        replace(frame, segments=(segment,)),
        text,
        segment_id=segment.id,
        target=TARGETS[fault.case],
    )
    return answer.changed[0]


def _given(
    image: LabelledImage, fault: ClassFault, predicted: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """The mask that the sentence is about: all that is predicted as the class; of a wrong class
    the segments that lie on the class's true pixels by at least half, as somebody would point at
    them, or its pixels there if no segment does.
    """
    mask: NDArray[np.bool_] = predicted == fault.taken_for
    if fault.case is RefinementCase.MASK:
        return mask
    truth: NDArray[np.bool_] = image.labels == fault.number
    meant = np.zeros_like(mask)
    for segment in image.segmentation.segments:
        if image.class_of(segment.category) == fault.taken_for:
            x1, y1, x2, y2 = segment.box_xyxy
            if 2 * int((truth[y1:y2, x1:x2] & segment.mask).sum()) >= segment.area:
                meant[y1:y2, x1:x2] |= segment.mask
    meant &= mask
    return meant if meant.any() else mask & truth


def _write_back(
    stack: ClassStack,
    fault: ClassFault,
    predicted: NDArray[np.int64],
    answer: Segment,
    class_of: ClassOf,
) -> None:
    """Mask: the class's channel is replaced.  Category: the wrong class goes from the region, the
    new one comes.  Missed: it is added, under the name that the model gave it.
    """
    region = answer.full_mask(stack.size)
    if fault.case is RefinementCase.MASK:
        stack.clear(fault.number, region | (predicted == fault.number))
        stack.add(fault.number, answer)
        return
    if fault.case is RefinementCase.CATEGORY:
        stack.clear(fault.taken_for, region)
    stack.add(class_of(answer.category), answer)
