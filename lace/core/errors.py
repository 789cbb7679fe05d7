"""Errors for users: what was being done, what was found, what was expected, what to do next."""

from collections.abc import Iterable
from difflib import get_close_matches


class LaceError(Exception):
    """Base of all errors that this project raises; the command line prints them without a traceback."""

    def __init__(self, doing: str, got: str, expected: str, next_step: str):
        """All four are sentence fragments; together they read as one message.

        Args:
            doing: What was being done ("reading the photo folder").
            got: What was found instead ("'sofa.txt' is not an image").
            expected: What was expected or is available.
            next_step: What the user can do now.
        """
        self.doing, self.got, self.expected, self.next_step = doing, got, expected, next_step
        super().__init__(f"While {doing}: {got}.\n  expected: {expected}\n  next: {next_step}")

    def __reduce__(self):
        """Errors of worker processes reach the parent whole."""
        return _restored, (type(self), vars(self), self.args)


def _restored(kind: type[LaceError], fields: dict, args: tuple) -> LaceError:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(fields)
    return error


class UnknownNameError(LaceError, KeyError):
    """A name that is not registered; gives the nearest name and all names."""

    def __init__(self, kind: str, name: str, available: Iterable[str], also: str = ""):
        options = sorted(available)
        near = get_close_matches(str(name), options, n=1, cutoff=0.4)
        hint = f"use {near[0]!r} if that was meant" if near else "pick one of the list"
        expected = f"one of {', '.join(options)}" + f", or {also}" * bool(also)
        article = "an" if kind[0] in "aeiou" else "a"
        super().__init__(f"looking up {article} {kind}", f"there is no {kind} named {name!r}", expected, hint)

    def __str__(self) -> str:
        return Exception.__str__(self)


class InvalidValueError(LaceError, ValueError):
    """A value outside its range or of the wrong shape."""


class AssetError(LaceError):
    """An asset cannot be fetched, has another hash than expected, or is missing; or the cache cannot be written."""


class DatasetError(LaceError):
    """A folder is damaged, belongs to another configuration, is in use, or cannot be written."""


class IntegrityError(LaceError):
    """Frames that do not pass the checks."""
