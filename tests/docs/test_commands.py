"""Every command in README and docs exists and takes the options that it is shown with; every Python block compiles."""

import ast
import functools
import re
import shlex
from importlib import import_module
from importlib.util import find_spec

import pytest
import tyro

from lace.cli.commands import COMMANDS
from lace.cli.main import _imported
from tests import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```", re.DOTALL | re.MULTILINE)
PACKAGES = ("lace", "assets", "policies", "sim_envs", "real_bridge")
SHELL = ("", "bash", "sh", "console")
STARTS = re.compile(r"(?:[A-Z_]+=\S+ )*(?:uv run )?(?:lace|python|pytest|bash) ")
OTHER_PROGRAMS = {"pip", "uv", "echo", "test", "export", "git", "pre-commit", "ruff", "ty", "mkdocs", "bash", "ray"}
SHELL_WORDS = {"wait", "if", "[", "exit"}


def variables(text: str) -> dict[str, str]:
    """Values that a page's shell blocks give to variables; `${NAME:-value}` counts as its value."""
    known: dict[str, str] = {}
    for name, quoted, plain in re.findall(r"^(?:export )?([A-Z]+)=(?:\"([^\"]*)\"|(\S*))", text, re.MULTILINE):
        known[name] = filled(quoted or plain, known)
    return known


def filled(text: str, known: dict[str, str]) -> str:
    """The text with its variables replaced; those that others set (slurm) count as 1."""
    text = re.sub(r"\$\{(\w+):?-([^}]*)\}", r"\2", text)
    return re.sub(r"\$(\w+)", lambda found: known.get(found[1], "1"), text)


def lines_of(block: str, known: dict[str, str]) -> list[str]:
    """Commands of a shell block: comments off, continued lines joined, && and | split, variables replaced."""
    found = []
    for line in filled(block.replace("\\\n", " "), known).splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        found += [part.strip(" &") for part in re.split(r"&&|\|", line) if part.strip(" &")]
    return [line for line in found if not re.match(r"(export )?[A-Z]+=", line)]


def documented() -> list[tuple[str, str, bool]]:
    """(page, command, whether it is shown whole): of shell blocks, and code in the text that begins like a command."""
    found = []
    for page in PAGES:
        text, name = page.read_text(encoding="utf-8"), page.relative_to(ROOT).as_posix()
        blocks = [body for language, body in BLOCK.findall(text) if language in SHELL]
        known = variables("\n".join(blocks))
        found += [(name, line, True) for body in blocks for line in lines_of(body, known)]
        rest = BLOCK.sub("", text)
        spans = (re.sub(r"\s+", " ", span) for span in re.findall(r"`([^`]+)`", rest))
        found += [(name, span, False) for span in spans if STARTS.match(span)]
    return list(dict.fromkeys(found))


def words_of(command: str) -> list[str]:
    """Its words, without variables before it and what starts it (`uv run`, `torchrun`)."""
    words = shlex.split(command)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    if words[:1] == ["torchrun"]:
        return ["lace", *words[words.index("lace.cli") + 1 :]]
    return words[2:] if words[:2] == ["uv", "run"] else words


DOCUMENTED = documented()
LACE = [item for item in DOCUMENTED if words_of(item[1])[:1] == ["lace"]]
SCRIPTS = [item for item in DOCUMENTED if words_of(item[1])[:1] == ["python"]]


def target(name: str):
    """What tyro reads a command's options from, and its defaults; a function's stand-in does nothing."""
    command = COMMANDS[name]
    found = _imported(command.config or command.main)
    if not command.config:
        return functools.wraps(found)(lambda *_, **__: None)
    return found


@functools.cache
def options_of(name: str) -> frozenset[str]:
    """Options in a command's help."""
    import contextlib
    import io

    command, text = COMMANDS[name], io.StringIO()
    defaults = {"default": _imported(command.defaults)([], *command.bound)} if command.defaults else {}
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit):
        tyro.cli(target(name), args=["--help"], **defaults)
    return frozenset(re.findall(r"--[a-zA-Z][\w.-]*", text.getvalue()))


def test_the_pages_show_commands():
    assert len(LACE) > 60 and len(SCRIPTS) >= 8
    assert sum(whole for _page, _command, whole in LACE) > 25


@pytest.fixture
def own_cameras(tmp_path, monkeypatch):
    """A working folder with the calibration that docs/own-things.md shows: it is read with the options."""
    page = (ROOT / "docs" / "own-things.md").read_text(encoding="utf-8")
    shown = next(body for language, body in BLOCK.findall(page) if language == "json")
    (tmp_path / "rig").mkdir()
    for path in (tmp_path / "calibration.json", tmp_path / "rig" / "front.json"):
        path.write_text(shown)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("page", "command", "whole"), LACE, ids=[f"{page}: {text}" for page, text, _ in LACE])
