"""What changes is told on /diagnostics at once, not at the next period."""

import logging
import threading

LONG_S = 60.0
SOON_S = 30.0  # a bound: far less than the period


def wait_until_heard(ros, node):
    ros.wait_for(node.node._reporter._publisher.get_subscription_count, 'a listener', SOON_S)


def test_a_model_that_is_loaded_is_told_at_once(ros, start_in_process):
    gate = threading.Event()

    def load(parameters):
        assert gate.wait(SOON_S)
        return node.segmenter

    node = start_in_process(load=load, diagnostics_period_s=LONG_S)
    wait_until_heard(ros, node)
    gate.set()
    ros.wait_for(lambda: ros.status.get('model', ('',))[0] == 'READY', 'the model', SOON_S)


def test_a_model_that_cannot_be_loaded_is_told_at_once(ros, start_in_process):
    gate = threading.Event()

    def load(parameters):
        assert gate.wait(SOON_S)
        raise OSError('no such disk')

    node = start_in_process(load=load, diagnostics_period_s=LONG_S)
    wait_until_heard(ros, node)
    gate.set()
    ros.wait_for(
        lambda: 'no such disk' in ros.status.get('model', ('',))[0], 'the failure', SOON_S
    )


def test_what_loading_is_at_is_told(ros, start_in_process):
    gate = threading.Event()

    def load(parameters):
        logging.getLogger('rose_model.backends').info('Building the engine.')
        assert gate.wait(SOON_S)
        return node.segmenter

    node = start_in_process(load=load)
    ros.wait_for(
        lambda: ros.status.get('model', ('',))[0].startswith('Building the engine. ('), 'progress'
    )
    assert ros.status['model'][1]['state'] == 'LOADING'
    gate.set()
    ros.wait_for(lambda: ros.status['model'][0] == 'READY', 'the model', SOON_S)
