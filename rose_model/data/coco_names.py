"""What COCO's categories are called in plain words, and which of them are stuff."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from rose_model.data.class_names import read_table
from rose_model.data.sample import LabelledRegion

FIRST_STUFF_ID = 92
"""COCO's own categories are things below it and stuff from here on."""
_OWN = {90: 'toothbrush', FIRST_STUFF_ID: 'banner'}
"""By these a list of categories is known as COCO's own: of things, of stuff, of both."""
_OTHER = 'other'
"""COCO's stuff class for whatever is a thing; nobody says which."""


class Category(BaseModel):
    """A class of a file in COCO's format; ``isthing`` is left out by some."""

    model_config = ConfigDict(frozen=True, extra='ignore')

    id: StrictInt
    name: str = Field(min_length=1)
    supercategory: str = ''
    isthing: bool | None = None


def region_kinds(categories: Sequence[Category]) -> dict[int, LabelledRegion | None]:
    """What a region of each category is, by id; ``None`` for COCO's stuff class ``other``, which
    counts as void.

    Where a list says nothing about stuff, it is COCO's own or all are things.
    """
    is_cocos = any(_OWN.get(category.id) == category.name for category in categories)
    return {
        category.id: None
        if is_cocos and category.name == _OTHER
        else _kind(category, is_cocos=is_cocos)
        for category in categories
    }


def coco_stuff_kinds() -> dict[int, LabelledRegion]:
    """The 182 classes of COCO-Stuff by their ids in COCO."""
    rows = read_table('coco_stuff')
    kinds = region_kinds([Category(id=int(row['id']), name=row['name']) for row in rows])
    return {number: kind for number, kind in kinds.items() if kind is not None}


def _kind(category: Category, *, is_cocos: bool) -> LabelledRegion:
    """Names lose what only orders COCO's list (``sky-other-merged``), and what comes after a dash
    there is an attribute (``wall-brick`` is a brick wall).  Where a name ends with its
    supercategory, as in exported streets (``red car`` under ``car``), the rest is the attribute.
    """
    is_thing = category.isthing
    if is_thing is None:
        is_thing = not is_cocos or category.id < FIRST_STUFF_ID
    name = re.sub(r'(-other|-merged|-stuff)+$', '', category.name)
    attribute = name.removesuffix(f' {category.supercategory}')
    if category.supercategory and attribute != name:
        return LabelledRegion(category.supercategory, attribute, is_thing)
    if is_cocos and '-' in name:
        noun, _, attribute = name.partition('-')
        # The one name of the list whose last word is the noun.
        if attribute == 'blind':
            return LabelledRegion('window blind', '', is_thing)
        return LabelledRegion(noun, attribute, is_thing)
    return LabelledRegion(name, '', is_thing)
