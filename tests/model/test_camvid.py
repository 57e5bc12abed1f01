"""CamVid: stuff as one region a class, pseudo-instances, and nothing taken from damaged files."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rose_model.data.camvid import CLASSES, IGNORE, MIN_AREA, THING_CLASSES, CamVid
from rose_model.data.sample import VOID
from rose_model.errors import DataError

CAR, ROAD, POLE, UNLABELLED = 8, 3, 2, 11
SIZE = (60, 80)


def street_labels() -> np.ndarray:
    labels = np.full(SIZE, ROAD, np.uint8)
    labels[:20] = UNLABELLED
    labels[25:35, 5:20] = CAR
    labels[25:35, 40:55] = CAR
    labels[50:52, 70:72] = CAR  # a speck
    labels[0:40, 30] = POLE  # smaller than MIN_AREA
    return labels


def write_frame(root: Path, name: str, labels: np.ndarray) -> None:
    for folder in ('images', 'labels'):
        (root / 'train' / folder).mkdir(parents=True, exist_ok=True)
    image = np.full((*labels.shape, 3), 90, np.uint8)
    Image.fromarray(image).save(root / 'train' / 'images' / f'{name}.jpg')
    Image.fromarray(labels).save(root / 'train' / 'labels' / f'{name}.png')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ('b', 'a'):
        write_frame(tmp_path, name, street_labels())
    return tmp_path


def test_cars_that_do_not_touch_are_two_things_and_stuff_is_one_region(root: Path) -> None:
    sample = CamVid(root, 'train')[0]
    names = [(region.name, region.is_thing) for region in sample.regions]
    assert names == [('road', False), ('car', True), ('car', True)]
    assert [int(sample.mask(index).sum()) for index in (1, 2)] == [150, 150]


def test_specks_are_void_in_the_sample_and_kept_in_the_labels(root: Path) -> None:
    camvid = CamVid(root, 'train')
    speck = (slice(50, 52), slice(70, 72))
    assert (camvid[0].index_map[speck] == VOID).all()
    assert (camvid.labels(0)[speck] == CAR).all()
    assert POLE in camvid.labels(0)
    assert (camvid[0].index_map[0:40, 30] == VOID).all()


def test_unlabelled_pixels_are_ignored_and_void(root: Path) -> None:
    camvid = CamVid(root, 'train')
    unlabelled = street_labels() == UNLABELLED
    assert np.array_equal(camvid.labels(0) == IGNORE, unlabelled)
    assert (camvid[0].index_map[unlabelled] == VOID).all()


def test_a_frame_without_any_label_has_no_region(tmp_path: Path) -> None:
    write_frame(tmp_path, 'a', np.full(SIZE, UNLABELLED, np.uint8))
    sample = CamVid(tmp_path, 'train')[0]
    assert sample.regions == ()
    assert (sample.index_map == VOID).all()


def test_frames_come_in_the_order_of_their_names(root: Path) -> None:
    assert [frame.name for frame in CamVid(root, 'train').frames] == ['a', 'b']


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'test/images is not a folder; CamVid has SPLIT/images'):
        CamVid(tmp_path, 'test')


def test_empty_folders_are_refused(tmp_path: Path) -> None:
    for folder in ('images', 'labels'):
        (tmp_path / 'train' / folder).mkdir(parents=True)
    with pytest.raises(DataError, match='no JPEG file'):
        CamVid(tmp_path, 'train')


def test_an_image_without_labels_is_named(root: Path) -> None:
    (root / 'train' / 'labels' / 'b.png').unlink()
    with pytest.raises(DataError, match=r'2 JPEG files, .* 1 PNG files; without a partner: b'):
        CamVid(root, 'train')


def test_sizes_that_differ_are_refused(root: Path) -> None:
    Image.fromarray(street_labels()[:, :40]).save(root / 'train' / 'labels' / 'b.png')
    with pytest.raises(DataError, match=r'b.jpg has 60 x 80 pixels, its labels 60 x 40'):
        CamVid(root, 'train')


def test_a_label_that_camvid_does_not_have_is_refused(root: Path) -> None:
    write_frame(root, 'b', np.full(SIZE, 12, np.uint8))
    with pytest.raises(DataError, match=r'b.png has label 12, the largest is 11'):
        CamVid(root, 'train')


def test_labels_with_colours_or_16_bits_are_refused(root: Path) -> None:
    path = root / 'train' / 'labels' / 'b.png'
    for pixels in (np.zeros((*SIZE, 3), np.uint8), np.zeros(SIZE, np.uint16)):
        Image.fromarray(pixels).save(path)
        with pytest.raises(DataError, match=r'b.png has mode .*; labels are 8-bit'):
            CamVid(root, 'train')


def test_empty_and_cut_off_files_are_found_before_work(root: Path) -> None:
    """Pillow and OpenCV open a cut-off JPEG as if nothing were the matter; OpenCV fills it up."""
    path = root / 'train' / 'images' / 'a.jpg'
    content = path.read_bytes()
    for damaged, message in ((content[:-20], 'is cut off'), (b'', 'is empty')):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf'a.jpg {message}'):
            CamVid(root, 'train')
    path.write_bytes(content)
    path = root / 'train' / 'labels' / 'a.png'
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r'a.png cannot be decoded'):
        CamVid(root, 'train')


def test_one_damaged_frame_in_a_hundred_is_left_out_and_reported(root: Path) -> None:
    train = root / 'train'
    for number in range(98):
        for folder, ending in (('images', 'jpg'), ('labels', 'png')):
            shutil.copy(train / folder / f'a.{ending}', train / folder / f'c{number:02d}.{ending}')
    (train / 'images' / 'c05.jpg').write_bytes(b'')
    camvid = CamVid(root, 'train')
    assert len(camvid) == 99
    assert 'c05' not in {frame.name for frame in camvid.frames}
    assert len(camvid.faults) == 1
    assert 'c05.jpg is empty' in camvid.faults[0]
    with pytest.raises(DataError, match=r'1 of 100 frames .*, none may be'):
        CamVid(root, 'train', max_faulty=0)
    (train / 'images' / 'c06.jpg').write_bytes(b'')
    with pytest.raises(DataError, match=r'2 of 100 frames .*, 1% may be[^$]*c05.jpg[^$]*c06.jpg'):
        CamVid(root, 'train')


@pytest.mark.parametrize(('split', 'frames'), [('train', 367), ('val', 101)])
def test_the_published_splits_can_be_read(test_data: Path, split: str, frames: int) -> None:
    camvid = CamVid(test_data / 'camvid', split, max_faulty=0)
    assert len(camvid) == frames
    assert camvid.faults == ()
    for index in (0, frames - 1):
        sample, labels = camvid[index], camvid.labels(index)
        assert sample.image.shape == (360, 480, 3)
        assert {r.name for r in sample.regions if r.is_thing} <= THING_CLASSES
        for number, region in enumerate(sample.regions):
            mask = sample.mask(number)
            assert mask.sum() >= MIN_AREA
            assert (labels[mask] == CLASSES.index(region.name)).all()


def test_val_is_consecutive(test_data: Path) -> None:
    numbers = [
        int(frame.name.rsplit('_', 1)[1]) for frame in CamVid(test_data / 'camvid', 'val').frames
    ]
    steps = set(np.diff(numbers).tolist())
    assert len(steps) == 1
