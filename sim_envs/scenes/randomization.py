"""Draws of every axis for a batch of frames; each is a function of (seed, frame index) alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from lace.core.camera import PinholeCamera, intrinsics
from lace.core.draws import Draws
from lace.core.geometry import Array, apply, axis_angle, look_at, transform
from sim_envs.config.axes import (
    ArmAxis,
    Axes,
    Axis,
    CameraAxis,
    ClutterAxis,
    HandAxis,
    LightAxis,
    RoomAxis,
    SensorAxis,
    SkinAxis,
    SleeveAxis,
    TableAxis,
    TargetAxis,
    TintAxis,
)
from sim_envs.config.scene import SceneConfig
from sim_envs.rendering.sensor import TILE as NOISE_TILE
from sim_envs.scenes.state import Lighting, SceneBatch, SensorDraw
from sim_envs.scenes.workspace import BODY_RADIUS, watched

NOISE_OFFSETS = ("offset_x", "offset_y")
"""Draws of the sensor: where in the tile of noise a picture takes its noise from."""
LEAST_EYE_Z = 0.06
"""Least height of a camera [m]: over every table."""
CANDIDATES = 12
"""Places tried for each object before it is left out."""


class AxisDraws[AxisT: Axis]:
    """Draws of one axis: random when the axis is on, the middle of the range when off. What is drawn is recorded."""

    def __init__(self, name: str, axis: AxisT, seed: int, index: np.ndarray, attempt: np.ndarray):
        self.name, self.axis = name, axis
        self.draws = Draws(seed if axis.seed is None else axis.seed, index, attempt)

    def uniform(self, name: str, low: ArrayLike, high: ArrayLike, size: int | None = None) -> Array:
        """As Draws.uniform; the middle when the axis is off."""
        value = self.draws.uniform(f"{self.name}.{name}", low, high, size)
        if not self.axis.on:
            value = np.broadcast_to((np.asarray(low, float) + np.asarray(high, float)) / 2, value.shape).copy()
        return self.record(name, value)

    def choice(self, name: str, options: int) -> np.ndarray:
        """As Draws.choice; the first option when the axis is off."""
        value = self.draws.choice(f"{self.name}.{name}", options)
        return self.record(name, value if self.axis.on else np.zeros_like(value))

    def integer(self, name: str, low: int, high: int) -> np.ndarray:
        """Integers (n,) from `low` to `high`, both included; the middle, rounded down, when the axis is off."""
        value = low + self.draws.choice(f"{self.name}.{name}", high - low + 1)
        return self.record(name, value if self.axis.on else np.full_like(value, (low + high) // 2))

    def chance(self, name: str, probability: float) -> np.ndarray:
        """As Draws.chance; the likelier answer when the axis is off."""
        value = self.draws.chance(f"{self.name}.{name}", probability)
        return self.record(name, value if self.axis.on else np.full_like(value, probability >= 0.5))

    def normal(self, name: str, sigma: float, size: int | None = None) -> Array:
        """As Draws.normal; zero when the axis is off."""
        value = self.draws.normal(f"{self.name}.{name}", sigma, size)
        return self.record(name, value if self.axis.on else np.zeros_like(value))

    def record(self, name: str, value: np.ndarray) -> np.ndarray:
        """Records what the frame holds, which may differ from what was drawn; returns it."""
        self.draws.record[f"{self.name}.{name}"] = value
        return value


@dataclass(frozen=True)
class SceneDraws:
    """The draws of all axes for a batch of frames."""

    room: AxisDraws[RoomAxis]
    table: AxisDraws[TableAxis]
    clutter: AxisDraws[ClutterAxis]
    target: AxisDraws[TargetAxis]
    light: AxisDraws[LightAxis]
    camera: AxisDraws[CameraAxis]
    arm: AxisDraws[ArmAxis]
    hand: AxisDraws[HandAxis]
    tint: AxisDraws[TintAxis]
    skin: AxisDraws[SkinAxis]
    sleeve: AxisDraws[SleeveAxis]
    sensor: AxisDraws[SensorAxis]

    @classmethod
    def of(cls, axes: Axes, seed: int, index: np.ndarray, attempt: np.ndarray) -> "SceneDraws":
        """For frame indices (n,) drawn for the `attempt`-th time (n,)."""
        return cls(**{name: AxisDraws(name, axis, seed, index, attempt) for name, axis in vars(axes).items()})

    def recorded(self) -> dict[str, np.ndarray]:
        """All draws so far by name, arrays over the batch."""
        return {key: value for axis in vars(self).values() for key, value in axis.draws.record.items()}


def draw_sensor(draws: AxisDraws[SensorAxis]) -> SensorDraw:
    """What the camera does to each picture."""
    axis = draws.axis
    exposure = 2.0 ** draws.uniform("exposure_stops", *axis.exposure_stops)
    balance = draws.uniform("white_balance", -axis.white_balance, axis.white_balance, 3)
    noise, blur = draws.uniform("noise", *axis.noise), draws.uniform("blur", *axis.blur)
    quality = np.rint(draws.uniform("jpeg_quality", *axis.jpeg_quality)).astype(int)
    draws.record("jpeg_quality", quality)
    x, y = (draws.draws.choice(f"sensor.{name}", NOISE_TILE) for name in NOISE_OFFSETS)
    return SensorDraw(exposure[:, None] * (1 + balance), noise, blur, quality, np.stack([y, x], 1))


def with_fresh_noise(scene: SceneBatch, draws: Draws) -> SceneBatch:
    """The scene with other noise in each picture, at places in the tile of noise from `draws`."""
    drawn = {f"sensor.{name}": draws.choice(f"sensor.{name}", NOISE_TILE) for name in NOISE_OFFSETS}
    x, y = drawn.values()
    sensor = replace(scene.sensor, noise_offset=np.stack([y, x], 1))
    return replace(scene, sensor=sensor, draws=scene.draws | drawn)


def draw_lighting(draws: AxisDraws[LightAxis]) -> Lighting:
    """One key light and a two-colour ambient light per frame."""
    axis = draws.axis
    azimuth = np.deg2rad(draws.uniform("azimuth_deg", *axis.azimuth_deg))
    elevation = np.deg2rad(draws.uniform("elevation_deg", *axis.elevation_deg))
    intensity = draws.uniform("intensity", *axis.intensity)[:, None]
    warmth = draws.uniform("warmth", *axis.warmth)[:, None]
    ambient = draws.uniform("ambient", *axis.ambient)[:, None]
    shadow = draws.uniform("shadow", *axis.shadow)
    towards = np.stack([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], 1)
    colour = 1 + warmth * np.array([0.22, 0.02, -0.25])
    sky = ambient * (1 + 0.5 * warmth * np.array([-0.1, 0.0, 0.12]))
    return Lighting(
        -towards, intensity * colour, sky, 0.45 * ambient * (1 + 0.3 * warmth * np.array([0.2, 0, -0.2])), shadow
    )


def draw_camera(draws: AxisDraws[CameraAxis], focus: Array, config: SceneConfig) -> PinholeCamera:
    """Cameras around `focus` (n, 3) [m], or standing still; square pixels, principal point off centre."""
    axis, width, height = draws.axis, config.width, config.height
    if axis.setups:
        draws, focus = _standing(draws), watched(config.axes.table)
    distance = draws.uniform("distance_m", *axis.distance_m)[:, None]
    azimuth = np.deg2rad(draws.uniform("azimuth_deg", *axis.azimuth_deg))
    elevation = np.deg2rad(draws.uniform("elevation_deg", *axis.elevation_deg))
    roll = np.deg2rad(draws.uniform("roll_deg", *axis.roll_deg))
    aim = focus + draws.normal("aim", axis.aim_m, 3)
    fov = np.deg2rad(draws.uniform("fov_deg", *axis.fov_deg))
    shift = draws.uniform("off_centre", -axis.off_centre, axis.off_centre, 2)
    way = np.stack([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], 1)
    eye = aim + distance * way
    eye[:, 2] = np.maximum(eye[:, 2], LEAST_EYE_Z)
    _record_pose(draws, eye - aim)
    centre = (0.5 + shift) * np.array([width, height])
    return PinholeCamera(intrinsics(fov, width, height, centre), look_at(eye, aim, roll), width, height)


def _record_pose(draws: AxisDraws[CameraAxis], offset: Array) -> None:
    """Records distance and elevation of cameras `offset` (n, 3) [m] from what they look at, where they were raised."""
    distance = np.linalg.norm(offset, axis=1)
    elevation = np.rad2deg(np.arcsin(offset[:, 2] / distance))
    drawn, record = draws.draws.record["camera.distance_m"], draws.record
    raised = np.abs(distance - drawn) > 1e-9
    record("distance_m", np.where(raised, distance, drawn))
    record("elevation_deg", np.where(raised, elevation, draws.draws.record["camera.elevation_deg"]))


def _standing(draws: AxisDraws[CameraAxis]) -> AxisDraws[CameraAxis]:
    """Draws of the set-up that each scene is seen by; they depend on the axis' seed and the set-up's number alone."""
    number = draws.choice("setup", draws.axis.setups)
    standing = AxisDraws(draws.name, draws.axis, draws.axis.seed or 0, number, np.zeros_like(number))
    standing.draws.record = draws.draws.record
    return standing


def body_points(T_world_link: Array, keypoints_world: Array, chain_links: Sequence[int]) -> Array:
    """Points (n, m, 3) [m] that stand for a robot's volume.

    Args:
        T_world_link: (n, links, 4, 4).
        keypoints_world: (n, k, 3) [m].
        chain_links: Links from the root to the palm; the spans between them are filled.
    """
    links = T_world_link[..., :3, 3]
    chain = links[:, list(chain_links)]
    between = np.concatenate([chain[:, :-1] + f * np.diff(chain, axis=1) for f in (0.33, 0.67)], 1)
    return np.concatenate([links, between, keypoints_world], 1)


def first_free(
    candidates: Array, size: Array, taken: Array, taken_radius: Array, body: Array, top: Array
) -> np.ndarray:
    """Index of the first candidate that is free, or -1.

    Args:
        candidates: (n, c, 2) places on the table, xy [m].
        size: (n, 2) radius and height of the object [m].
        taken: (n, t, 2) centres of what stands there already [m].
        taken_radius: (n, t) its radii; negative where there is nothing.
        body: (n, m, 3) points of the robot [m].
        top: (n,) height of the table [m].
    """
    gap = np.linalg.norm(candidates[:, :, None] - taken[:, None], axis=-1) - taken_radius[:, None] - size[:, None, :1]
    clear = ((gap > 0.01) | (taken_radius[:, None] < 0)).all(-1)
    flat = np.linalg.norm(candidates[:, :, None] - body[:, None, :, :2], axis=-1) - size[:, None, :1]
    over = body[:, None, :, 2] - (top[:, None, None] + size[:, None, 1:])
    clear &= (np.maximum(flat, over) > BODY_RADIUS / 2).all(-1)
    return np.where(clear.any(1), clear.argmax(1), -1)


def upright_poses(xy: Array, z: Array, yaw: Array) -> Array:
    """T_world_object (n, 4, 4) of things that stand at xy (n, 2) on height z (n,)."""
    return transform(axis_angle([0, 0, 1], yaw), np.concatenate([xy, z[:, None]], 1))


def grasp_points(T_world_palm: Array, grasp_point: tuple[float, float, float]) -> Array:
    """(n, 3) [m] in the world."""
    return apply(T_world_palm, np.array([grasp_point]))[:, 0]
