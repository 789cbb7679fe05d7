"""docs/aligning.md: every option that it names exists, and its table lists all backbones with a checkpoint."""

import re

import pytest

from lace.backbones import BACKBONES
from lace.cli import main as cli
from tests import ROOT

PAGE = (ROOT / "docs" / "aligning.md").read_text()
COMMANDS = ("finetune", "evaluate correspondence", "evaluate features", "tables alignment")
OF_TORCHRUN = {"--nproc-per-node", "--help"}


def test_every_option_exists(capsys):
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            cli.main([*command.split(), "--help"])
    known = set(re.findall(r"--[a-z][a-z.-]*", capsys.readouterr().out))
    named = set(re.findall(r"--[a-z][a-z.-]*", PAGE)) - OF_TORCHRUN
    assert len(named) > 15
    assert named <= known


def test_the_backbones_are_all_that_have_a_checkpoint():
    rows = dict(re.findall(r"^\| `(\S+)` \| (`\S+` \| .*) \|$", PAGE, re.MULTILINE))
    specs = {name: BACKBONES[name] for name in BACKBONES}
    assert rows == {name: f"`{spec.hub}` | {spec.licence}" for name, spec in specs.items() if spec.hub}
