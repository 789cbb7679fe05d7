"""Errors a user can meet: what was being done, what came, what was expected, what to do next."""

from collections.abc import Iterable
from difflib import get_close_matches


class LaceError(Exception):
    """Base of every error this project raises on purpose; the command line prints it without a traceback."""

    def __init__(self, doing: str, got: str, expected: str, next_step: str):
        """All four are sentence fragments; together they read as one message.

        Args:
            doing: What was being done ("reading the photo folder").
            got: What came instead ("'sofa.txt' is not an image").
            expected: What was expected or is available.
            next_step: What the user can do now.
        """
        self.doing, self.got, self.expected, self.next_step = doing, got, expected, next_step
        super().__init__(f"While {doing}: {got}.\n  expected: {expected}\n  next: {next_step}")


class UnknownNameError(LaceError, KeyError):
    """A name that is in no registry; says the nearest name and the whole list."""

    def __init__(self, kind: str, name: str, available: Iterable[str]):
        options = sorted(available)
        near = get_close_matches(str(name), options, n=1, cutoff=0.4)
        hint = f"use {near[0]!r} if that was meant" if near else "pick one of the list"
        super().__init__(
            f"looking up a {kind}", f"there is no {kind} named {name!r}", f"one of {', '.join(options)}", hint
        )

    def __str__(self) -> str:
        return Exception.__str__(self)


class InvalidValueError(LaceError, ValueError):
    """A value outside its range or of the wrong shape."""


class AssetError(LaceError):
    """An asset could not be fetched, failed its hash, or is missing."""


class DatasetError(LaceError):
    """A dataset folder is damaged, of another configuration, or not a dataset."""


class IntegrityError(LaceError):
    """Frames that do not pass their own checks."""
