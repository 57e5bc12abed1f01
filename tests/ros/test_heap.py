"""How the C library keeps memory."""

import subprocess
import sys

import pytest

MIB = 2**20


def kept(preparation, work):
    """How many bytes a process keeps of what it has taken and freed again."""
    code = f"""
from ros2_rose.heap import even_memory
from ros2_rose.resources import read_resources
{preparation}
bytearray(b'x') * 2**24  # by itself glibc takes the next ones of this size out of the heap
before = read_resources().memory_bytes
{work}
print(read_resources().memory_bytes - before)
"""
    command = [sys.executable, '-c', code]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_large_piece_is_given_back_whatever_lies_behind_it():
    work = """
large = bytearray(b'x') * 2**24
small = [bytearray(b'x') * 2**16 for _ in range(64)]
del large
"""
    assert kept('', work) > 16 * MIB  # or the fact would be no news
    assert kept('even_memory()', work) < 8 * MIB


@pytest.mark.parametrize('large', [0, 256])
def test_what_a_frame_needs_is_kept_for_the_next_one_up_to_a_limit(large):
    frame = "[bytearray(b'x') * 2**22 for _ in range(3)]"
    worst = f"[bytearray(b'x') * 2**22 for _ in range({large // 4})]"
    assert 8 * MIB < kept('even_memory()', f'{worst}\n{frame}') < 24 * MIB


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
