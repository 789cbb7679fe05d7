"""The randomisation axes and their ranges."""

from dataclasses import dataclass, field

Range = tuple[float, float]


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
