"""Texture-space masks of creases, knuckles, nails and palm, computed on the mean hand."""

from dataclasses import dataclass

import cv2
import numpy as np

from assets.humans.hand import WRIST, HumanHand
from assets.textures.noise import smoothstep
from lace.core.geometry import Array

RIM_SHARE = 0.0035
"""Width of the fold around a nail, as a share of the picture."""
BORDER_PX = 3
"""Padding of a uv island beyond its edge, so that filtering shows no seam [px]."""
PALM_LINES = (((0.118, -0.002), 0.044, 195, 285), ((0.058, -0.052), 0.052, 60, 128), ((0.032, 0.042), 0.040, 262, 372))
"""Palm creases (heart, head and life line): arcs about (x, y) in the wrist frame [m], radius [m], start and end angle
[deg]; chosen by eye."""


@dataclass(frozen=True)
class SkinMaps:
    """Maps (size, size) in [0, 1], row 0 at v = 1."""

    palm: np.ndarray
    """1 on the inner side of hand and fingers."""
    hand: np.ndarray
    """1 on the hand, 0 on the forearm."""
    crease: np.ndarray
    knuckle: np.ndarray
    pad: np.ndarray
    """Fingertips, thenar and hypothenar eminence."""
    tendon: np.ndarray
    nail: np.ndarray
    rim: np.ndarray
    """The fold of skin around a nail."""
    between: np.ndarray
    """Sides of fingers that face each other, where little light comes."""


