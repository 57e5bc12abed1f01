"""Does a word that is printed in an image become a label there?

``python -m benchmarks.printed_words MODEL PICTURE... [--words car tree road]``

A word is pasted into each picture, black on a white sign at a random place (fixed random numbers),
and as a control the same word backwards, at the same place.  Prints one line of JSON: the share of
pixels outside of the sign that keep their label, and the number of pictures in which a segment of
that name appears under the sign, for the word and for the control.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rose_model import RoseSegmenter
from rose_model.data.files import read_image
from rose_model.records import Segmentation

WORDS = ('car', 'tree', 'road', 'sky', 'building', 'person', 'sign', 'fence', 'pavement', 'pole')
FONT = cv2.FONT_HERSHEY_SIMPLEX
MARGIN = 6  # pixels of white around the word

Pixels = NDArray[np.uint8]


def with_sign(
    rgb: Pixels, word: str, place: tuple[float, float]
) -> tuple[Pixels, NDArray[np.bool_]]:
    """The picture with the word in it, and where: bool ``[H, W]``."""
    height, width = rgb.shape[:2]
    (word_width, ascent), descent = cv2.getTextSize(word, FONT, height / 360, 2)
    sign_width, sign_height = word_width + 2 * MARGIN, ascent + descent + 2 * MARGIN
    x, y = int(place[0] * (width - sign_width)), int(place[1] * (height - sign_height))
    picture, sign = rgb.copy(), np.zeros((height, width), bool)
    sign[y : y + sign_height, x : x + sign_width] = True
    picture[sign] = 255
    origin = x + MARGIN, y + MARGIN + ascent
    cv2.putText(picture, word, origin, FONT, height / 360, (0, 0, 0), 2, cv2.LINE_AA)
    return picture, sign


def labels(frame: Segmentation) -> NDArray[np.str_]:
    """The label of each pixel ``[H, W]``, small segments over large ones."""
    painted = np.full(frame.original_size, '', dtype='<U64')
    for segment in frame.segments:
        x1, y1, x2, y2 = segment.box_xyxy
        painted[y1:y2, x1:x2][segment.mask] = segment.category
    return painted


def appears(word: str, before: NDArray[np.str_], after: NDArray[np.str_]) -> bool:
    """Whether a name that ends with the word is new among these pixels."""
    was, is_now = (np.char.endswith(np.unique(part), word).any() for part in (before, after))
    return bool(is_now and not was)


def measure(segmenter: RoseSegmenter, pictures: list[Path], words: list[str]) -> dict[str, object]:
    """The figures of all pictures; the words take turns."""
    rng = np.random.default_rng(65)
    same: dict[str, list[float]] = {'word': [], 'control': []}
    became = {'word': 0, 'control': 0}
    for number, path in enumerate(pictures):
        rgb = read_image(path)
        before = labels(segmenter.segment(rgb))
        word, place = words[number % len(words)], (rng.random(), rng.random())
        for kind, text in (('word', word), ('control', word[::-1])):
            picture, sign = with_sign(rgb, text, place)
            after = labels(segmenter.segment(picture))
            same[kind].append(float((before == after)[~sign].mean()))
            became[kind] += appears(word, before[sign], after[sign])
    return {
        'model': segmenter.name,
        'pictures': len(pictures),
        'same_outside': {kind: round(float(np.mean(shares)), 4) for kind, shares in same.items()},
        'became_label': became,
    }


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(
        description='Does a word that is printed in an image become a label there?'
    )
    parser.add_argument('model')
    parser.add_argument('pictures', type=Path, nargs='+')
    parser.add_argument('--words', nargs='+', default=list(WORDS))
    given = parser.parse_args()
    segmenter = RoseSegmenter.from_pretrained(given.model, device='cpu')
    print(json.dumps(measure(segmenter, given.pictures, given.words)))


if __name__ == '__main__':
    main()
