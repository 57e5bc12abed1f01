"""The semantic oracle (paper, A.1): the five worst classes of an image, each corrected by one
sentence of somebody who knows the truth.

The oracle chooses what is wrong, in which situation, and where: the box of the true pixels.  It
never says what is right.  Its sentences name what the model itself has predicted, or nothing: the
mask sentence the class that is there, the category sentence the wrong one, the missed sentence
none, as the paper prints it (A.4).  Every name in the result was generated.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from rose_model.instructions import with_box
from rose_model.prompts.sentences import PLAIN_REFINEMENTS, REFINEMENTS
from rose_model.records import RefinementCase, Segment, Segmentation
from rose_model.resampling import bounding_rectangle


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
    """Return the stack after the oracle had its worst classes refined.

    All are chosen from the same first result.  What comes back is written into the channels with
    its own objectness.  A correction that is refused changes nothing.

    Args:
        segmenter: Corrects the frame.
        image: The frame as it was predicted, with its truth.
        rng: Draws the sentences.

    Returns:
        A new stack; the one of ``image`` stays as it is.
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


def oracle_sentence(fault: ClassFault, names: Sequence[str], rng: np.random.Generator) -> str:
    """Return what the oracle says about a class, without the box.

    Args:
        fault: The class and its situation.
        names: Of the classes.
        rng: Draws one of the situation's ten sentences.

    Returns:
        A sentence with the predicted class's name, or with none where nothing was predicted.
    """
    if fault.case is RefinementCase.MISSED:
        return str(rng.choice(PLAIN_REFINEMENTS[fault.case]))
    return str(rng.choice(REFINEMENTS[fault.case])).format(category=names[fault.taken_for])


def _ask(
    segmenter: Refines,
    image: LabelledImage,
    fault: ClassFault,
    predicted: NDArray[np.int64],
    rng: np.random.Generator,
) -> Segment | None:
    """The model's answer; ``None`` where there is no mask to be spoken of."""
    frame = image.segmentation
    text = with_box(
        oracle_sentence(fault, image.names, rng), box_in_shares(image.labels == fault.number)
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
    """Return the mask that the sentence is about, bool ``[H, W]``.

    It is all that is predicted as the class.  Of a wrong class it is the segments that lie on the
    class's true pixels by at least half, as somebody would point at them; where no segment does,
    what is predicted as the wrong class within the box that the sentence holds.  The true mask
    itself is never given.
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
    return meant if meant.any() else mask & _filled_box(truth)


def _filled_box(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the box of a mask that is not empty, filled: bool ``[H, W]``."""
    x, y, width, height = bounding_rectangle(mask)
    box = np.zeros_like(mask)
    box[y : y + height, x : x + width] = True
    return box


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
