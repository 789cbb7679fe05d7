"""Real-time scheduling for the few processes that must answer at once, where the system allows it (`ulimit -r`)."""

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress


def first_in_line() -> None:
    """From here on this thread runs before everything that is scheduled normally; its children do not."""
    _schedule(os.SCHED_RR | os.SCHED_RESET_ON_FORK, 1)


@contextmanager
def children_first() -> Generator[None]:
    """A process that is started inside runs before everything else from its first instruction on."""
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    _schedule(os.SCHED_RR, 1)
    try:
        yield
    finally:
        _schedule(*before)


def _schedule(policy: int, priority: int) -> None:
    with suppress(OSError):  # not allowed
        os.sched_setscheduler(0, policy, os.sched_param(priority))
