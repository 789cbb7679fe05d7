"""The leak detector finds real leaks and reports no false ones."""

import mmap

from tests.leaks import ROUNDS, growth

MIB = 2**20


class Thing:
    """Something that the garbage collector tracks."""

    def __init__(self):
        self.others = []


def filled(size_MiB: int) -> mmap.mmap:
    """Newly allocated memory, every page written: an allocator may reuse memory that is already resident."""
    memory = mmap.mmap(-1, size_MiB * MIB)
    memory.write(b"x" * len(memory))
    return memory


def test_a_repeated_leak_is_found():
    kept = []
    grown = growth(lambda: kept.append((Thing(), filled(8))), warm_up=1, times=2 * ROUNDS)
    assert grown.objects["tests.sim_envs.rendering.test_leaks.Thing"] == 2 * ROUNDS
    assert grown.memory_MiB > 8 * ROUNDS


def test_a_single_allocation_is_no_leak():
    kept = []

    def work():
        if len(kept) < 3:
            kept.append((Thing(), filled(40)))

    grown = growth(work, warm_up=1, times=2 * ROUNDS)
    assert "tests.sim_envs.rendering.test_leaks.Thing" not in grown.objects and grown.memory_MiB < 5


def test_freed_memory_is_no_leak():
    grown = growth(lambda: [Thing() for _ in range(100)], warm_up=1, times=ROUNDS)
    assert "tests.sim_envs.rendering.test_leaks.Thing" not in grown.objects


def test_the_leak_detector_itself_does_not_leak():
    assert not growth(lambda: None, warm_up=0, times=ROUNDS).objects


def test_pages_of_files_are_no_leak(tmp_path):
    """The kernel takes them away and brings them back, as it likes."""
    file = tmp_path / "library"
    file.write_bytes(b"x" * (8 * (ROUNDS + 1) * MIB))
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as library:
        grown = growth(lambda: library.read(8 * MIB).count(b"x"), warm_up=1, times=ROUNDS)
    assert grown.memory_MiB < 5