def test_a_lace_command_exists_with_its_options(page, command, whole, own_cameras):
    words = words_of(command)[1:]
    name = next((name for name in COMMANDS if words[: len(name.split())] == name.split()), None)
    if name is None:
        assert any(known.startswith(" ".join(words[:1])) for known in COMMANDS) or words[0] in (
            "COMMAND",
            "--help",
            "...",
        )
        return
    rest = [word for word in words[len(name.split()) :] if word not in ("--quiet", "--verbose")]
    if whole and not any("..." in word for word in rest):
        defaults = {}
        if COMMANDS[name].defaults:
            defaults = {"default": _imported(COMMANDS[name].defaults)(rest, *COMMANDS[name].bound)}
        tyro.cli(target(name), args=rest, **defaults)
        return
    given = {word.split("=")[0].replace("_", "-") for word in rest if word.startswith("--") and "..." not in word}
    assert given <= {option.replace("_", "-") for option in options_of(name)} | {"--help"}


@pytest.mark.parametrize(("page", "command", "whole"), SCRIPTS, ids=[f"{page}: {text}" for page, text, _ in SCRIPTS])
def test_a_script_exists_with_its_options(page, command, whole):
    words = words_of(command)[1:]
    file = ROOT / (words[1].replace(".", "/") + ".py" if words[0] == "-m" else words[0])
    assert file.is_file()
    source = file.read_text(encoding="utf-8")
    for option in (word for word in words if word.startswith("--")):
        field = option.removeprefix("--").removeprefix("no-").replace("-", "_")
        assert f'"{option}"' in source or re.search(rf"[\s(]{field}: ", source), option


@pytest.mark.parametrize(
    ("page", "command", "whole"), [item for item in DOCUMENTED if item not in LACE + SCRIPTS and item[2]]
)
def test_other_lines_of_shell_blocks_are_known_programs(page, command, whole):
    first = words_of(command)[0]
    assert first in OTHER_PROGRAMS | SHELL_WORDS or first == "pytest" or first.startswith("DIR/"), command
    for path in re.findall(r"(?:tests|tools|benchmarks|examples|\.ci)/[\w/.]+", command):
        assert (ROOT / path).exists(), path


PYTHON = [(page, body) for page in PAGES for language, body in BLOCK.findall(page.read_text()) if language == "python"]


@pytest.mark.parametrize(("page", "body"), PYTHON, ids=[page.name for page, _body in PYTHON])
def test_a_python_block_compiles_and_its_imports_are_there(page, body):
    for node in ast.walk(ast.parse(body)):
        if not isinstance(node, ast.ImportFrom) or node.module.split(".")[0] not in PACKAGES or "_rod" in node.module:
            continue  # other packages, and the file that the reader writes
        module = import_module(node.module)
        for alias in node.names:
            assert hasattr(module, alias.name) or find_spec(f"{node.module}.{alias.name}"), f"{page}: {alias.name}"
