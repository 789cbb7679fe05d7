"""From (seed, index) to scenes: every axis drawn for a whole batch at once, nothing left to generator state."""

import numpy as np

from lace.core.camera import PinholeCamera, intrinsics
from lace.core.draws import Draws
from lace.core.geometry import Array, apply, axis_angle, look_at, transform
from sim_envs.config.axes import Axes, Axis
from sim_envs.config.scene import SceneConfig
from sim_envs.scenes.state import Lighting
from sim_envs.scenes.workspace import BODY_RADIUS

CANDIDATES = 12
"""Places tried for each object before it is left out."""


class AxisDraws:
    """Draws of one axis: random when the axis is on, the middle of the range when off."""

    def __init__(self, name: str, axis: Axis, seed: int, index: np.ndarray, attempt: np.ndarray):
        self.name, self.axis = name, axis
        self.draws = Draws(seed if axis.seed is None else axis.seed, index, attempt)

    def uniform(self, name: str, low, high, size: int | None = None) -> Array:
        """As Draws.uniform; the middle when the axis is off."""
        value = self.draws.uniform(f"{self.name}.{name}", low, high, size)
        if not self.axis.on:
            value = np.broadcast_to((np.asarray(low, float) + np.asarray(high, float)) / 2, value.shape).copy()
            self.draws.record[f"{self.name}.{name}"] = value
        return value

    def choice(self, name: str, options: int) -> np.ndarray:
        """As Draws.choice; the first option when the axis is off."""
        value = self.draws.choice(f"{self.name}.{name}", options)
        return self._or_zero(name, value)

    def normal(self, name: str, sigma: float, size: int | None = None) -> Array:
        """As Draws.normal; zero when the axis is off."""
        return self._or_zero(name, self.draws.normal(f"{self.name}.{name}", sigma, size))

    def _or_zero(self, name: str, value: np.ndarray) -> np.ndarray:
        if not self.axis.on:
            value = np.zeros_like(value)
            self.draws.record[f"{self.name}.{name}"] = value
        return value


def axis_draws(axes: Axes, seed: int, index: np.ndarray, attempt: np.ndarray) -> dict[str, AxisDraws]:
    """One AxisDraws for each axis by name."""
    return {name: AxisDraws(name, axis, seed, index, attempt) for name, axis in vars(axes).items()}


def record(draws: dict[str, AxisDraws]) -> dict[str, np.ndarray]:
    """All draws so far by name, arrays over the batch."""
    return {key: value for axis in draws.values() for key, value in axis.draws.record.items()}


def draw_lighting(draws: AxisDraws) -> Lighting:
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


def draw_camera(draws: AxisDraws, focus: Array, config: SceneConfig) -> PinholeCamera:
    """Cameras around `focus` (n, 3) [m]; square pixels, principal point off centre."""
    axis, width, height = draws.axis, config.width, config.height
    distance = draws.uniform("distance_m", *axis.distance_m)[:, None]
    azimuth = np.deg2rad(draws.uniform("azimuth_deg", *axis.azimuth_deg))
    elevation = np.deg2rad(draws.uniform("elevation_deg", *axis.elevation_deg))
    roll = np.deg2rad(draws.uniform("roll_deg", *axis.roll_deg))
    aim = focus + draws.normal("aim", axis.aim_m, 3)
    fov = np.deg2rad(draws.uniform("fov_deg", *axis.fov_deg))
    shift = draws.uniform("off_centre", -axis.off_centre, axis.off_centre, 2)
    way = np.stack([np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)], 1)
    eye = aim + distance * way
    eye[:, 2] = np.maximum(eye[:, 2], 0.06)
    centre = (0.5 + shift) * np.array([width, height])
    return PinholeCamera(intrinsics(fov, width, height, centre), look_at(eye, aim, roll), width, height)


def body_points(T_world_link: Array, keypoints_world: Array) -> Array:
    """Points (n, m, 3) [m] that stand for the robot's volume: links, the spans between them, keypoints."""
    links = T_world_link[..., :3, 3]
    chain = links[:, :9]
    between = np.concatenate([chain[:, :-1] + f * np.diff(chain, axis=1) for f in (0.33, 0.67)], 1)
    return np.concatenate([links, between, keypoints_world], 1)


def place(candidates: Array, size: Array, taken: Array, taken_radius: Array, body: Array, top: Array) -> np.ndarray:
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


def upright(xy: Array, z: Array, yaw: Array) -> Array:
    """T_world_object (n, 4, 4) of things that stand at xy (n, 2) on height z (n,)."""
    return transform(axis_angle([0, 0, 1], yaw), np.concatenate([xy, z[:, None]], 1))


def grasp_points(T_world_palm: Array, grasp_point: tuple[float, float, float]) -> Array:
    """(n, 3) [m] in the world."""
    return apply(T_world_palm, np.array([grasp_point]))[:, 0]
