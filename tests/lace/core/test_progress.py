"""The progress display: rate and remaining time count this run only; quiet runs print nothing."""

import logging

import pytest

from lace.core import progress
from lace.core.progress import Meter, progress_bar


@pytest.mark.parametrize(
    ("before", "done", "total", "seconds", "said"),
    [
        (0, 10, 110, 5, "2.0 frames/s, 50 s to go"),
        (100, 110, 210, 5, "2.0 frames/s, 50 s to go"),
        (0, 1, 3, 10, "0.1 frames/s, 20 s to go"),
        (0, 1, 1000, 1, "1.0 frames/s, 17 min to go"),
        (0, 1, 100_000, 1, "1.0 frames/s, 27.8 h to go"),
        (0, 10, 10, 5, "2.0 frames/s"),
        (5, 5, 10, 5, ""),
    ],
)
def test_rate_and_time_to_go_by_hand(before, done, total, seconds, said):
    now = [100.0]
    meter = Meter("frames", clock=lambda: now[0])
    meter.start(before)
    now[0] += seconds
    assert meter.text(done, total) == said


@pytest.fixture
def lines():
    """Messages of the display's logger at level INFO; the level is restored."""
    logger, messages = progress._log, []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield messages
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_without_a_terminal_there_are_lines(lines, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    with progress_bar("checking shards") as advance:
        advance(1, 2)
        advance(2, 2, "one is damaged")
    assert len(lines) == 2 and lines[0].startswith("checking shards: 1 of 2") and lines[1].endswith("one is damaged")


def test_quiet_prints_no_lines(lines, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)
    progress._log.setLevel(logging.WARNING)
    with progress_bar("checking shards") as advance:
        advance(1, 2, "a note")
    assert not lines


def test_few_lines_without_a_terminal(lines):
    with progress_bar("checking shards") as advance:
        for done in range(1000):
            advance(done, 1000)
    assert len(lines) <= 1
