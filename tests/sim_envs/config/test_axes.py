"""Ranges of axes: every number of every configuration has limits; a violation is refused before anything opens."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import get_type_hints

import pytest

from lace.cli import main as cli
from lace.core.errors import InvalidValueError
from lace.core.limits import Within
from sim_envs.config.axes import Axes
from sim_envs.config.generate import GenerateConfig
from sim_envs.config.presets import PRESETS, VIEWS
from sim_envs.config.scene import SceneConfig
from sim_envs.grasp_env.config import GraspEnvConfig
from sim_envs.rollouts.config import RolloutsConfig
from sim_envs.simulate.config import SimulateConfig

CONFIGS = (GenerateConfig, SimulateConfig, RolloutsConfig, GraspEnvConfig)
UNLIMITED = {"film", "seed"}
"""Trial numbers, which are compared with the number of trials, and seeds: any integer is one."""
RANGES = [
    (axis.name, field.name)
    for axis in fields(Axes)
    for field in fields(axis.type)
    if isinstance(value := getattr(getattr(Axes(), axis.name), field.name), tuple) and isinstance(value[:1], tuple)
    if len(value) == 2 and not isinstance(value[0], str) and field.name != "centre_m"  # a point
]
"""(axis, field) of every range of every axis."""


def with_range(axis: str, name: str, value) -> SceneConfig:
    axes = Axes()
    return SceneConfig(axes=replace(axes, **{axis: replace(getattr(axes, axis), **{name: value})}))


def unlimited(config, prefix: str = ""):
    """Names of a configuration's numbers whose annotation has no limits."""
    hints = get_type_hints(type(config), include_extras=True)
    for field in fields(config):
        value = getattr(config, field.name)
        marks = getattr(hints[field.name], "__metadata__", ())
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_dataclass(value):
            yield from unlimited(value, f"{prefix}{field.name}.")
        elif (number or isinstance(value, tuple) and value and not isinstance(value[0], str)) and not any(
            isinstance(mark, Within) for mark in marks
        ):
            yield prefix + field.name


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.__name__)
def test_every_number_of_a_configuration_has_limits(config):
    made = config() if config is GraspEnvConfig else config(out=Path("x"))
    assert set(unlimited(made)) <= UNLIMITED


@pytest.mark.parametrize(("axis", "name"), RANGES)
def test_a_reversed_or_infinite_range_is_refused(axis, name):
    low, high = getattr(getattr(Axes(), axis), name)
    with pytest.raises(InvalidValueError, match=f"axes.{axis}.{name} is .*reversed"):
        with_range(axis, name, (high, low))
    with pytest.raises(InvalidValueError, match=f"axes.{axis}.{name} is"):
        with_range(axis, name, (low, float("inf")))
    with pytest.raises(InvalidValueError, match=f"axes.{axis}.{name} is"):
        with_range(axis, name, (float("nan"), high))


@pytest.mark.parametrize(
    ("axis", "name", "value"),
    [
        ("clutter", "count", (0, 7)),
        ("clutter", "count", (-1, 2)),
        ("camera", "fov_deg", (0, 0)),
        ("camera", "fov_deg", (40, 180)),
        ("camera", "distance_m", (0, 0)),
        ("camera", "off_centre", 0.6),
        ("sensor", "jpeg_quality", (0, 101)),
        ("target", "scale", (0, 1)),
        ("hand", "poses", 0),
        ("room", "layouts", 0),
        ("arm", "reaching", 1.5),
    ],
)
def test_impossible_values_are_refused(axis, name, value):
    with pytest.raises(InvalidValueError, match=f"axes.{axis}.{name}"):
        with_range(axis, name, value)


def test_presets_and_views_are_within_the_limits():
    for name in PRESETS:
        SceneConfig(preset=name, axes=PRESETS[name])
    for name in VIEWS:
        SceneConfig(axes=replace(Axes(), camera=VIEWS[name]))


@pytest.mark.parametrize("command", ["generate robot", "generate rollouts", "simulate"])
def test_a_reversed_range_on_the_command_line_makes_no_folder(command, tmp_path, capsys):
    out = tmp_path / "out"
    with pytest.raises(SystemExit) as stop:
        cli.main([*command.split(), "--out", str(out), "--axes.clutter.count", "5", "2"])
    assert stop.value.code == cli.EXIT_USAGE and not out.exists()
    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert "axes.clutter.count is 5 2, which is reversed" in told and "2 5" in told


@pytest.mark.parametrize("seed", [-1, 2**63, 10**40])
def test_any_integer_is_a_seed(seed):
    assert SceneConfig(seed=seed).seed == seed
