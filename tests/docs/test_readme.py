"""README.md: its commands exist, its links lead to files, and it begins with a picture and two commands."""

import re

import pytest

from lace.cli.commands import COMMANDS
from tests import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page):
    """`lace WORD ...` in code is a command, or a group of commands named alone."""
    groups = {words.split()[0] for words in COMMANDS}
    for line in re.findall(r"`[^`\n]*`|^\S*lace .*$", page.read_text(encoding="utf-8"), re.M):
        for found in re.findall(r"(?<![\w./-])lace ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)", line.strip("`")):
            words = found.split()
            if words[0] in groups:
                known = any(" ".join(words[:n]) in COMMANDS for n in (1, 2, 3))
                assert known or len(words) == 1 or words[1] in ("and", "or"), f"{page.name}: lace {found}"


def test_a_misspelt_command_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("Run `lace data shwo runs/first`.")
    with pytest.raises(AssertionError, match="shwo"):
        test_every_command_exists(page)


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_it_begins_with_a_picture_and_two_commands():
    picture, first, second, demo = (
        README.index(text) for text in ("![", "lace generate robot", "uv run pytest", "lace demo")
    )
    assert picture < first < second < demo
    assert README[:demo].count("```bash") == 3
