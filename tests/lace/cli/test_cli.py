"""The `lace` command: quick help, clear errors, exit codes."""

import ast
import logging
import subprocess
import sys
import time

import pytest

from lace.cli import main as cli
from lace.cli.commands import COMMANDS
from lace.data.shards import shard_name
from tests import ROOT
from tests.synthetic import make_dataset

HEAVY = ("torch", "pyarrow", "newton", "warp", "matplotlib", "numpy", "cv2", "isaaclab", "mujoco", "rerun")


def lace(*args):
    return subprocess.run([sys.executable, "-m", "lace.cli", *args], cwd=ROOT, capture_output=True, text=True)


def test_help_answers_within_a_second():
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        result = lace("--help")
        seconds.append(time.perf_counter() - start)
    assert result.returncode == 0 and all(name in result.stdout for name in cli.COMMANDS)
    assert min(seconds) < 1


def test_help_imports_nothing_heavy():
    found = f"set({HEAVY!r}) & set(sys.modules)"
    code = f"import sys; from lace.cli.main import main; main(['--help']); sys.exit(str({found}))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.stderr.strip() == "set()"


@pytest.mark.parametrize("words", ["data verify", "data show", "data stats", "data export coco", "assets fetch"])
def test_every_command_has_its_own_help(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*words.split(), "--help"])
    assert stop.value.code == 0 and f"usage: lace {words}" in capsys.readouterr().out


@pytest.mark.parametrize("words", ["finetune", "evaluate correspondence", "evaluate features", "tables alignment"])
def test_help_names_the_backbones(words, capsys):
    with pytest.raises(SystemExit):
        cli.main([*words.split(), "--help"])
    text = capsys.readouterr().out
    assert "dinov2-l-reg" in text and "efficientnet-lite0" in text


@pytest.mark.parametrize("words", ["generate robot", "generate human", "generate rollouts", "simulate"])
def test_a_command_without_options_names_the_one_it_needs(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words.split())
    assert stop.value.code == 2 and "--out" in capsys.readouterr().err


def test_a_group_lists_its_commands(capsys):
    assert cli.main(["data", "--help"]) == 0
    text = capsys.readouterr().out
    assert "lace data verify" in text and "generate" not in text
    assert cli.main(["data"]) == cli.EXIT_USAGE


def test_unknown_command_names_the_nearest(capsys):
    assert cli.main(["data", "verfy", "x"]) == cli.EXIT_USAGE
    text = capsys.readouterr().err
    assert "'data verify'" in text and "generate robot" in text and "Traceback" not in text


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("verify", "data verify"),
        ("data verfy /a/folder/with/a/rather/long/name/that/resembles/nothing", "data verify"),
        ("generate robt --frames 3", "generate robot"),
        ("data export cocoo data/hands", "data export coco"),
        ("finetun --robot x", "finetune"),
        ("simulate-it", "simulate"),
    ],
)
def test_a_misspelt_command_is_recognised_whatever_follows_it(words, meant, capsys):
    assert cli.main(words.split()) == cli.EXIT_USAGE
    assert f"use {meant!r} if that was meant" in capsys.readouterr().err


def _targets():
    for words, command in COMMANDS.items():
        for target in (command.main, command.config, command.defaults):
            if target:
                yield pytest.param(target, id=f"{words}: {target}")


@pytest.mark.parametrize("target", _targets())
def test_every_target_of_the_table_exists(target):
    module, _, name = target.partition(":")
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize(("option", "level"), [("--quiet", "WARNING"), ("--verbose", "DEBUG"), (None, "INFO")])
def test_quiet_and_verbose_set_the_level_of_our_loggers(option, level, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "lace.cli.data.verify", lambda: seen.append(logging.getLogger("sim_envs.any").getEffectiveLevel())
    )
    assert cli.main(["data", *([option] if option else []), "verify"]) == 0
    assert seen == [getattr(logging, level)]


def test_an_error_to_fix_is_exit_2_without_traceback(tmp_path):
    result = lace("data", "verify", str(tmp_path / "none"))
    assert result.returncode == 2 and "no such folder" in result.stderr and "Traceback" not in result.stderr


def test_ctrl_c_reports_that_finished_work_is_complete(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("lace.cli.data.verify", interrupted)
    assert cli.main(["data", "verify"]) == 130
    assert "what was finished is whole, run the same command to resume" in capsys.readouterr().err


def test_data_commands_end_to_end(tmp_path, capsys):
    folder = make_dataset(tmp_path / "ds", 4, 2, 48)
    assert cli.main(["data", "verify", str(folder)]) == 0
    assert cli.main(["data", "show", str(folder), "--count", "2", "--no-overlay"]) == 0
    assert cli.main(["data", "show", str(folder), "--save", str(tmp_path / "x.rrd")]) == 0
    assert cli.main(["data", "stats", str(folder)]) == 0
    assert cli.main(["data", "export", "coco", str(folder), "--out", str(tmp_path / "coco")]) == 0
    for made in ("ds/contact_sheet.png", "x.rrd", "ds/stats/stats.png", "ds/stats/stats.json", "coco/annotations.json"):
        assert (tmp_path / made).stat().st_size > 0
    assert "every check passed" in capsys.readouterr().out


def test_verify_exits_1_with_the_reasons(tmp_path, capsys):
    folder = make_dataset(tmp_path / "ds", 4, 2, 48)
    (folder / "shards" / shard_name(1)).write_bytes(b"PAR1 cut")
    assert cli.main(["data", "verify", str(folder)]) == 1
    text = capsys.readouterr().out
    assert shard_name(1) in text and "2 frames missing: 2, 3" in text


@pytest.mark.parametrize("words", [("--help",), ("generate", "robot", "--help")])
def test_a_closed_pipe_is_no_error(words):
    process = subprocess.Popen(
        [sys.executable, "-m", "lace.cli", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == cli.EXIT_PIPE
