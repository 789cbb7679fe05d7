"""What the `lace` process needs before a command runs: usable streams, SIGTERM as an exception, log output."""

import logging
import os
import signal
import sys
from types import FrameType

from rich.console import Console

from lace.core.cache import share_cache
from lace.core.collection import collect_seldom
from lace.core.plugins import PACKAGES


class Terminated(BaseException):
    """SIGTERM arrived. An exception, so that `finally` blocks end workers and release locks."""


def stop_behind(error: BaseException | None) -> KeyboardInterrupt | Terminated | None:
    """The Ctrl-C or SIGTERM of which a library made `error`: the start of a C extension reports any as ImportError."""
    while error is not None and not isinstance(error, KeyboardInterrupt | Terminated):
        error = error.__cause__ or error.__context__
    return error


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated


def prepare_process() -> None:
    """Makes stdout and stderr usable, moves all caches below $LACE_CACHE, and turns SIGTERM into `Terminated`.

    Closed streams become the null device; characters that the encoding lacks become "?"; a COLUMNS that is not a
    positive number is ignored (rich would print nothing).
    """
    signal.signal(signal.SIGTERM, _terminate)
    collect_seldom()
    share_cache()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (open until the process ends)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    columns = os.environ.get("COLUMNS", "")
    if columns and not (columns.isascii() and columns.isdigit() and int(columns) > 0):
        del os.environ["COLUMNS"]


class _ConsoleHandler(logging.Handler):
    """Prints messages through rich without breaking long lines (rich's own handler breaks them)."""

    _STYLES = {logging.WARNING: "yellow", logging.ERROR: "red"}

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one message to stderr as it is now."""
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        console.print(self.format(record), style=self._STYLES.get(record.levelno, ""), markup=False)


def set_up_logging(level: int) -> None:
    """Sends the log messages of our packages from `level` up, and warnings of others, to stderr.

    Args:
        level: `logging.WARNING` for `--quiet`, `logging.DEBUG` for `--verbose`, else `logging.INFO`.
    """
    handler = _ConsoleHandler()
    for name in PACKAGES:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers = [handler]
        logger.propagate = False
