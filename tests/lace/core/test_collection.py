"""Reference cycles are searched where they may be garbage, and nowhere else."""

import gc
import subprocess
import sys
import weakref

import pytest

from lace.core.collection import ALLOCATIONS, not_collecting, older_spared


class Ring:
    """A cycle of one."""

    def __init__(self):
        self.myself = self


def dropped() -> weakref.ref:
    """A cycle that nothing refers to any more."""
    return weakref.ref(Ring())


@pytest.fixture(autouse=True)
def quiet():
    """No search but those that the test asks for."""
    gc.disable()
    yield
    gc.enable()


def test_inside_only_what_was_made_there_is_searched():
    older = dropped()
    with older_spared():
        younger = dropped()
        gc.collect()
        assert younger() is None and older() is not None
    gc.collect()
    assert older() is None


def test_what_an_error_leaves_is_searched_again():
    older = dropped()
    with pytest.raises(KeyError), older_spared():
        raise KeyError
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert older() is None


@pytest.mark.parametrize("collects", [True, False])
def test_imports_leave_the_collector_as_it_was_and_what_they_made_as_old(collects):
    if collects:
        gc.enable()
    with not_collecting():
        assert not gc.isenabled()
        made = Ring()
    assert gc.isenabled() == collects and gc.get_freeze_count() == 0
    gc.disable()
    assert any(item is made for item in gc.get_objects(generation=2))


def test_a_process_of_ours_searches_seldom_and_at_its_end_nothing_that_it_made():
    program = (
        "import gc; from lace.core.collection import collect_seldom; collect_seldom(); print(gc.get_threshold()[0]); "
        "made = [[] for _ in range(1000)]; "
        "gc.callbacks.append(lambda *_search: print(len(gc.get_objects()) < 1000 < gc.get_freeze_count()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *at_end = done.stdout.split()
    assert first == str(ALLOCATIONS)
    assert at_end and set(at_end) == {"True"}
