"""The policy for SROS 2 allows what the node does, and nothing else."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

POLICY = Path(__file__).parents[3] / 'config' / 'rose.policy.xml'
# They exist where vision_msgs is installed.
OPTIONAL = {'/rose/detections', '/rose/label_info'}
PROFILE = './enclaves/enclave/profiles/profile'


def allowed(kind, right):
    """Full names of what may be done, as sros2 expands them."""
    [profile] = ElementTree.parse(POLICY).findall(PROFILE)  # noqa: S314 - our own file
    assert (profile.get('ns'), profile.get('node')) == ('/', 'rose')
    names = [
        entry.text
        for group in profile.findall(kind)
        if group.get(right) == 'ALLOW'
        for entry in group
    ]
    assert len(set(names)) == len(names)
    full = (name.replace('~', '/rose', 1) for name in names)
    return {name if name.startswith('/') else f'/{name}' for name in full}


def names_of(ros, kind):
    """What the node has of a kind, as the middleware knows it."""
    if 'rose' not in ros.node.get_node_names():
        return set()
    listing = getattr(ros.node, f'get_{kind}_names_and_types_by_node')
    return {name for name, _ in listing('rose', '/')}


@pytest.fixture
def node(ros, start_in_process):
    """A node that listens to all that it may listen to at once."""
    start_in_process(use_sim_time=True)
    ros.wait_for(lambda: '/image_raw' in names_of(ros, 'subscriber'), 'the camera')


@pytest.mark.parametrize(
    ('kind', 'right', 'listing'),
    [('topics', 'publish', 'publisher'), ('services', 'reply', 'service')],
)
def test_what_the_node_publishes_and_serves_is_allowed_and_no_more(
    ros, node, kind, right, listing
):
    assert allowed(kind, right) - OPTIONAL == names_of(ros, listing) - OPTIONAL


def test_what_the_node_hears_is_allowed_and_no_more(ros, node):
    # A camera is either raw or compressed.
    heard = names_of(ros, 'subscriber') | {'/image_raw/compressed'}
    assert allowed('topics', 'subscribe') == heard


def test_what_exists_with_vision_msgs_only_is_allowed_too():
    assert allowed('topics', 'publish') >= OPTIONAL


def test_the_node_calls_nobody():
    assert allowed('services', 'request') == set()
