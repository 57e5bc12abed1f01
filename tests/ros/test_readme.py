"""The README keeps up with the node."""

import re
from pathlib import Path

import pytest

from ros2_rose.bad_image import BadImageReason
from ros2_rose.image_decoder import ENCODINGS
from ros2_rose.parameters import CameraParameters, RoseParameters
from ros2_rose.srv import Refine

README = (Path(__file__).parents[2] / 'README.md').read_text()
ROWS = dict(re.findall(r'^\| `([\w.<>]+)` \| (.*?) \|', README, re.MULTILINE))


def shown(default):
    """A default as the table writes it."""
    if default == '':
        return 'empty'
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return text.replace("'", '')


def defaults():
    for name, field in RoseParameters.model_fields.items():
        if name != 'cameras':
            yield name, field.default
    for name, field in CameraParameters.model_fields.items():
        yield f'cameras.<name>.{name}', field.default


@pytest.mark.parametrize(('name', 'default'), list(defaults()))
def test_the_table_has_every_parameter_with_its_default(name, default):
    assert ROWS[name].strip('`') == shown(default)


def test_every_code_of_a_correction_is_named():
    codes = {
        name for name in dir(Refine.Response) if isinstance(getattr(Refine.Response, name), int)
    }
    assert codes
    assert {code for code in codes if code not in README} == set()


def test_every_encoding_and_every_reason_of_a_refused_image_is_named():
    patterns = {f'bayer_{pattern}' for pattern in ('rggb', 'bggr', 'gbrg', 'grbg')}
    others = {name for name in ENCODINGS if not name.startswith(tuple(patterns))}
    bayer = set(ENCODINGS) - others
    assert bayer == {f'{pattern}{bits}' for pattern in patterns for bits in (8, 16)}
    words = set(re.findall(r'\w+', README))
    assert others <= words
    assert {reason.value for reason in BadImageReason} <= words
