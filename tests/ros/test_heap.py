"""How the C library keeps memory."""

import subprocess
import sys

import pytest

MIB = 2**20


def last_number(code):
    """The number that a new process prints last."""
    code = f'from ros2_rose.heap import even_memory\n{code}'
    command = [sys.executable, '-c', code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(printed.split()[-1])


@pytest.mark.parametrize('mebibytes', [4, 256])
def test_the_next_frame_finds_the_pages_that_the_last_one_has_left(mebibytes):
    def new_pages(preparation):
        return last_number(f"""
from resource import RUSAGE_SELF, getrusage
{preparation}
for _ in range(3):
    before = getrusage(RUSAGE_SELF).ru_minflt
    [bytearray(b'x') * {mebibytes // 4} * 2**20 for _ in range(4)]
    print(getrusage(RUSAGE_SELF).ru_minflt - before)
""")

    assert new_pages('') > 200  # or the fact would be no news
    assert new_pages('even_memory()') < 20


def test_what_is_kept_is_given_back_when_asked_for_whatever_lies_behind_it():
    def kept(request):
        return last_number(f"""
from ros2_rose.resources import give_memory_back, read_resources
even_memory()
before = read_resources().memory_bytes
large = bytearray(b'x') * 2**26
small = [bytearray(b'x') * 2**16 for _ in range(64)]
del large
{request}
print(read_resources().memory_bytes - before)
""")

    assert kept('') > 64 * MIB
    assert kept('give_memory_back()') < 8 * MIB


@pytest.mark.parametrize(('preparation', 'heaps'), [('', 5), ('even_memory()', 1)])
def test_all_threads_share_one_heap(preparation, heaps):
    code = f"""
import ctypes, threading
from ros2_rose.heap import even_memory
{preparation}
all_live = threading.Barrier(5)
def work():
    piece = bytearray(2**16)
    all_live.wait()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
all_live.wait()
for thread in threads:
    thread.join()
ctypes.CDLL(None).malloc_stats()
"""
    command = [sys.executable, '-c', code]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert told.count('Arena ') == heaps