def _texels(hand: HumanHand, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Faces' corners (size, size, 3) and barycentric weights (size, size, 3) under each texel.

    Empty ones repeat face 0.
    """
    pixels = hand.uvs * [size, -size] + [0, size]
    owner = np.zeros((size, size), np.int32)
    corners = np.round((pixels[hand.faces] - 0.5) * 16).astype(np.int32)
    for number, triangle in enumerate(corners):
        cv2.polylines(owner, [triangle], True, number, 2 * BORDER_PX + 1, shift=4)
    for number, triangle in enumerate(corners):
        cv2.fillConvexPoly(owner, triangle, number, shift=4)
    a, b, c = (pixels[hand.faces[owner, k]] for k in range(3))
    at = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1) - a
    u, v = b - a, c - a
    det = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    det = np.where(np.abs(det) < 1e-9, 1e-9, det)
    s = (at[..., 0] * v[..., 1] - at[..., 1] * v[..., 0]) / det
    t = (u[..., 0] * at[..., 1] - u[..., 1] * at[..., 0]) / det
    return hand.faces[owner], np.clip(np.stack([1 - s - t, s, t], -1), -0.5, 1.5)


def _line(distance: np.ndarray, width_m: float) -> np.ndarray:
    """Gaussian of the distance to a line: 1 on it, with this standard deviation [m]."""
    return np.exp(-0.5 * (distance / width_m) ** 2)


def skin_maps(hand: HumanHand, size: int) -> SkinMaps:
    """The maps for pictures of `size` pixels."""
    corners, bary = _texels(hand, size)
    mean, heads = hand.linear_shape()[0], hand.linear_heads()[0]
    point = (mean[corners] * bary[..., None]).sum(2)
    normal = (hand.normals(mean[None])[0][corners] * bary[..., None]).sum(2)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    weight = np.clip((hand.dense_weights[corners] * bary[..., None]).sum(2), 0, 1)
    arm, finger = weight[..., :2].sum(-1), np.zeros((size, size))
    between = np.zeros_like(finger)
    back, crease, knuckle, pad = (
        normal[..., 2].copy(),
        np.zeros_like(finger),
        np.zeros_like(finger),
        np.zeros_like(finger),
    )
    for f in range(5):
        bones = [hand.bone_index[f"finger{f + 1}-{k}.R"] for k in (1, 2, 3)]
        joints = np.stack([*heads[bones], mean[hand.tips[f]]])
        own = weight[..., bones[1:] if f == 0 else bones].sum(-1)
        way = joints[3] - joints[1]
        way /= np.linalg.norm(way)
        outward = np.cross(way, hand.flexion_axes[f])
        back += own * ((normal @ outward) - normal[..., 2])
        finger = np.maximum(finger, own)
        between = np.maximum(between, own * _facing_sides(normal, f))
        crease = np.maximum(
            crease, _finger_creases(point, normal @ outward, weight[..., bones], joints, way, thumb=f == 0)
        )
        for joint, reach in zip(joints[:3], (0.010, 0.007, 0.005), strict=True):
            near = _line(np.linalg.norm(point - joint, axis=-1) - 0.006, reach)
            knuckle = np.maximum(knuckle, near * np.clip(normal @ outward, 0, 1) * (f > 0 or joint is not joints[0]))
        pad = np.maximum(pad, _line(np.linalg.norm(point - joints[3], axis=-1), 0.011))
    palm = smoothstep(-0.05, 0.45, -back) * (1 - arm)
    crease = np.maximum(crease, _palm_lines(point, normal) * (1 - finger))
    for x in (-0.002, -0.008):
        crease = np.maximum(crease, 0.7 * _line(point[..., 0] - x, 0.0006) * smoothstep(0.2, 0.7, -normal[..., 2]))
    nails = cv2.resize(hand.nails, (size, size), interpolation=cv2.INTER_AREA).astype(np.float64) / 255.0
    rim = np.clip(4 * cv2.GaussianBlur(nails.astype(np.float64), (0, 0), RIM_SHARE * size) * (1 - nails), 0, 1)
    tendons = _tendons(hand, heads, point, normal) * (1 - finger)
    return SkinMaps(palm, 1 - arm, crease, knuckle, pad, tendons, nails, rim, between)


def _facing_sides(normal: Array, finger: int) -> np.ndarray:
    """How far the skin of a finger (0 to 4) faces its neighbours on the flat hand, in [0, 1]; the thumb has none."""
    towards = {0: (), 1: (-1,), 2: (-1, 1), 3: (-1, 1), 4: (1,)}[finger]
    return sum((smoothstep(0.45, 0.95, side * normal[..., 1]) for side in towards), np.zeros(normal.shape[:2]))


def _finger_creases(
    point: Array, outward: Array, weight: Array, joints: Array, way: Array, *, thumb: bool
) -> np.ndarray:
    """Flexion creases on the palmar side and wrinkles on the dorsal side of one finger's joints."""
    inside, outside = smoothstep(0.0, 0.5, -outward), smoothstep(0.0, 0.6, outward)
    crease = np.zeros(point.shape[:2])
    for k, joint in enumerate(joints[:3]):
        if thumb and k == 0:
            continue
        own = weight[..., max(k - 1, 0) : k + 1].sum(-1) if k else smoothstep(0.3, 0.7, weight[..., 0])
        along = (point - joint) @ way - (0.018 if k == 0 and not thumb else 0.0)  # the web is distal to the knuckle
        folds = _line(along, 0.0007) + (0.7 * _line(along - 0.0028, 0.0006) if k == 1 else 0)
        crease = np.maximum(crease, inside * own * np.minimum(folds, 1))
        wrinkles = sum(
            _line(along - o, 0.0005) for o in ((-0.0045, -0.0015, 0.0012, 0.004) if k == 1 else (-0.0015, 0.001))
        )
        crease = np.maximum(crease, 0.55 * outside * own * np.minimum(wrinkles, 1) * (k > 0))
    return crease


def _palm_lines(point: Array, normal: Array) -> np.ndarray:
    lines = np.zeros(point.shape[:2])
    for (x, y), radius, low, high in PALM_LINES:
        dx, dy = point[..., 0] - x, point[..., 1] - y
        angle = (np.rad2deg(np.arctan2(dy, dx)) - low) % 360
        inside = smoothstep(0, 12, angle) * smoothstep(0, 12, high - low - angle)
        lines = np.maximum(lines, _line(np.hypot(dx, dy) - radius, 0.0008) * inside)
    return lines * smoothstep(0.3, 0.7, -normal[..., 2])


def _tendons(hand: HumanHand, heads: Array, point: Array, normal: Array) -> np.ndarray:
    """Faint ridges from the wrist to the knuckles, on the back of the hand."""
    out = np.zeros(point.shape[:2])
    start = heads[hand.bone_index[WRIST]]
    for f in (2, 3, 4, 5):
        end = heads[hand.bone_index[f"finger{f}-1.R"]]
        share = np.clip(((point - start) @ (end - start)) / ((end - start) @ (end - start)), 0, 1)
        gap = (point - start - share[..., None] * (end - start))[..., 1]
        out = np.maximum(out, _line(gap, 0.0022) * smoothstep(0.25, 0.6, share) * smoothstep(1.0, 0.85, share))
    return out * smoothstep(0.3, 0.8, normal[..., 2])
