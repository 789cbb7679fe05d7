"""What scenes are drawn from. Every command and environment that draws scenes extends this configuration."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from lace.core.arguments import given
from lace.core.limits import Within, check_numbers
from sim_envs.config.axes import Axes
from sim_envs.config.presets import PRESETS, VIEWS

Size = Annotated[int, Within(32, 8192)]
"""Edge of an image [px]."""


@dataclass(frozen=True)
class SceneConfig:
    """Embodiment, randomised scenes, and camera."""

    embodiment: str = "xarm7_leap"
    """Whose hand."""
    preset: str = "randomized"
    """Axes to start from: clean, lab, kitchen, office, randomized."""
    view: str = ""
    """Camera instead of the preset's: egocentric (from the eyes of a person at the arm's base) or
    third_person (from across the table)."""
    seed: int = 0
    width: Size = 448
    """Image width [px]."""
    height: Size = 448
    """Image height [px]."""
    shadows: bool = True
    """Cast shadows (about a third slower)."""
    supersampling: Annotated[int, Within(1, 8)] = 1
    """Colour rays per pixel and axis; 2 smooths edges and costs four times the rays."""
    backdrop: Path | None = None
    """Folder of photographs, equirectangular panorama, or Gaussian-splat .ply instead of a generated room."""
    device: str = "auto"
    """"cpu", "cuda:0", or auto: CUDA where there is one."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""
    axes: Axes = field(default_factory=Axes)

    def __post_init__(self):
        check_numbers(self)
        PRESETS[self.preset]


def with_preset[Config: SceneConfig](config: Config, name: str) -> Config:
    """`config` with the axes of a preset; raises UnknownNameError with the nearest name."""
    return replace(config, preset=name, axes=PRESETS[name])


def preset_of[Config: SceneConfig](args: list[str], config: Config) -> Config:
    """`config` as a command line starts from it: the axes of its `--preset` and the camera of its `--view`.

    The other options then override single values (tyro reads them with the result as defaults).
    """
    config = with_preset(config, given(args, "--preset", config.preset))
    view = given(args, "--view", "")
    return replace(config, view=view, axes=replace(config.axes, camera=VIEWS[view])) if view else config
