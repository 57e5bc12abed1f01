"""The whole of ADE20K (``ADE20K_2021_17_01``), some 3,000 classes.

::

    images/ADE/training/urban/street/ADE_train_00016869.jpg
    images/ADE/training/urban/street/ADE_train_00016869_seg.png  class = red // 10 * 256 + green,
                                                                 blue tells instances apart
    images/ADE/training/urban/street/ADE_train_00016869.json     the names of its objects

Parts (``_parts_1.png``) and whole shapes behind others (``instance_000_*.png``) are not read:
regions are what is visible, and no pixel has two.  The index, a pickle of arrays, is not needed.
Terms of use: research only, see the data set's page.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rose_model.data.class_names import plain_name, read_table
from rose_model.data.faults import MAX_FAULTY, keep_sound
from rose_model.data.files import image_size, read_colour_map, read_image, read_json
from rose_model.data.labelled import unique_kinds, unknown_ids
from rose_model.data.sample import LabelledRegion, Sample
from rose_model.data.segment_map import label_segments, pixel_counts
from rose_model.errors import DataError

FOLDER = Path('images', 'ADE')
SPLITS = ('training', 'validation')
_ENCODING = 'iso-8859-1'
"""The publishers' own reader takes this one: some raw names are no UTF-8."""


class _Object(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    name: str = Field(min_length=1)
    name_ndx: int = Field(gt=0)


class _Annotation(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    object: tuple[_Object, ...]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra='ignore')

    annotation: _Annotation


class Ade20kFull:
    """The images of a split, in the order of their paths; ``faults`` has one line for each that
    cannot be used.

    The names of all images are read beforehand, of images and maps header, end and size.  Stuff
    are the stuff classes of the 150 of scene parsing, everything else is a thing.

    Raises:
        DataError: there is no image, or too much is damaged (see ``keep_sound``).
    """

    def __init__(self, root: Path, split: str, *, max_faulty: float = MAX_FAULTY) -> None:
        folder = root / FOLDER / split
        images = sorted(folder.rglob('*.jpg'))
        if not images:
            raise DataError(f'{folder} has no JPEG file; name the folder that has {FOLDER} in it.')
        self._stuff = frozenset(
            row['names'] for row in read_table('ade20k_150') if not row['instance_id']
        )
        sound, self.faults = keep_sound(
            images, self._checked, f'images of {folder}', max_faulty=max_faulty
        )
        self.files = tuple(image for image, _ in sound)
        self._kinds = tuple(kinds for _, kinds in sound)
        self.kinds = unique_kinds(kind for kinds in self._kinds for kind in kinds.values())
        self.notes = ()

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Sample:
        """The visible objects of image ``index``.

        Raises:
            DataError: a file cannot be decoded, or the map has a class that the names lack.
        """
        path = _map_of(self.files[index])
        colours = read_colour_map(path)
        classes = colours[..., 0] // 10 * 256 + colours[..., 1]
        segments = classes * 256 + colours[..., 2]
        present = pixel_counts(segments)
        names = self._kinds[index]
        cure = 'its JSON file has no object of them; take both from one source.'
        unknown_ids(path, {number // 256 for number in present}, {0, *names}, cure)
        kinds = {number: names[number // 256] for number in present if number // 256}
        return label_segments(segments, kinds).sample(read_image(self.files[index]))

    def _checked(self, image: Path) -> tuple[Path, dict[int, LabelledRegion]]:
        """An image, and what its classes are."""
        path = image.with_suffix('.json')
        try:
            content = _File.model_validate(read_json(path, _ENCODING))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = '.'.join(map(str, first['loc']))
            raise DataError(
                f'{path}: {place}: {first["msg"]}; take it from its source.'
            ) from error
        size, labelled = image_size(image), image_size(_map_of(image))
        if size != labelled:
            raise DataError(
                f'{image} has {size[0]} x {size[1]} pixels, its map {labelled[0]} x '
                f'{labelled[1]}; take both from one source.'
            )
        objects = {item.name_ndx: item.name for item in content.annotation.object}
        return image, {
            number: LabelledRegion(plain_name(name), '', name not in self._stuff)
            for number, name in objects.items()
        }


def splits(root: Path) -> tuple[str, ...]:
    """The splits of the whole ADE20K in a folder; none where it is something else."""
    return tuple(split for split in SPLITS if (root / FOLDER / split).is_dir())


def _map_of(image: Path) -> Path:
    return image.with_name(f'{image.stem}_seg.png')
