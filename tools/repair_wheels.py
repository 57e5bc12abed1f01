"""Repair the CMake files of the ROS 2 wheels in this environment.

The wheels were built in a container, and about fourteen of their exported CMake files still name
its folders ``/opt/python/cp3XX-cp3XX/...`` for the headers of Python and NumPy.  CMake stops at an
include folder that does not exist, so they are rewritten to the folders of the Python that runs
this script.  Running it again changes nothing.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy as np

CONTAINER = '/opt/python/'
PYTHON_HEADERS = re.compile(r'/opt/python/[^/"]+/include/python3\.\d+')
NUMPY_HEADERS = re.compile(r'/opt/python/[^"]+/numpy/_core/include')


def repair(text: str) -> str:
    """Return the text of a CMake file with the header folders of the container replaced."""
    text = PYTHON_HEADERS.sub(sysconfig.get_path('include'), text)
    return NUMPY_HEADERS.sub(np.get_include(), text)


def main() -> int:
    """Repair all CMake files of the environment; 1 if one names an unknown container folder."""
    repaired, unknown = 0, []
    for path in Path(sys.prefix, 'share').glob('*/cmake/*.cmake'):
        text = path.read_text()
        if CONTAINER not in text:
            continue
        new = repair(text)
        path.write_text(new)
        repaired += 1
        if CONTAINER in new:
            unknown.append(path)
    print(f'{repaired} CMake files repaired')
    for path in unknown:
        print(f'setup: {path} still names a folder under {CONTAINER}', file=sys.stderr)
    return 1 if unknown else 0


if __name__ == '__main__':
    sys.exit(main())
