"""``pip install .``: the model, and ``rose bag`` for recordings, on machines without ROS.

The ROS package is built by ``CMakeLists.txt``.  Its modules are here as well, because
``ros2_rose.offline`` shares them; without ROS the node among them cannot be started.  They hide no
generated message: ``ros2_rose/__init__.py`` joins all folders of that name.
"""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def package_version() -> str:
    """Return the version number, which stands in ``package.xml`` only."""
    manifest = ElementTree.parse(ROOT / 'package.xml')  # noqa: S314 - our own file
    version = manifest.getroot().findtext('version')
    if version is None:
        raise SystemExit('package.xml has no <version>')
    return version


def requirements(name: str) -> list[str]:
    """Return what stands in ``requirements/NAME.in``."""
    lines = (ROOT / 'requirements' / f'{name}.in').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


setup(
    name='rose_model',
    version=package_version(),
    description='Dense open-vocabulary segmentation with generated names and text correction',
    license='Apache-2.0 AND CC-BY-NC-4.0',  # the latter: weights/nano-camvid alone
    python_requires='>=3.11',
    packages=find_packages(include=['rose_model*', 'ros2_rose*']),
    package_data={
        'rose_model': [
            'py.typed',
            'weights/**/*',
            'training/recipes/*.yaml',
            'data/*.csv',
            'evaluation/*.csv',
        ]
    },
    # Where the ROS package has them, too: the definitions of what `rose bag` writes.
    data_files=[('share/ros2_rose/msg', sorted(str(p) for p in Path('msg').glob('*.msg')))],
    install_requires=requirements('model'),
    extras_require={
        name: requirements(name) for name in ('distributed', 'names', 'onnx', 'quantise', 'ray')
    },
    entry_points={'console_scripts': ['rose = rose_model.cli.main:app']},
)
