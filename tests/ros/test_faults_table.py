"""The table of faults names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / 'docs' / 'faults.md').read_text()


def test_every_fault_has_one_row():
    numbers = [int(number) for number in re.findall(r'^\| (\d+) \|', TABLE, re.MULTILINE)]
    assert numbers == list(range(1, 81))


def test_every_test_that_is_named_exists():
    named = re.findall(r'`(tests/\S+\.py)::(\w+)`', TABLE)
    assert len(named) > 80
    missing = [
        f'{file}::{name}'
        for file, name in named
        if f'def {name}(' not in (ROOT / file).read_text()
    ]
    assert missing == []
