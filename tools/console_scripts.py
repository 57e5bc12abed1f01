"""Write the commands ``rose`` and ``rose_node`` into the environment that runs this script.

CMake installs the packages but knows no entry points, and ``lib/ros2_rose/rose_node`` is for
``ros2 run``, which takes whatever Python is first on PATH.
"""

import sys
from pathlib import Path

from distlib.scripts import ScriptMaker

maker = ScriptMaker(None, str(Path(sys.prefix, 'bin')))
maker.clobber = True
maker.variants = {''}  # no rose3 and rose-3.12 beside it
maker.make_multiple(['rose = rose_model.cli.main:app', 'rose_node = ros2_rose.program:main'])
