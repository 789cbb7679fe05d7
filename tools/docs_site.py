"""Hooks of the documentation site: pages that are made from the code at build time, the CLI and the API."""

import contextlib
import io
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import tyro
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # mkdocs runs from its own entry point, beside the repository's packages
PACKAGES = ("lace", "assets", "policies", "sim_envs", "real_bridge")
REPOSITORY_LINK = re.compile(r"\]\(\.\./(?!\.\.)([^)#]+)(#[^)]*)?\)")
"""A link from a page of docs/ to a file of the repository."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    files.append(File.generated(config, "cli.md", content=cli_page()))
    for package, modules in api_modules().items():
        files.append(File.generated(config, f"api/{package}.md", content=api_page(package, modules)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Names files of the repository that the site does not hold, instead of linking to them."""
    return REPOSITORY_LINK.sub(r"] (`\1` in the repository)", markdown)


def api_modules() -> dict[str, list[str]]:
    """Dotted names of all modules by the first two words of their package."""
    found = defaultdict(list)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if parts[-1] in ("__init__", "__main__"):
                continue
            found[".".join(parts[:2] if len(parts) > 2 else parts[:1])].append(".".join(parts))
    return dict(found)


def api_page(package: str, modules: list[str]) -> str:
    """One page of the API: every module of a package."""
    return "\n\n".join([f"# {package}", *(f"::: {module}" for module in modules), ""])


def cli_page() -> str:
    """Every command with its help text."""
    from lace.cli.commands import COMMANDS

    parts = ["# The command line", "Prefix every command with `uv run` in a clone of the repository.", ""]
    for words, command in COMMANDS.items():
        parts += [f"## `lace {words}`", "", "```text", help_text(words, command), "```", ""]
    return "\n".join(parts)


def help_text(words: str, command: Any) -> str:
    """What `lace WORDS --help` prints, 100 columns wide, without colours."""
    from lace.cli.main import _imported

    defaults = {"default": _imported(command.defaults)([], *command.bound)} if command.defaults else {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        tyro.cli(_imported(command.config or command.main), prog=f"lace {words}", args=["--help"], **defaults)
    return re.sub(r"\x1b\[[0-9;]*m", "", said.getvalue()).strip()
