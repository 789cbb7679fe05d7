"""Embodiments and axes that `lace generate robot` and `lace generate human` each accept."""

from pathlib import Path

import numpy as np

from assets.grasps import grasp_for
from assets.humans import HUMANS
from assets.objects import OBJECTS
from assets.robots import ROBOTS
from assets.rooms import ROOMS
from assets.tables import TABLES
from lace.core.errors import InvalidValueError
from lace.core.geometry import axis_angle
from lace.data.camera_file import read_cameras
from sim_envs.config.axes import Axes, TableAxis, known_names
from sim_envs.config.presets import PRESETS
from sim_envs.config.scene import SceneConfig

KINDS = {"robot": ROBOTS, "human": HUMANS}
PLACES = 9
"""Along each side of the workspace, at which it is looked for in a camera's picture."""
IDLE_AXES = {"robot": ("skin", "sleeve"), "human": ("tint",)}
"""Axes that change nothing in a frame of that kind."""


def require_kind(config: SceneConfig, kind: str) -> None:
    """Checks that the embodiment is of a `kind` of KINDS and that no axis was set that has no effect on it.

    Raises:
        UnknownNameError: No embodiment has that name.
        InvalidValueError: It is of the other kind, or an axis differs from its preset that this kind ignores.
    """
    name = config.embodiment
    for other, names in KINDS.items():
        if other != kind and name in names:
            raise InvalidValueError(
                f"choosing whose hand `lace generate {kind}` draws",
                f"{name!r} is a {other}",
                f"a {kind}: {', '.join(KINDS[kind])}",
                f"run `lace generate {other} --embodiment {name}` with the same options",
            )
    KINDS[kind][name]
    refuse_idle_axes(config.axes, config.preset, kind)
    require_usable(config)


def require_usable(config: SceneConfig) -> None:
    """Checks what the options name, before anything heavy is loaded.

    Raises:
        UnknownNameError: A target, table, room or distractor family has no such name; says the nearest.
        InvalidValueError: The backdrop is not there, the camera file cannot be used, or the camera is said twice.
    """
    axes = config.axes
    for name in (*axes.target.objects, *axes.clutter.objects):
        OBJECTS[name]
    known_names("table", axes.table.kinds, TABLES.names())
    known_names("room", axes.room.kinds, ROOMS.names())
    _require_on_the_table(axes.table)
    if config.backdrop is not None and not config.backdrop.exists():
        raise InvalidValueError(
            f"opening the backdrop {config.backdrop}",
            "there is no such file or folder",
            "a folder of photos, a panorama or a 3D Gaussian splat (.ply)",
            "check the path",
        )
    if config.camera is not None:
        _require_only_camera(config, config.camera)


def _require_on_the_table(axis: TableAxis) -> None:
    if axis.size_m is None:
        return
    corners = np.array([(x, y) for x in axis.x_m for y in axis.y_m]) - axis.centre_m
    local = corners @ axis_angle([0, 0, 1], np.deg2rad(axis.yaw_deg))[:2, :2]
    if (np.abs(local) > np.array(axis.size_m) / 2).any():
        raise InvalidValueError(
            "placing the table",
            f"the workspace x {axis.x_m}, y {axis.y_m} m is not all on a table of {axis.size_m} m at {axis.centre_m}",
            "a table under all of the workspace",
            "change --table-size, --table-centre, --workspace-x or --workspace-y",
        )


def _require_only_camera(config: SceneConfig, file: Path) -> None:
    for lens in read_cameras(file):
        lens.resized(config.width, config.height)
    if config.view or config.axes.camera != PRESETS[config.preset].camera:
        raise InvalidValueError(
            "reading the options",
            f"{'--view' if config.view else '--axes.camera'} beside --camera {file}, which says it all",
            "either of them",
            "leave out one; --camera-jitter-mm and --camera-jitter-deg move your cameras",
        )


def _require_targets_in_view(axis: TableAxis, file: Path) -> None:
    """A trial needs its target in the picture: refuses a camera that sees no place of the workspace."""
    z = float(np.mean(axis.height_m))
    xy = np.stack(np.meshgrid(np.linspace(*axis.x_m, PLACES), np.linspace(*axis.y_m, PLACES)), -1).reshape(-1, 2)
    for lens in read_cameras(file):
        uv, depth = lens.camera.project(np.insert(xy, 2, z, axis=1))
        inside = np.all((uv >= 0) & (uv <= (lens.width, lens.height)), axis=-1)
        if np.any(inside & (depth > 0)):
            continue
        place, forwards = lens.T_base_cam[:3, 3], lens.T_base_cam[:3, 2]
        looks = "does not look down"
        if forwards[2] < 0:
            x, y = (place + forwards * (z - place[2]) / forwards[2])[:2]
            looks = f"looks at x {x:.2f}, y {y:.2f} m on the table"
        raise InvalidValueError(
            f"placing the camera of {file}",
            f"it {looks} and sees no place of the workspace x {axis.x_m}, y {axis.y_m} m",
            "a camera that sees where targets stand",
            "check T_base_cam: camera x right, y down, z forward, in the robot's base frame (docs/own-things.md)",
        )


def refuse_idle_axes(axes: Axes, preset: str, kind: str) -> None:
    """Raises InvalidValueError if an axis was changed from the preset's that frames of this `kind` do not depend on."""
    for name in IDLE_AXES[kind]:
        if getattr(axes, name) != getattr(PRESETS[preset], name):
            raise InvalidValueError(
                "reading the options",
                f"--axes.{name} was set, which changes nothing for a {kind}",
                f"axes of a {kind}: {', '.join(axis for axis in vars(axes) if axis not in IDLE_AXES[kind])}",
                f"leave out every --axes.{name} option",
            )


def require_grasping(config: SceneConfig) -> None:
    """Checks that the embodiment may grasp in trials, and that no axis was set that changes nothing for it.

    Raises:
        InvalidValueError: It is a human or a hand without stored grasps, or an axis differs from its preset that robots
            ignore.
    """
    if config.embodiment in HUMANS:
        raise InvalidValueError(
            "preparing grasp trials",
            f"{config.embodiment!r} is a human, whose hand the physics engines do not move",
            f"a robot: {', '.join(ROBOTS)}",
            "leave out --embodiment",
        )
    refuse_idle_axes(config.axes, config.preset, "robot")
    require_usable(config)
    if config.camera is not None:
        _require_targets_in_view(config.axes.table, config.camera)
    if config.embodiment in ROBOTS:  # a body of another name brings its robot: the first trial asks for its grasp
        robot = ROBOTS[config.embodiment]
        for target in config.axes.target.objects:
            grasp_for(target, robot.name, robot.grasps)
