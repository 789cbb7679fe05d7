"""The randomisation axes and their ranges."""

from dataclasses import dataclass, field
from typing import Annotated

import tyro

from assets.objects import OBJECTS, TARGETS
from assets.objects.own import own_names
from lace.core.errors import UnknownNameError
from lace.core.limits import IntRange, Range, Within

MAX_DISTRACTORS = 6
"""Distractors that a scene has room for."""


MeshSize = Annotated[float | None, Within(0.01, 0.5), tyro.conf.arg(aliases=["--target-size"])]
MeshMass = Annotated[float | None, Within(0.001, 5), tyro.conf.arg(aliases=["--target-mass"])]
MeshUp = Annotated[str, tyro.conf.arg(aliases=["--target-up"])]
"""What a command is told of the user's own mesh files."""


def known_names(kind: str, names: tuple[str, ...], available: tuple[str, ...]) -> tuple[str, ...]:
    """`names`, or all that are available if empty or ("all",); raises UnknownNameError with the nearest name."""
    if names in ((), ("all",)):
        return available
    for name in names:
        if name not in available:
            raise UnknownNameError(kind, name, available)
    return names


def _ours(default: str) -> str:
    return f"(ours: {', '.join(TARGETS)}; default: {default})"


@dataclass(frozen=True)
class Axis:
    """One randomisation axis. Off means the middle of each range, in every frame."""

    on: bool = True
    seed: int | None = None
    """Seed of this axis alone, so that it can be varied independently; None: the dataset's seed."""


@dataclass(frozen=True)
class RoomAxis(Axis):
    """Which generated room, and how many layouts of each."""

    kinds: tuple[str, ...] = ("lab", "kitchen", "office")
    layouts: Annotated[int, Within(1, 1000)] = 6


@dataclass(frozen=True)
class TableAxis(Axis):
    """Which table, where it stands relative to the robot's base, and where on it objects may stand."""

    kinds: tuple[str, ...] = ()
    """Names in assets TABLES; empty for all."""
    height_m: Annotated[Range, Within(-0.5, 0), tyro.conf.arg(aliases=["--table-height"])] = (-0.12, -0.005)
    """Of its top above the robot's base [m]."""
    size_m: Annotated[tuple[float, float] | None, Within(0.2, 5), tyro.conf.arg(aliases=["--table-size"])] = None
    """Of its top along x and y [m]; each table has its own if none is said."""
    centre_m: Annotated[tuple[float, float], Within(-3, 3), tyro.conf.arg(aliases=["--table-centre"])] = (0.35, 0.0)
    """Middle of its top, x (forwards) and y (left) from the robot's base [m]: where your robot stands at your table."""
    yaw_deg: Annotated[float, Within(-180, 180), tyro.conf.arg(aliases=["--table-yaw"])] = 0.0
    """Turn of the table about z, seen from the robot's base."""
    x_m: Annotated[Range, Within(-2, 2), tyro.conf.arg(aliases=["--workspace-x"])] = (0.28, 0.68)
    """Where objects may stand and hands reach, forwards from the robot's base [m]."""
    y_m: Annotated[Range, Within(-2, 2), tyro.conf.arg(aliases=["--workspace-y"])] = (-0.38, 0.38)
    """The same to its left [m]."""


@dataclass(frozen=True)
class ClutterAxis(Axis):
    """How many distractors (0 to 6) and of which families."""

    count: Annotated[IntRange, Within(0, MAX_DISTRACTORS)] = (0, 5)
    families: tuple[str, ...] = ()
    """Families of our distractors; empty for all."""
    names: Annotated[tuple[str, ...], tyro.conf.arg(aliases=["--distractors"])] = ()
    """Which objects instead of ours: names of `lace list objects`, mesh files of your own, or a folder of them."""

    @property
    def objects(self) -> tuple[str, ...]:
        """The distractors' names in assets OBJECTS."""
        if self.names:
            return own_names(self.names, None, None, "")
        ours = [name for name in OBJECTS.built_in if OBJECTS[name].role == "distractor"]
        families = tuple(dict.fromkeys(OBJECTS[name].family for name in ours))
        allowed = known_names("distractor family", self.families, families)
        return tuple(name for name in ours if OBJECTS[name].family in allowed)


@dataclass(frozen=True)
class TargetAxis(Axis):
    """Which target, how large, how far from the hand that reaches for it."""

    names: Annotated[tuple[str, ...], tyro.conf.arg(aliases=["--target"], help_behavior_hint=_ours)] = ("dinosaur",)
    """Which objects: names of `lace list objects`, mesh files of your own (.obj, .glb, .ply, .stl) or a folder of them;
    "all" stands for the dinosaur and every variant of it."""
    size_m: MeshSize = None
    """Longest side of your own meshes [m]; as in the file if none is said."""
    mass_kg: MeshMass = None
    """Mass of your own meshes [kg]; assumed from their volume if none is said."""
    up: MeshUp = ""
    """Axis of your own files that points up (x, -x, y, -y, z, -z); a pose in which they rest if none is said."""
    scale: Annotated[Range, Within(0.2, 3)] = (0.9, 1.15)
    distance_m: Annotated[Range, Within(0, 1)] = (0.0, 0.16)

    @property
    def objects(self) -> tuple[str, ...]:
        """The targets' names in assets OBJECTS."""
        if self.names in ((), ("all",)):
            return TARGETS
        return own_names(self.names, self.size_m, self.mass_kg, self.up)


