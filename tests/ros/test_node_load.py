"""The node under load, for a few seconds each: everything is accounted for and answered.

Rates and delays are those of the machine and judged by hand: ``python -m benchmarks.load``.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 4


@pytest.fixture(scope='module')
def figures_of(tmp_path_factory):
    """Run a scenario; its figures by their names."""

    def run(scenario):
        folder = tmp_path_factory.mktemp(scenario)
        command = [sys.executable, '-m', 'benchmarks.load', scenario]
        subprocess.run(
            [*command, '--seconds', str(SECONDS), '--out', folder],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        scenarios = json.loads((folder / f'load_{scenario}.json').read_text())['scenarios']
        return {figure['name']: figure['value'] for figure in scenarios[scenario]['figures']}

    return run


@pytest.mark.parametrize('scenario', ['stream', 'overload', 'flood', 'cameras'])
def test_every_image_and_every_request_is_accounted_for(figures_of, scenario):
    figures = figures_of(scenario)
    assert figures['images sent'] > 10 * SECONDS
    assert figures['images that never came'] == 0
    assert figures['images unaccounted for'] == 0
    assert figures.get('requests answered', 100) == 100
    assert figures.get('of them corrected', 1) > 0
    assert figures.get('slowest camera, of the mean', 100) > 0
