"""The model as the parameters want it: how it is loaded, and what it is asked for."""

from __future__ import annotations

import math
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ros2_rose.output_check import check_output
from ros2_rose.parameters import RoseParameters, regions_from
from ros2_rose.worker import Segmenter
from rose_model.backends.opening import BackendChoice
from rose_model.records import Segmentation
from rose_model.regions import cut, merge
from rose_model.segmenter import RoseSegmenter


def load_segmenter(parameters: RoseParameters) -> Segmenter:
    """The model that the parameters name, in the memory of the device that they name.

    Raises:
        RoseError: a folder, a library or a value cannot be used.
    """
    if parameters.num_threads:
        torch.set_num_threads(parameters.num_threads)
        cv2.setNumThreads(parameters.num_threads)
    sam = sam_choice(parameters)
    return RoseSegmenter.from_pretrained(
        parameters.model,
        device=parameters.device,
        precision=parameters.precision,
        quantise=parameters.quantise,
        min_objectness=parameters.min_objectness or None,
        max_segments=parameters.max_segments or None,
        sam_backend=sam.name,
        sam_export=sam.export,
        engine_cache=sam.engine_cache,
    )


def sam_choice(parameters: RoseParameters) -> BackendChoice:
    """Who carries SAM out."""
    return BackendChoice(
        parameters.sam_backend,
        Path(parameters.sam_export) if parameters.sam_export else None,
        Path(parameters.engine_cache) if parameters.engine_cache else None,
    )


def segment_image(
    segmenter: Segmenter,
    rgb: NDArray[np.uint8],
    parameters: RoseParameters,
    camera: str,
    deadline_s: float = math.inf,
) -> Segmentation:
    """What the parameters ask for in an image of a camera, as much as can be done before
    ``deadline_s``, a moment of ``time.monotonic``.

    Raises:
        ModelOutputError: what comes is not fit to be published.
    """
    height, width = rgb.shape[:2]
    regions = regions_from(parameters.cameras[camera].regions)
    boxes = [region.box((height, width)) for region in regions]
    images = [rgb, *(cut(rgb, box) for box in boxes)]
    frames: list[Segmentation] = []
    for waiting in range(len(images), 0, -1):  # each has an equal share of the time that is left
        now_s = time.monotonic()
        until_s = now_s + (deadline_s - now_s) / waiting
        frames.append(_segment(segmenter, images[len(frames)], parameters, until_s))
    whole, *parts = frames
    return merge(whole, list(zip(boxes, parts, strict=True))) if parts else whole


def _segment(
    segmenter: Segmenter, rgb: NDArray[np.uint8], parameters: RoseParameters, deadline_s: float
) -> Segmentation:
    segmentation = segmenter.segment(
        rgb,
        parameters.instruction or None,
        candidates=parameters.candidates,
        deadline_s=deadline_s,
    )
    check_output(segmentation)
    if not parameters.self_refine:
        return segmentation
    return check_output(segmenter.self_refine(segmentation, deadline_s=deadline_s))
