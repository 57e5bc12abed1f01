"""Facts about the definitions in msg/ and srv/, and about what is said of them elsewhere."""

import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
DEFINITIONS = sorted([*ROOT.glob('msg/*.msg'), *ROOT.glob('srv/*.srv')])
DISTRIBUTIONS = ('jazzy', 'kilted')


def statements(path: Path) -> list[str]:
    """The lines that define a field or a constant."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith(('#', '---'))]


def test_there_are_eight_interfaces_and_cmake_generates_each():
    assert [path.stem for path in DEFINITIONS] == [
        'Correction',
        'Mask',
        'Segment',
        'SegmentArray',
        'Corrections',
        'Refer',
        'Refine',
        'Undo',
    ]
    listed = re.findall(r'"((?:msg|srv)/\w+\.\w+)"', (ROOT / 'CMakeLists.txt').read_text())
    assert sorted(listed) == sorted(str(path.relative_to(ROOT)) for path in DEFINITIONS)


@pytest.mark.parametrize('path', DEFINITIONS, ids=lambda path: path.name)
def test_every_field_and_constant_has_a_comment(path):
    assert path.read_text().startswith('# '), 'the file starts with what it is'
    bare = [line for line in statements(path) if not re.search(r' # \S+', line)]
    assert bare == []


def test_the_generated_messages_have_the_fields_of_the_definitions():
    # An environment built from older definitions would pass every other test.
    from ros2_rose import msg, srv

    classes = {
        ROOT / 'msg/Correction.msg': [msg.Correction],
        ROOT / 'msg/Mask.msg': [msg.Mask],
        ROOT / 'msg/Segment.msg': [msg.Segment],
        ROOT / 'msg/SegmentArray.msg': [msg.SegmentArray],
        ROOT / 'srv/Corrections.srv': [srv.Corrections.Request, srv.Corrections.Response],
        ROOT / 'srv/Refer.srv': [srv.Refer.Request, srv.Refer.Response],
        ROOT / 'srv/Refine.srv': [srv.Refine.Request, srv.Refine.Response],
        ROOT / 'srv/Undo.srv': [srv.Undo.Request, srv.Undo.Response],
    }
    for path, generated in classes.items():
        defined = [s.split()[1] for s in statements(path) if '=' not in s.split('#')[0]]
        fields = [name for one in generated for name in one.get_fields_and_field_types()]
        assert fields == defined


CPP_HARNESS = """
#include <cstdint>
#include <cstdio>
#include <vector>
namespace ros2_rose::msg {{
struct Mask {{ uint32_t x_offset, y_offset, width, height; std::vector<uint32_t> counts; }};
}}
{decoder}
int main()
{{
  std::vector<uint8_t> image(5 * 7, 0);
  paint({{2, 1, 4, 3, {{1, 2, 2, 3, 1, 1, 2}}}}, image, 7);
  paint({{0, 0, 0, 0, {{}}}}, image, 7);
  paint({{6, 4, 1, 1, {{0, 1}}}}, image, 7);
  for (uint8_t pixel : image) {{std::putchar('0' + pixel);}}
}}
"""


def test_the_decoder_in_the_comment_of_the_mask_compiles_and_paints(tmp_path):
    compiler = shutil.which('c++')
    assert compiler, 'the set-up needs a C++ compiler, so the tests have one'
    comment = (ROOT / 'msg/Mask.msg').read_text()
    block = re.search(r'#   void paint.*?#   }\n', comment, re.DOTALL)
    assert block
    decoder = re.sub(r'^#', '', block.group(), flags=re.MULTILINE)
    source, program = tmp_path / 'paint.cpp', tmp_path / 'paint'
    source.write_text(CPP_HARNESS.format(decoder=decoder))
    subprocess.run([compiler, '-std=c++17', '-Wall', '-Werror', source, '-o', program], check=True)
    painted = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert [painted[i : i + 7] for i in range(0, 35, 7)] == [
        '0000000',
        '0001100',
        '0001110',
        '0001000',
        '0000001',
    ]


def test_the_version_number_stands_in_the_manifest_only():
    manifest = ElementTree.parse(ROOT / 'package.xml')  # noqa: S314 - our own file
    version = manifest.getroot().findtext('version')
    assert version
    files = [ROOT / name for name in ('setup.py', 'pyproject.toml', 'CMakeLists.txt', 'Makefile')]
    files += [*ROOT.glob('rose_model/**/*.py'), *ROOT.glob('ros2_rose/**/*.py')]
    quoted = re.compile(rf'version[^\n]*\b{re.escape(version)}\b', re.IGNORECASE)
    assert [str(f.relative_to(ROOT)) for f in files if quoted.search(f.read_text())] == []


@pytest.mark.parametrize('distribution', DISTRIBUTIONS)
def test_the_lock_pins_everything_that_is_asked_for(distribution):
    def normal(name: str) -> str:
        return re.sub(r'[-_.]+', '-', name).lower()

    folder = ROOT / 'requirements'
    lock = (folder / f'{distribution}.lock').read_text()
    locked = {normal(name) for name in re.findall(r'^([\w.-]+)==', lock, re.MULTILINE)}
    asked = set()
    for name in ('model', 'distributed', 'names', 'ray', 'dev', f'ros-{distribution}'):
        lines = re.findall(r'^[\w.-]+', (folder / f'{name}.in').read_text(), re.MULTILINE)
        asked |= {normal(line) for line in lines}
    assert asked - locked == set()
