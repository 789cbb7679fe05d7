"""What the machine refuses is a message wherever it happens; numbers of every command are checked before it runs."""

import errno
import re
from dataclasses import fields, is_dataclass
from typing import get_type_hints

import pytest

from lace.cli import main as cli
from lace.cli.commands import COMMANDS
from lace.cli.main import _imported
from lace.core.errors import InvalidValueError
from lace.core.limits import Within, with_checked_numbers


@pytest.mark.parametrize(
    ("code", "expected"),
    [(errno.EROFS, "can be written"), (errno.ENOSPC, "room on the disk"), (errno.EACCES, "permission")],
)
def test_what_the_machine_refuses_is_one_message(monkeypatch, capsys, code, expected):
    def refuse(_args):
        raise OSError(code, "No", "/somewhere/file")

    monkeypatch.setattr(cli, "_dispatch", refuse)
    assert cli.main(["data", "stats", "x"]) == cli.EXIT_USAGE
    said = capsys.readouterr().err
    assert "While running `lace data stats`" in said and expected in said and "/somewhere/file" in said


def test_a_full_dev_shm_is_one_message(monkeypatch, capsys):
    def refuse(_args):  # torch's words, from a worker of a DataLoader
        said = "unable to allocate shared memory(shm) for file </torch_1>: Resource temporarily unavailable (11)"
        raise RuntimeError(f"Caught RuntimeError in DataLoader worker process 0.\nRuntimeError: {said}")

    monkeypatch.setattr(cli, "_dispatch", refuse)
    assert cli.main(["evaluate", "features"]) == cli.EXIT_USAGE
    said = capsys.readouterr().err
    assert "While running `lace evaluate features`: no room in /dev/shm" in said and "--workers 0" in said


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "No such file", "x"), RuntimeError("shape mismatch")]
)
def test_other_errors_are_faults_of_ours(error, monkeypatch):
    def fail(_args):
        raise error

    monkeypatch.setattr(cli, "_dispatch", fail)
    with pytest.raises(type(error)):
        cli.main(["data", "stats", "x"])


def test_a_function_s_numbers_are_checked_by_its_annotations():
    from lace.cli.imports import lerobot

    with pytest.raises(InvalidValueError, match="frames is 0"):
        with_checked_numbers(lerobot)("name", out="x", frames=0)


def number_fields(config: type, seen: tuple[type, ...] = ()):
    """(owner, field, annotation) of every number of a configuration and of those inside it."""
    hints = get_type_hints(config, include_extras=True)
    for field in fields(config):
        hint = hints[field.name]
        inner = getattr(hint, "__origin__", hint)
        if is_dataclass(inner) and inner not in seen:
            yield from number_fields(inner, (*seen, inner))
        elif re.search(r"\b(int|float)\b", str(hint)):
            yield config, field.name, hint


NAMED = {"film": "numbers of trials, compared with how many there are", "tables": "tables that there are"}


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.config])
def test_every_number_of_a_command_says_its_limits(name):
    config = _imported(COMMANDS[name].config)
    open_ended = [
        f"{owner.__name__}.{field}"
        for owner, field, hint in number_fields(config)
        if not any(isinstance(mark, Within) for mark in getattr(hint, "__metadata__", ()))
        and field.rpartition("_")[2] not in ("seed", "seeds")
        and field not in NAMED
    ]
    assert not open_ended
