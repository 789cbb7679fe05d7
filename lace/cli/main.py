"""The `lace` command: the first words choose a line of `commands.COMMANDS`, tyro reads the rest."""

import errno
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import SequenceMatcher
from importlib import import_module
from multiprocessing import util
from typing import Any

from lace.cli.commands import COMMANDS, Command
from lace.core.errors import LaceError, UnknownNameError

EXIT_USAGE = 2
"""An error that the user can fix."""
EXIT_INTERRUPTED, EXIT_PIPE, EXIT_TERMINATED = 130, 141, 143
"""128 + SIGINT, SIGPIPE, SIGTERM, as in shells."""
LEVELS = {"--quiet": logging.WARNING, "--verbose": logging.DEBUG}
"""Options of every command, before or after its words."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
        argv: Words after `lace`; those of this process by default.

    Returns:
        Exit code: 0, 1 (problems found), 2 (an error to fix), 130 (Ctrl-C), 141 (reader gone), 143 (SIGTERM).
    """
    from lace.cli.process import Terminated, prepare_process

    try:
        if argv is None:
            prepare_process()
        return _with_messages(list(sys.argv[1:] if argv is None else argv))
    except (KeyboardInterrupt, Terminated) as stop:
        if argv is None:
            for kind in (signal.SIGINT, signal.SIGTERM):  # `uv run` passes one on that the process group also gets
                signal.signal(kind, signal.SIG_IGN)
        said = "interrupted; what was finished is whole, run the same command to resume"
        _complain("\n  ".join([said, *getattr(stop, "__notes__", ())]))
        code = EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPTED
        return _ended_at_once(code) if argv is None else code


def _with_messages(args: list[str]) -> int:
    """Runs a command line; errors that the user can fix become messages. Returns the exit code."""
    try:
        code = _stoppable(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader (`lace ... --help | head`) has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except LaceError as error:
        _complain(_with_notes(error, error))
        return EXIT_USAGE
    except (OSError, RuntimeError) as error:
        found = of_the_machine(error, " ".join(["lace", *args[:2]]))
        if found is None:
            raise
        _complain(_with_notes(found, error))
        return EXIT_USAGE


def _stoppable(args: list[str]) -> int:
    """Runs a command line; a Ctrl-C or SIGTERM stays one, whatever a library makes of it."""
    from lace.cli.process import stop_behind

    try:
        return _dispatch(args)
    except Exception as error:
        if stop := stop_behind(error):
            raise stop from None
        raise


def _ended_at_once(code: int) -> int:
    """Ends this process: taking the simulator's libraries down takes seconds, which preempted jobs do not have."""
    # As Python's own exit does: frees the semaphores of workers, of which its tracker would warn.
    util._run_finalizers(0)  # ty: ignore[missing-attribute]
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _with_notes(error: LaceError, noted: BaseException) -> str:
    """The message, then the task and the machine that it is about."""
    return "\n  ".join([str(error), *getattr(noted, "__notes__", ())])


_MACHINE = {
    errno.EROFS: "a folder on a file system that can be written (/dev/shm, for worker processes)",
    errno.EACCES: "permission to read and write there",
    errno.EPERM: "permission to read and write there",
    errno.ENOSPC: "room on the disk (in /dev/shm, for worker processes)",
    errno.EDQUOT: "room in your quota",
    errno.EMFILE: "more open files (`ulimit -n`)",
    errno.ENAMETOOLONG: "a shorter name",
}
"""What the machine refuses -> what is expected; other errors of the system are faults of ours."""


_SHARED_MEMORY = re.compile(r"shared memory ?\(shm\)")
"""In what torch says where /dev/shm is full; it raises RuntimeError."""


def of_the_machine(error: OSError | RuntimeError, command: str) -> LaceError | None:
    """A message for what the machine refuses wherever it happens; None for other errors.

    Args:
        error: What was raised.
        command: The command that ran.
    """
    if _SHARED_MEMORY.search(str(error)):
        step = "mount a larger one (`docker run --shm-size 2g`), or use --workers 0; finished work is kept"
        return LaceError(
            f"running `{command}`", "no room in /dev/shm", "room for what worker processes hand over", step
        )
    if not isinstance(error, OSError) or error.errno not in _MACHINE:
        return None
    where = f" ({error.filename})" if error.filename else ""
    step = "free space, change permissions, or choose other folders (--out, LACE_CACHE, TMPDIR, fewer --workers)"
    got = f"{error.strerror}{where} (errno {error.errno})"
    return LaceError(f"running `{command}`", got, _MACHINE[error.errno], f"{step}; finished work is kept")


def _dispatch(args: list[str]) -> int:
    given = [arg for arg in args if arg not in LEVELS]
    words = next((name for name in COMMANDS if given[: len(name.split())] == name.split()), None)
    if words is None:
        return _list_commands(given)
    from lace.cli.process import set_up_logging

    set_up_logging(next((LEVELS[arg] for arg in args if arg in LEVELS), logging.INFO))
    return _run(words, COMMANDS[words], given[len(words.split()) :]) or 0


def _run(words: str, command: Command, args: list[str]) -> int | None:
    import tyro

    from lace.core.limits import with_checked_numbers

    prog = f"lace {words}"
    if not command.config:
        return tyro.cli(with_checked_numbers(_imported(command.main)), prog=prog, args=args)
    if command.shown and {"-h", "--help"} & set(args):
        kind, default = _imported(command.shown)(args, *command.bound)
        return tyro.cli(kind, prog=prog, args=args, default=default)
    defaults = {"default": _imported(command.defaults)(args, *command.bound)} if command.defaults else {}
    config = tyro.cli(_imported(command.config), prog=prog, args=args, **defaults)
    return _imported(command.main)(config, *command.bound)


def _imported(target: str) -> Callable[..., Any]:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def _list_commands(args: list[str]) -> int:
    """Lists the commands that begin with the given words; raises UnknownNameError where none does."""
    first_option = next((i for i, arg in enumerate(args) if arg.startswith("-")), len(args))
    given = args[:first_option]
    known = [name for name in COMMANDS if name.split()[: len(given)] == given]
    if not known:
        raise UnknownNameError("command", _most_like_a_command(given), COMMANDS)
    print(_overview(known))
    asked = not args or any(arg in ("-h", "--help") for arg in args)
    return 0 if asked else EXIT_USAGE


def _most_like_a_command(given: Sequence[str]) -> str:
    """The first words of `given`, as many as resemble a command most; the rest are its arguments."""

    def likeness(text: str) -> float:
        return max(SequenceMatcher(None, text, name).ratio() for name in COMMANDS)

    longest = max(len(name.split()) for name in COMMANDS)
    return max((" ".join(given[:n]) for n in range(1, min(longest, len(given)) + 1)), key=likeness)


def _overview(names: Sequence[str]) -> str:
    width = max(map(len, names))
    lines = [f"  lace {name:<{width}}   {COMMANDS[name].summary}" for name in names]
    title = "LACE: a simulation-first testbed for aligning human and robot hands."
    footer = [
        "`lace COMMAND --help` lists a command's options. Every command also takes",
        "--quiet (results, warnings and errors only) and --verbose (details for debugging).",
    ]
    return "\n".join([title, "", "commands:", *lines, "", *footer])


def _complain(text: str) -> None:
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(text, style="red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