@dataclass(frozen=True)
class LightAxis(Axis):
    """Direction, intensity, colour, ambient light and shadows."""

    azimuth_deg: Annotated[Range, Within(-360, 360)] = (-180, 180)
    elevation_deg: Annotated[Range, Within(-90, 90)] = (35, 85)
    intensity: Annotated[Range, Within(0, 10)] = (0.5, 1.05)
    warmth: Annotated[Range, Within(-1, 1)] = (-0.5, 0.5)
    """-1 is a cold sky, 1 a warm bulb."""
    ambient: Annotated[Range, Within(0, 10)] = (0.22, 0.5)
    shadow: Annotated[Range, Within(0, 1)] = (0.4, 0.9)
    """Share of the key light that a shadow takes away (needs `--shadows`)."""


@dataclass(frozen=True)
class CameraAxis(Axis):
    """Camera pose about the hand and the target, and intrinsics."""

    distance_m: Annotated[Range, Within(0.1, 10)] = (0.45, 1.05)
    azimuth_deg: Annotated[Range, Within(-360, 360)] = (-110, 110)
    """0 looks at the robot from the front, positive from its left."""
    elevation_deg: Annotated[Range, Within(-85, 85)] = (12, 62)
    roll_deg: Annotated[Range, Within(-180, 180)] = (-10, 10)
    aim_m: Annotated[float, Within(0, 1)] = 0.08
    """Standard deviation of the point looked at."""
    fov_deg: Annotated[Range, Within(5, 150)] = (34, 52)
    off_centre: Annotated[float, Within(0, 0.45)] = 0.12
    """Largest shift of the principal point, as a share of the image size."""
    setups: Annotated[int, Within(0, 10**6)] = 0
    """That many cameras stand still and look at the workspace; each scene is seen by one. Set-up k of this axis'
    seed (0 if none) is the same in every dataset of robots and humans, and in trials. 0: a new camera per scene."""


@dataclass(frozen=True)
class ArmAxis(Axis):
    """Arm pose: reaching around the target, or free."""

    reaching: Annotated[float, Within(0, 1)] = 0.75
    """Share of frames in which the hand is near the target."""
    yaw_deg: Annotated[Range, Within(-180, 180)] = (-35, 35)


@dataclass(frozen=True)
class HandAxis(Axis):
    """Finger pose, within limits and free of self-collision; off holds the hand open."""

    poses: Annotated[int, Within(1, 10**6)] = 2048
    """Size of the bank of collision-free poses that frames choose from (drawn from the seed)."""


@dataclass(frozen=True)
class TintAxis(Axis):
    """The robot's colours: brightness and hue shift."""

    brightness: Annotated[Range, Within(0, 3)] = (0.75, 1.2)
    hue: Annotated[float, Within(0, 1)] = 0.08


@dataclass(frozen=True)
class SkinAxis(Axis):
    """A human's skin."""

    tones: tuple[str, ...] = ()
    """Names in assets.humans.skin TONES; empty for all."""
    light: Annotated[Range, Within(0.1, 3)] = (0.88, 1.1)
    """Brightness around the tone, as a factor of linear light."""


@dataclass(frozen=True)
class SleeveAxis(Axis):
    """Sleeve of a human's arm."""

    cloths: tuple[str, ...] = ("fabric_weave", "knit", "denim", "tartan", "plush")
    """Names in assets TEXTURES."""
    colour: Annotated[Range, Within(0, 1)] = (0.08, 1.0)
    """sRGB that the cloth is dyed with, each channel."""


@dataclass(frozen=True)
class SensorAxis(Axis):
    """What the camera does to the picture."""

    exposure_stops: Annotated[Range, Within(-5, 5)] = (-0.5, 0.5)
    white_balance: Annotated[float, Within(0, 0.9)] = 0.08
    """Largest gain difference between channels."""
    noise: Annotated[Range, Within(0, 0.5)] = (0.0, 0.02)
    """Standard deviation of the noise in a mid-grey, of full scale."""
    blur: Annotated[Range, Within(0, 0.35)] = (0.0, 0.35)
    """Weight of each neighbour in a 3-tap blur; 0.33 is a flat average."""
    jpeg_quality: Annotated[IntRange, Within(1, 100)] = (80, 97)


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
