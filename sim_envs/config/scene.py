"""What scenes are drawn from. Every command and environment that draws scenes extends this configuration."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from assets.humans import HUMANS
from assets.robots import ROBOTS
from lace.core.arguments import given
from lace.core.errors import InvalidValueError
from lace.core.limits import Within, check_numbers
from lace.data.camera_file import read_cameras
from sim_envs.config.axes import Axes
from sim_envs.config.presets import PRESETS, VIEWS

Size = Annotated[int, Within(32, 8192)]
"""Edge of an image [px]."""


def _known(default: str) -> str:
    return f"(robots: {', '.join(ROBOTS)}; humans: {', '.join(HUMANS)}; default: {default})"


@dataclass(frozen=True)
class SceneConfig:
    """Embodiment, randomised scenes, and camera."""

    embodiment: Annotated[str, arg(help_behavior_hint=_known)] = "xarm7_leap"
    """Whose hand: a name, a folder with a robot of your own, or module:NAME."""
    preset: str = "randomized"
    """Axes to start from: clean, lab, kitchen, office, randomized."""
    view: str = ""
    """Camera instead of the preset's: egocentric (from the eyes of a person at the arm's base) or
    third_person (from across the table)."""
    camera: Path | None = None
    """File or folder of your own cameras instead of drawn ones: size, K, distortion and T_base_cam as `lace bridge
    calibrate` writes them, or ROS camera_info.yaml with NAME_extrinsics.yaml beside. Of several, each scene has one."""
    camera_jitter_mm: Annotated[float, Within(0, 1000)] = 0.0
    """Standard deviation of your cameras' places along each axis [mm]; 0: they stand where the file says."""
    camera_jitter_deg: Annotated[float, Within(0, 90)] = 0.0
    """Standard deviation of their turns about each axis [degrees]."""
    seed: int = 0
    width: Size = 448
    """Image width [px]."""
    height: Size = 448
    """Image height [px]."""
    shadows: bool = True
    """Cast shadows (about a third slower)."""
    antialias: bool = True
    """Smooth edges (about a fifth slower)."""
    backdrop: Path | None = None
    """Folder of photographs, equirectangular panorama, or Gaussian-splat .ply instead of a generated room."""
    device: str = "auto"
    """"cpu", "cuda:0", auto (CUDA where there is one), or cuda:all (--workers spread over all GPUs)."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""
    axes: Axes = field(default_factory=Axes)

    def __post_init__(self):
        check_numbers(self)
        PRESETS[self.preset]
        if self.camera is None and (self.camera_jitter_mm or self.camera_jitter_deg):
            raise InvalidValueError(
                "reading the options", "a jitter without --camera", "the file of your cameras", "add --camera FILE"
            )


def with_preset[Config: SceneConfig](config: Config, name: str) -> Config:
    """`config` with the axes of a preset; raises UnknownNameError with the nearest name."""
    return replace(config, preset=name, axes=PRESETS[name])


def size_of(camera: Path) -> dict[str, int]:
    """Width and height [px] of the images of a camera file, which all its cameras must share.

    Raises:
        InvalidValueError: It is no camera file, or its cameras differ in size.
    """
    sizes = {(lens.width, lens.height) for lens in read_cameras(camera)}
    if len(sizes) > 1:
        raise InvalidValueError(
            f"reading the camera file {camera}",
            f"images of {' and '.join(f'{width} x {height}' for width, height in sorted(sizes))} pixels",
            "one size for all cameras, so that all frames of a dataset have it",
            "make a dataset of each, in folders of their own",
        )
    [(width, height)] = sizes
    return {"width": width, "height": height}


def preset_of[Config: SceneConfig](args: list[str], config: Config) -> Config:
    """`config` as a command line starts from it: axes of `--preset`, camera of `--view`, image size of `--camera`.

    The other options then override single values (tyro reads them with the result as defaults).
    """
    file = given(args, "--camera", "")
    if file:
        size = size_of(Path(file))
        config = replace(config, **size)
    config = with_preset(config, given(args, "--preset", config.preset))
    view = given(args, "--view", "")
    return replace(config, view=view, axes=replace(config.axes, camera=VIEWS[view])) if view else config
