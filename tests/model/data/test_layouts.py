"""What one scene is does not depend on the publisher whose layout it lies in."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from rose_model.data.formats import Format, Found, find_sets, open_images
from rose_model.data.sample import VOID, Sample
from rose_model.errors import DataError


@pytest.fixture
def found(tmp_path: Path, scene: np.ndarray, layouts: ModuleType, folder_name: str) -> Found:
    return layouts.WRITERS[folder_name](tmp_path / folder_name, scene)


def regions_by_mask(sample: Sample) -> dict[bytes, tuple[str, bool]]:
    return {
        sample.mask(index).tobytes(): (region.name, region.is_thing)
        for index, region in enumerate(sample.regions)
    }


def test_the_scene_is_the_same_in_every_layout(
    found: Found, scene: np.ndarray, layouts: ModuleType
) -> None:
    images = found.open(0.0)
    assert (len(images), images.faults) == (1, ())
    sample = images[0]
    assert regions_by_mask(sample) == {
        (scene == segment).tobytes(): (name, segment in layouts.THINGS)
        for segment, name in layouts.NAMES.items()
    }
    assert np.array_equal(sample.index_map == VOID, scene == layouts.NOTHING)
    assert (sample.image.shape, sample.lost) == ((*layouts.SIZE, 3), ())
    assert set(sample.regions) <= set(images.kinds)


def test_an_image_without_labels_has_no_region(
    tmp_path: Path, layouts: ModuleType, folder_name: str
) -> None:
    if folder_name.startswith('ref'):
        pytest.skip('what nobody has annotated, nobody refers to')
    nothing = np.full(layouts.SIZE, layouts.NOTHING)
    sample = layouts.WRITERS[folder_name](tmp_path / folder_name, nothing).open(0.0)[0]
    assert sample.regions == ()
    assert (sample.index_map == VOID).all()


def test_it_is_found_below_any_folder(tmp_path: Path, found: Found) -> None:
    others = [Format.COCO] if found.format is Format.COCO_STUFF else []
    seen = find_sets(tmp_path)
    assert found in seen
    assert sorted({other.format for other in seen if other != found}) == others


def test_a_copy_for_another_process_gives_the_same(found: Found) -> None:
    images = found.open(0.0)
    copy = pickle.loads(pickle.dumps(images))  # noqa: S301 - as workers are given it
    assert np.array_equal(copy[0].index_map, images[0].index_map)
    assert copy[0].regions == images[0].regions


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob('*') if path.is_file())


def told(found: Found) -> str:
    """What is said about damage, when the set is opened or when it is read."""
    with pytest.raises(DataError) as caught:
        found.open(0.0)[0]
    return str(caught.value)


def test_a_file_without_content_is_named(tmp_path: Path, found: Found) -> None:
    damaged = 0
    for path in files(tmp_path):
        # Of two forms of the same annotation one is read.
        if path.name.endswith('labelIds.png') or path.parent.name == 'labels':
            continue
        content = path.read_bytes()
        path.write_bytes(b'')
        assert path.name in told(found)
        path.write_bytes(content)
        damaged += 1
    assert damaged >= 2
    found.open(0.0)[0]


def test_a_picture_that_is_cut_off_is_named(tmp_path: Path, found: Found) -> None:
    for path in files(tmp_path):
        if path.suffix not in ('.png', '.jpg') or path.name.endswith('labelIds.png'):
            continue
        if path.parent.name == 'labels':
            continue
        content = path.read_bytes()
        path.write_bytes(content[:-20])
        assert path.name in told(found)
        path.write_bytes(content)


def test_a_label_map_of_another_size_is_refused(tmp_path: Path, found: Found) -> None:
    for path in files(tmp_path):
        if path.suffix != '.png' or 'leftImg8bit' in path.name or path.parent.name == 'labels':
            continue
        if path.name.endswith('labelIds.png'):
            continue
        with Image.open(path) as image:
            image.crop((0, 0, 10, 10)).save(path)
        assert '60 x 80' in told(found)
        assert '10 x 10' in told(found)
        return
    assert found.format in (Format.COCO, Format.REFER)  # all of their labels are in one JSON file


def test_a_data_set_that_is_not_there_names_what_is(tmp_path: Path, found: Found) -> None:
    with pytest.raises(
        DataError, match=rf"no split 'other' of {found.format}; it has: .*{found.split}"
    ):
        open_images(found.format, found.root, 'other', 0.0)
    with pytest.raises(DataError, match='rose data check ROOT finds'):
        open_images(found.format, tmp_path / 'nowhere', found.split, 0.0)


def test_a_folder_without_data_sets_lists_the_formats(tmp_path: Path) -> None:
    (tmp_path / 'pictures').mkdir()
    with pytest.raises(DataError, match=r'no data set in a known layout; .*ade20k, .*refer'):
        find_sets(tmp_path)
    with pytest.raises(DataError, match='is not a folder'):
        find_sets(tmp_path / 'nowhere')


def test_a_ring_of_links_ends(tmp_path: Path, scene: np.ndarray, layouts: ModuleType) -> None:
    found = layouts.write_cityscapes(tmp_path / 'a', scene)
    (tmp_path / 'a' / 'again').symlink_to(tmp_path)
    (tmp_path / 'elsewhere').symlink_to(tmp_path / 'a')
    assert [other.format for other in find_sets(tmp_path)] == [found.format]


def test_labels_for_boxes_are_no_camvid(tmp_path: Path, layouts: ModuleType) -> None:
    """Detection sets have train/images and train/labels, too, with text in the latter."""
    layouts.write_image(tmp_path / 'train' / 'images' / 'a.jpg')
    (tmp_path / 'train' / 'labels').mkdir()
    (tmp_path / 'train' / 'labels' / 'a.txt').write_text('0 0.5 0.5 0.1 0.1')
    with pytest.raises(DataError, match='no data set'):
        find_sets(tmp_path)
