"""Robots and humans have their own commands; an option that would have no effect is refused, not ignored."""

import subprocess
import sys
from dataclasses import replace

import pytest

from lace.cli import main as cli
from lace.core.errors import InvalidValueError, UnknownNameError
from sim_envs.config.axes import Axes
from sim_envs.config.generate import EMBODIMENTS, defaults_of
from sim_envs.config.kinds import IDLE_AXES, KINDS, refuse_idle_axes, require_kind
from sim_envs.config.presets import PRESETS
from tests import ROOT


@pytest.mark.parametrize(("kind", "other"), [("robot", "human"), ("human", "robot")])
def test_an_embodiment_of_the_other_kind_is_refused_with_the_right_command(kind, other, tmp_path, capsys):
    out = tmp_path / "out"
    assert cli.main(["generate", kind, "--out", str(out), "--embodiment", EMBODIMENTS[other]]) == cli.EXIT_USAGE
    assert f"lace generate {other} --embodiment {EMBODIMENTS[other]}" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_every_preset_and_embodiment_is_accepted_by_its_own_kind(kind):
    for preset in PRESETS:
        for name in KINDS[kind]:
            require_kind(replace(defaults_of(["--preset", preset], kind), embodiment=name), kind)
    with pytest.raises(UnknownNameError, match=f"'{EMBODIMENTS[kind]}' if that was meant"):
        require_kind(replace(defaults_of([], kind), embodiment=EMBODIMENTS[kind] + "x"), kind)


@pytest.mark.parametrize(("kind", "axis"), [(kind, axis) for kind, axes in IDLE_AXES.items() for axis in axes])
def test_an_axis_that_changes_nothing_is_refused_where_it_is_set_and_only_there(kind, axis):
    config = defaults_of([], kind)
    changed = replace(config.axes, **{axis: replace(getattr(config.axes, axis), seed=3)})
    with pytest.raises(InvalidValueError, match=f"--axes.{axis} was set, which changes nothing for a {kind}"):
        require_kind(replace(config, axes=changed), kind)
    refuse_idle_axes(changed, config.preset, next(other for other in KINDS if other != kind))


def test_warp_starts_silently_and_other_stderr_output_is_kept():
    code = (
        "import os, sim_envs.rendering.warp_start as w, warp as wp; "
        "wp.init(); print(wp.get_devices()[0]); os.write(2, b'heard')"
    )
    root = ROOT
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout == "cpu\n" and result.stderr == "heard"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--axes.target.names dinosar", "use 'dinosaur' if that was meant"),
        ("--axes.table.kinds woden", "no table named 'woden'"),
        ("--axes.room.kinds ofice", "use 'office' if that was meant"),
        ("--axes.clutter.families mugg", "use 'mug' if that was meant"),
        ("--backdrop nowhere/lab.jpg", "there is no such file or folder"),
    ],
)
def test_what_options_name_is_checked_before_anything_heavy_is_loaded(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sim_envs.frames.source", None)  # importing it would fail
    assert cli.main(["generate", "robot", "--out", str(tmp_path / "out"), *words.split()]) == cli.EXIT_USAGE
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_workers_without_a_shard_are_told_of(tmp_path, caplog):
    from sim_envs.frames.progress import shown

    config = replace(defaults_of([], "robot"), out=tmp_path, frames=50, workers=2)
    with caplog.at_level("WARNING"), shown(config, config.shards):
        pass
    assert "2 workers have 1 shard to make" in caplog.text
    caplog.clear()
    with caplog.at_level("WARNING"), shown(replace(config, shard_frames=25), 2):
        pass
    assert not caplog.text


@pytest.mark.parametrize(("kind", "left_out"), [("robot", {"skin", "sleeve"}), ("human", {"tint"})])
def test_help_shows_the_axes_of_its_kind_and_names_the_choices(kind, left_out, capsys):
    with pytest.raises(SystemExit):
        cli.main(["generate", kind, "--help"])
    said = capsys.readouterr().out
    assert {axis for axis in vars(Axes()) if f"--axes.{axis}." not in said} == left_out
    assert "--target" in said and "xarm7_leap" in said and "dinosaur_trex" in said
