"""`lace assets figure`: draws the hand from both sides with numbered keypoints and a table of them."""

import textwrap
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from assets.robots import ROBOTS
from assets.robots.robot import Robot
from lace.core.embodiment import Keypoint
from lace.core.files import publish_bytes
from lace.core.geometry import apply, axis_angle, invert
from lace.core.keypoints import FINGERS, INDEX, NAMES, SKELETON
from lace.core.kinematics import Kinematics

COLOURS = ("#ffffff", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#cc79a7")
"""Wrist, then thumb to little: Okabe and Ito (2008), as in the overlays of `lace data show`."""
_INK, _PAPER = "#1c1f24", "#ffffff"
_PX_PER_M = 2400
_TURN_RAD = {"palm side": 0.30, "back": 0.30}
"""Rotation of each view about the fingers' axis, so that the sides of the phalanges are visible [rad]."""


@dataclass(frozen=True)
class View:
    """An orthographic view: columns of `axes` are right, up and towards the viewer, in the palm frame."""

    title: str
    axes: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Palm-frame points (..., 3) [m] to right, up, nearness (..., 3) [m]."""
        return points @ self.axes


def views() -> tuple[View, View]:
    """The palm faces -z and the fingers point along x, both in the palm frame."""
    palm = np.array([[0, 1, 0], [1, 0, 0], [0, 0, -1]], float)
    back = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], float)
    turned = [axis_angle([1, 0, 0], _TURN_RAD["palm side"]) @ palm, axis_angle([1, 0, 0], _TURN_RAD["back"]) @ back]
    return View("palm side", turned[0]), View("back", turned[1])


def hand_triangles(robot: Robot, T_palm_link: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners (n, 3, 3) [m], normals (n, 3, 3) and colours (n, 3) of the hand's visual meshes."""
    corners, normals, colours = [], [], []
    for visual in robot.visuals:
        if visual.link not in robot.embodiment.hand_links:
            continue
        T = T_palm_link[visual.link] @ visual.T_link_mesh
        faces = visual.mesh.faces
        corners.append(apply(T, visual.mesh.vertices)[faces])
        normals.append((visual.mesh.normals @ T[:3, :3].T)[faces])
        lifted = 0.44 + 0.52 * np.array(visual.colour)  # the real hand is nearly black: too dark in print
        colours.append(np.tile(lifted, (len(faces), 1)))
    return np.concatenate(corners), np.concatenate(normals), np.concatenate(colours)


def shade(view: View, triangles: tuple[np.ndarray, np.ndarray, np.ndarray], extent: np.ndarray) -> np.ndarray:
    """RGBA image (height, width, 4) of the triangles by a depth buffer, 2 x 2 samples per pixel.

    Args:
        view: Viewpoint.
        triangles: As from `hand_triangles`.
        extent: Left, right, bottom, top of the image in the view [m].
    """
    scale = 2 * _PX_PER_M
    width, height = (2 * round(_PX_PER_M * (extent[i + 1] - extent[i])) for i in (0, 2))
    corners, normals = view.project(triangles[0]), view.project(triangles[1])
    xy = np.stack([(corners[..., 0] - extent[0]) * scale, (extent[3] - corners[..., 1]) * scale], -1)
    nearest, image = np.full((height, width), -np.inf), np.zeros((height, width, 4))
    for i in range(len(xy)):
        _draw(xy[i], corners[i, :, 2], normals[i], triangles[2][i], nearest, image)
    return image.reshape(height // 2, 2, width // 2, 2, 4).mean((1, 3))


def _draw(
    xy: np.ndarray, near: np.ndarray, normals: np.ndarray, colour: np.ndarray, nearest: np.ndarray, image: np.ndarray
) -> None:
    (x0, y0), (x1, y1) = np.floor(xy.min(0)).astype(int), np.ceil(xy.max(0)).astype(int)
    a, b = xy[1] - xy[0], xy[2] - xy[0]
    area = a[0] * b[1] - a[1] * b[0]
    if abs(area) < 1e-9:
        return
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5 - xy[0, 0], np.arange(y0, y1) + 0.5 - xy[0, 1])
    v, w = (x * b[1] - y * b[0]) / area, (a[0] * y - a[1] * x) / area
    weights = np.stack([1 - v - w, v, w], -1)
    depth = weights @ near
    tile = (slice(y0, y1), slice(x0, x1))
    hit = (weights >= -1e-6).all(-1) & (depth > nearest[tile])
    normal = weights[hit] @ normals
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    light = np.array([-0.35, 0.55, 0.76])
    lit = 0.34 + 0.74 * np.clip(normal @ light, 0, 1) + 0.10 * np.clip(normal[:, 0], 0, 1)
    nearest[tile][hit] = depth[hit]
    image[tile][hit] = np.column_stack([np.clip(lit[:, None] * colour, 0, 1), np.ones(len(lit))])


def _draw_view(axes: Axes, view: View, image: np.ndarray, extent: np.ndarray, points: dict[int, np.ndarray]) -> None:
    axes.imshow(
        image,
        extent=(float(extent[0]), float(extent[1]), float(extent[2]), float(extent[3])),
        interpolation="antialiased",
    )
    flat = {k: view.project(point)[:2] for k, point in points.items()}
    for a, b in reversed(SKELETON):  # of keypoints that share a point, the first is drawn on top
        if a in flat and b in flat:
            line = np.stack([flat[a], flat[b]])
            axes.plot(*line.T, color=_INK, linewidth=3.4, solid_capstyle="round")
            axes.plot(*line.T, color=_colour(b), linewidth=1.8, solid_capstyle="round")
    shared: dict[tuple[float, float], list[int]] = {}
    for k, point in flat.items():
        x, y = np.round(point, 4)
        shared.setdefault((float(x), float(y)), []).append(k)
    for point, (k, *others) in shared.items():
        _draw_number(axes, np.array(point), k)
        if others:
            text = f"and {', '.join(map(str, others))}"
            plate = {"boxstyle": "round,pad=0.15", "facecolor": _PAPER, "edgecolor": "none"}
            axes.annotate(text, point, (13, -3), textcoords="offset points", fontsize=8.5, color=_INK, bbox=plate)
    axes.set_title(view.title, fontsize=13, color=_INK, fontweight="bold")
    axes.set_axis_off()


def _draw_number(axes: Axes, point: np.ndarray, k: int) -> None:
    axes.plot(
        *point, "o", markersize=15, color=_colour(k), markeredgecolor=_INK, markeredgewidth=1.2, zorder=5, clip_on=False
    )
    style: dict[str, Any] = {
        "ha": "center",
        "va": "center_baseline",
        "fontsize": 8.5,
        "fontweight": "bold",
        "zorder": 6,
    }
    axes.text(float(point[0]), float(point[1]), str(k), color=_INK, **style)


def _colour(k: int) -> str:
    return COLOURS[0] if k == 0 else COLOURS[1 + (k - 1) // 4]


def _draw_legend(axes: Axes, rows: dict[str, Keypoint]) -> None:
    """One line per keypoint: number, name, link, offset in millimetres."""
    axes.set(xlim=(0, 1), ylim=(24.8, -1.2))
    axes.set_axis_off()
    columns = (0.13, 0.38, 0.73)
    for x, text in zip(columns, ("keypoint", "link", "offset x y z [mm]"), strict=True):
        axes.text(x, -0.9, text, fontsize=9.5, fontweight="bold", color=_INK, va="center")
    line = 0.0
    for k, name in enumerate(NAMES):
        line += 1.0 if k and (k - 1) % 4 else 1.25 if k else 0.2
        if name not in rows:
            continue
        row = rows[name]
        _draw_number(axes, np.array([0.06, line]), k)
        offset = "  ".join(f"{1000 * x:g}" for x in row.offset)
        for x, text in zip(columns, (name, row.link, offset), strict=True):
            axes.text(x, line, text, fontsize=9, color=_INK, va="center", family="monospace")
    absent = absent_of(set(rows))
    if absent:
        text = textwrap.fill(f"ABSENT on this hand: {', '.join(absent)}", 64)
        axes.text(columns[0], line + 1.2, text, fontsize=9, color="#6b7280", va="top", style="italic")


def absent_of(names: set[str]) -> list[str]:
    """What a hand with these keypoints lacks: whole fingers by their names, else the keypoints."""
    missing = [name for name in NAMES if name not in names]
    whole = [finger for finger in FINGERS if not any(name.startswith(f"{finger}_") for name in names)]
    return [*(name for name in missing if name.split("_")[0] not in whole), *whole]


def main(out: str | Path, name: str, own_assets: Path | None) -> None:
    """Draws the hand of robot `name`, built from `own_assets` if given, with numbered keypoints; writes PNG `out`."""
    robot = ROBOTS[name](own_assets)
    body, kinematics = robot.embodiment, Kinematics(robot.embodiment)
    q = np.array([robot.figure_pose.get(name, 0.0) for name in body.joint_names])
    poses = kinematics.link_poses(q)
    T_palm_world = invert(poses[kinematics.link_index[body.palm_link]])
    T_palm_link = {link: T_palm_world @ poses[kinematics.link_index[link]] for link in body.links}
    rows = {row.name: row for row in body.keypoints}
    points = {INDEX[name]: apply(T_palm_link[row.link], [row.offset])[0] for name, row in rows.items()}
    triangles = hand_triangles(robot, T_palm_link)
    figure = Figure(figsize=(13.2, 6.6), facecolor=_PAPER)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        1, 3, width_ratios=(1, 1, 1.15), left=0.01, right=0.995, top=0.93, bottom=0.02, wspace=0.03
    )
    for i, view in enumerate(views()):
        low, high = (getattr(view.project(triangles[0]), end)((0, 1))[:2] for end in ("min", "max"))
        extent = np.array([low[0], high[0], low[1], high[1]]) + 0.004 * np.array([-1, 1, -1, 1])
        _draw_view(figure.add_subplot(grid[i]), view, shade(view, triangles, extent), extent, points)
    _draw_legend(figure.add_subplot(grid[2]), rows)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None}, pil_kwargs={"optimize": True})
    publish_bytes(out, buffer.getvalue())
    print(f"wrote {out}")
